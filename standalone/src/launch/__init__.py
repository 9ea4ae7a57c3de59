# SPDX-License-Identifier: Apache-2.0
"""Stand-in for ROS 2's launch: just enough to run Python launch files of a few processes.

For machines without a ROS installation. Names, behaviour and texts follow launch 3.4 to 3.7
(Jazzy, Kilted). On purpose different: SIGTERM and an error in a launch file end the launched
processes, where the real one may leave them behind; nothing is started during a shutdown; without
a folder to write to there is no log instead of no launch.
"""

from launch import actions, conditions, event_handlers, events, substitutions
from launch.action import Action, LaunchDescriptionEntity
from launch.conditions import Condition
from launch.description import LaunchDescription
from launch.event_handlers import EventHandler
from launch.events import Event
from launch.introspection import LaunchIntrospector
from launch.launch_context import LaunchContext
from launch.launch_description_sources import LaunchDescriptionSource
from launch.launch_service import LaunchService
from launch.substitution import SomeSubstitutionsType, Substitution

__all__ = [
    "Action",
    "Condition",
    "Event",
    "EventHandler",
    "LaunchContext",
    "LaunchDescription",
    "LaunchDescriptionEntity",
    "LaunchDescriptionSource",
    "LaunchIntrospector",
    "LaunchService",
    "SomeSubstitutionsType",
    "Substitution",
    "actions",
    "conditions",
    "event_handlers",
    "events",
    "substitutions",
]
