# SPDX-License-Identifier: Apache-2.0
import errno
import hashlib
import os
import pickle
from pathlib import Path

import pytest
import torch
from model.tiny import tiny_model

from depthsplat_ros.model import config as variants
from depthsplat_ros.model import loading, zoo
from depthsplat_ros.model.checkpoint import CheckpointError, save_depthsplat
from depthsplat_ros.model.depthsplat import DepthSplat
from depthsplat_ros.model.loading import load_network


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(zoo.DIRECTORY_VARIABLE, raising=False)
    monkeypatch.setattr(zoo.huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    return tmp_path


def zeros(config):
    """All weights of a variant, zero, in a file of a few kilobytes."""
    with torch.device("meta"):
        shapes = DepthSplat(config).state_dict()
    return {name: torch.zeros(1).expand(values.shape) for name, values in shapes.items()}


def with_true_hash(directory, content):
    name = f"model-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    (directory / name).write_bytes(content)
    return directory / name


def test_missing_weights_are_named_with_the_command():
    with pytest.raises(zoo.ZooError, match="depthsplat models download depth-small"):
        load_network("depth-small")


@pytest.mark.parametrize(
    "name", ["here/model.pth", "model.pth", "model.safetensors", "~/model.pth", "folder/"]
)
def test_a_path_to_nothing_is_named(name):
    with pytest.raises(zoo.ZooError, match=f"there is no file {name}"):
        load_network(name)


def test_a_directory_is_no_file(nowhere):
    (nowhere / "model.pth").mkdir()
    with pytest.raises(zoo.ZooError, match="there is no file"):
        load_network(str(nowhere / "model.pth"))


def test_an_empty_file_is_damaged(nowhere):
    (nowhere / "model.pth").touch()
    with pytest.raises(CheckpointError, match=r"^model.pth: .*damaged"):
        load_network("model.pth")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_file_that_cannot_be_read_is_named_with_the_reason(nowhere, monkeypatch, number):
    (nowhere / "model.pth").touch(mode=0)

    def refuse(path, *_):
        raise OSError(number, os.strerror(number), str(path))

    # Tests may run as root, who may read everything.
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(zoo.ZooError, match=f"model.pth cannot be read .{os.strerror(number)}"):
        load_network("model.pth")


def test_a_tampered_file_is_refused_before_it_is_parsed(nowhere, monkeypatch):
    path = nowhere / zoo.PUBLISHED[0].file_name
    path.write_bytes(b"not the original")
    monkeypatch.setattr(loading, "load_state", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(zoo.TamperedFileError, match="its name says e807bd82"):
        load_network(str(path))


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


def test_a_malicious_pickle_is_refused_even_under_its_true_hash(nowhere):
    plain = with_true_hash(nowhere, pickle.dumps({"state_dict": Bomb()}))
    zipped = nowhere / "zipped.pth"
    torch.save({"state_dict": Bomb()}, zipped)
    for path in (plain, with_true_hash(nowhere, zipped.read_bytes())):
        with pytest.raises(CheckpointError):
            load_network(str(path))
    assert not (nowhere / "exploded").exists()


def test_a_truncated_checkpoint_is_refused(nowhere):
    torch.save({"model": {"a": torch.zeros(1000)}}, nowhere / "whole.pth")
    path = with_true_hash(nowhere, (nowhere / "whole.pth").read_bytes()[:-500])
    with pytest.raises(CheckpointError):
        load_network(str(path))


@pytest.mark.parametrize("name", ["my-gs-base-448x768.pth", "weights.pth"])
def test_the_variant_is_that_of_the_name_else_that_of_the_weights(nowhere, name):
    torch.save(zeros(variants.GS_BASE_448X768), nowhere / name)
    network, entry = load_network(name)
    if name == "weights.pth":
        # These two differ in nothing but the largest Gaussian, which is in no file.
        assert entry is None
        assert network.config == variants.GS_BASE_256X448
    else:
        assert entry.alias == "gs-base-448x768"
        assert network.config == variants.GS_BASE_448X768


def test_a_file_under_the_name_of_another_variant_is_refused_with_the_differences(nowhere):
    torch.save(zeros(variants.DEPTH_SMALL), nowhere / "depth-base.pth")
    with pytest.raises(CheckpointError) as refused:
        load_network("depth-base.pth")
    said = str(refused.value)
    assert said.startswith(
        "depth-base.pth (taken for depth-base by its name, but it looks like depth-small): "
    )
    assert "depth.mono_pyramid.0.2.weight" in said
    assert "the network needs" in said


def test_our_own_file_needs_no_name(nowhere):
    save_depthsplat(tiny_model(), nowhere / "own-gs-base-448x768.safetensors")
    network, _ = load_network("own-gs-base-448x768.safetensors")
    assert network.config == tiny_model().config


def test_the_bundled_network_is_what_the_zoo_says_about_it():
    network, entry = load_network("tiny")
    assert entry is zoo.BUNDLED
    assert network.config == entry.config, "new weights? then adapt model/zoo.py"
    count = sum(values.numel() for values in network.state_dict().values())
    assert entry.parameters_million == pytest.approx(count / 1e6, abs=0.05)
    assert {values.dtype for values in network.state_dict().values()} == {torch.float32}


def test_a_damaged_bundled_file_is_refused_before_it_is_parsed(nowhere, monkeypatch):
    content = bytearray(zoo.require(zoo.BUNDLED).read_bytes())
    content[-1] ^= 1
    (nowhere / zoo.BUNDLED.file_name).write_bytes(content)
    monkeypatch.setattr(zoo, "BUNDLED_DIRECTORY", nowhere)
    monkeypatch.setattr(loading, "load_state", lambda *_: pytest.fail("it was parsed"))
    # By name or by path: it is the same file.
    for name in ("tiny", "tiny.safetensors", str(nowhere / "tiny.safetensors")):
        with pytest.raises(zoo.TamperedFileError, match="install depthsplat_ros again"):
            load_network(name)


def test_a_file_of_our_own_network_that_does_not_fit_blames_no_name(nowhere):
    network, _ = load_network("tiny")
    del network.depth.head.fusions[0]
    save_depthsplat(network, nowhere / "mine.safetensors")
    with pytest.raises(CheckpointError, match=r"^mine.safetensors: these weights are for another"):
        load_network("mine.safetensors")
