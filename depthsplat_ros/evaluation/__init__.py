# SPDX-License-Identifier: Apache-2.0
"""How good depth is: pure functions over depth maps and their truth."""
