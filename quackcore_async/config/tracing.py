"""A loaded configuration with its origins, or why it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quackcore_async.config.locations import ConfigSearch
from quackcore_async.config.origins import ValueOrigin, leaf_paths
from quackcore_async.config.source import ConfigSource
from quackcore_async.errors import ConfigError, InvalidConfigError, MissingConfigError

__all__ = ["TracedConfig", "refusal", "trace"]


@dataclass(frozen=True, slots=True)
class TracedConfig:
    """A loaded configuration, and how it came about.

    Attributes:
        content: The section, merged over the defaults and checked.
        origins: Where each value came from, by dotted key.
        search: The places that were looked in, and the one that decided.
        section: The dotted name of the section in the file; None when only defaults are used.
        message: A sentence that says all this to people.
    """

    content: dict[str, Any] = field(repr=False)
    origins: Mapping[str, ValueOrigin]
    search: ConfigSearch
    section: str | None
    message: str


def trace(source: ConfigSource, content: dict[str, Any]) -> TracedConfig:
    """Return the checked content of a source with the origin of each value."""
    origins = {".".join(path): source.origins.of(path) for path in leaf_paths(content)}
    return TracedConfig(content, origins, source.search, source.section, source.summary())


def refusal(source: ConfigSource, errors: list[str]) -> ConfigError:
    """Return the error that says what is wrong with a source: `errors`, which are not none."""
    reasons = "; ".join(errors)
    if source.section is not None and source.document is not None:
        return InvalidConfigError(
            f"the configuration of {source.label} in {source.document.path} is wrong: {reasons}", errors
        )
    return MissingConfigError(
        f"{source.label} is not configured, and its defaults do not suffice: {reasons}. "
        f"Write a section `{source.names[0]}:`; {source.absence()}",
        errors,
    )
