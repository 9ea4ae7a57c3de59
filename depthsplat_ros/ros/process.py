# SPDX-License-Identifier: Apache-2.0
"""Running a node as a process: signals end it cleanly, however often they come."""

import signal
import sys
import threading
from collections.abc import Callable

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from depthsplat_ros.errors import DepthSplatError

POLL_PERIOD_S = 0.1
THREAD_SWITCH_S = 0.0005
"""For how long one thread may keep the others from running Python; the executor handles hundreds
of small messages a second, and an inference of a thousand operations asks after each."""


def run_node(
    make_node: Callable[[], Node],
    *,
    is_done: Callable[[], bool] = lambda: False,
    arguments: list[str] | None = None,
) -> int:
    """Spin a node until SIGINT, SIGTERM or `is_done`; returns the exit status.

    `ros2 launch` sends SIGINT a second time while the first one is being answered; our own
    handlers only set a flag, so nothing can be interrupted halfway.

    Args:
        make_node: builds the node once rclpy is up.
        is_done: asked about ten times a second, and after every callback.
        arguments: ROS arguments; None takes the process's own.
    """
    sys.setswitchinterval(THREAD_SWITCH_S)
    must_stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: must_stop.set())
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    node = None
    try:
        node = make_node()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while rclpy.ok() and not must_stop.is_set() and not is_done():
            executor.spin_once(timeout_sec=POLL_PERIOD_S)
        executor.shutdown()
    except DepthSplatError as error:
        rclpy.logging.get_logger("depthsplat").fatal(str(error))
        return 1
    except ExternalShutdownException:
        pass
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
