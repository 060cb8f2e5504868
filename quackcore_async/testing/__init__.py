"""What authors of integrations test theirs with."""

from typing import TYPE_CHECKING

from quackcore_async.exports import lazy_exports

if TYPE_CHECKING:
    from quackcore_async.testing.conformance import STORAGE_CHECKS, ConformanceError, check_storage
    from quackcore_async.testing.faults import Drawn, FaultPlan, FaultProxy, InOrder, Rule, Script
    from quackcore_async.testing.history import (
        ActualState,
        History,
        HistoryError,
        digest_of,
        state_of_folder,
        state_of_storage,
    )
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "conformance": ("STORAGE_CHECKS", "ConformanceError", "check_storage"),
            "faults": ("Drawn", "FaultPlan", "FaultProxy", "InOrder", "Rule", "Script"),
            "history": (
                "ActualState",
                "History",
                "HistoryError",
                "digest_of",
                "state_of_folder",
                "state_of_storage",
            ),
        },
    )

__all__ = [
    "STORAGE_CHECKS",
    "ActualState",
    "ConformanceError",
    "Drawn",
    "FaultPlan",
    "FaultProxy",
    "History",
    "HistoryError",
    "InOrder",
    "Rule",
    "Script",
    "check_storage",
    "digest_of",
    "state_of_folder",
    "state_of_storage",
]
