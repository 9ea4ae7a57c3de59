# SPDX-License-Identifier: Apache-2.0
"""What a lookup can raise; every one of them is a `TransformException`."""


class TransformException(Exception):
    """Base of every error of tf2."""


class ConnectivityException(TransformException):
    """The two frames are in trees that do not touch."""


class LookupException(TransformException):
    """A frame is unknown, or the tree has a loop."""


class ExtrapolationException(TransformException):
    """The requested time lies outside what the buffer holds."""


class InvalidArgumentException(TransformException):
    """A frame name is empty or starts with a slash."""


class TimeoutException(TransformException):
    """A remote buffer did not answer in time."""
