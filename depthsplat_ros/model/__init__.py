# SPDX-License-Identifier: Apache-2.0
"""The network: pure modules, batch first, no input or output but `checkpoint`."""
