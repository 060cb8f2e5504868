"""The integrations of a program: register them, find them, bring them up at once, close them.

This module is also its own default registry: `registry.register(...)`, `registry.get_integration(...)` and the
other functions are the methods of one `IntegrationRegistry`, as in the standard library's `random`.
"""

from typing import Final

from quackcore_async.registry.registry import IntegrationRegistry

__all__ = [
    "IntegrationRegistry",
    "aclose",
    "configure",
    "default_registry",
    "discover_integrations",
    "get_integration",
    "get_integration_by_type",
    "initialize_all",
    "is_registered",
    "list_entry_points",
    "list_integrations",
    "load_integration_module",
    "register",
    "unregister",
]

default_registry: Final = IntegrationRegistry()

register = default_registry.register
unregister = default_registry.unregister
get_integration = default_registry.get_integration
get_integration_by_type = default_registry.get_integration_by_type
list_integrations = default_registry.list_integrations
is_registered = default_registry.is_registered
discover_integrations = default_registry.discover_integrations
load_integration_module = default_registry.load_integration_module
list_entry_points = default_registry.list_entry_points
configure = default_registry.configure
initialize_all = default_registry.initialize_all
aclose = default_registry.aclose
