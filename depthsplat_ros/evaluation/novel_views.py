# SPDX-License-Identifier: Apache-2.0
"""Pictures of places that took no part in the scene, beside what the camera saw there."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from depthsplat_ros.frame import Frame
from depthsplat_ros.recordings import RecordedFrame, RecordedSkip
from depthsplat_ros.streaming.reconstructor import Reconstruction, StreamingReconstructor
from depthsplat_ros.streaming.scene import RenderedView
from depthsplat_ros.streaming.working_size import fit_to_working_size

HELD_OUT_EVERY = 4
"""Every fourth keyframe is held out, the first never."""
FILLED_OPACITY = 0.5
SHOWN = ("worst", "median", "best")


@dataclass(frozen=True, slots=True, kw_only=True)
class NovelViewScore:
    """How like the recorded images the rendered ones are; means over the views."""

    views: int
    psnr_db: float
    """Of whole pictures, with black where the scene has nothing; nothing is aligned."""
    ssim: float
    filled_share: float
    """Share of the pixels where the scene shows something."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShownView:
    """A held-out image and the scene's picture of the same place."""

    rank: str
    stamp_ns: int
    psnr_db: float
    image: UInt8[ndarray, "height width 3"]
    rendered: UInt8[ndarray, "height width 3"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NovelViews:
    """The figures of all held-out views, and a few to look at."""

    score: NovelViewScore
    shown: list[ShownView]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rendered:
    frame: Frame
    colour: UInt8[ndarray, "height width 3"]
    psnr_db: float
    ssim: float
    filled_share: float


def hold_out(keyframe_stamps_ns: Sequence[int]) -> frozenset[int]:
    """Which keyframes are to be kept away from the reconstruction."""
    return frozenset(keyframe_stamps_ns[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY])


def render_held_out(
    recorded: Iterable[RecordedFrame | RecordedSkip],
    held_out: Collection[int],
    reconstructor: StreamingReconstructor,
    on_image: Callable[[], None],
) -> NovelViews | None:
    """Reconstruct without the held-out frames; render each once the next keyframe is merged.

    Args:
        recorded: the recording.
        held_out: stamps of the frames to keep away, in nanoseconds.
        reconstructor: a fresh one that keeps a scene.
        on_image: called after each image.

    Returns:
        None if not one view could be rendered.
    """
    rendered = [
        _score(frame, view.colour, view.opacity)
        for frame, view in view_held_out(recorded, held_out, reconstructor, on_image)
    ]
    if not rendered:
        return None
    return NovelViews(
        score=NovelViewScore(
            views=len(rendered),
            psnr_db=float(np.mean([each.psnr_db for each in rendered])),
            ssim=float(np.mean([each.ssim for each in rendered])),
            filled_share=float(np.mean([each.filled_share for each in rendered])),
        ),
        shown=_choose(rendered),
    )


def view_held_out(
    recorded: Iterable[RecordedFrame | RecordedSkip],
    held_out: Collection[int],
    reconstructor: StreamingReconstructor,
    on_image: Callable[[], None],
) -> Iterator[tuple[Frame, RenderedView]]:
    """Each held-out frame at working size, and what the scene shows in its place.

    The arguments are those of `render_held_out`.
    """
    scene = reconstructor.scene
    assert scene is not None, "the reconstructor must keep a scene"
    waiting: list[Frame] = []
    for item in recorded:
        on_image()
        if isinstance(item, RecordedSkip):
            continue
        if item.frame.stamp_ns in held_out:
            config, traits = reconstructor.config, reconstructor.traits
            waiting.append(
                fit_to_working_size(item.frame, config.longer_side_px, traits.size_multiple)
            )
        elif isinstance(reconstructor.push(item.frame), Reconstruction):
            for frame in waiting:
                yield frame, scene.render(frame.camera, frame.world_from_camera)
            waiting = []


def likeness(
    found: UInt8[ndarray, "height width 3"], true: UInt8[ndarray, "height width 3"]
) -> tuple[float, float]:
    """PSNR in dB and SSIM of two pictures."""
    images = _tensor(found), _tensor(true)
    return (
        float(peak_signal_noise_ratio(*images, data_range=1.0)),
        float(structural_similarity_index_measure(*images, data_range=1.0)),
    )


def _score(frame: Frame, colour: UInt8[ndarray, "height width 3"], opacity: ndarray) -> _Rendered:
    psnr_db, ssim = likeness(colour, frame.image)
    return _Rendered(
        frame=frame,
        colour=colour,
        psnr_db=psnr_db,
        ssim=ssim,
        filled_share=float((opacity > FILLED_OPACITY).mean()),
    )


def _choose(rendered: list[_Rendered]) -> list[ShownView]:
    ranked = sorted(rendered, key=lambda each: each.psnr_db)
    places = dict.fromkeys((len(ranked) - 1, 0, len(ranked) // 2))
    ranks = dict(zip((0, len(ranked) // 2, len(ranked) - 1), SHOWN, strict=True))
    return [
        ShownView(
            rank=ranks[place],
            stamp_ns=ranked[place].frame.stamp_ns,
            psnr_db=ranked[place].psnr_db,
            image=np.ascontiguousarray(ranked[place].frame.image),
            rendered=ranked[place].colour,
        )
        for place in sorted(places, reverse=True)
    ]


def _tensor(image: UInt8[ndarray, "height width 3"]) -> Float[Tensor, "1 3 height width"]:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255.0
