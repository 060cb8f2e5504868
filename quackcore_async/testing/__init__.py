"""What authors of integrations test theirs with."""

from quackcore_async.testing.conformance import STORAGE_CHECKS, ConformanceError, check_storage

__all__ = ["STORAGE_CHECKS", "ConformanceError", "check_storage"]
