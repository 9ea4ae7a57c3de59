# SPDX-License-Identifier: Apache-2.0
"""The actions a launch file may use."""

from launch.actions.arguments import DeclareLaunchArgument, SetLaunchConfiguration
from launch.actions.control import (
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.actions.inclusion import GroupAction, IncludeLaunchDescription
from launch.actions.process import ExecuteProcess

__all__ = [
    "DeclareLaunchArgument",
    "EmitEvent",
    "ExecuteProcess",
    "GroupAction",
    "IncludeLaunchDescription",
    "LogInfo",
    "OpaqueFunction",
    "RegisterEventHandler",
    "SetEnvironmentVariable",
    "SetLaunchConfiguration",
    "Shutdown",
]
