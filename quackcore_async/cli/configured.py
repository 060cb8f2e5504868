"""What `config` tells: the file that decides, its storages, their values, and where each came from."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import SecretStr

from quackcore_async import storage
from quackcore_async.cli.exits import ExitCode
from quackcore_async.cli.output import Outcome, Output
from quackcore_async.cli.usage import UsageFault
from quackcore_async.concurrency import run_in_thread
from quackcore_async.config import BaseConfigProvider, TracedConfig, config_schema, search_config
from quackcore_async.errors import ConfigError, MissingConfigError
from quackcore_async.redaction import MASK, is_secret_name, mask_mapping
from quackcore_async.registry import IntegrationRegistry
from quackcore_async.rest import RestConfigProvider

__all__ = ["find_config", "schema_of", "show_config", "validate_config"]

_STORAGES: Final = {"azure": "AzureStorage", "gcs": "GCSStorage", "local": "LocalStorage", "s3": "S3Storage"}
_KINDS: Final = (*_STORAGES, "rest")
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"  # the one that pydantic writes


async def find_config(out: Output) -> Outcome:
    """Tell which configuration file decides, and every place that was looked in."""
    search = await run_in_thread(search_config)
    places = [{"source": place.source, "path": place.path, "exists": place.exists} for place in search.places]
    chosen = search.chosen.path if search.chosen else None
    if out.settings.verbose:
        for place in search.places:
            out.note(f"{'there' if place.exists else 'not there'}: {place}")
    data = {"path": chosen, "places": places}
    try:
        search.require_file()
    except MissingConfigError as error:
        return Outcome(data=data, error=error, code=ExitCode.FILE_NOT_FOUND)
    if chosen is None:
        summary = f"there is no configuration file; looked in {search.describe()}"
        return Outcome(data=data, summary=summary, code=ExitCode.FILE_NOT_FOUND)
    return Outcome(data=data, text=(chosen,))


async def show_config(name: str | None) -> Outcome:
    """Tell the values of one storage, or of all, with their sources; secrets are masked.

    Raises:
        ConfigError: if the configuration cannot be used.
        UsageFault: if nothing of that name is configured.
    """
    sections: dict[str, Any] = {}
    lines: list[str] = []
    for label, provider in (await _providers(name)).items():
        traced = await provider.trace_config()
        values = _shown_values(traced)
        sections[label] = {
            key: {"value": value, "origin": str(traced.origins[key]) if key in traced.origins else "default"}
            for key, value in values.items()
        }
        lines.append(f"{label}:")
        lines += [f"  {key}: {_text(item['value'])}  # {item['origin']}" for key, item in sections[label].items()]
    summary = "" if sections else "nothing is configured: `quack config path -v` shows where it was looked"
    return Outcome(data={"sections": sections}, text=tuple(lines), summary=summary)


async def validate_config(out: Output, name: str | None) -> Outcome:
    """Check the storages of the configuration, and tell everything that is wrong with them.

    Raises:
        ConfigError: if the file as a whole cannot be used.
        UsageFault: if nothing of that name is configured.
    """
    found: dict[str, list[str]] = {}
    for label, provider in (await _providers(name)).items():
        try:
            await provider.trace_config()
            found[label] = []
        except ConfigError as error:
            found[label] = list(error.errors) or [str(error)]
    wrong = [f"{label}: {complaint}" for label, complaints in found.items() for complaint in complaints]
    for complaint in wrong:
        out.complain(complaint)
    data = {"sections": [{"name": label, "errors": errors} for label, errors in found.items()]}
    if wrong:
        return Outcome(data=data, error=ConfigError(f"{len(wrong)} things are wrong", wrong))
    checked = ", ".join(found) or "nothing is configured"
    return Outcome(data=data, summary=f"valid: {checked}")


def schema_of(kind: str | None) -> Outcome:
    """Return the JSON Schema of one kind of section, or of the whole file.

    Raises:
        UsageFault: if there is no such kind.
    """
    import json

    if kind is not None and kind not in _KINDS:
        raise UsageFault(f"there is no schema of {kind!r}: there are those of {', '.join(_KINDS)}")
    schema = config_schema(_provider_of(kind)) if kind else _file_schema()
    schema = {"$schema": _DIALECT, **schema}
    return Outcome(data={"schema": schema}, text=(json.dumps(schema, indent=2),))


def _file_schema() -> dict[str, Any]:
    schemas = {kind: config_schema(_provider_of(kind)) for kind in _KINDS}
    entries = [_with_use(kind, schema) for kind, schema in schemas.items()]
    others = {"type": "object", "properties": {"use": {"type": "string", "not": {"enum": list(_KINDS)}}}}
    group = {"type": "object", "additionalProperties": {"anyOf": [*entries, others]}}
    return {"type": "object", "properties": {**schemas, "integrations": group}}


def _with_use(kind: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = {"use": {"const": kind}, **schema.get("properties", {})}
    return {**schema, "properties": properties, "required": ["use", *schema.get("required", ())]}


async def _providers(name: str | None) -> dict[str, BaseConfigProvider]:
    """Return what reads the configured instances, and the sections of the built-in storages, by name."""
    registry = IntegrationRegistry()
    providers: dict[str, BaseConfigProvider] = {}
    for integration in await registry.configure():
        provider = getattr(integration, "config_provider", None)
        if isinstance(provider, BaseConfigProvider):
            providers[integration.name] = provider
    for kind in _STORAGES:
        if await _has_section(kind):
            providers.setdefault(kind, _provider_of(kind))
    if name is None:
        return providers
    if name not in providers:
        raise UsageFault(f"{name!r} is not configured: configured are {', '.join(providers) or 'none'}")
    return {name: providers[name]}


def _provider_of(kind: str) -> BaseConfigProvider:
    if kind == "rest":
        return RestConfigProvider()
    provider = getattr(storage, _STORAGES[kind])().config_provider
    if not isinstance(provider, BaseConfigProvider):
        raise TypeError(f"the storage {kind} has no configuration provider")
    return provider


async def _has_section(kind: str) -> bool:
    provider = _provider_of(kind)

    class Presence(BaseConfigProvider):
        """Finds the section, whatever is in it."""

        section_aliases = provider.section_aliases

        @property
        def name(self) -> str:
            return provider.name

        async def trace(self) -> bool:
            return (await self.trace_config()).section is not None

    try:
        return await Presence().trace()
    except ConfigError as error:
        return error.code != "config_missing" or bool(error.errors)


def _shown_values(traced: TracedConfig) -> dict[str, Any]:
    """Return the values by dotted key; masked by name, by type, and where a secret variable is in them."""
    values = _flat(mask_mapping(traced.content))
    for key, origin in traced.origins.items():
        if any(is_secret_name(variable) for variable in origin.variables) and values.get(key) not in (None, ""):
            values[key] = MASK
    return values


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = MASK if isinstance(value, SecretStr) else value
    return flat


def _text(value: object) -> str:
    import json

    return json.dumps(value, default=str, ensure_ascii=False)
