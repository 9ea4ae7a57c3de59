# SPDX-License-Identifier: Apache-2.0
"""Place of the real package's compiled module."""
