# SPDX-License-Identifier: Apache-2.0
"""The base of every error a caller of this package may want to catch."""


class DepthSplatError(Exception):
    """Something from outside (file, message, parameter) is unusable; the text says what to do."""
