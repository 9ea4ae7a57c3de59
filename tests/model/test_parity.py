# SPDX-License-Identifier: Apache-2.0
"""The network against recorded numbers of the official code, for every published checkpoint.

The recordings are not part of this repository. `$DEPTHSPLAT_ORACLE` names their directory
(default: ../shared/oracle beside the repository): `golden/NAME_CASE.npz` with inputs, outputs and
samples of intermediate activations, `manifest/NAME.json` with the names and shapes of the weights
of checkpoint NAME, `golden_io.py` that reads the former and `synth_weights.py` that makes
synthetic weights for the latter. The limits are about ten times the noise of the official code
against itself in float64.
"""

import importlib.util
import os
import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from model.recorder import run_case

from depthsplat_ros.model.checkpoint import (
    Checkpoint,
    build_depthsplat,
    infer_config,
    our_names,
)

ORACLE = Path(
    os.environ.get("DEPTHSPLAT_ORACLE", Path(__file__).resolve().parents[3] / "shared" / "oracle")
)
SHORT_RUN_PIXELS = 50_000
"""Cases with more pixels in all views together are slow."""

LIMITS = [
    # output, largest error, 99th percentile
    ("cnn_lowest|mono_.*|features_mono_.*|features_mv_.*|gs_features", 1e-4, 5e-5),
    ("unet_out_s0|depth_residual", 1e-4, 5e-5),
    ("unet_in_s0", 2e-3, 3e-4),
    ("logits_s0", 3e-3, 2e-3),
    ("logits_s1", 1e-2, 5e-3),
    ("match_prob_max_s0", 2e-3, 1e-3),
    ("gs_raw", 1e-4, 5e-5),
    # The scores of the second scale hang on the depth of the first and amplify its rounding, the
    # more the finer the maps are. The official code is off from itself in float64 by as much as
    # this code is from it: in unet_out_s1 by 1.4e-4 at 128x192, in all intermediates 0.9 to 1.2
    # times our distance in the mean over the cases of `float32_noise.json`. The largest seen here,
    # of 4 views at 448x768 or 2 at 256x256: unet_in_s1 2.8e-3, unet_out_s1 7.9e-4,
    # match_prob_max_s1 1.5e-3, and gs_regressor, which takes the probability in, 1.0e-4.
    ("unet_in_s1", 1e-2, 2e-3),
    ("unet_out_s1", 2e-3, 1e-3),
    ("match_prob_max_s1", 2e-3, 1e-3),
    ("gs_regressor", 3e-4, 1e-4),
    ("inverse_depth", 6e-4, 1e-4),
    ("relative_depth", 1e-3, 1e-4),
    ("means", 5e-4, 1e-4),
    ("covariances", 1e-2, np.inf),
    ("harmonics", 2e-3, 5e-5),
    ("opacities|scales", 2e-4, 2e-5),
    ("rotations", 5e-4, 5e-5),
]

MANIFESTS = sorted((ORACLE / "manifest").glob("*.json"))
pytestmark = pytest.mark.skipif(
    not MANIFESTS, reason=f"no recordings of the official network in {ORACLE}"
)


def oracle_module(name):
    spec = importlib.util.spec_from_file_location(name, ORACLE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases():
    """Each recording with its manifest; cases of one checkpoint lie next to each other."""
    for manifest in MANIFESTS:
        for golden in sorted((ORACLE / "golden").glob(f"{manifest.stem}_*.npz")):
            with np.load(golden) as arrays:
                pixels = arrays["depth"].size
            marks = [pytest.mark.slow] if pixels > SHORT_RUN_PIXELS else []
            yield pytest.param(manifest, golden, marks=marks, id=golden.stem)


@lru_cache(maxsize=1)
def model_of(manifest_path):
    synth_weights = oracle_module("synth_weights")
    manifest = synth_weights.load_manifest(manifest_path)
    tensors = our_names(synth_weights.synth_state_dict(manifest))
    config = infer_config(tensors)
    if config.gaussians is not None:
        adapter = manifest["encoder_config"]["gaussian_adapter"]
        gaussians = replace(config.gaussians, scale_limit=adapter["gaussian_scale_max"])
        config = replace(config, gaussians=gaussians)
    return build_depthsplat(Checkpoint(tensors=tensors, config=config))


def errors_of(case, depth, gaussians, debug):
    """Absolute errors by output, in the measures that the limits are given in."""
    wanted_depth = case["depth"].astype(np.float64)
    errors = {
        "inverse_depth": abs(1 / depth - 1 / wanted_depth),
        "relative_depth": abs(depth / wanted_depth - 1),
    }
    for name, (shape, index, wanted) in case["debug"].items():
        assert debug[name].shape == shape, name
        errors[name] = abs(debug[name].reshape(-1)[index] - wanted)
    if case["gaussians"] is not None:
        wanted = dict(case["gaussians"])
        index = wanted.pop("gs_idx")
        for name, values in wanted.items():
            errors[name] = abs(gaussians[name][index] - values)
        spread = 1 + wanted_depth.reshape(-1)[index, None] ** 2
        errors["means"] = errors["means"] / spread
        errors["covariances"] /= np.sqrt(np.mean(wanted["covariances"].astype(np.float64) ** 2))
    return errors


def limits_of(output):
    return next(limits for pattern, *limits in LIMITS if re.fullmatch(pattern, output))


@pytest.mark.parametrize(("manifest", "golden"), cases())
def test_every_number_of_the_official_network_is_reproduced(manifest, golden, record_property):
    case = oracle_module("golden_io").load_case(golden)
    depth, gaussians, debug, neighbours = run_case(model_of(manifest), case["inputs"])

    if case["nn_matrix"] is not None:
        np.testing.assert_array_equal(neighbours, case["nn_matrix"][:, 1:])
    too_far = []
    for name, values in errors_of(case, depth, gaussians, debug).items():
        limit, limit_99 = limits_of(name)
        largest, percentile = values.max(), np.quantile(values, 0.99)
        summary = f"max {largest:.1e} of {limit:.0e}, p99 {percentile:.1e} of {limit_99:.0e}"
        record_property(name, summary)
        # Written so that a NaN is too far as well.
        if not (largest <= limit and percentile <= limit_99):
            too_far.append(f"{name}: {summary}")
    assert not too_far, "\n".join(too_far)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.stem)
def test_every_official_weight_has_its_place_and_every_place_a_weight(manifest):
    entries = oracle_module("synth_weights").load_manifest(manifest)["tensors"]
    shapes = {entry["key"]: torch.zeros(()).expand(entry["shape"]) for entry in entries}
    tensors = our_names(shapes)
    assert len(tensors) == len(entries)
    # Building compares names and shapes in both directions.
    model = build_depthsplat(Checkpoint(tensors=tensors, config=infer_config(tensors)))
    assert sum(values.numel() for values in model.parameters()) == sum(
        values.numel() for values in shapes.values()
    )
