"""The usual places of a configuration file."""

from typing import Final

__all__ = ["DEFAULT_CONFIG_LOCATIONS"]

DEFAULT_CONFIG_LOCATIONS: Final = (
    "./config/integration_config.yaml",
    "./quack_config.yaml",
    "~/.quack/config.yaml",
)
"""Tried in this order; relative ones in the working directory, then in the project root."""
