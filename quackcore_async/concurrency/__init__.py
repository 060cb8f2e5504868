"""Fan-out, single flight, worker threads, and clean-up that a cancellation cannot cut short."""

from quackcore_async.concurrency.fanout import Source, feed, first_error, for_each
from quackcore_async.concurrency.flight import Flight, SingleFlight
from quackcore_async.concurrency.loops import LoopBinding
from quackcore_async.concurrency.shield import CLEANUP_TIMEOUT, shielded
from quackcore_async.concurrency.threads import THREADS, run_in_thread

__all__ = [
    "CLEANUP_TIMEOUT",
    "THREADS",
    "Flight",
    "LoopBinding",
    "SingleFlight",
    "Source",
    "feed",
    "first_error",
    "for_each",
    "run_in_thread",
    "shielded",
]
