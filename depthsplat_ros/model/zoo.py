# SPDX-License-Identifier: Apache-2.0
"""The checkpoints with names: what they are, where they lie, how they come and are checked.

Our own lies in this package, the nine published ones are fetched.

Nothing here needs torch, so lists and downloads need not wait for it; `loading` does.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import huggingface_hub
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.model import config as variants
from depthsplat_ros.model.config import DepthSplatConfig
from depthsplat_ros.model.traits import Traits

logger = logging.getLogger(__name__)

REPOSITORY = "haofeixu/depthsplat"
DIRECTORY_VARIABLE = "DEPTHSPLAT_PRETRAINED"
DEFAULT_DIRECTORY = "pretrained"
BUNDLED_DIRECTORY = Path(__file__).parents[1] / "weights"
MODEL_CARD = BUNDLED_DIRECTORY / "MODEL_CARD.md"
PREFERRED_VIEWS = 4
OUR_LICENCE_NOTE = (
    "Apache-2.0, as all of this package; trained by its `training/` on procedural scenes alone, "
    "without data or weights of others"
)
LICENCE_NOTE = (
    "DepthSplat by Xu et al. (CVPR 2025), code under the MIT licence; trained on RealEstate10K, "
    "DL3DV and others, whose terms apply to the weights"
)
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8})\.\w+$")
_CHUNK_BYTES = 1 << 20


class ZooError(DepthSplatError):
    """No such checkpoint, or it is nowhere to be found."""


class TamperedFileError(DepthSplatError):
    """A file's content is not what its name promises; it has not been parsed."""


class DownloadError(DepthSplatError):
    """A checkpoint could not be fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZooEntry:
    """One checkpoint that is known by name."""

    alias: str
    file_name: str
    config: DepthSplatConfig
    minimum_views: int
    maximum_views: int
    """Views per window in training."""
    height_px: int
    width_px: int
    """Image size in training; of several that which suits best."""
    near_m: float
    far_m: float
    """Depth range in training, in the unit of the poses; of several that which suits best."""
    parameters_million: float
    minimum_confidence: float = 0.0
    """Limit below which its depth is better not published."""
    bundled_sha256: str | None = None
    """Of the file that lies in this package; None for those that are fetched."""

    @property
    def is_bundled(self) -> bool:
        """Whether it lies in this package."""
        return self.bundled_sha256 is not None

    @property
    def sha256_prefix(self) -> str:
        """The first hex digits of the file's sha256; all of them if it lies in this package."""
        found = self.bundled_sha256 or hash_in_name(self.file_name)
        assert found is not None
        return found

    @property
    def url(self) -> str:
        """Where the file can be had, unless it lies in this package."""
        return huggingface_hub.hf_hub_url(REPOSITORY, self.file_name)

    @property
    def licence_note(self) -> str:
        """Terms of the weights."""
        return OUR_LICENCE_NOTE if self.is_bundled else LICENCE_NOTE


def _entry(
    alias: str,
    file_name: str,
    config: DepthSplatConfig,
    views: tuple[int, int],
    size: tuple[int, int],
    far_m: float,
    parameters_million: float,
) -> ZooEntry:
    return ZooEntry(
        alias=alias,
        file_name=f"depthsplat-{file_name}.pth",
        config=config,
        minimum_views=views[0],
        maximum_views=views[1],
        height_px=size[0],
        width_px=size[1],
        near_m=0.5,
        far_m=far_m,
        parameters_million=parameters_million,
    )


BUNDLED = ZooEntry(
    alias="tiny",
    file_name="tiny.safetensors",
    # What the file says about itself, which a test compares.
    config=variants.TINY,
    minimum_views=2,
    maximum_views=6,
    height_px=288,
    width_px=384,
    near_m=0.25,
    far_m=15.0,
    parameters_million=5.1,
    # Publishes about three quarters of the pixels: benchmarks/confidence_limit.py. A higher limit
    # costs novel views, for what is not published yields to anything measured.
    minimum_confidence=0.40,
    bundled_sha256="b18de1ac2cc49382e745816ab4a8095acd64e6fd8f26a6e0ceeb78e42c2c1b9b",
)
PUBLISHED: tuple[ZooEntry, ...] = (
    _entry(
        "depth-small", "depth-small-352x640-randview2-8-e807bd82",
        variants.DEPTH_SMALL, (2, 8), (352, 640), 100.0, 35.5,
    ),
    _entry(
        "depth-base", "depth-base-352x640-randview2-8-65a892c5",
        variants.DEPTH_BASE, (2, 8), (352, 640), 100.0, 111.2,
    ),
    _entry(
        "gs-small-256x256", "gs-small-re10k-256x256-view2-cfeab6b1",
        variants.GS_SMALL_256X256, (2, 2), (256, 256), 100.0, 38.3,
    ),
    _entry(
        "gs-base-256x256", "gs-base-re10k-256x256-view2-ca7b6795",
        variants.GS_BASE_256X256, (2, 2), (256, 256), 100.0, 120.7,
    ),
    _entry(
        "gs-large-256x256", "gs-large-re10k-256x256-view2-e0f0f27a",
        variants.GS_LARGE_256X256, (2, 2), (256, 256), 100.0, 354.3,
    ),
    _entry(
        "gs-base-256x448", "gs-base-re10k-256x448-view2-fea94f65",
        variants.GS_BASE_256X448, (2, 2), (256, 448), 100.0, 120.9,
    ),
    _entry(
        "gs-base-dl3dv-256x448", "gs-base-dl3dv-256x448-randview2-6-02c7b19d",
        variants.GS_BASE_256X448, (2, 6), (256, 448), 200.0, 120.9,
    ),
    _entry(
        "gs-small-448x768", "gs-small-re10kdl3dv-448x768-randview4-10-c08188db",
        variants.GS_SMALL_448X768, (4, 10), (448, 768), 200.0, 38.4,
    ),
    _entry(
        "gs-base-448x768", "gs-base-re10kdl3dv-448x768-randview2-6-f8ddd845",
        variants.GS_BASE_448X768, (2, 6), (448, 768), 200.0, 120.9,
    ),
)  # fmt: skip
ZOO = (BUNDLED, *PUBLISHED)
ALIASES = tuple(entry.alias for entry in ZOO)


def entry_named(name: str) -> ZooEntry:
    """The checkpoint with this alias or file name.

    Raises:
        ZooError: listing the aliases.
    """
    for entry in ZOO:
        if name in (entry.alias, entry.file_name, entry.file_name.removesuffix(".pth")):
            return entry
    raise ZooError(f"no model is called {name!r}; there are: {', '.join(ALIASES)}")


def entry_told_by(
    file_name: str, sha256: str, config: DepthSplatConfig | None = None
) -> ZooEntry | None:
    """The known checkpoint that a file is, by its content, or is a sibling of.

    A sibling has weights of its own in a known network. What `training/` has made says so in the
    description of its network, and takes whatever the bundled one takes. Others say so in their
    name by an alias or by a published name without the hash, such as `my-gs-base-448x768.pth`.
    """
    for entry in ZOO:
        if sha256.startswith(entry.sha256_prefix):
            return entry
    if config is not None and not config.keeps_published_habits:
        return BUNDLED
    told = [
        entry
        for entry in PUBLISHED
        if entry.alias in file_name or _HASH_IN_NAME.sub("", entry.file_name) in file_name
    ]
    return told[0] if len(told) == 1 else None


def traits_of(entry: ZooEntry) -> Traits:
    """What a network was trained with, or works best with."""
    return Traits(
        minimum_views=entry.minimum_views,
        maximum_views=entry.maximum_views,
        preferred_views=max(entry.minimum_views, min(PREFERRED_VIEWS, entry.maximum_views)),
        longer_side_px=max(entry.height_px, entry.width_px),
        size_multiple=entry.config.size_multiple,
        near_m=entry.near_m,
        far_m=entry.far_m,
        minimum_confidence=entry.minimum_confidence,
    )


def directories() -> Iterator[Path]:
    """Where published checkpoints are looked for besides the Hugging Face cache, in order."""
    if named := os.environ.get(DIRECTORY_VARIABLE):
        yield Path(named).expanduser()
    yield Path(DEFAULT_DIRECTORY)


def find(entry: ZooEntry) -> Path | None:
    """The file of a checkpoint, or None if it is not here; nothing is fetched."""
    if entry.is_bundled:
        path = BUNDLED_DIRECTORY / entry.file_name
        return path if os.path.isfile(path) else None
    for directory in directories():
        # Unlike Path.is_file this takes a folder that may not be entered for an empty one.
        if os.path.isfile(directory / entry.file_name):
            return directory / entry.file_name
    return _find_in_cache(entry)


def _find_in_cache(entry: ZooEntry) -> Path | None:
    cached = huggingface_hub.try_to_load_from_cache(REPOSITORY, entry.file_name)
    return Path(cached) if isinstance(cached, str) else None


def require(entry: ZooEntry) -> Path:
    """The file of a checkpoint.

    Raises:
        ZooError: naming the file, the places searched and what brings it there.
    """
    path = find(entry)
    if path is not None:
        return path
    if entry.is_bundled:
        raise ZooError(
            f"{entry.file_name} is missing from this package ({BUNDLED_DIRECTORY}); install "
            "depthsplat_ros again"
        )
    places = [str(directory) for directory in directories()]
    raise ZooError(
        f"{entry.file_name} is not here; looked in {', '.join(places)} and the Hugging Face cache "
        f"({huggingface_hub.constants.HF_HUB_CACHE}). Fetch it with:  "
        f"depthsplat models download {entry.alias}"
    )


def hash_in_name(file_name: str) -> str | None:
    """The first hex digits of the sha256 that a file's name promises, if it promises any."""
    found = _HASH_IN_NAME.search(file_name)
    return found.group(1) if found else None


def promised_hash(path: Path) -> str | None:
    """The first hex digits of the sha256 that a file must have, if any are known.

    Those in its name; all of them if it lies in this package.
    """
    return BUNDLED.bundled_sha256 if _is_bundled(path) else hash_in_name(path.name)


def _is_bundled(path: Path) -> bool:
    return path.resolve() == (BUNDLED_DIRECTORY / BUNDLED.file_name).resolve()


def verify(path: Path) -> str:
    """Compare a file's sha256 with the promised one; returns the whole sha256.

    Raises:
        TamperedFileError: if they differ.
    """
    with path.open("rb") as file:
        return verify_open_file(file, path)


def verify_open_file(file: BinaryIO, path: Path) -> str:
    """The same for an open file, so that the very bytes verified can be parsed afterwards.

    Raises:
        TamperedFileError: if the promised hash and that of the content differ.
    """
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    found = digest.hexdigest()
    expected = promised_hash(path)
    if expected is None:
        # Safetensors hold nothing but numbers, and are not published under a hash.
        level = logging.DEBUG if path.suffix == ".safetensors" else logging.WARNING
        logger.log(level, "%s carries no hash in its name; its content is not verified", path.name)
    elif not found.startswith(expected):
        witness, remedy = (
            ("this package", "install depthsplat_ros again")
            if _is_bundled(path)
            else ("its name", "delete it and fetch it again with:  depthsplat models download")
        )
        raise TamperedFileError(
            f"{path.name} is damaged or not the original: its sha256 begins with {found[:8]}, "
            f"{witness} says {expected[:8]}. It was not loaded; {remedy}"
        )
    return found


def download(
    entry: ZooEntry, directory: Path, *, announce: Callable[[str], None] = logger.info
) -> Path:
    """Fetch a published checkpoint into a directory; a good file already here is kept.

    What an interrupted download has left is taken up again, by a later process too. The file takes
    its place only after its content was verified, in one step, so there is never a bad file under
    a good name.

    Args:
        entry: what to fetch.
        directory: where it goes; made if missing.
        announce: receives what a person should know.

    Raises:
        DownloadError: if it cannot be fetched; says how to do it by hand.
        TamperedFileError: if what was fetched is not the original; it is deleted.
    """
    if entry.is_bundled:
        announce(f"{entry.alias} comes with this package and needs no download")
        bundled = require(entry)
        verify(bundled)
        return bundled
    target = directory / entry.file_name
    staging = directory / ".download"
    partial = staging / entry.file_name
    try:
        if target.is_file() and _is_good(target, announce):
            announce(f"{target} is here already and verified")
            return target
        staging.mkdir(parents=True, exist_ok=True)
        with partial.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _complete(file, entry, announce)
            file.flush()
            os.fsync(file.fileno())
            try:
                verify(partial)
            except TamperedFileError:
                # What is left of the transfer would only be taken up again.
                partial.unlink()
                raise
            partial.replace(target)
        with contextlib.suppress(OSError):
            staging.rmdir()  # Unless it holds what another download has left.
    except TamperedFileError:
        raise
    except BlockingIOError as error:
        raise DownloadError(f"another process is fetching {entry.file_name} already") from error
    except Exception as error:  # noqa: BLE001  each HTTP client of the hub has errors of its own
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        if huggingface_hub.constants.HF_HUB_OFFLINE:
            reason = "HF_HUB_OFFLINE is set"
        raise DownloadError(
            f"{entry.file_name} cannot be fetched: {reason}; try again, or fetch {entry.url} by "
            f"other means and put it into {directory}"
        ) from error
    return target


def _is_good(path: Path, announce: Callable[[str], None]) -> bool:
    try:
        verify(path)
    except TamperedFileError as error:
        announce(f"{error}; fetching it again")
        return False
    return True


def _complete(file: BinaryIO, entry: ZooEntry, announce: Callable[[str], None]) -> None:
    """Append to a file what it lacks: from the Hugging Face cache, or from the hub."""
    cached = _find_in_cache(entry)
    if cached is not None:
        announce(f"{entry.file_name} is in the Hugging Face cache and is copied from there")
        file.truncate(0)
        with cached.open("rb") as source:
            shutil.copyfileobj(source, file, _CHUNK_BYTES)
        return
    size = huggingface_hub.get_hf_file_metadata(entry.url).size
    done = file.seek(0, os.SEEK_END)
    if size is not None and done > size:
        done = file.truncate(0)
    if done == size:
        return
    if done:
        announce(f"{entry.file_name}: going on after {done / 1e6:.0f} MB")
    # Unlike hf_hub_download, which starts anew in every process, this goes on with a partial file.
    http_get(entry.url, file, resume_size=done, headers=build_hf_headers(), expected_size=size)
