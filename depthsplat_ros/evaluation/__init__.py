# SPDX-License-Identifier: Apache-2.0
"""How good depth is: of models on recordings, and of what a running node publishes."""
