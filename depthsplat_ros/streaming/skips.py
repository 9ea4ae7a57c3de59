# SPDX-License-Identifier: Apache-2.0
"""The reasons for which a frame yields no depth."""

from enum import Enum


class SkipReason(Enum):
    """Why a frame yields no depth; the values appear in status, diagnostics and summaries."""

    WAITING_FOR_PARTNER = "waiting_for_partner"
    STANDING_STILL = "standing_still"
    PURE_ROTATION = "pure_rotation"
    TOO_SIMILAR = "too_similar"
    NO_OVERLAP = "no_overlap"
    DUPLICATE_STAMP = "duplicate_stamp"
    OUT_OF_ORDER = "out_of_order"
    TIME_JUMP = "time_jump"
    LONG_GAP = "long_gap"
    POSE_JUMP = "pose_jump"
    CAMERA_CHANGED = "camera_changed"
    NOT_WANTED = "not_wanted"
    NO_EVIDENCE = "no_evidence"
    NOT_FINITE = "not_finite"
    OUT_OF_MEMORY = "out_of_memory"
