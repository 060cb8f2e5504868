"""What the command line and the registry ask about configuration files and providers."""

from typing import Any

from quackcore_async.concurrency import run_in_thread
from quackcore_async.config.document import read_document
from quackcore_async.config.locations import search_config
from quackcore_async.config.provider import BaseConfigProvider
from quackcore_async.config.sections import ConfiguredInstance, instances_of

__all__ = ["config_schema", "list_instances"]


async def list_instances(config_path: str | None = None) -> dict[str, ConfiguredInstance]:
    """List the instances that the configuration file names: the entries under `integrations:` with a `use`.

    Args:
        config_path: The file; None looks in the usual places. Without any file there are no instances.

    Returns:
        The instances by name, in the order of the file.

    Raises:
        MissingConfigError: if a file that somebody named is not there.
        InvalidConfigError: if the file cannot be read or an entry cannot be used.
    """
    return await run_in_thread(_read_instances, config_path)


def config_schema(provider: BaseConfigProvider | type[BaseConfigProvider]) -> dict[str, Any]:
    """Return the JSON Schema of a provider's section, for editors and for `quack config schema`.

    A provider without a `config_model` takes any mapping.
    """
    model = provider.config_model
    if model is None:
        return {"type": "object"}
    schema = model.model_json_schema()
    if "extra" not in model.model_config:
        for part in (schema, *schema.get("$defs", {}).values()):
            if part.get("type") == "object" and "properties" in part:
                part.setdefault("additionalProperties", False)
    return schema


def _read_instances(config_path: str | None) -> dict[str, ConfiguredInstance]:
    path = search_config(config_path=config_path).require_file()
    return {} if path is None else instances_of(read_document(path))
