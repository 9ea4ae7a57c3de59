# SPDX-License-Identifier: Apache-2.0
"""Transforms and times in few words, for the tests of the tf2 stand-ins."""

from geometry_msgs.msg import TransformStamped
from rclpy.time import Time

IDENTITY_XYZW = (0.0, 0.0, 0.0, 1.0)


def at(seconds):
    """A time, exact to the nanosecond."""
    return Time(nanoseconds=round(seconds * 1e9))


def transform(parent, child, seconds, xyz=(0.0, 0.0, 0.0), xyzw=IDENTITY_XYZW):
    """Pose of `child` in `parent`."""
    message = TransformStamped()
    message.header.frame_id = parent
    message.header.stamp = at(seconds).to_msg()
    message.child_frame_id = child
    translation, rotation = message.transform.translation, message.transform.rotation
    translation.x, translation.y, translation.z = map(float, xyz)
    rotation.x, rotation.y, rotation.z, rotation.w = map(float, xyzw)
    return message


def xyz_of(message):
    """Translation of a transform message."""
    translation = message.transform.translation
    return (translation.x, translation.y, translation.z)


def xyzw_of(message):
    """Rotation of a transform message."""
    rotation = message.transform.rotation
    return (rotation.x, rotation.y, rotation.z, rotation.w)
