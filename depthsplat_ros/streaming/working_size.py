# SPDX-License-Identifier: Apache-2.0
"""From the camera's image size to the size the predictor works at."""

import cv2

from depthsplat_ros.camera import Camera
from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.frame import Frame


class WorkingSizeError(DepthSplatError):
    """An image is too small or too elongated for the predictor."""


def fit_to_working_size(frame: Frame, longer_side_px: int, size_multiple: int) -> Frame:
    """The frame at working size: shrunk with its aspect ratio kept, then cropped about the centre.

    The crop only makes both sides multiples of `size_multiple`, which predictors may ask for. The
    camera follows exactly, principal point included.

    Raises:
        WorkingSizeError: if nothing is left after cropping.
    """
    camera = frame.camera
    scale = min(1.0, longer_side_px / max(camera.width_px, camera.height_px))
    width_px = max(1, round(camera.width_px * scale))
    height_px = max(1, round(camera.height_px * scale))
    resized_camera = camera.resized(width_px=width_px, height_px=height_px)
    image = frame.image
    if resized_camera != camera:
        image = cv2.resize(image, (width_px, height_px), interpolation=cv2.INTER_AREA)
    kept_width_px = width_px - width_px % size_multiple
    kept_height_px = height_px - height_px % size_multiple
    if kept_width_px == 0 or kept_height_px == 0:
        raise WorkingSizeError(
            f"an image of {camera.width_px}x{camera.height_px} px becomes {width_px}x{height_px} "
            f"px, less than the predictor's size multiple of {size_multiple}; raise longer_side_px"
        )
    left_px = (width_px - kept_width_px) // 2
    top_px = (height_px - kept_height_px) // 2
    cropped_camera: Camera = resized_camera.cropped(
        left_px=left_px, top_px=top_px, width_px=kept_width_px, height_px=kept_height_px
    )
    return Frame(
        stamp_ns=frame.stamp_ns,
        image=image[top_px : top_px + kept_height_px, left_px : left_px + kept_width_px],
        camera=cropped_camera,
        world_from_camera=frame.world_from_camera,
    )
