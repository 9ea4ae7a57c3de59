# SPDX-License-Identifier: Apache-2.0
"""Stand-in for ROS 2's cv_bridge: ROS images to OpenCV arrays and back, in Python alone.

For machines without a ROS installation. It answers as cv_bridge 3.4 does (recorded answers in
`tests/standalone/golden/`), except where the real one is at fault; `core.py` names those places.
"""

from cv_bridge.boost.cv_bridge_boost import cvtColorForDisplay, getCvType
from cv_bridge.core import CvBridge, CvBridgeError

__all__ = ["CvBridge", "CvBridgeError", "cvtColorForDisplay", "getCvType"]
