# SPDX-License-Identifier: Apache-2.0
import os
import pickle
import random
from dataclasses import replace

import pytest
import torch
from model.tiny import seeded_weights, tiny_config, tiny_model

from depthsplat_ros.model import config as variants
from depthsplat_ros.model import zoo
from depthsplat_ros.model.checkpoint import (
    Checkpoint,
    CheckpointError,
    build_depthsplat,
    infer_config,
    load_state,
    our_names,
    rename,
    save_depthsplat,
)
from depthsplat_ros.model.depthsplat import DepthSplat

CONFIG = tiny_config()
VARIANTS = [
    name
    for name in dir(variants)
    if getattr(variants, name) in [entry.config for entry in zoo.PUBLISHED]
]


@pytest.fixture
def weights():
    return seeded_weights(DepthSplat(CONFIG))


TELLING = {
    "depth.single_view.vit.pos_embed": torch.zeros(1, 1, 384),
    "depth.head.reductions.0.weight": torch.zeros(32, 1, 1, 1),
    "depth.head.joins.2.weight": torch.zeros(1, 512, 1, 1),
}
"""The weights that tell the variant."""


def load(path, config=CONFIG):
    with path.open("rb") as file:
        return build_depthsplat(load_state(file, path.name), config)


def saved(tmp_path, content):
    path = tmp_path / "model.pth"
    torch.save(content, path)
    return path


# One name per rule: official on the left, ours on the right.
_NAMES = """
depth_predictor.backbone.conv1.weight depth.backbone.stem.weight
depth_predictor.backbone.layer2.0.downsample.0.bias depth.backbone.stages.1.0.shortcut.bias
depth_predictor.backbone.conv2.bias depth.backbone.output.bias
depth_predictor.pretrained.blocks.3.norm1.bias depth.single_view.vit.blocks.3.norm1.bias
depth_predictor.transformer.layers.2.self_attn.q_proj.weight depth.transformer.layers.2.self_attention.query.weight
depth_predictor.transformer.layers.0.self_attn.norm1.bias depth.transformer.layers.0.self_attention.norm.bias
depth_predictor.transformer.layers.5.cross_attn_ffn.k_proj.weight depth.transformer.layers.5.cross_attention.key.weight
depth_predictor.transformer.layers.5.cross_attn_ffn.mlp.2.weight depth.transformer.layers.5.feed_forward.2.weight
depth_predictor.transformer.layers.5.cross_attn_ffn.norm1.weight depth.transformer.layers.5.cross_attention.norm.weight
depth_predictor.transformer.layers.5.cross_attn_ffn.norm2.weight depth.transformer.layers.5.feed_forward_norm.weight
depth_predictor.mv_pyramid.stages.1.0.weight depth.matching_pyramid.0.0.weight
depth_predictor.mono_pyramid.stages.1.2.bias depth.mono_pyramid.0.2.bias
depth_predictor.regressor.1.0.weight depth.scales.1.regressor.weight
depth_predictor.regressor.0.1.bias depth.scales.0.regressor_norm.bias
depth_predictor.regressor.0.4.weight depth.scales.0.regressor_output.weight
depth_predictor.regressor.0.3.input_blocks.0.0.weight depth.scales.0.unet.descent.0.weight
depth_predictor.regressor.0.3.input_blocks.2.0.op.bias depth.scales.0.unet.descent.2.bias
depth_predictor.regressor.0.3.input_blocks.5.0.in_layers.2.weight depth.scales.0.unet.descent.5.residual.conv1.weight
depth_predictor.regressor.0.3.input_blocks.5.1.qkv.bias depth.scales.0.unet.descent.5.attention.query_key_value.bias
depth_predictor.regressor.0.3.middle_block.2.out_layers.0.bias depth.scales.0.unet.middle.1.norm2.bias
depth_predictor.regressor.1.3.output_blocks.0.0.skip_connection.weight depth.scales.1.unet.ascent.0.residual.shortcut.weight
depth_predictor.regressor.1.3.output_blocks.1.1.proj_out.bias depth.scales.1.unet.ascent.1.attention.output.bias
depth_predictor.regressor.1.3.output_blocks.1.2.conv.bias depth.scales.1.unet.ascent.1.upsampling.bias
depth_predictor.regressor.0.3.output_blocks.3.1.conv.weight depth.scales.0.unet.ascent.3.upsampling.weight
depth_predictor.regressor.0.3.out.0.weight depth.scales.0.unet.output_norm.weight
depth_predictor.regressor.0.3.out.2.bias depth.scales.0.unet.output.bias
depth_predictor.regressor_residual.1.weight depth.scales.1.shortcut.weight
depth_predictor.depth_head.0.2.bias depth.scales.0.logits.2.bias
depth_predictor.upsampler.projects.0.weight depth.head.projections.0.weight
depth_predictor.upsampler.resize_layers.3.bias depth.head.resizers.3.bias
depth_predictor.upsampler.concat_projects.2.bias depth.head.joins.2.bias
depth_predictor.upsampler.scratch.layer4_rn.weight depth.head.reductions.3.weight
depth_predictor.upsampler.scratch.refinenet1.resConfUnit2.conv1.bias depth.head.fusions.0.refine.conv1.bias
depth_predictor.upsampler.scratch.output_conv.4.weight depth.residual.4.weight
feature_upsampler.scratch.refinenet3.out_conv.bias gaussians.features.fusions.2.output.bias
gaussian_regressor.0.weight gaussians.regressor.0.weight
gaussian_head.2.bias gaussians.output.2.bias
"""  # noqa: E501
NAMES = [line.split() for line in _NAMES.strip().splitlines()]


@pytest.mark.parametrize(("official", "ours"), NAMES)
def test_official_names_have_names_of_ours(official, ours):
    assert rename(official) == ours


def test_our_names_are_names_of_the_network():
    published = set()
    for name in VARIANTS:
        with torch.device("meta"):
            published |= DepthSplat(getattr(variants, name)).state_dict().keys()
    assert {ours for _, ours in NAMES} <= published


def test_gaussian_and_depth_layouts_give_the_same_names():
    values = torch.zeros(1)
    gaussian = {"encoder.depth_predictor.backbone.conv1.weight": values}
    assert our_names(gaussian).keys() == our_names({"backbone.conv1.weight": values}).keys()
    assert our_names({"depth_predictor.backbone.conv1.weight": values}) == our_names(gaussian)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_variant_is_told_by_the_shapes(name):
    config = getattr(variants, name)
    with torch.device("meta"):
        model = DepthSplat(config)
    expected = config
    if name == "GS_BASE_448X768":
        # Its shapes are those of GS_BASE_256X448: only the name of the file tells them apart.
        expected = variants.GS_BASE_256X448
    assert infer_config(model.state_dict()) == expected


@pytest.mark.parametrize("wrap", ["state_dict", "model", None])
@pytest.mark.parametrize("prefix", ["encoder.", ""])
def test_every_layout_is_read(tmp_path, weights, wrap, prefix):
    content = {prefix + name: values for name, values in weights.items()}
    model = load(saved(tmp_path, {wrap: content} if wrap else content))
    for name, values in model.state_dict().items():
        assert torch.equal(values, weights[name])
    assert not model.training
    assert not any(values.requires_grad for values in model.parameters())


def test_a_training_checkpoint_is_read_for_its_weights(tmp_path, weights):
    content = {"state_dict": weights, "epoch": 3, "optimizer_states": [{"lr": 0.1}]}
    assert load(saved(tmp_path, content)).config == CONFIG


def test_half_precision_files_give_a_float32_network(tmp_path, weights):
    half = {name: values.half() for name, values in weights.items()}
    assert load(saved(tmp_path, half)).depth.dtype == torch.float32


def test_our_own_file_knows_its_network(tmp_path):
    model, path = tiny_model(), tmp_path / "own.safetensors"
    save_depthsplat(model, path)
    again = load(path, config=None)
    assert again.config == CONFIG
    for name, values in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], values)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "own.safetensors"
    path.write_bytes(b"precious")

    def fail(_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        save_depthsplat(tiny_model(), path)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_every_difference_is_listed(weights):
    del weights["depth.residual.4.bias"]
    weights["depth.surprise.weight"] = torch.zeros(2)
    weights["depth.backbone.stem.weight"] = torch.zeros(16, 3, 5, 5)
    with pytest.raises(CheckpointError) as raised:
        build_depthsplat(Checkpoint(tensors=weights, config=CONFIG))
    text = str(raised.value)
    assert "missing (1):\n  depth.residual.4.bias" in text
    assert "not part of the network (1):\n  depth.surprise.weight" in text
    assert "depth.backbone.stem.weight: (16, 3, 5, 5), the network needs (16, 3, 7, 7)" in text


def test_a_long_list_is_cut(weights):
    other = tiny_config(scale_count=1)
    with pytest.raises(CheckpointError, match=r"\.\.\. and \d+ more"):
        build_depthsplat(Checkpoint(tensors=weights, config=other))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list"),
        ({}, "holds a dict"),
        ({"weight": 3}, "weight is no plain tensor"),
        ({"weight": torch.zeros(2, dtype=torch.long)}, "no plain tensor of floating-point"),
        ({"weight": torch.zeros(2, dtype=torch.float8_e4m3fn)}, "no plain tensor"),
        ({"weight": torch.zeros(2, 2).to_sparse()}, "no plain tensor"),
        ({"weight": torch.zeros(2, device="meta")}, "no plain tensor"),
        ({3: torch.zeros(2)}, "names a weight 3"),
        ({"encoder.w": torch.zeros(1), "w": torch.zeros(1)}, "there twice"),
        ({"w": torch.zeros(1)}, "no DepthSplat checkpoint"),
        ({"pretrained.pos_embed": torch.zeros(1, 1370, 99)}, "no DepthSplat checkpoint"),
        (TELLING | {"depth.single_view.vit.pos_embed": torch.zeros(())}, "too few dimensions"),
        (TELLING | {"depth.head.reductions.0.weight": torch.zeros(0)}, "is empty"),
    ],
)
def test_other_content_is_refused_by_name(tmp_path, content, message):
    with pytest.raises(CheckpointError, match=message):
        load(saved(tmp_path, content), config=None)


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_a_weight_that_is_not_finite_is_refused_by_name(weights, value):
    weights["depth.residual.4.bias"] = torch.full((1,), value)
    with pytest.raises(CheckpointError, match="residual.4.bias holds numbers that are not finite"):
        build_depthsplat(Checkpoint(tensors=weights, config=CONFIG))


def test_a_weight_that_claims_an_enormous_shape_costs_no_memory(tmp_path, weights):
    # One stored number, read again and again: a terabyte if anybody looked at all of it.
    weights["depth.residual.4.bias"] = torch.zeros(1).expand(1 << 40)
    with pytest.raises(CheckpointError, match=r"\(1099511627776,\), the network needs \(1,\)"):
        load(saved(tmp_path, weights))


def small_network():
    """A DepthSplat of a few kilobytes, so that its files can be spoilt in many ways."""
    config = replace(
        tiny_config(scale_count=1, has_gaussians=False), cnn_channels=(8, 8, 32), candidate_count=8
    )
    return DepthSplat(config).requires_grad_(False)


def stored(model, form, path):
    """The bytes of the model's file in one of the forms that are read."""
    if form == "safetensors":
        save_depthsplat(model, path)
    else:
        is_zip = form == "zip"
        torch.save(model.state_dict(), path, _use_new_zipfile_serialization=is_zip)
    return path.read_bytes()


FORMS = ("safetensors", "zip", "legacy")


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_was_cut_short_is_refused(tmp_path, form):
    data = stored(small_network(), form, tmp_path / "whole")
    path = tmp_path / "cut"
    lengths = {*range(0, 80, 3), *(len(data) - cut for cut in (1, 8, 100))}
    lengths |= {len(data) * share // 12 for share in range(12)}
    for length in sorted(lengths):
        path.write_bytes(data[:length])
        with pytest.raises(CheckpointError, match="^cut: .*damaged"):
            load(path)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore")
def test_a_file_with_altered_bytes_is_read_or_refused_but_never_fails_otherwise(tmp_path, form):
    data = stored(small_network(), form, tmp_path / "whole")
    path = tmp_path / "altered"
    generator = random.Random(form)
    refused = 0
    for _ in range(40):
        altered = bytearray(data)
        # The structure stands at the beginning and, in a zip file, at the end.
        region = generator.choice([range(300), range(len(data) - 300, len(data))])
        for _ in range(generator.choice([1, 5, 50])):
            altered[generator.choice(region)] = generator.randrange(256)
        path.write_bytes(altered)
        try:
            load(path, config=None)
        except CheckpointError:
            refused += 1
    assert refused > 5


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (1 << 60, b"{}"),
        (2, b"[]"),
        (4, b"null"),
        (90, b'{"w":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'),
        (70, b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}'),
        (40000, b'{"a":' * 8000),
    ],
    ids=["endless", "list", "null", "enormous", "backwards", "deep"],
)
def test_a_safetensors_file_with_a_header_that_lies_is_refused(tmp_path, length, header):
    path = tmp_path / "lying"
    path.write_bytes(length.to_bytes(8, "little") + header.ljust(min(length, 50000)) + bytes(8))
    with pytest.raises(CheckpointError, match="^lying: "):
        load(path)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("save", [torch.save, lambda content, path: path.write_bytes(content)])
def test_nothing_in_a_file_is_ever_run(tmp_path, weights, save):
    trap = tmp_path / "trap"
    content = {"state_dict": weights | {"x": Malicious(trap)}}
    path = tmp_path / "model.pth"
    save(content if save is torch.save else pickle.dumps(content), path)
    with pytest.raises(CheckpointError, match="never run"):
        load(path)
    assert not trap.exists()


def test_a_config_that_makes_no_sense_is_refused(tmp_path):
    path = tmp_path / "own.safetensors"
    save_depthsplat(tiny_model(), path)
    data = path.read_bytes().replace(b'\\"lowest_stride\\": 8', b'\\"lowest_stride\\": 9')
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="description of the network"):
        load(path, config=None)


@pytest.mark.parametrize(
    ("stated", "instead"),
    [
        (b'\\"block_count\\": 4', b'\\"block_count\\": 400000000'),
        (b'\\"fusion_channels\\": 8', b'\\"fusion_channels\\": -8'),
        (b'\\"fusion_channels\\": 8', b'\\"fusion_channels\\": \\"8\\"'),
        (b'\\"channels\\": 32', b'\\"channels\\": 33'),
        (b'\\"transformer_layers\\": 4', b'\\"layers\\": 4'),
    ],
    ids=["endless", "negative", "text", "indivisible", "unknown"],
)
def test_a_config_with_impossible_numbers_is_refused_before_anything_is_built(
    tmp_path, stated, instead
):
    path = tmp_path / "own.safetensors"
    save_depthsplat(tiny_model(), path)
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header, rest = data[8 : 8 + size], data[8 + size :]
    assert stated in header
    header = header.replace(stated, instead)
    path.write_bytes(len(header).to_bytes(8, "little") + header + rest)
    with pytest.raises(CheckpointError, match="description of the network|can be built"):
        load(path, config=None)


def test_a_config_of_another_network_lists_the_differences(tmp_path):
    path = tmp_path / "own.safetensors"
    save_depthsplat(tiny_model(), path)
    with pytest.raises(CheckpointError, match="another network"):
        load(path, config=replace(CONFIG, fusion_channels=16))
