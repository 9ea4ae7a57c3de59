# SPDX-License-Identifier: Apache-2.0
"""Records `golden/*.npz`: what the tiny networks of `tiny.py` say about a window of views.

    PYTHONPATH=.:tests python tests/model/make_golden.py

The numbers are this code's own. Record them only when `test_parity.py` passes on recordings of the
official network, which is what makes them right.
"""

from pathlib import Path

import numpy as np
from model.recorder import run_case
from model.tiny import tiny_model, window

GOLDEN = Path(__file__).resolve().parent / "golden"
CASES = {
    # name: views, lowest stride, scales
    "stride8_scale1_views4": (4, 8, 1),
    "stride8_scale2_views3": (3, 8, 2),
    "stride4_scale1_views3": (3, 4, 1),
    "stride4_scale2_views2": (2, 4, 2),
}
SAMPLES = 200


def inputs_of(view_count):
    """Inputs as they are stored: images in bytes, and each view with intrinsics of its own."""
    views = window(view_count, height=64, width=96, seed=view_count)
    intrinsics = views.intrinsics[0].numpy().copy()
    intrinsics[:, 0, 0] += 0.03 * np.arange(view_count, dtype=np.float32)
    return {
        "images_u8": (views.images[0].numpy() * 255).round().astype(np.uint8),
        "intrinsics": intrinsics,
        "extrinsics": views.world_from_camera[0].numpy(),
        "near": views.near_m[0].numpy(),
        "far": views.far_m[0].numpy(),
    }


def recorded(arrays):
    """The inputs of a stored case as `run_case` takes them."""
    inputs = {name: arrays[name] for name in ("intrinsics", "extrinsics", "near", "far")}
    return inputs | {"images": arrays["images_u8"].astype(np.float32) / np.float32(255)}


def sampled(name, values):
    """A few numbers of a large array, always the same ones."""
    flat = np.asarray(values).reshape(-1)
    generator = np.random.default_rng(len(name))
    return flat[generator.integers(flat.size, size=min(SAMPLES, flat.size))]


def outputs_of(view_count, lowest_stride, scale_count, arrays):
    """Samples of depth, Gaussians and intermediates."""
    model = tiny_model(lowest_stride=lowest_stride, scale_count=scale_count)
    depth, gaussians, debug, _ = run_case(model, recorded(arrays))
    return {
        name: sampled(name, values)
        for name, values in {"depth": depth, **gaussians, **debug}.items()
    }


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for case, choices in CASES.items():
        inputs = inputs_of(choices[0])
        outputs = outputs_of(*choices, inputs)
        np.savez_compressed(
            GOLDEN / f"{case}.npz",
            **inputs,
            **{f"out_{name}": values for name, values in outputs.items()},
        )
