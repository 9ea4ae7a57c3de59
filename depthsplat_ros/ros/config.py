# SPDX-License-Identifier: Apache-2.0
"""The node's own parameters; those of the reconstruction are in `streaming.config`."""

from dataclasses import dataclass

from depthsplat_ros.settings import check_settings, setting
from depthsplat_ros.streaming.config import DEFAULT_MODEL, PRECISIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """Settings of the node.

    Raises:
        SettingError: if a value is outside its limits.
    """

    model: str = setting(
        DEFAULT_MODEL,
        "What turns views into depth: a network by its name (tiny comes along, `depthsplat "
        "models` lists them) or by the path of its file, or plane-sweep, which needs no weights.",
    )
    device: str = setting("auto", "Where it runs: auto (a GPU if one works), cpu, cuda, cuda:N.")
    precision: str = setting(
        "auto",
        "How exactly a network computes: float32, fast (half precision where that is safe, meant "
        "for GPUs), or auto, which is fast on a GPU.",
        choices=PRECISIONS,
    )
    autostart: bool = setting(
        True, "Configure and activate at start; false leaves that to a lifecycle manager."
    )
    world_frame: str = setting(
        "odom",
        "Fixed frame of the poses. Take a continuous one (odom): map may jump, which empties the "
        "window.",
    )
    camera_frame: str = setting(
        "",
        "Optical frame of the camera (x right, y down, z forward); empty takes the images' "
        "frame_id.",
    )
    image_transport: str = setting(
        "auto",
        "Form of the input images; auto takes raw ones where they are published, else those "
        "under /compressed.",
        choices=("auto", "raw", "compressed"),
    )
    image_reliability: str = setting(
        "auto",
        "QoS of the image subscription; auto is reliable where the publisher offers it, else "
        "best effort.",
        choices=("auto", "reliable", "best_effort"),
    )
    image_rectified: str = setting(
        "auto",
        "Whether the images are rectified already: then P of camera_info describes them, else K "
        "and D do. auto goes by the topic's name (image_rect, rectified ...).",
        choices=("auto", "yes", "no"),
    )
    sync_slop_s: float = setting(
        0.02,
        "Largest difference between the stamps of an image and its camera_info, seconds.",
        minimum=0.0,
        maximum=10.0,
    )
    camera_info_is_static: bool = setting(
        False,
        "Use the last camera_info for every image, whatever its stamp (latched or slow ones).",
    )
    camera_info_timeout_s: float = setting(
        5.0,
        "Images without any camera_info for this long are reported as an error, seconds.",
        minimum=0.1,
        maximum=3600.0,
    )
    tf_timeout_s: float = setting(
        0.5,
        "How long an image may wait for its transform, seconds; nothing else waits with it.",
        minimum=0.0,
        maximum=10.0,
        is_dynamic=True,
    )
    tf_cache_s: float = setting(
        10.0, "How long transforms are remembered, seconds.", minimum=1.0, maximum=3600.0
    )
    time_offset_s: float = setting(
        0.0,
        "Added to an image's stamp to get the time of its pose, seconds (positive if the camera "
        "stamps too early).",
        minimum=-10.0,
        maximum=10.0,
        is_dynamic=True,
    )
    pose_scale: float = setting(
        1.0,
        "Multiplies the translations of the poses, to give poses of unknown scale a unit.",
        minimum=1e-6,
        maximum=1e6,
    )
    depth_encoding: str = setting(
        "32FC1",
        "Depth images: 32FC1 (metres, NaN unknown) or 16UC1 (millimetres, 0 unknown).",
        choices=("32FC1", "16UC1"),
        is_dynamic=True,
    )
    points_stride: int = setting(
        1,
        "Every n-th row and column of the depth becomes a point of the cloud.",
        minimum=1,
        maximum=64,
        is_dynamic=True,
    )
    check_inputs: bool = setting(
        True,
        "Check beside the depth whether poses, clock and units belong to the images, and name "
        "mistakes in /diagnostics; costs a tenth of one core.",
    )
    stall_timeout_s: float = setting(
        3.0,
        "Without an image for this long the input counts as stalled, seconds.",
        minimum=0.1,
        maximum=3600.0,
        is_dynamic=True,
    )

    def __post_init__(self) -> None:
        check_settings(self)
