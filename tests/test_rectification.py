# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from depthsplat_ros.calibration import Calibration, CalibrationError, Distortion
from depthsplat_ros.camera import Camera
from depthsplat_ros.rectification import (
    MINIMUM_ZOOM,
    project_rays,
    rectification_for,
    source_pixels,
)

SOURCE = Camera(width_px=320, height_px=200, fx_px=200.0, fy_px=202.0, cx_px=150.0, cy_px=104.0)
BARREL = (-0.283, 0.074, 0.0002, 0.00002, 0.0)
PINCUSHION = (0.058, -0.0805, -0.00098, 0.00016, 0.0)
RATIONAL = (0.4, -0.2, 0.0005, -0.0003, 0.01, 0.75, -0.15, 0.02)
FISHEYE = (-0.01, 0.02, -0.005, 0.001)
LENSES = {
    "barrel": Calibration(source=SOURCE, distortion=Distortion.POLYNOMIAL, coefficients=BARREL),
    "pincushion": Calibration(
        source=SOURCE, distortion=Distortion.POLYNOMIAL, coefficients=PINCUSHION
    ),
    "rational": Calibration(
        source=SOURCE, distortion=Distortion.POLYNOMIAL, coefficients=RATIONAL
    ),
    "fisheye": Calibration(source=SOURCE, distortion=Distortion.EQUIDISTANT, coefficients=FISHEYE),
}


def bend_polynomial(x, y, coefficients):
    """OpenCV's formula, written out: radial quotient and tangential terms."""
    k1, k2, p1, p2, k3, k4, k5, k6 = (*coefficients, 0, 0, 0)[:8]
    r2 = x * x + y * y
    radial = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (1 + k4 * r2 + k5 * r2**2 + k6 * r2**3)
    return (
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    )


def bend_equidistant(x, y, coefficients):
    k1, k2, k3, k4 = coefficients
    r = np.hypot(x, y)
    t = np.arctan(r)
    scale = t * (1 + k1 * t**2 + k2 * t**4 + k3 * t**6 + k4 * t**8) / np.where(r > 0, r, 1)
    return x * scale, y * scale


def expected_map(calibration, camera):
    """The map from a rectified pixel to its source pixel by the formulas above."""
    u, v = np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px))
    x, y = (u - camera.cx_px) / camera.fx_px, (v - camera.cy_px) / camera.fy_px
    is_fisheye = calibration.distortion is Distortion.EQUIDISTANT
    bend = bend_equidistant if is_fisheye else bend_polynomial
    x, y = bend(x, y, calibration.coefficients)
    source = calibration.source
    return x * source.fx_px + source.cx_px, y * source.fy_px + source.cy_px


@pytest.mark.parametrize("lens", LENSES)
def test_each_pixel_is_taken_from_where_the_lens_model_says(lens):
    rectification = rectification_for(LENSES[lens])
    x_px, y_px = expected_map(LENSES[lens], rectification.camera)
    np.testing.assert_allclose(rectification.pixel_map.x_px, x_px, atol=1e-3)
    np.testing.assert_allclose(rectification.pixel_map.y_px, y_px, atol=1e-3)


@pytest.mark.parametrize("lens", LENSES)
def test_no_pixel_is_invented_and_none_of_the_view_wasted(lens):
    rectification = rectification_for(LENSES[lens])
    camera, pixel_map = rectification.camera, rectification.pixel_map
    margin_px = min(
        pixel_map.x_px.min(),
        pixel_map.y_px.min(),
        camera.width_px - 1 - pixel_map.x_px.max(),
        camera.height_px - 1 - pixel_map.y_px.max(),
    )
    assert margin_px >= -1e-3
    assert margin_px < 0.01 or camera.fx_px == MINIMUM_ZOOM * SOURCE.fx_px


@pytest.mark.parametrize("lens", LENSES)
def test_size_principal_point_and_pixel_shape_stay(lens):
    camera = rectification_for(LENSES[lens]).camera
    assert (camera.width_px, camera.height_px) == (SOURCE.width_px, SOURCE.height_px)
    assert (camera.cx_px, camera.cy_px) == (SOURCE.cx_px, SOURCE.cy_px)
    assert camera.fx_px / camera.fy_px == pytest.approx(SOURCE.fx_px / SOURCE.fy_px, rel=1e-12)


def test_barrel_widens_and_pincushion_narrows_the_view():
    assert MINIMUM_ZOOM < rectification_for(LENSES["barrel"]).camera.fx_px / SOURCE.fx_px < 1
    assert 1 < rectification_for(LENSES["pincushion"]).camera.fx_px / SOURCE.fx_px < 1.1


@pytest.mark.parametrize("lens", LENSES)
def test_straight_lines_come_out_straight(lens):
    calibration = LENSES[lens]
    camera = rectification_for(calibration).camera
    # A straight edge in space, drawn through the lens formula into the distorted image.
    step = np.linspace(-3.0, 3.0, 2001)
    rays = np.column_stack([step, 0.25 * step - 0.2, np.ones_like(step)])
    pixels = project_rays(calibration, rays)
    image = np.zeros((SOURCE.height_px, SOURCE.width_px, 3), np.uint8)
    # Of the wide rays only those that the rectified image shows: far ones may fold back.
    ideal_x_px = rays[:, 0] * camera.fx_px + camera.cx_px
    ideal_y_px = rays[:, 1] * camera.fy_px + camera.cy_px
    shown = (ideal_x_px > 5) & (ideal_x_px < 314) & (ideal_y_px > 5) & (ideal_y_px < 194)
    points = np.round(pixels[shown] * 16).astype(np.int32)[:, None]
    cv2.polylines(image, [points], False, (255, 255, 255), 2, cv2.LINE_AA, 4)
    straight = rectification_for(calibration).rectify(image)[..., 0].astype(float)
    columns = np.arange(20, 300, 10)
    weights = straight[:, columns]
    centre_y_px = (np.arange(SOURCE.height_px)[:, None] * weights).sum(0) / np.maximum(
        weights.sum(0), 1e-9
    )
    wanted_y_px = (0.25 * (columns - camera.cx_px) / camera.fx_px - 0.2) * camera.fy_px
    wanted_y_px = wanted_y_px + camera.cy_px
    visible = (weights.max(0) > 128) & (wanted_y_px > 10) & (wanted_y_px < 190)
    assert visible.sum() > 10
    assert np.abs(centre_y_px - wanted_y_px)[visible].max() < 0.3


def test_a_rectified_image_is_passed_on_untouched():
    rectification = rectification_for(Calibration(source=SOURCE))
    image = np.zeros((200, 320, 3), np.uint8)
    assert rectification.camera == SOURCE
    assert rectification.rectify(image) is image


def test_equal_calibrations_share_their_maps():
    again = Calibration(source=SOURCE, distortion=Distortion.POLYNOMIAL, coefficients=BARREL)
    assert rectification_for(again) is rectification_for(LENSES["barrel"])


def test_rays_beyond_the_lens_polynomials_turning_point_are_cut_off():
    # r (1 - 0.3 r^2) turns back at r = 1.054; the corners of this wide image lie beyond.
    wide = Camera(width_px=320, height_px=200, fx_px=100.0, fy_px=100.0, cx_px=160.0, cy_px=100.0)
    calibration = Calibration(
        source=wide, distortion=Distortion.POLYNOMIAL, coefficients=(-0.3, 0.0, 0.0, 0.0, 0.0)
    )
    camera = rectification_for(calibration).camera
    corner = np.hypot(160.0, 100.0) / camera.fx_px
    assert 1.0 < corner < 1.054


def test_stereo_rectification_is_turned_back_into_the_frame_of_frame_id():
    angle = np.radians(3.0)
    rotation = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    calibration = Calibration(source=SOURCE, source_from_optical_rows=tuple(rotation.ravel()))
    rectification = rectification_for(calibration)
    camera = rectification.camera
    # By hand: the optical axis is seen in the source image at angle 3 degrees to the right.
    axis_x_px = SOURCE.cx_px + SOURCE.fx_px * np.tan(angle)
    x_px = rectification.pixel_map.x_px[int(camera.cy_px), int(camera.cx_px)]
    assert x_px == pytest.approx(axis_x_px, abs=1e-3)
    assert rectification.pixel_map.x_px.max() <= SOURCE.width_px - 1 + 1e-3


def test_a_calibration_without_any_valid_view_is_refused():
    calibration = Calibration(
        source=SOURCE, distortion=Distortion.POLYNOMIAL, coefficients=(-80.0, 0.0, 0.0, 0.0, 0.0)
    )
    with pytest.raises(CalibrationError, match="no undistorted view"):
        rectification_for(calibration)


def test_images_beyond_opencvs_reach_are_refused():
    wide = Camera(width_px=40_000, height_px=2, fx_px=9e3, fy_px=9e3, cx_px=2e4, cy_px=1.0)
    with pytest.raises(CalibrationError, match="40000 px is too long"):
        source_pixels(Calibration(source=wide), wide)


def test_picked_depth_is_never_mixed_and_unknown_outside():
    depth_m = np.where(np.arange(320) < 160, 1.0, 9.0).astype(np.float32)
    depth_m = np.tile(depth_m, (200, 1))
    wider = Camera(width_px=400, height_px=200, fx_px=200.0, fy_px=202.0, cx_px=190.0, cy_px=104.0)
    picked = source_pixels(Calibration(source=SOURCE), wider).pick(depth_m)
    assert set(np.unique(picked[np.isfinite(picked)])) == {1.0, 9.0}
    assert np.isnan(picked[:, :40]).all() and np.isfinite(picked[:, 40:360]).all()
    assert np.isnan(picked[:, 360:]).all()
