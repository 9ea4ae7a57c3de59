# SPDX-License-Identifier: Apache-2.0
"""Recorded order put into stamp order, holding no more messages than the two differ by."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence

from depthsplat_ros.recordings.index import PlannedImage

MAXIMUM_HELD = 64
"""Messages held back at most; an image that comes even later than that is given up."""

_Key = tuple[str | None, int | None]
"""Topic and number of the message in it."""


def arrange(
    messages: Iterable[tuple[str, bytes]],
    images: Sequence[PlannedImage],
    *,
    image_topic: str,
    depth_topic: str | None,
) -> Iterator[tuple[PlannedImage, bytes | None, bytes | None]]:
    """Every planned image, in order, with its own and its depth's message.

    A message that never comes, or too late to wait for, is None.
    """
    waiting = deque(images)
    expected: set[_Key] = {(image_topic, image.number) for image in images}
    expected |= {
        (depth_topic, image.depth_number) for image in images if image.depth_number is not None
    }
    held: dict[_Key, bytes] = {}
    counts: Counter[str] = Counter()

    def release() -> tuple[PlannedImage, bytes | None, bytes | None]:
        image = waiting.popleft()
        keys = ((image_topic, image.number), (depth_topic, image.depth_number))
        expected.difference_update(keys)
        data, depth_data = (held.pop(key, None) for key in keys)
        return image, data, depth_data

    def is_complete(image: PlannedImage) -> bool:
        return (image_topic, image.number) in held and (
            image.depth_number is None or (depth_topic, image.depth_number) in held
        )

    for topic, data in messages:
        key = (topic, counts[topic])
        counts[topic] += 1
        if key in expected:
            held[key] = data
        while waiting and (is_complete(waiting[0]) or len(held) > MAXIMUM_HELD):
            yield release()
    while waiting:
        yield release()
