"""The base class of integrations and its lifecycle."""

import quackcore_async.clients.gates
import quackcore_async.transport  # noqa: F401 - their tables tell what foreign errors mean
from quackcore_async.service.base import BaseIntegrationService
from quackcore_async.service.state import IntegrationState

__all__ = ["BaseIntegrationService", "IntegrationState"]
