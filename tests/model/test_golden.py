# SPDX-License-Identifier: Apache-2.0
"""The network against numbers recorded with `make_golden.py`, for machines without the official ones."""  # noqa: E501

import numpy as np
import pytest
from model.make_golden import CASES, GOLDEN, outputs_of


@pytest.mark.parametrize("case", CASES)
def test_recorded_numbers_are_reproduced(case):
    with np.load(GOLDEN / f"{case}.npz") as file:
        arrays = dict(file)
    outputs = outputs_of(*CASES[case], arrays)
    wanted = {name.removeprefix("out_"): arrays[name] for name in arrays if name[:4] == "out_"}
    assert outputs.keys() == wanted.keys()
    for name, values in wanted.items():
        # Scores and what follows from them at the second scale amplify rounding.
        tolerance = 2e-2 if name.endswith("_s1") else 2e-3
        spread = np.sqrt(np.mean(values.astype(np.float64) ** 2))
        np.testing.assert_allclose(
            outputs[name], values, rtol=1e-3, atol=tolerance * spread, err_msg=name
        )
