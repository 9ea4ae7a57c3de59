# SPDX-License-Identifier: Apache-2.0
"""How a stream of frames becomes windows of views."""

from dataclasses import dataclass, replace

from depthsplat_ros.model.traits import Traits
from depthsplat_ros.settings import SettingError, check_settings, setting

MINIMUM_VIEWS, MAXIMUM_VIEWS = 2, 10
PRECISIONS = ("auto", "float32", "fast")
"""How exactly a network may be asked to compute; auto is fast on a GPU."""
PLANE_SWEEP = "plane-sweep"
"""The model without weights."""
DEFAULT_MODEL = "tiny"
"""What turns views into depth unless a user says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingConfig:
    """Settings of a `StreamingReconstructor`.

    Motion is judged by parallax, the angle under which a typical scene point sees two cameras
    apart. Unlike metres it means the same in a drawer and on a street, and in scaled worlds.

    Raises:
        SettingError: if a value is outside its limits or two contradict each other.
    """

    longer_side_px: int = setting(
        0,
        "Longer side of the working image in pixels; 0 takes what suits the model. The shorter "
        "side keeps the aspect ratio; images are never enlarged and cropped by a few pixels.",
        minimum=0,
        maximum=4096,
    )
    near_m: float = setting(
        0.0,
        "Nearest depth searched, in metres (the unit of the poses); 0 takes the model's own.",
        minimum=0.0,
        maximum=1e6,
        is_dynamic=True,
    )
    far_m: float = setting(
        0.0,
        "Farthest depth searched, in metres (the unit of the poses); 0 takes the model's own.",
        minimum=0.0,
        maximum=1e7,
        is_dynamic=True,
    )
    window_views: int = setting(
        0,
        "Views matched together, the reference included, 2 to 10; 0 takes what suits the model.",
        minimum=0,
        maximum=MAXIMUM_VIEWS,
        is_dynamic=True,
    )
    keyframes_held: int = setting(
        20,
        "Keyframes kept as possible partners; older ones are forgotten.",
        minimum=MINIMUM_VIEWS,
        maximum=200,
        is_dynamic=True,
    )
    reference: str = setting(
        "newest",
        "View whose depth is published: 'newest' (lowest latency) or 'middle' "
        "(the keyframe before: better depth, one keyframe later).",
        choices=("newest", "middle"),
        is_dynamic=True,
    )
    minimum_confidence: float = setting(
        0.0,
        "Depth with a confidence below this is published as NaN; 0 takes what suits the model, a "
        "tiny value keeps all that the model vouches for.",
        minimum=0.0,
        maximum=1.0,
        is_dynamic=True,
    )
    keyframe_parallax_deg: float = setting(
        1.0,
        "A frame becomes a keyframe when it sees the scene from an angle this different.",
        minimum=0.05,
        maximum=45.0,
        is_dynamic=True,
    )
    keyframe_rotation_deg: float = setting(
        10.0,
        "A frame becomes a keyframe when it has turned this far, if some keyframe gives parallax.",
        minimum=0.5,
        maximum=90.0,
        is_dynamic=True,
    )
    keyframe_overlap: float = setting(
        0.75,
        "A frame becomes a keyframe when the last one sees less than this share of it, if some "
        "keyframe gives parallax.",
        minimum=0.0,
        maximum=1.0,
        is_dynamic=True,
    )
    minimum_parallax_deg: float = setting(
        0.5,
        "Partners that give less parallax than this are not matched.",
        minimum=0.01,
        maximum=45.0,
        is_dynamic=True,
    )
    minimum_overlap: float = setting(
        0.25,
        "Partners that see less than this share of the reference are not matched.",
        minimum=0.01,
        maximum=1.0,
        is_dynamic=True,
    )
    maximum_gap_s: float = setting(
        5.0,
        "A longer pause between frames empties the window.",
        minimum=0.01,
        maximum=3600.0,
        is_dynamic=True,
    )
    maximum_speed_mps: float = setting(
        10.0,
        "A faster motion between two frames is a pose jump (relocalisation, loop closure) and "
        "empties the window; metres per second.",
        minimum=1e-3,
        maximum=1e6,
        is_dynamic=True,
    )
    maximum_turn_rate_dps: float = setting(
        720.0,
        "A faster turn between two frames is a pose jump and empties the window; degrees per "
        "second.",
        minimum=1.0,
        maximum=1e6,
        is_dynamic=True,
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if 0 < self.far_m <= self.near_m:
            raise SettingError(
                f"near_m is {self.near_m:g} and far_m {self.far_m:g}; near must be nearer"
            )
        if 0 < self.window_views < MINIMUM_VIEWS:
            raise SettingError(
                f"window_views is {self.window_views}; depth needs at least {MINIMUM_VIEWS} views"
            )
        if self.window_views > self.keyframes_held:
            raise SettingError(
                f"window_views is {self.window_views} but only {self.keyframes_held} keyframes "
                "are held; raise keyframes_held"
            )

    def suited_to(self, traits: Traits) -> "StreamingConfig":
        """The same with every 0 replaced by what suits the model.

        Raises:
            SettingError: if the model cannot take what is asked for.
        """
        suited = replace(
            self,
            longer_side_px=self.longer_side_px or traits.longer_side_px,
            near_m=self.near_m or min(traits.near_m, (self.far_m or traits.far_m) / 2),
            far_m=self.far_m or max(traits.far_m, 2 * self.near_m),
            window_views=self.window_views or min(traits.preferred_views, self.keyframes_held),
            minimum_confidence=self.minimum_confidence or traits.minimum_confidence,
        )
        if not traits.minimum_views <= suited.window_views <= traits.maximum_views:
            raise SettingError(
                f"window_views is {suited.window_views}; this model takes "
                f"{traits.minimum_views} to {traits.maximum_views} views"
            )
        return suited
