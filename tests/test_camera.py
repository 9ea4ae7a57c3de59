# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from depthsplat_ros.camera import Camera, CameraError


def make_camera(**changes):
    values = {
        "width_px": 640,
        "height_px": 480,
        "fx_px": 500.0,
        "fy_px": 510.0,
        "cx_px": 300.0,
        "cy_px": 250.0,
    }
    return Camera(**{**values, **changes})


def test_resizing_keeps_the_image_corner_a_corner():
    camera = make_camera()
    half = camera.resized(width_px=320, height_px=240)
    # The ray of the left image edge (pixel -0.5) stays the ray of the left image edge.
    edge = (-0.5 - camera.cx_px) / camera.fx_px
    assert (-0.5 - half.cx_px) / half.fx_px == pytest.approx(edge, abs=1e-12)
    assert half.cx_px == pytest.approx(300.5 / 2 - 0.5)


def test_normalised_intrinsics_do_not_depend_on_the_size():
    camera = make_camera()
    resized = camera.resized(width_px=1000, height_px=123)
    np.testing.assert_allclose(resized.normalised(), camera.normalised(), atol=1e-12)


def test_cropping_moves_only_the_principal_point():
    cropped = make_camera().cropped(left_px=10, top_px=20, width_px=600, height_px=400)
    expected = make_camera(width_px=600, height_px=400, cx_px=290.0, cy_px=230.0)
    assert cropped == expected


def test_matrix_projects_a_point_to_its_pixel():
    pixel = make_camera().matrix() @ np.array([0.2, -0.1, 2.0])
    np.testing.assert_allclose(pixel[:2] / pixel[2], [300 + 500 * 0.1, 250 - 510 * 0.05])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"width_px": 0}, "width_px is 0"),
        ({"height_px": 10**6}, "height_px is 1000000"),
        ({"fx_px": 0.0}, "fx_px is 0.0"),
        ({"fy_px": float("nan")}, "fy_px is nan"),
        ({"fx_px": -500.0}, "fx_px is -500.0"),
        ({"cx_px": 640.0}, "cx_px is 640.0"),
        ({"cy_px": float("inf")}, "cy_px is inf"),
    ],
)
def test_nonsense_is_refused_by_name_and_value(changes, named):
    with pytest.raises(CameraError, match=named):
        make_camera(**changes)


def test_crop_outside_the_image_is_refused():
    with pytest.raises(CameraError, match="leaves the image"):
        make_camera().cropped(left_px=100, top_px=0, width_px=600, height_px=400)
