# SPDX-License-Identifier: Apache-2.0
"""State lives here and only here: which frames are kept, matched and predicted, and when."""
