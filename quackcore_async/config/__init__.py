"""Where the configuration is, what it says, and whether it can be used."""

from quackcore_async.config.document import Document, read_document
from quackcore_async.config.inspection import config_schema, list_instances
from quackcore_async.config.locations import (
    DEFAULT_CONFIG_LOCATIONS,
    ConfigPlace,
    ConfigSearch,
    config_variable,
    resolve_path,
    search_config,
    using_config_file,
)
from quackcore_async.config.origins import ValueOrigin
from quackcore_async.config.provider import BaseConfigProvider, TracedConfig
from quackcore_async.config.sections import ConfiguredInstance, section_names

__all__ = [
    "DEFAULT_CONFIG_LOCATIONS",
    "BaseConfigProvider",
    "ConfigPlace",
    "ConfigSearch",
    "ConfiguredInstance",
    "Document",
    "TracedConfig",
    "ValueOrigin",
    "config_schema",
    "config_variable",
    "list_instances",
    "read_document",
    "resolve_path",
    "search_config",
    "section_names",
    "using_config_file",
]
