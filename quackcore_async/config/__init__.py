"""Where the configuration is, what it says, and whether it can be used."""

from typing import TYPE_CHECKING

from quackcore_async.exports import lazy_exports

if TYPE_CHECKING:
    from quackcore_async.config.document import Document, read_document
    from quackcore_async.config.inspection import config_schema, list_instances
    from quackcore_async.config.locations import (
        ConfigPlace,
        ConfigSearch,
        config_variable,
        resolve_path,
        search_config,
        using_config_file,
    )
    from quackcore_async.config.origins import ValueOrigin
    from quackcore_async.config.places import DEFAULT_CONFIG_LOCATIONS
    from quackcore_async.config.provider import BaseConfigProvider
    from quackcore_async.config.sections import ConfiguredInstance, section_names
    from quackcore_async.config.tracing import TracedConfig
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "document": ("Document", "read_document"),
            "inspection": ("config_schema", "list_instances"),
            "locations": (
                "ConfigPlace",
                "ConfigSearch",
                "config_variable",
                "resolve_path",
                "search_config",
                "using_config_file",
            ),
            "origins": ("ValueOrigin",),
            "places": ("DEFAULT_CONFIG_LOCATIONS",),
            "provider": ("BaseConfigProvider",),
            "sections": ("ConfiguredInstance", "section_names"),
            "tracing": ("TracedConfig",),
        },
    )

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
