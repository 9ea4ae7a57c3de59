# SPDX-License-Identifier: Apache-2.0
"""Records `data/*.npz`: scenes of `scenes.py` as gsplat renders them on a CUDA device.

    PYTHONPATH=.:tests python tests/rendering/make_golden.py [FOLDER]

Those in the repository were made with gsplat 1.5.3, torch 2.11 and CUDA 13.0 on an NVIDIA H200.
"""

import sys
from pathlib import Path

import numpy as np
from rendering.scenes import CASES, to_scene

from depthsplat_ros.rendering import render

GOLDEN = Path(__file__).resolve().parent / "data"


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN
    folder.mkdir(parents=True, exist_ok=True)
    for name, make_case in CASES.items():
        case = make_case()
        rendering = render(to_scene(case.arrays, "cuda"), case.camera, case.poses, case.config)
        np.savez_compressed(
            folder / f"{name}.npz",
            **{f"scene_{key}": array for key, array in case.arrays.items()},
            colour=rendering.colour.cpu().numpy(),
            depth_m=rendering.depth_m.cpu().numpy(),
            opacity=rendering.opacity.cpu().numpy(),
        )


if __name__ == "__main__":
    main()
