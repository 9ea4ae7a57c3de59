# SPDX-License-Identifier: Apache-2.0
"""Do the poses belong to the images? Mistakes of a set-up, found in its own data and named."""
