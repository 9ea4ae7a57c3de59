# SPDX-License-Identifier: Apache-2.0
import pytest

pytest.importorskip("rclpy")

from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from ros_graph import BEST_EFFORT, LATCHED, RELIABLE

from depthsplat_ros.ros.qos import adapted_qos


@pytest.mark.parametrize(
    ("offered", "wanted", "is_reliable", "is_latched"),
    [
        ([RELIABLE], "auto", True, False),
        ([BEST_EFFORT], "auto", False, False),
        ([RELIABLE, BEST_EFFORT], "auto", False, False),
        ([LATCHED], "auto", True, True),
        ([LATCHED, RELIABLE], "auto", True, False),
        ([RELIABLE], "best_effort", False, False),
        ([BEST_EFFORT], "reliable", True, False),
    ],
)
def test_the_subscription_is_the_strictest_that_all_publishers_serve(
    offered, wanted, is_reliable, is_latched
):
    qos = adapted_qos(offered, wanted)
    assert (qos.reliability == ReliabilityPolicy.RELIABLE) == is_reliable
    assert (qos.durability == DurabilityPolicy.TRANSIENT_LOCAL) == is_latched
