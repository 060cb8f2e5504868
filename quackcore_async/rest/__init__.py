"""Integrations of REST services, by configuration or as a base class."""

from quackcore_async.rest.config import RestConfig, RestConfigProvider
from quackcore_async.rest.integration import RestIntegration

__all__ = ["RestConfig", "RestConfigProvider", "RestIntegration"]
