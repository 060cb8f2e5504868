"""Fan-out, single flight, worker threads, and clean-up that a cancellation cannot cut short."""

from quackcore_async.concurrency.batches import current_hop, run_briefly
from quackcore_async.concurrency.containment import comes_from_outside, own_error
from quackcore_async.concurrency.fanout import Source, feed, first_error, for_each
from quackcore_async.concurrency.flight import Flight, SingleFlight
from quackcore_async.concurrency.loops import LoopBinding, wrong_loop
from quackcore_async.concurrency.shield import (
    CLEANUP_TIMEOUT,
    cleanup_timeout,
    cleanup_within,
    protected,
    shielded,
)
from quackcore_async.concurrency.threads import THREADS, run_in_daemon, run_in_thread

__all__ = [
    "CLEANUP_TIMEOUT",
    "THREADS",
    "Flight",
    "LoopBinding",
    "SingleFlight",
    "Source",
    "cleanup_timeout",
    "cleanup_within",
    "comes_from_outside",
    "current_hop",
    "feed",
    "first_error",
    "for_each",
    "own_error",
    "protected",
    "run_briefly",
    "run_in_daemon",
    "run_in_thread",
    "shielded",
    "wrong_loop",
]
