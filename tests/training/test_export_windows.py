# SPDX-License-Identifier: Apache-2.0
import dataclasses
import sys

import numpy as np
import pytest
import torch
from wall_bag import WALL_M, WallBag

from training import export_windows
from training.export_windows import ExportError
from training.validation import real_windows


def export(monkeypatch, bag, output, *, views):
    # The little wall is too small for a network's multiples.
    monkeypatch.setattr(export_windows, "SIZE_MULTIPLE", 16)
    traits = dataclasses.replace(export_windows._Witness.traits, size_multiple=16)
    monkeypatch.setattr(export_windows._Witness, "traits", traits)
    words = [str(bag), str(output), "--longer-side-px", "64", "--views", str(views)]
    monkeypatch.setattr(sys, "argv", ["export_windows", *words])
    export_windows.main()


def test_windows_of_a_recording_come_back_with_poses_and_true_depth(tmp_path, monkeypatch):
    output = tmp_path / "wall.npz"
    export(monkeypatch, WallBag(images=7).write(tmp_path / "bag"), output, views=2)
    windows = real_windows(output, torch.device("cpu"))
    assert windows.name == "wall"
    count, views, _, height, width = windows.views.images.shape
    assert count >= 1 and views == 2 and (height, width) == (48, 64)
    known = windows.true_depth_m[windows.true_depth_m > 0]
    assert known.numel() > 0
    torch.testing.assert_close(known, torch.full_like(known, WALL_M), atol=0.01, rtol=0)
    # The reference comes first, and the camera slides sideways.
    poses = windows.views.world_from_camera
    torch.testing.assert_close(poses[:, 0], torch.eye(4).expand(count, 4, 4), atol=1e-6, rtol=0)
    assert (poses[:, 1:, 0, 3].abs() > 0.1).all()
    assert poses[:, 1:, 1:3, 3].abs().max() < 1e-3
    assert np.unique(windows.views.images.numpy()).size > 10


def test_a_recording_without_true_depth_is_refused(tmp_path, monkeypatch):
    bag = WallBag(images=4, has_depth=False).write(tmp_path / "bag")
    with pytest.raises(ExportError, match="no window of 2 views with true depth"):
        export(monkeypatch, bag, tmp_path / "wall.npz", views=2)
