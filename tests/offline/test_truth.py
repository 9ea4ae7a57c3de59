# SPDX-License-Identifier: Apache-2.0
import numpy as np
from helpers import SMALL_CAMERA, make_frame

from depthsplat_ros.camera import Camera
from depthsplat_ros.offline.truth import HeldTruths, TrueDepth, resample_nearest
from depthsplat_ros.streaming.working_size import fit_to_working_size


def test_true_depth_lands_on_the_pixels_of_the_working_image():
    camera = Camera(width_px=103, height_px=77, fx_px=90.0, fy_px=92.0, cx_px=47.0, cy_px=40.5)
    # A depth that names its column; the image shows the same, so both must agree after fitting.
    columns = np.tile(np.arange(103), (77, 1))
    image = np.repeat(columns[..., None], 3, axis=-1).astype(np.uint8)
    working = fit_to_working_size(make_frame(image=image, camera=camera), 64, 8)

    resampled = resample_nearest(
        TrueDepth(depth_m=columns.astype(np.float32), camera=camera), working.camera
    )

    assert resampled.shape == working.image.shape[:2]
    np.testing.assert_allclose(resampled, working.image[..., 0], atol=1.0)
    assert abs(float((resampled - working.image[..., 0]).mean())) < 0.3


def test_true_depth_is_never_mixed_across_an_edge():
    depth_m = np.full((48, 64), 1.0, np.float32)
    depth_m[:, 31:] = 5.0
    depth_m[10:20, 40:50] = np.nan

    resampled = resample_nearest(
        TrueDepth(depth_m=depth_m, camera=SMALL_CAMERA),
        SMALL_CAMERA.resized(width_px=37, height_px=29),
    )

    assert set(np.unique(resampled[np.isfinite(resampled)])) == {1.0, 5.0}
    assert np.isnan(resampled).any()


def test_pixels_outside_the_measured_image_are_unknown():
    measured = SMALL_CAMERA.cropped(left_px=16, top_px=0, width_px=48, height_px=48)

    resampled = resample_nearest(
        TrueDepth(depth_m=np.ones((48, 48), np.float32), camera=measured), SMALL_CAMERA
    )

    assert np.isnan(resampled[:, :16]).all()
    assert (resampled[:, 16:] == 1).all()


def test_the_oldest_truths_are_forgotten():
    truths = HeldTruths(2)
    for stamp_ns in (1, 2, 3):
        depth_m = np.full((48, 64), stamp_ns, np.float32)
        truths.add(stamp_ns, TrueDepth(depth_m=depth_m, camera=SMALL_CAMERA))

    assert truths.find(1) is None
    assert [truths.find(stamp_ns).depth_m[0, 0] for stamp_ns in (2, 3)] == [2, 3]
