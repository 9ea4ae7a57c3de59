# SPDX-License-Identifier: Apache-2.0
"""What every transform buffer offers, and the registers of functions that transform a type."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, ClassVar

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.time import Time
from std_msgs.msg import Header

NO_WAIT = Duration()


class TypeException(Exception):
    """No function is registered for a type."""

    def __init__(self, errstr: str) -> None:
        """Keep the text as `errstr` too."""
        super().__init__(errstr)
        self.errstr = errstr


class NotImplementedException(Exception):
    """A buffer does not offer this lookup."""

    def __init__(self) -> None:
        """The text is always the same."""
        self.errstr = "CanTransform or LookupTransform not implemented"
        super().__init__(self.errstr)


class BufferInterface:
    """Base of `Buffer` and `BufferClient`: transforms stamped objects by what they look up."""

    def __init__(self) -> None:
        """Give access to the register of types."""
        self.registration = TransformRegistration()

    def transform(
        self,
        object_stamped: Any,
        target_frame: str,
        timeout: Duration = NO_WAIT,
        new_type: type | None = None,
    ) -> Any:
        """A stamped object in the target frame, at its own time.

        Args:
            object_stamped: object with a header, of a registered type.
            target_frame: frame to express it in.
            timeout: how long to wait for the transform.
            new_type: type to convert the result to.

        Raises:
            TypeException: if no function is registered for the type.
            TransformException: if the transform is not known.
        """
        do_transform = self.registration.get(type(object_stamped))
        header = object_stamped.header
        transform = self.lookup_transform(target_frame, header.frame_id, header.stamp, timeout)
        return _converted(do_transform(object_stamped, transform), new_type)

    def transform_full(
        self,
        object_stamped: Any,
        target_frame: str,
        target_time: Time,
        fixed_frame: str,
        timeout: Duration = NO_WAIT,
        new_type: type | None = None,
    ) -> Any:
        """A stamped object in the target frame as it is at another time.

        `fixed_frame` is the frame taken not to move in between; else as `transform`.
        """
        do_transform = self.registration.get(type(object_stamped))
        header = object_stamped.header
        transform = self.lookup_transform_full(
            target_frame, target_time, header.frame_id, header.stamp, fixed_frame, timeout
        )
        return _converted(do_transform(object_stamped, transform), new_type)

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = NO_WAIT
    ) -> TransformStamped:
        """Pose of the source frame in the target frame; a subclass has it."""
        raise NotImplementedException

    def lookup_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = NO_WAIT,
    ) -> TransformStamped:
        """Pose of the source frame at one time in the target frame at another."""
        raise NotImplementedException

    def can_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = NO_WAIT
    ) -> bool:
        """Whether `lookup_transform` would succeed."""
        raise NotImplementedException

    def can_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = NO_WAIT,
    ) -> bool:
        """Whether `lookup_transform_full` would succeed."""
        raise NotImplementedException


class TransformRegistration:
    """Functions (object, TransformStamped) -> object by type; one register for the process."""

    _functions: ClassVar[dict[Any, Callable]] = {}

    def add(self, key: Any, callback: Callable[[Any, TransformStamped], Any]) -> None:
        """Register the function of a type."""
        self._functions[key] = callback

    def get(self, key: Any) -> Callable[[Any, TransformStamped], Any]:
        """Function of a type.

        Raises:
            TypeException: if there is none.
        """
        return _registered(self._functions, key)


class ConvertRegistration:
    """Functions that convert between types; one register for the process."""

    _from_message: ClassVar[dict[Any, Callable]] = {}
    _to_message: ClassVar[dict[Any, Callable]] = {}
    _direct: ClassVar[dict[Any, Callable]] = {}

    def add_from_msg(self, key: Any, callback: Callable[[Any], Any]) -> None:
        """Register how a type is made from its message."""
        self._from_message[key] = callback

    def add_to_msg(self, key: Any, callback: Callable[[Any], Any]) -> None:
        """Register how a type is made into its message."""
        self._to_message[key] = callback

    def add_convert(self, key: tuple[Any, Any], callback: Callable[[Any], Any]) -> None:
        """Register a direct conversion for a pair (from type, to type)."""
        self._direct[key] = callback

    def get_from_msg(self, key: Any) -> Callable[[Any], Any]:
        """How a type is made from its message; raises TypeException if unknown."""
        return _registered(self._from_message, key)

    def get_to_msg(self, key: Any) -> Callable[[Any], Any]:
        """How a type is made into its message; raises TypeException if unknown."""
        return _registered(self._to_message, key)

    def get_convert(self, key: tuple[Any, Any]) -> Callable[[Any], Any]:
        """Direct conversion of a pair (from type, to type); raises TypeException if unknown."""
        return _registered(self._direct, key)


def convert(a: Any, b_type: type) -> Any:
    """An object as another type: directly, as a copy, or by way of the message.

    Raises:
        TypeException: if no way is registered.
    """
    registration = ConvertRegistration()
    try:
        direct = registration.get_convert((type(a), b_type))
    except TypeException:
        if type(a) is b_type:
            return deepcopy(a)
        to_message = registration.get_to_msg(type(a))
        from_message = registration.get_from_msg(b_type)
        return from_message(to_message(a))
    return direct(a)


def Stamped(obj: Any, stamp: Time, frame_id: str) -> Any:
    """The object itself, with a header put on."""
    obj.header = Header(frame_id=frame_id, stamp=stamp)
    return obj


def _converted(result: Any, new_type: type | None) -> Any:
    return result if new_type is None else convert(result, new_type)


def _registered(functions: dict[Any, Callable], key: Any) -> Callable:
    if key not in functions:
        raise TypeException(f"Type {key} is not loaded or supported")
    return functions[key]
