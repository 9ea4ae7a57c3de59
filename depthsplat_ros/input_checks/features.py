# SPDX-License-Identifier: Apache-2.0
"""Points that can be found again in another image, and which of them are the same."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray

from depthsplat_ros.camera import Camera

LONGER_SIDE_PX = 640
"""Larger images are made smaller first: small structure is noise in a photograph."""
MAXIMUM_FEATURES = 500
LEAST_CONTRAST = 0.75
"""The best match must be this much nearer than the second best (Lowe 2004)."""
TOLERANCE_PX = 1.5
"""Of the epipolar geometry that fits the matches best, whatever the poses say."""
FEWEST_MATCHES = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageFeatures:
    """What is recognisable in an image."""

    rays: Float64[ndarray, "feature 3"]
    """Directions in the camera's optical frame, z = 1."""
    descriptors: Float32[ndarray, "feature value"]
    pixel: float
    """The size of a pixel of the searched image on the plane z = 1."""
    true_depth_m: Float64[ndarray, " feature"] | None
    """The measured depth of each feature, NaN where there is none; None without a sensor."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matches:
    """The same scene points in two images, row by row."""

    first_rays: Float64[ndarray, "match 3"]
    second_rays: Float64[ndarray, "match 3"]
    pixel: float
    """The larger of the two images' pixel sizes on the plane z = 1."""
    first_true_depth_m: Float64[ndarray, " match"] | None

    def median_motion_px(self) -> float:
        """How far the matched points moved through the image."""
        motion = np.linalg.norm(self.first_rays - self.second_rays, axis=1)
        return float(np.median(motion)) / self.pixel


def find_features(
    image: UInt8[ndarray, "height width 3"],
    camera: Camera,
    true_depth_m: Float32[ndarray, "height width"] | None = None,
) -> ImageFeatures:
    """The features of a rectified RGB image.

    Source: SIFT (Lowe 2004), as OpenCV has it.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    scale = min(1.0, LONGER_SIDE_PX / max(grey.shape))
    if scale < 1.0:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found, descriptors = cv2.SIFT_create(MAXIMUM_FEATURES).detectAndCompute(grey, None)
    points_px = np.array([point.pt for point in found], np.float64).reshape(-1, 2)
    # Corners of images stay corners when they are resized; pixel centres do not stay.
    points_px = (points_px + 0.5) / scale - 0.5
    focal_px = np.array([camera.fx_px, camera.fy_px])
    plane = (points_px - (camera.cx_px, camera.cy_px)) / focal_px
    depth_m = None
    if true_depth_m is not None:
        columns = np.clip(np.round(points_px[:, 0]), 0, camera.width_px - 1).astype(np.int64)
        rows = np.clip(np.round(points_px[:, 1]), 0, camera.height_px - 1).astype(np.int64)
        depth_m = true_depth_m[rows, columns].astype(np.float64)
    return ImageFeatures(
        rays=np.column_stack([plane, np.ones(len(plane))]),
        descriptors=np.zeros((0, 128), np.float32) if descriptors is None else descriptors,
        pixel=1.0 / (float(focal_px.mean()) * scale),
        true_depth_m=depth_m,
    )


def match_features(first: ImageFeatures, second: ImageFeatures) -> Matches | None:
    """Points found in both images that fit one rigid motion; None if they are too few.

    The motion is the one that the images themselves speak for; no pose is asked.
    """
    if min(len(first.rays), len(second.rays)) < FEWEST_MATCHES:
        return None
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    forward = matcher.knnMatch(first.descriptors, second.descriptors, k=2)
    backward = {
        match.queryIdx: match.trainIdx
        for match in matcher.match(second.descriptors, first.descriptors)
    }
    pairs = [
        (best.queryIdx, best.trainIdx)
        for best, other in forward
        if best.distance < LEAST_CONTRAST * other.distance
        and backward.get(best.trainIdx) == best.queryIdx
    ]
    if len(pairs) < FEWEST_MATCHES:
        return None
    first_index, second_index = np.array(pairs).T
    first_rays, second_rays = first.rays[first_index], second.rays[second_index]
    pixel = max(first.pixel, second.pixel)
    # OpenCV's generator is part of the process; seeded, the same images match the same way.
    cv2.setRNGSeed(0)
    _, is_consistent = cv2.findEssentialMat(
        second_rays[:, :2],
        first_rays[:, :2],
        np.eye(3),
        method=cv2.RANSAC,
        prob=0.999,
        threshold=TOLERANCE_PX * pixel,
    )
    if is_consistent is None or is_consistent.sum() < FEWEST_MATCHES:
        return None
    chosen = is_consistent.ravel() > 0
    depth_m = first.true_depth_m
    return Matches(
        first_rays=first_rays[chosen],
        second_rays=second_rays[chosen],
        pixel=pixel,
        first_true_depth_m=None if depth_m is None else depth_m[first_index[chosen]],
    )
