# SPDX-License-Identifier: Apache-2.0
"""LaunchIntrospector: a launch description as text, for `ros2 launch --print`."""

from collections.abc import Iterable, Iterator

from launch.action import Action, LaunchDescriptionEntity
from launch.actions import RegisterEventHandler
from launch.description import LaunchDescription


class LaunchIntrospector:
    """Looks into launch descriptions without running them."""

    def format_launch_description(self, launch_description: LaunchDescription) -> str:
        """The description as a tree, one entity a line."""
        return "\n".join([str(launch_description), *_format_entities(launch_description.entities)])


def _format_entities(entities: Iterable[LaunchDescriptionEntity]) -> Iterator[str]:
    entities = list(entities)
    for entity in entities:
        is_last = entity is entities[-1]
        yield f"{'└── ' if is_last else '├── '}{_describe(entity)}"
        if isinstance(entity, RegisterEventHandler):
            for line in _format_entities(entity.event_handler.entities):
                yield f"{'    ' if is_last else '│   '}{line}"


def _describe(entity: LaunchDescriptionEntity) -> str:
    return entity.describe() if isinstance(entity, Action) else f"Unknown entity('{entity}')"
