"""`BaseConfigProvider`: what a configuration provider inherits.

What only a load needs is imported when one happens, so that importing the class stays cheap.
"""

from __future__ import annotations  # they name what only a load needs

import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from quackcore_async.config.places import DEFAULT_CONFIG_LOCATIONS
from quackcore_async.errors import ContractError, InvalidConfigError, QuackError
from quackcore_async.logging import get_logger
from quackcore_async.protocols.core import ConfigProviderProtocol, call_method, guard_method, unguarded_method
from quackcore_async.redaction import Secret, find_secrets, is_secret_name
from quackcore_async.results import ConfigResult, returns_result

if TYPE_CHECKING:
    from quackcore_async.config.locations import ConfigSearch
    from quackcore_async.config.origins import OriginMap
    from quackcore_async.config.sections import Section
    from quackcore_async.config.source import ConfigSource
    from quackcore_async.config.tracing import TracedConfig

__all__ = ["BaseConfigProvider"]


class BaseConfigProvider(ABC, ConfigProviderProtocol):
    """Finds the configuration file, takes one section from it, merges it over the defaults and checks it.

    Write `name`, and say what is valid: by a pydantic `config_model`, by `collect_validation_errors`, or by
    `validate_config`. Whatever is overridden, `load_config` returns a result and raises nothing that was to be
    expected. The values of a loaded section whose names look like secrets are kept out of logs and messages for as
    long as the provider lives.

    Args:
        log_level: Level of the provider's logger; None leaves it alone.
        section: Name of the section to read in place of the one that belongs to `name`: an instance's.

    Attributes:
        DEFAULT_CONFIG_LOCATIONS: Where to look when nobody names a file.
        config_model: Model of the section; it types the values, and keys that it does not know are errors.
        section_aliases: Further names of the section, such as `s3` for `S3Storage`.
        section: As the argument.
        logger: Logger named after the class.
    """

    DEFAULT_CONFIG_LOCATIONS: ClassVar[Sequence[str]] = DEFAULT_CONFIG_LOCATIONS
    config_model: ClassVar[type[BaseModel] | None] = None
    section_aliases: ClassVar[tuple[str, ...]] = ()

    def __init__(self, log_level: int | str | None = None, *, section: str | None = None) -> None:
        self.section = section
        self.logger = get_logger(f"{type(self).__module__}.{type(self).__qualname__}", log_level)
        self._secrets: tuple[Secret, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        method = unguarded_method(cls, "load_config")
        if method is not None:
            cls.load_config = guard_method(cls, method, ConfigResult)  # type: ignore[method-assign]

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the provider, which is also the name of its section."""

    @property
    def section_names(self) -> tuple[str, ...]:
        """The names under which the section is looked for; two of them in one file are an error."""
        from quackcore_async.config.sections import section_names

        if self.section is not None:
            return section_names(self.section)
        return tuple(dict.fromkeys((*self.section_aliases, *section_names(self.name))))

    @returns_result(ConfigResult)
    async def load_config(self, config_path: str | None = None) -> ConfigResult:
        """Load the section from the first place that decides, merged over the defaults and checked.

        The order of places is that of `search_config`. Without a file, or without the section in it, the defaults
        are the configuration when they are valid; the message and a log record of level INFO then say where it was
        looked.

        Args:
            config_path: The file; an environment variable that names another one goes before it.

        Returns:
            The section; or what is wrong, every complaint of it in `validation_errors`.
        """
        traced = await self.trace_config(config_path)
        chosen = traced.search.chosen
        return ConfigResult.success_result(traced.content, traced.message, chosen.path if chosen else None)

    async def validate_config(self, config: dict[str, Any]) -> bool:
        """Tell whether the model and `collect_validation_errors` find nothing wrong with a configuration."""
        _, errors = self._check(config)
        return not errors

    async def get_default_config(self) -> dict[str, Any]:
        """Return what holds where the file says nothing; the model's own defaults come in addition."""
        return {}

    def collect_validation_errors(self, config: dict[str, Any]) -> list[str]:  # noqa: ARG002 - overridden
        """Return a sentence for each thing that is wrong, for rules that no model can express.

        Args:
            config: The section, merged over the defaults and typed by the model.
        """
        return []

    async def trace_config(self, config_path: str | None = None) -> TracedConfig:
        """Load the configuration as `load_config` does, and tell where each value came from.

        Raises:
            MissingConfigError: if a named file, a variable, or without valid defaults the section is missing.
            InvalidConfigError: if the file or the values cannot be used.
            ContractError: if the provider overrides a method with something that is no coroutine.
        """
        from quackcore_async.concurrency import run_in_thread
        from quackcore_async.config.tracing import refusal, trace

        source = await run_in_thread(self._read, config_path)
        self._warn_of_override(source.search)
        content, errors = await self._verdict(await self._over_defaults(source.values), source.origins)
        if errors:
            raise refusal(source, errors)
        if source.section is None:
            self.logger.info("%s", source.summary())
        return trace(source, content)

    async def check_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Merge a configuration that the program made over the defaults, check it, and return it typed.

        Raises:
            InvalidConfigError: if it is not valid.
        """
        content, errors = await self._verdict(await self._over_defaults(config))
        if errors:
            reasons = "; ".join(errors)
            raise InvalidConfigError(f"the configuration given to {self._label} is wrong: {reasons}", errors)
        return content

    def _extract_config(self, config_data: dict[str, Any]) -> dict[str, Any]:
        """Return the section from what the file holds, `{}` when there is none; override it to look elsewhere."""
        section = self._find_section(config_data)
        return section.value if section is not None and section.value is not None else {}

    def _resolve_path(self, file_path: str) -> str:
        """Return `file_path` as an absolute path, with `~` and environment variables expanded."""
        from quackcore_async.config.locations import resolve_path

        return resolve_path(file_path)

    @property
    def _label(self) -> str:
        return self.section or self.name

    def _find_section(self, data: Mapping[str, Any]) -> Section | None:
        from quackcore_async.config.sections import find_section, section_names

        kinds = (*self.section_aliases, *section_names(self.name)) if self.section is None else None
        return find_section(data, self.section_names, kinds)

    def _read(self, config_path: str | None) -> ConfigSource:
        from quackcore_async.config.locations import search_config
        from quackcore_async.config.source import read_source

        search = search_config(self._label, config_path, self.DEFAULT_CONFIG_LOCATIONS)
        return read_source(
            self._label, search, self.section_names, find=self._find_section, extract=self._extracted
        )

    def _extracted(self, data: dict[str, Any]) -> Any:  # noqa: ANN401 - an author's method may return anything
        found: Any = self._extract_config(data)
        if inspect.iscoroutine(found):
            found.close()
            raise ContractError(f"{type(self).__name__}._extract_config must be a plain `def`")
        return found

    def _warn_of_override(self, search: ConfigSearch) -> None:
        if search.overridden is not None:
            self.logger.warning("%s is not read: %s goes before it", search.overridden.path, search.chosen)

    async def _over_defaults(self, values: Mapping[str, Any]) -> dict[str, Any]:
        from quackcore_async.config.origins import merge_over

        defaults = await call_method(self, "get_default_config")
        if not isinstance(defaults, Mapping):
            raise ContractError(f"{type(self).__name__}.get_default_config must return a dict")
        return merge_over(defaults, values)

    def _keep_secrets(self, origins: OriginMap | None, *configs: Mapping[str, Any]) -> None:
        used = origins.variables.values() if origins is not None else ()
        variables = {name for names in used for name in names if is_secret_name(name)}
        self._secrets = find_secrets(*configs, {name: os.environ.get(name, "") for name in variables})

    def _check(self, values: dict[str, Any], origins: OriginMap | None = None) -> tuple[dict[str, Any], list[str]]:
        content, errors = values, list[str]()
        if self.config_model is not None:
            from quackcore_async.config.origins import OriginMap
            from quackcore_async.config.validation import check_model

            content, errors = check_model(self.config_model, values, origins or OriginMap())
        if errors:
            return content, errors
        complaints = self.collect_validation_errors(content)
        if not isinstance(complaints, list):
            if inspect.iscoroutine(complaints):
                complaints.close()
            raise ContractError(
                f"{type(self).__name__}.collect_validation_errors must be a plain `def` that returns a list"
            )
        return content, complaints

    async def _verdict(
        self, values: dict[str, Any], origins: OriginMap | None = None
    ) -> tuple[dict[str, Any], list[str]]:
        """Return the checked content and every complaint, that of an overridden `validate_config` included."""
        self._keep_secrets(origins, values)
        content, errors = self._check(values, origins)
        self._keep_secrets(origins, values, content)
        overridden = getattr(self.validate_config, "__func__", None) is not BaseConfigProvider.validate_config
        if errors or not overridden:
            return content, errors
        return content, await self._complaints_of_override(content)

    async def _complaints_of_override(self, content: dict[str, Any]) -> list[str]:
        from quackcore_async.config.reasons import logged_reasons

        override = f"{type(self).__name__}.validate_config"
        with logged_reasons(self.logger) as reasons:
            try:
                valid = await call_method(self, "validate_config", content)
            except QuackError:
                raise
            except Exception as exc:
                self.logger.exception("%s raised", override)
                complaint = f"{override} raised {type(exc).__name__}: {exc}"
                raise InvalidConfigError(complaint, [complaint]) from exc
        return [] if valid else reasons or [f"{override} refused it and logged no reason"]
