# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import numpy as np
import pytest

from depthsplat_ros.calibration import (
    Calibration,
    CalibrationError,
    Distortion,
    UncalibratedError,
    is_rectified_topic,
    read_calibration,
)
from depthsplat_ros.camera import Camera, CameraError

K = (500.0, 0.0, 310.25, 0.0, 505.0, 222.75, 0.0, 0.0, 1.0)
P = (450.0, 0.0, 315.0, 0.0, 0.0, 460.0, 225.0, 0.0, 0.0, 0.0, 1.0, 0.0)
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
PLUMB_BOB = (-0.28, 0.07, 0.0002, 0.00002, 0.0)


def make_info(**changes):
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False)
    fields = {
        "width": 640,
        "height": 480,
        "distortion_model": "plumb_bob",
        "d": np.zeros(5),
        "k": np.array(K),
        "r": np.array(IDENTITY),
        "p": np.array(P),
        "binning_x": 0,
        "binning_y": 0,
        "roi": roi,
    }
    return SimpleNamespace(**{**fields, **changes})


def make_roi(x_offset, y_offset, width, height):
    return SimpleNamespace(
        x_offset=x_offset, y_offset=y_offset, width=width, height=height, do_rectify=True
    )


def read(*, width_px=640, height_px=480, is_rectified=False, **changes):
    return read_calibration(
        make_info(**changes), width_px=width_px, height_px=height_px, is_rectified=is_rectified
    )


def turn(degrees):
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


def test_a_raw_image_is_described_by_k_to_the_last_digit():
    calibration = read()
    assert calibration == Calibration(
        source=Camera(
            width_px=640, height_px=480, fx_px=500.0, fy_px=505.0, cx_px=310.25, cy_px=222.75
        )
    )
    assert calibration.is_rectified


@pytest.mark.parametrize(
    ("model", "coefficients", "distortion"),
    [
        ("plumb_bob", PLUMB_BOB, Distortion.POLYNOMIAL),
        ("plumb_bob", PLUMB_BOB[:4], Distortion.POLYNOMIAL),
        ("rational_polynomial", (*PLUMB_BOB, 0.1, 0.2, 0.3), Distortion.POLYNOMIAL),
        ("rational_polynomial", (*PLUMB_BOB, *[0.01] * 7), Distortion.POLYNOMIAL),
        ("rational_polynomial", (*PLUMB_BOB, *[0.01] * 9), Distortion.POLYNOMIAL),
        ("equidistant", (0.1, 0.01, 0.0, 0.0), Distortion.EQUIDISTANT),
        ("equidistant", (0.0, 0.0, 0.0, 0.0), Distortion.EQUIDISTANT),
        ("fisheye", (0.1, 0.01, 0.0, 0.0), Distortion.EQUIDISTANT),
    ],
)
def test_lens_models_are_kept(model, coefficients, distortion):
    calibration = read(distortion_model=model, d=coefficients)
    assert calibration.distortion is distortion
    assert calibration.coefficients == coefficients
    assert not calibration.is_rectified


@pytest.mark.parametrize(
    ("model", "coefficients"),
    [
        ("plumb_bob", ()),
        ("plumb_bob", [0.0] * 5),
        ("plumb_bob", [0.0] * 8),
        ("rational_polynomial", [0.0] * 8),
        ("", ()),
        ("", [0.0] * 5),
        ("none", ()),
    ],
)
def test_no_distortion_needs_no_rectification(model, coefficients):
    assert read(distortion_model=model, d=coefficients).is_rectified


def test_a_rectified_image_is_described_by_p_whatever_d_and_its_model_say():
    calibration = read(
        is_rectified=True, distortion_model="exotic", d=PLUMB_BOB, p=(*P[:3], -90.0, *P[4:])
    )
    assert calibration.is_rectified
    source = calibration.source
    assert (source.fx_px, source.fy_px, source.cx_px, source.cy_px) == (450.0, 460.0, 315.0, 225.0)


def test_a_rectified_image_without_p_needs_zero_distortion():
    assert read(is_rectified=True, p=np.zeros(12)).source.fx_px == 500.0
    with pytest.raises(CalibrationError, match="said to be rectified.*no P"):
        read(is_rectified=True, p=np.zeros(12), d=PLUMB_BOB)


def test_stereo_rotation_counts_for_rectified_images_alone():
    rotation = turn(2.0)
    np.testing.assert_allclose(
        read(is_rectified=True, r=rotation.ravel()).source_from_optical, rotation, atol=1e-12
    )
    assert read(r=rotation.ravel()).is_rectified


def test_printed_rotations_are_made_exact():
    printed = np.round(turn(2.0), 4)
    rotation = read(is_rectified=True, r=printed.ravel()).source_from_optical
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-14)


def test_calibrations_of_equal_content_are_equal_and_hash_alike():
    first, second = (read(d=np.array(PLUMB_BOB)) for _ in range(2))
    assert first == second and hash(first) == hash(second)


def test_region_of_interest_moves_the_principal_point():
    source = read(roi=make_roi(100, 50, 400, 300), width_px=400, height_px=300).source
    assert (source.cx_px, source.cy_px) == (210.25, 172.75)
    assert (source.fx_px, source.fy_px) == (500.0, 505.0)


def test_binning_keeps_every_ray():
    source = read(binning_x=2, binning_y=3, width_px=320, height_px=160).source
    assert (source.fx_px, source.fy_px) == (250.0, 505.0 / 3)
    # The centre of binned pixel (10, 20) lies between the sensor pixels 20..21 and 60..62.
    assert (10 - source.cx_px) / source.fx_px == pytest.approx((20.5 - K[2]) / K[0], abs=1e-15)
    assert (20 - source.cy_px) / source.fy_px == pytest.approx((61.0 - K[5]) / K[4], abs=1e-15)


def test_binning_applies_after_the_region_of_interest():
    source = read(
        roi=make_roi(100, 50, 401, 300), binning_x=2, binning_y=2, width_px=200, height_px=150
    ).source
    assert source.cx_px == (310.25 - 100 + 0.5) / 2 - 0.5


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"width_px": 320, "height_px": 240}, "for images of 640x480 px .* image has 320x240"),
        ({"width": 0, "height": 0}, "for images of 0x0"),
        ({"binning_x": 2, "binning_y": 2}, "for images of 320x240 .*binning 2x2"),
        ({"roi": make_roi(0, 0, 400, 300)}, "for images of 400x300 .*ROI 400x300"),
        ({"roi": make_roi(500, 0, 400, 300)}, r"ROI 400x300 at \(500, 0\) leaves the sensor"),
        ({"k": [float("nan"), *K[1:]]}, r"K = \[nan, .*not finite"),
        ({"d": [float("inf")] * 5}, r"D = \[inf, .*not finite"),
        ({"k": [-500.0, *K[1:]]}, "focal lengths -500"),
        ({"k": [500.0, 3.0, *K[2:]]}, "no pinhole matrix"),
        ({"k": [*K[:8], 2.0]}, "no pinhole matrix"),
        ({"distortion_model": "double_sphere"}, "'double_sphere' .*is not known"),
        ({"distortion_model": "", "d": PLUMB_BOB}, "'' .*is not known"),
        ({"d": [0.1, 0.2]}, "needs 4 or 5 coefficients"),
        ({"distortion_model": "equidistant", "d": ()}, "needs 4 coefficients"),
        ({"is_rectified": True, "r": [2.0, *IDENTITY[1:]]}, "no rotation"),
        ({"is_rectified": True, "r": [-1.0, *IDENTITY[1:]]}, "no rotation"),
    ],
)
def test_what_makes_no_sense_is_named(changes, complaint):
    with pytest.raises(CalibrationError, match=complaint):
        read(**changes)


def test_zero_k_means_uncalibrated():
    with pytest.raises(UncalibratedError, match="not calibrated"):
        read(k=np.zeros(9), p=np.zeros(12), distortion_model="", d=())


def test_a_principal_point_outside_the_image_is_refused():
    with pytest.raises(CameraError, match="cx_px is 900"):
        read(k=[500.0, 0.0, 900.0, *K[3:]])


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("/camera/image_rect", True),
        ("/camera/image_rect_color", True),
        ("/zed/rgb/rect/image", True),
        ("/camera/depth/image_rect_raw", True),
        ("/cam/image_Rectified", True),
        ("/camera/image_raw", False),
        ("/direct/image", False),
        ("/rectory/image_raw", False),
    ],
)
def test_topic_names_tell_rectified_images(topic, expected):
    assert is_rectified_topic(topic) is expected
