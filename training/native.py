# SPDX-License-Identifier: Apache-2.0
"""Compiles the C++ and CUDA sources of this folder, once per content, and loads them.

With nvcc a library serves GPUs too; without, the same sources make one for the CPU.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from depthsplat_ros.errors import DepthSplatError

_HERE = Path(__file__).resolve().parent
_CACHE_VARIABLE = "DEPTHSPLAT_BUILD_DIR"
_GPU = "sm_90"


class BuildError(DepthSplatError):
    """A native library cannot be built here."""


def load(source: str, *, with_cuda: bool) -> ctypes.CDLL:
    """The library made from a source file of this folder and the headers beside it.

    Raises:
        BuildError: if the compiler is missing or refuses, with what it says.
    """
    path = _HERE / source
    digest = hashlib.sha256()
    for file in sorted(path.parent.glob("*.h")) + [path]:
        digest.update(file.read_bytes())
    kind = _GPU if with_cuda else "cpu"
    folder = Path(os.environ.get(_CACHE_VARIABLE, Path(tempfile.gettempdir(), "depthsplat_build")))
    library = folder / f"{path.stem}_{kind}_{digest.hexdigest()[:16]}.so"
    if not library.is_file():
        _compile(path, library, with_cuda=with_cuda)
    return ctypes.CDLL(str(library))


def _compile(source: Path, library: Path, *, with_cuda: bool) -> None:
    compiler = shutil.which("nvcc" if with_cuda else "g++")
    if compiler is None:
        raise BuildError(
            f"{source.name} needs {'nvcc' if with_cuda else 'g++'}, which is not on the PATH: "
            "install it" + (" (CUDA toolkit 12 or later)" if with_cuda else "")
        )
    library.parent.mkdir(parents=True, exist_ok=True)
    # Another process may build the same: each writes its own file, the last one stays.
    unfinished = library.with_suffix(f".{os.getpid()}")
    if with_cuda:
        options = ["-O3", "-use_fast_math", f"-arch={_GPU}", "-std=c++17", "-shared"]
        options += ["-Xcompiler", "-fPIC,-fopenmp,-O3", "-o", str(unfinished), str(source)]
    else:
        options = ["-O3", "-ffast-math", "-fopenmp", "-std=c++17", "-shared", "-fPIC"]
        options += ["-o", str(unfinished), "-x", "c++", str(source)]
    done = subprocess.run([compiler, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{source.name} does not compile:\n{done.stderr[-4000:]}")
    unfinished.replace(library)
