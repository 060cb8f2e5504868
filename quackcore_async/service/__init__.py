"""The base class of integrations and its lifecycle."""

import quackcore_async.transport  # noqa: F401 - its table tells what the errors of httpx mean
from quackcore_async.service.base import BaseIntegrationService
from quackcore_async.service.state import IntegrationState

__all__ = ["BaseIntegrationService", "IntegrationState"]
