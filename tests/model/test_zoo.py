# SPDX-License-Identifier: Apache-2.0
import hashlib
import os
import pickle
import subprocess
import sys

import pytest
import torch
from hub_server import serve_hub

from depthsplat_ros.model import zoo
from depthsplat_ros.model.checkpoint import CheckpointError

CONTENT = bytes(range(256)) * 4096
FILE_NAME = f"depthsplat-test-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
DOWNLOAD = """
import dataclasses, sys
from pathlib import Path
from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.model import zoo
entry = dataclasses.replace(zoo.ZOO[0], file_name=sys.argv[1])
try:
    print(zoo.download(entry, Path(sys.argv[2]), announce=print))
except DepthSplatError as error:
    print(f"{type(error).__name__}: {error}")
"""


def download(directory, *, endpoint, file_name=FILE_NAME, **environment):
    """What the real huggingface_hub does in a process that starts with these variables."""
    finished = subprocess.run(
        [sys.executable, "-c", DOWNLOAD, file_name, str(directory)],
        env={
            **os.environ,
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(directory.parent / "hf_home"),
            "HF_HUB_DISABLE_XET": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


def test_a_file_is_fetched_verified_and_put_in_place(tmp_path):
    with serve_hub({FILE_NAME: CONTENT}) as (_, endpoint):
        said = download(tmp_path / "pretrained", endpoint=endpoint)
    target = tmp_path / "pretrained" / FILE_NAME
    assert said == str(target)
    assert target.read_bytes() == CONTENT


def test_a_good_file_in_place_is_not_fetched_again(tmp_path):
    directory = tmp_path / "pretrained"
    directory.mkdir()
    (directory / FILE_NAME).write_bytes(CONTENT)
    with serve_hub({}) as (hub, endpoint):
        assert "verified" in download(directory, endpoint=endpoint)
        assert hub.requests == []


def test_a_tampered_file_never_takes_its_place(tmp_path):
    directory = tmp_path / "pretrained"
    with serve_hub({FILE_NAME: b"evil" + CONTENT}) as (_, endpoint):
        said = download(directory, endpoint=endpoint)
        assert said.startswith("TamperedFileError")
        assert not (directory / FILE_NAME).exists()
    with serve_hub({FILE_NAME: CONTENT}) as (_, endpoint):
        download(directory, endpoint=endpoint)
    assert (directory / FILE_NAME).read_bytes() == CONTENT


def test_a_damaged_file_in_place_is_replaced_only_by_a_good_one(tmp_path):
    directory = tmp_path / "pretrained"
    directory.mkdir()
    (directory / FILE_NAME).write_bytes(b"half")
    with serve_hub({}) as (_, endpoint):
        assert "DownloadError" in download(directory, endpoint=endpoint)
    assert (directory / FILE_NAME).read_bytes() == b"half"
    with serve_hub({FILE_NAME: CONTENT}) as (_, endpoint):
        download(directory, endpoint=endpoint)
    assert (directory / FILE_NAME).read_bytes() == CONTENT


def test_a_broken_transfer_is_taken_up_where_it_stopped(tmp_path):
    # huggingface_hub writes pieces of 10 MiB, and takes up the transfer after the last whole one.
    content = CONTENT * 12
    file_name = f"depthsplat-long-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    with serve_hub({file_name: content}) as (hub, endpoint):
        hub.cut_after_bytes = 11 * len(CONTENT)
        download(tmp_path / "pretrained", endpoint=endpoint, file_name=file_name)
        ranges = [wanted for command, _, wanted in hub.requests if command == "GET" and wanted]
    assert (tmp_path / "pretrained" / file_name).read_bytes() == content
    assert ranges == ["bytes=10485760-"]


def test_offline_the_error_says_how_to_do_it_by_hand(tmp_path):
    with serve_hub({FILE_NAME: CONTENT}) as (hub, endpoint):
        said = download(tmp_path / "pretrained", endpoint=endpoint, HF_HUB_OFFLINE="1")
        assert hub.requests == []
    assert said.startswith("DownloadError")
    assert f"/haofeixu/depthsplat/resolve/main/{FILE_NAME}" in said
    assert str(tmp_path / "pretrained") in said


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(zoo.DIRECTORY_VARIABLE, raising=False)
    monkeypatch.setattr(zoo.huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    return tmp_path


def test_missing_weights_are_named_with_the_places_and_the_command(nowhere, monkeypatch):
    monkeypatch.setenv(zoo.DIRECTORY_VARIABLE, "/elsewhere")
    with pytest.raises(zoo.ZooError) as caught:
        zoo.load("depth-small")
    said = str(caught.value)
    assert "depthsplat-depth-small-352x640-randview2-8-e807bd82.pth" in said
    assert "/elsewhere, pretrained" in said
    assert "depthsplat models download depth-small" in said


def test_files_are_found_in_the_named_directory_before_the_default_one(nowhere, monkeypatch):
    entry = zoo.ZOO[0]
    (nowhere / "real").mkdir()
    (nowhere / "real" / entry.file_name).write_bytes(b"x")
    (nowhere / "pretrained").symlink_to(nowhere / "real")
    assert zoo.find(entry).parent.name == "pretrained"
    monkeypatch.setenv(zoo.DIRECTORY_VARIABLE, str(nowhere / "real"))
    assert zoo.find(entry).parent.name == "real"


def test_a_tampered_file_is_refused_before_it_is_parsed(nowhere, monkeypatch):
    path = nowhere / zoo.ZOO[0].file_name
    path.write_bytes(b"not the original")
    monkeypatch.setattr(zoo, "load_state", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(zoo.TamperedFileError, match="its name says e807bd82"):
        zoo.load(str(path))


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


def with_true_hash(directory, content):
    name = f"model-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    (directory / name).write_bytes(content)
    return directory / name


def test_a_malicious_pickle_is_refused_even_under_its_true_hash(nowhere):
    plain = with_true_hash(nowhere, pickle.dumps({"state_dict": Bomb()}))
    zipped = nowhere / "zipped.pth"
    torch.save({"state_dict": Bomb()}, zipped)
    for path in (plain, with_true_hash(nowhere, zipped.read_bytes())):
        with pytest.raises(CheckpointError):
            zoo.load(str(path))
    assert not (nowhere / "exploded").exists()


def test_a_truncated_checkpoint_is_refused(nowhere):
    torch.save({"model": {"a": torch.zeros(1000)}}, nowhere / "whole.pth")
    path = with_true_hash(nowhere, (nowhere / "whole.pth").read_bytes()[:-500])
    with pytest.raises(CheckpointError):
        zoo.load(str(path))


def test_an_unknown_alias_lists_the_known_ones():
    with pytest.raises(zoo.ZooError, match="gs-base-448x768"):
        zoo.entry_named("gs-huge")


def test_the_nine_are_told_apart_by_alias_and_hash():
    assert len(zoo.ZOO) == 9
    assert len(set(zoo.ALIASES)) == 9
    assert len({entry.sha256_prefix for entry in zoo.ZOO}) == 9
    for entry in zoo.ZOO:
        assert f"{entry.height_px}x{entry.width_px}" in entry.file_name
        assert entry.height_px % entry.config.size_multiple == 0
        assert entry.width_px % entry.config.size_multiple == 0
