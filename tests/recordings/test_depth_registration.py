# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from depthsplat_ros.calibration import Calibration, Distortion
from depthsplat_ros.camera import Camera
from depthsplat_ros.recordings.depth_registration import project_depth, register_depth
from depthsplat_ros.rectification import project_rays, rectification_for

SENSOR = Camera(width_px=40, height_px=30, fx_px=40.0, fy_px=40.0, cx_px=19.5, cy_px=14.5)
FINE = Camera(width_px=120, height_px=90, fx_px=120.0, fy_px=120.0, cx_px=59.5, cy_px=44.5)


def shifted(x_m=0.0, y_m=0.0, z_m=0.0):
    transform = np.eye(4)
    transform[:3, 3] = (x_m, y_m, z_m)
    return transform


def wall(depth_m, camera=SENSOR):
    return np.full((camera.height_px, camera.width_px), depth_m, np.float32)


def test_the_sensors_own_pixels_pass_through():
    depth_m = wall(2.0)
    assert register_depth(depth_m, Calibration(source=SENSOR), SENSOR, np.eye(4)) is depth_m


def test_a_distorted_sensor_in_the_same_place_is_looked_up_through_its_lens():
    calibration = Calibration(
        source=SENSOR,
        distortion=Distortion.POLYNOMIAL,
        coefficients=(-0.25, 0.05, 0.0, 0.0, 0.0),
    )
    camera = rectification_for(calibration).camera
    # Each source pixel holds a number of its own, so the lookup can be followed.
    numbers = np.arange(1, 1201, dtype=np.float32).reshape(30, 40)
    registered = register_depth(numbers, calibration, camera, np.eye(4))
    v, u = np.mgrid[: camera.height_px, : camera.width_px]
    rays = np.stack(
        [(u - camera.cx_px) / camera.fx_px, (v - camera.cy_px) / camera.fy_px, np.ones_like(u)],
        axis=-1,
    ).astype(float)
    source = project_rays(calibration, rays.reshape(-1, 3))
    nearest = np.rint(source).astype(int)
    # Half-way cases may round either way.
    clear = (np.abs(source - np.floor(source) - 0.5) > 0.05).all(axis=1)
    np.testing.assert_array_equal(
        registered.ravel()[clear], numbers[nearest[:, 1], nearest[:, 0]][clear]
    )


def test_a_shift_moves_near_things_more_than_far_ones():
    depth_m = wall(4.0)
    depth_m[10:20, 10:20] = 1.0
    projected_m = project_depth(depth_m, SENSOR, SENSOR, shifted(x_m=0.1))
    # 0.1 m at 1 m is 4 px, at 4 m it is 1 px.
    np.testing.assert_allclose(projected_m[10:20, 14:24], 1.0)
    np.testing.assert_allclose(projected_m[:, 30:], 4.0)
    assert np.isnan(projected_m[:, 0]).all()
    # The wall behind the near square's old place was never seen.
    assert np.isnan(projected_m[10:20, 11:14]).all()


def test_the_nearest_surface_hides_what_lies_behind_on_a_finer_grid_too():
    depth_m = wall(4.0)
    depth_m[:, 20:] = 2.0
    projected_m = project_depth(depth_m, SENSOR, FINE, shifted(x_m=-0.2))
    # The near half reaches from column 20 of the sensor, moved left by 0.2 * 40 / 2 = 4 px.
    edge = 3 * 16
    near = projected_m[:, edge + 1 : 3 * 36 - 1]
    assert np.isfinite(near).all()
    np.testing.assert_allclose(near, 2.0)
    np.testing.assert_allclose(projected_m[:, : edge - 6 - 1], 4.0)


def test_points_behind_or_beside_the_camera_leave_no_mark():
    assert np.isnan(project_depth(wall(1.0), SENSOR, SENSOR, shifted(z_m=-2.0))).all()
    assert np.isnan(project_depth(wall(1.0), SENSOR, SENSOR, shifted(x_m=50.0))).all()
    assert np.isnan(project_depth(wall(np.nan), SENSOR, SENSOR, np.eye(4))).all()


@pytest.mark.parametrize("distorted", [False, True])
def test_a_turned_sensor_measures_the_same_wall(distorted):
    lens = {
        "distortion": Distortion.POLYNOMIAL,
        "coefficients": (-0.1, 0.01, 0.0, 0.0, 0.0),
    }
    calibration = Calibration(source=SENSOR, **(lens if distorted else {}))
    angle = np.radians(10.0)
    camera_from_depth = shifted(x_m=0.05, z_m=-0.1)
    camera_from_depth[:3, :3] = [
        [np.cos(angle), 0, np.sin(angle)],
        [0, 1, 0],
        [-np.sin(angle), 0, np.cos(angle)],
    ]
    # What the sensor sees of a wall 3 m before the camera: z * (third row) . ray - 0.1 = 3.
    v, u = np.mgrid[: SENSOR.height_px, : SENSOR.width_px].astype(float)
    x, y = (u - SENSOR.cx_px) / SENSOR.fx_px, (v - SENSOR.cy_px) / SENSOR.fy_px
    if distorted:
        # The lens formula turned round: which ideal ray reaches each of the sensor's pixels.
        for _ in range(20):
            bend = 1 - 0.1 * (x * x + y * y) + 0.01 * (x * x + y * y) ** 2
            x, y = (
                (u - SENSOR.cx_px) / SENSOR.fx_px / bend,
                (v - SENSOR.cy_px) / SENSOR.fy_px / bend,
            )
    rays = np.stack([x, y, np.ones_like(x)])
    depth_m = 3.1 / np.tensordot(camera_from_depth[2, :3], rays, 1)
    registered = register_depth(depth_m.astype(np.float32), calibration, SENSOR, camera_from_depth)
    known = np.isfinite(registered)
    assert known.mean() > 0.6
    np.testing.assert_allclose(registered[known], 3.0, rtol=1e-5 if not distorted else 0.01)


def test_a_sensor_rectified_for_stereo_is_turned_back():
    angle = np.radians(5.0)
    rotation = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    calibration = Calibration(source=SENSOR, source_from_optical_rows=tuple(rotation.ravel()))
    # A wall 2 m before the optical frame, as its turned image measures it along its own axis.
    v, u = np.mgrid[: SENSOR.height_px, : SENSOR.width_px].astype(float)
    rays = np.stack(
        [(u - SENSOR.cx_px) / SENSOR.fx_px, (v - SENSOR.cy_px) / SENSOR.fy_px, np.ones_like(u)]
    )
    depth_m = 2.0 / np.tensordot(rotation.T[2], rays, 1)
    registered = register_depth(depth_m.astype(np.float32), calibration, SENSOR, np.eye(4))
    known = np.isfinite(registered)
    assert known.mean() > 0.6
    np.testing.assert_allclose(registered[known], 2.0, rtol=1e-5)
