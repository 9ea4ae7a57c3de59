# SPDX-License-Identifier: Apache-2.0
"""The names that the real package's compiled module offers to Python."""

from cv_bridge.colour import convert_colour as cvtColor2
from cv_bridge.display import convert_colour_for_display as cvtColorForDisplay
from cv_bridge.encodings import channels_of_cv_type as CV_MAT_CNWrap
from cv_bridge.encodings import cv_type_of as getCvType
from cv_bridge.encodings import depth_of_cv_type as CV_MAT_DEPTHWrap

__all__ = ["CV_MAT_CNWrap", "CV_MAT_DEPTHWrap", "cvtColor2", "cvtColorForDisplay", "getCvType"]
