# SPDX-License-Identifier: Apache-2.0
"""The report: one HTML page that needs nothing else, made from a document and its samples."""

from depthsplat_ros.evaluation.page.render import ModelSamples, RecordingSamples, render_page

__all__ = ["ModelSamples", "RecordingSamples", "render_page"]
