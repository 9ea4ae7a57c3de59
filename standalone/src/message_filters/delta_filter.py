# SPDX-License-Identifier: Apache-2.0
"""Filters that let a message pass only if it differs from the last that passed."""

from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

from message_filters.simple_filter import SimpleFilter

FieldGetter = Callable[[Any], Any]


class ComparisonHandler:
    """Decides whether a message passes."""

    def message_fits(self, message: Any) -> bool:
        """True if the message passes; a subclass has it."""
        raise NotImplementedError

    def do_fields_fit(self, field_a: Any, field_b: Any) -> bool:
        """True if this pair of fields lets the message pass; a subclass has it."""
        raise NotImplementedError(
            f"Field comparison not implemented for class: {type(self).__name__}. "
            "Consider implementing do_fields_fit"
        )


class CachedComparisonHandler(ComparisonHandler):
    """Compares fields with those of the last message that passed; one that fits is enough."""

    def __init__(self, field_getters: Sequence[FieldGetter] = ()) -> None:
        """Start without a message: the first one passes.

        Args:
            field_getters: each reads one field of a message.
        """
        self._field_getters = field_getters
        self._last_message: Any = None

    def message_fits(self, message: Any) -> bool:
        """True if the message passes; then it is the one to compare with."""
        last_message = self._last_message
        fits = last_message is None or any(
            self.do_fields_fit(get_field(last_message), get_field(message))
            for get_field in self._field_getters
        )
        if fits:
            self._last_message = message
        return fits


class DeltaCompare(CachedComparisonHandler):
    """Lets a message pass if any of its fields has changed."""

    def __init__(self, field_getters: Sequence[FieldGetter]) -> None:
        """Start without a message; see `CachedComparisonHandler`."""
        super().__init__(field_getters)

    def do_fields_fit(self, field_a: Any, field_b: Any) -> bool:
        """True if the values differ.

        Raises:
            TypeError: if they are not bool, int, float or str.
        """
        basic = (bool, int, float, str)
        if not (isinstance(field_a, basic) and isinstance(field_b, basic)):
            raise TypeError(
                f"Unable to compare fields of types {type(field_a)} and {type(field_b)}"
            )
        return field_a != field_b


class ComparisonFilter(SimpleFilter):
    """Passes on the messages that its handler lets pass."""

    def __init__(
        self, comparison_handler: ComparisonHandler, message_filter: SimpleFilter | None = None
    ) -> None:
        """Connect.

        Args:
            comparison_handler: decides.
            message_filter: filter to connect to.
        """
        super().__init__()
        self._comparison_handler = comparison_handler
        self.incoming_connection: int | None = None
        self.connectInput(message_filter)

    def add(self, message: Any) -> None:
        """Pass the message on if it may pass."""
        if self.message_fits(message):
            self.signalMessage(message)

    def message_fits(self, message: Any) -> bool:
        """The handler's decision."""
        return self._comparison_handler.message_fits(message)

    def connectInput(self, message_filter: SimpleFilter | None) -> None:
        """Connect to a filter, if there is one.

        Raises:
            RuntimeError: if it is connected already.
        """
        if self.incoming_connection is not None:
            raise RuntimeError(
                "This instance of ComparisonFilter already has an incoming connection"
            )
        if message_filter is not None:
            self.incoming_connection = message_filter.registerCallback(self.add)


class DeltaFilter(ComparisonFilter):
    """Passes on the messages in which one of the fields has changed."""

    def __init__(
        self,
        field_getters: Sequence[FieldGetter],
        message_filter: SimpleFilter | None = None,
    ) -> None:
        """Connect; the arguments are those of `DeltaCompare` and `ComparisonFilter`."""
        super().__init__(DeltaCompare(field_getters), message_filter)


class PathDeltaFilter(DeltaFilter):
    """A `DeltaFilter` whose fields are given as paths such as "header.frame_id"."""

    def __init__(
        self, field_path_list: Sequence[str], message_filter: SimpleFilter | None = None
    ) -> None:
        """Connect.

        Args:
            field_path_list: names of fields, joined by dots.
            message_filter: filter to connect to.
        """
        super().__init__(
            [partial(self.get_field_by_path, field_path=path) for path in field_path_list],
            message_filter,
        )

    def get_field_by_path(self, message: Any, field_path: str) -> Any:
        """Value of a field.

        Raises:
            RuntimeError: if the message has no such field.
        """

        def step(owner: Any, name: str) -> Any:
            value = getattr(owner, name, None)
            if value is None:
                raise RuntimeError(
                    f"Unable to access field {name!r} of {type(owner).__name__} "
                    f"(full path: {field_path!r})"
                )
            return value

        return reduce(step, field_path.split("."), message)
