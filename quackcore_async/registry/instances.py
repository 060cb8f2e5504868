"""Make the integrations that a configuration file lists."""

import importlib
from collections.abc import Callable
from typing import Any, Final

from quackcore_async.concurrency import run_in_thread
from quackcore_async.config import ConfiguredInstance, list_instances
from quackcore_async.discovery import load_entry_point
from quackcore_async.errors import InvalidConfigError
from quackcore_async.protocols.core import IntegrationProtocol

__all__ = ["make_instances"]

BUILT_IN: Final = {
    "azure": "quackcore_async.storage:AzureStorage",
    "gcs": "quackcore_async.storage:GCSStorage",
    "local": "quackcore_async.storage:LocalStorage",
    "memory": "quackcore_async.storage:MemoryStorage",
    "rest": "quackcore_async.rest:RestIntegration",
    "s3": "quackcore_async.storage:S3Storage",
}
"""What `use` may name of this package; anything else is the name of an entry point."""


async def make_instances(
    config_path: str | None, wanted: Callable[[str], bool]
) -> list[tuple[IntegrationProtocol, str]]:
    """Make the instances of the file whose names are wanted, each with a phrase that says where it is from.

    Raises:
        ConfigError: if the file or an instance cannot be used.
    """
    listed = [entry for name, entry in (await list_instances(config_path)).items() if wanted(name)]
    return [(await run_in_thread(_make, entry), f"{entry.path}, instance {entry.name!r}") for entry in listed]


def _make(entry: ConfiguredInstance) -> IntegrationProtocol:
    try:
        maker = _maker(entry.use)
        integration: IntegrationProtocol = maker(name=entry.name, config_path=entry.path)
    except Exception as exc:
        where = entry.path if entry.line is None else f"{entry.path}:{entry.line}"
        raise InvalidConfigError(
            f"{where}: instance {entry.name!r} (use: {entry.use}) cannot be made: {exc}"
        ) from exc
    return integration


def _maker(use: str) -> Callable[..., Any]:
    known = BUILT_IN.get(use.casefold())
    if known is None:
        return load_entry_point(use, known=tuple(BUILT_IN))
    module, _, attribute = known.partition(":")
    maker: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return maker
