# SPDX-License-Identifier: Apache-2.0
"""rosbag2 recordings read without ROS: posed, rectified frames with true depth where it exists."""

from depthsplat_ros.recordings.bag import RecordingError
from depthsplat_ros.recordings.recording import (
    RecordedFrame,
    RecordedSkip,
    Recording,
    SkipReason,
    open_recording,
)
from depthsplat_ros.recordings.topics import RecordingOptions

__all__ = [
    "RecordedFrame",
    "RecordedSkip",
    "Recording",
    "RecordingError",
    "RecordingOptions",
    "SkipReason",
    "open_recording",
]
