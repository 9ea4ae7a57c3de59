# SPDX-License-Identifier: Apache-2.0
import torch

from depthsplat_ros.model.constants import constant_tensor, constants_in_use


@constant_tensor
def count_up(length):
    return torch.arange(length)


def test_a_constant_is_made_once():
    assert count_up(3) is count_up(3)
    assert count_up(4) is not count_up(3)


def test_a_constant_of_inference_serves_training():
    with torch.inference_mode():
        constant = count_up(5)
    assert not constant.is_inference()


def test_constants_asked_for_in_a_block_are_collected():
    known = count_up(6)
    with constants_in_use() as constants:
        count_up(6)
        count_up(7)
    count_up(8)
    assert [len(values) for values in constants] == [6, 7]
    assert constants[0] is known
