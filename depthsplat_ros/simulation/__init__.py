# SPDX-License-Identifier: Apache-2.0
"""A procedural world, ray-cast with exact depth and poses, for the demo, tests and training."""
