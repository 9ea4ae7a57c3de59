# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from depthsplat_ros.offline.contact_sheet import draw_contact_sheet
from depthsplat_ros.offline.samples import RankedSample, Sample
from depthsplat_ros.visualisation import DepthScale, colour_depth, colour_error

SCALE = DepthScale(near_m=1.0, far_m=5.0)
IMAGE_RGB = (12, 34, 56)


def sample(*, depth_m: float = 2.0, true_depth_m: float | None = None) -> Sample:
    shape = (60, 80)
    return Sample(
        stamp_ns=1_000_000_000,
        keyframe=1,
        image=np.full((*shape, 3), IMAGE_RGB, np.uint8),
        depth_m=np.full(shape, depth_m, np.float32),
        confidence=np.ones(shape, np.float32),
        true_depth_m=None if true_depth_m is None else np.full(shape, true_depth_m, np.float32),
        score=None,
    )


def draw(*samples: Sample) -> np.ndarray:
    ranked = [
        RankedSample(rank=f"rank {place}", sample=each) for place, each in enumerate(samples)
    ]
    return draw_contact_sheet(ranked, SCALE, "a recording")


def share_of(picture: np.ndarray, rgb: np.ndarray | tuple[int, int, int]) -> float:
    return float((picture == rgb).all(axis=-1).mean())


def test_a_row_shows_image_depth_truth_and_error():
    picture = draw(sample(depth_m=2.2, true_depth_m=2.0))

    for values, colour in (
        ("image", IMAGE_RGB),
        ("depth", colour_depth(np.full((1, 1), 2.2, np.float32), SCALE)[0, 0]),
        ("truth", colour_depth(np.full((1, 1), 2.0, np.float32), SCALE)[0, 0]),
        ("error", colour_error(np.float32([[2.2]]) / np.float32([[2.0]]) - 1)[0, 0]),
    ):
        assert share_of(picture, colour) > 0.1, values


def test_without_truth_confidence_takes_its_place():
    with_truth, without = draw(sample(true_depth_m=2.0)), draw(sample())

    assert without.shape[0] == with_truth.shape[0]
    assert without.shape[1] < with_truth.shape[1]
    yellow = (without[..., 0] > 240) & (without[..., 1] > 220) & (without[..., 2] < 60)
    assert yellow.mean() > 0.1


def test_a_keyframe_without_truth_among_others_is_left_blank():
    picture = draw(sample(true_depth_m=2.0), sample())

    assert picture.shape == draw(sample(true_depth_m=2.0), sample(true_depth_m=2.0)).shape


@pytest.mark.parametrize("count", [1, 5])
def test_every_sample_has_a_row(count):
    picture = draw(*[sample()] * count)

    column = (picture == IMAGE_RGB).all(axis=-1).any(axis=1).astype(int)
    assert (np.diff(column) == 1).sum() == count


def test_portrait_images_keep_their_shape():
    tall = Sample(
        stamp_ns=0,
        keyframe=1,
        image=np.full((160, 90, 3), IMAGE_RGB, np.uint8),
        depth_m=np.full((160, 90), 2.0, np.float32),
        confidence=np.ones((160, 90), np.float32),
        true_depth_m=None,
        score=None,
    )

    is_image = (draw(tall) == IMAGE_RGB).all(axis=-1)

    height_px = is_image.any(axis=1).sum()
    width_px = is_image.any(axis=0).sum()
    assert height_px / width_px == pytest.approx(160 / 90, rel=0.03)
