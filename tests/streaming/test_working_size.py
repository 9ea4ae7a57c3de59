# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from helpers import make_frame

from depthsplat_ros.camera import Camera
from depthsplat_ros.streaming.working_size import WorkingSizeError, fit_to_working_size


def make_wide_frame(width_px=541, height_px=361):
    camera = Camera(
        width_px=width_px, height_px=height_px, fx_px=400.0, fy_px=410.0, cx_px=200.0, cy_px=222.0
    )
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (height_px, width_px, 3), dtype=np.uint8)
    return make_frame(image=image, camera=camera)


@pytest.mark.parametrize("size_multiple", [1, 8, 32])
def test_a_world_point_lands_on_the_same_spot_of_the_scene(size_multiple):
    frame = make_wide_frame()
    working = fit_to_working_size(frame, 320, size_multiple)
    assert working.camera.width_px % size_multiple == 0
    assert working.image.shape[:2] == (working.camera.height_px, working.camera.width_px)
    # Without the crop, corners coincide: undo it and compare the rays of the image corners.
    width_px, height_px = 320, round(361 * 320 / 541)
    left = (width_px - working.camera.width_px) // 2
    edge = (-0.5 - left - working.camera.cx_px) / working.camera.fx_px
    assert edge == pytest.approx((-0.5 - 200) / 400)
    top = (height_px - working.camera.height_px) // 2
    edge = (-0.5 - top - working.camera.cy_px) / working.camera.fy_px
    assert edge == pytest.approx((-0.5 - 222) / 410)


def test_small_images_are_not_enlarged():
    frame = make_frame()
    assert fit_to_working_size(frame, 320, 1).camera == frame.camera


def test_an_image_smaller_than_the_multiple_is_refused():
    with pytest.raises(WorkingSizeError, match="size multiple of 64"):
        fit_to_working_size(make_frame(), 320, 64)
