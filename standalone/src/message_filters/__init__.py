# SPDX-License-Identifier: Apache-2.0
"""Stand-in for `message_filters` (Python): filters that cache, chain and synchronise messages.

For machines without an installed ROS 2 only; names and answers are those of message_filters. A
filter calls the functions registered with it; `registerCallback` is how filters are connected.
"""

from message_filters.cache import Cache
from message_filters.chain import Chain
from message_filters.delta_filter import DeltaFilter, PathDeltaFilter
from message_filters.input_aligner import InputAligner
from message_filters.simple_filter import SimpleFilter
from message_filters.subscriber import Subscriber
from message_filters.time_synchronizer import ApproximateTimeSynchronizer, TimeSynchronizer

__all__ = [
    "ApproximateTimeSynchronizer",
    "Cache",
    "Chain",
    "DeltaFilter",
    "InputAligner",
    "PathDeltaFilter",
    "SimpleFilter",
    "Subscriber",
    "TimeSynchronizer",
]
