"""A history of what was done to files, and a check of it against what is really there."""

from typing import TYPE_CHECKING

from quackcore_async.exports import lazy_exports

if TYPE_CHECKING:
    from quackcore_async.testing.history.actual import (
        ActualState,
        digest_of,
        state_of_folder,
        state_of_storage,
    )
    from quackcore_async.testing.history.operations import Operation, Verdict
    from quackcore_async.testing.history.recorder import History
    from quackcore_async.testing.history.violations import HistoryError, Violation
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "actual": ("ActualState", "digest_of", "state_of_folder", "state_of_storage"),
            "operations": ("Operation", "Verdict"),
            "recorder": ("History",),
            "violations": ("HistoryError", "Violation"),
        },
    )

__all__ = [
    "ActualState",
    "History",
    "HistoryError",
    "Operation",
    "Verdict",
    "Violation",
    "digest_of",
    "state_of_folder",
    "state_of_storage",
]
