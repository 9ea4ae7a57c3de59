# SPDX-License-Identifier: Apache-2.0
"""Action: an entity of a launch description that does something when it is visited."""

from collections.abc import Iterable, Sequence

from launch.conditions import Condition
from launch.launch_context import LaunchContext


class LaunchDescriptionEntity:
    """What a launch description may contain."""

    def describe_sub_entities(self) -> Sequence["LaunchDescriptionEntity"]:
        """Entities that are visited whenever this one is, as far as known before running."""
        return []

    def describe_conditional_sub_entities(self) -> Sequence["LaunchDescriptionEntity"]:
        """Entities that are visited only under some condition, as far as known before running."""
        return []

    def visit(self, context: LaunchContext) -> Sequence["LaunchDescriptionEntity"] | None:
        """Do this entity's part; returns entities to visit next."""
        raise NotImplementedError


class Action(LaunchDescriptionEntity):
    """Something to do, perhaps under a condition."""

    def __init__(self, *, condition: Condition | None = None) -> None:
        """Hold the condition."""
        self.condition = condition

    def describe(self) -> str:
        """Text for people."""
        return f"Action('{self!r}')"

    def get_sub_entities(self) -> Sequence[LaunchDescriptionEntity]:
        """Entities that executing this action yields, as far as known before running."""
        return []

    def describe_sub_entities(self) -> Sequence[LaunchDescriptionEntity]:
        """Entities of an action without a condition."""
        return self.get_sub_entities() if self.condition is None else []

    def describe_conditional_sub_entities(self) -> Sequence[LaunchDescriptionEntity]:
        """Entities of an action with a condition."""
        return self.get_sub_entities() if self.condition is not None else []

    def visit(self, context: LaunchContext) -> Sequence[LaunchDescriptionEntity] | None:
        """Execute the action if its condition holds."""
        if self.condition is None or self.condition.evaluate(context):
            return self.execute(context)
        return None

    def execute(self, context: LaunchContext) -> Sequence[LaunchDescriptionEntity] | None:
        """Do it; returns entities to visit next."""
        raise NotImplementedError


SomeEntitiesType = LaunchDescriptionEntity | Iterable[LaunchDescriptionEntity]


def normalize_to_list_of_entities(
    entities: SomeEntitiesType | None,
) -> list[LaunchDescriptionEntity]:
    """Entities from none, one or several.

    Raises:
        TypeError: if there is anything else among them.
    """
    if entities is None:
        return []
    if isinstance(entities, LaunchDescriptionEntity):
        return [entities]
    entities = list(entities)
    for entity in entities:
        if not isinstance(entity, LaunchDescriptionEntity):
            raise TypeError(
                "expected all items to be of type 'LaunchDescriptionEntity' "
                f"but got '{type(entity)}'"
            )
    return entities


def visit_recursively(entity: LaunchDescriptionEntity, context: LaunchContext) -> None:
    """Visit an entity and, depth first, those that it yields."""
    for sub_entity in entity.visit(context) or ():
        visit_recursively(sub_entity, context)
