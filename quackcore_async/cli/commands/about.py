"""`quack version` and `quack integrations`: what is installed and what is configured."""

from typing import Final

import typer

from quackcore_async.cli.command import command
from quackcore_async.cli.output import Outcome, Output

__all__ = ["add_to", "version_lines"]

_DISTRIBUTIONS: Final = (
    "quackcore-async",
    "aioboto3",
    "aiobotocore",
    "anyio",
    "httpx",
    "obstore",
    "pydantic",
    "typer",
)
_BUILT_IN: Final = {
    "azure": "Azure Blob Storage, with the extra obstore",
    "gcs": "Google Cloud Storage, with the extra obstore",
    "local": "files below a folder of this machine",
    "memory": "files in memory, for tests",
    "rest": "resources of a REST service",
    "s3": "Amazon S3 and services that speak its protocol",
}


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    integrations = typer.Typer(
        name="integrations",
        help="See what can be configured, and what is.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    summary = "List integrations: built in, offered by installed packages, and configured. Nothing is imported."
    command(integrations, "list", summary)(_list)
    app.add_typer(integrations)
    command(app, "version", "Show the versions of quack, of Python, and of the libraries that matter.")(_version)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the distributions that matter; one that is missing is left out."""
    import platform

    from quackcore_async.discovery import installed_versions

    return {**installed_versions(_DISTRIBUTIONS), "python": platform.python_version()}


def version_lines() -> list[str]:
    """Return the versions as people read them."""
    return [f"{name} {version}" for name, version in versions().items()]


async def _version(_out: Output) -> Outcome:
    return Outcome(data={"versions": versions()}, text=tuple(version_lines()))


async def _list(_out: Output) -> Outcome:
    from dataclasses import asdict

    from quackcore_async.concurrency import run_in_thread
    from quackcore_async.config import list_instances
    from quackcore_async.discovery import list_entry_points

    entry_points = await run_in_thread(list_entry_points)
    instances = await list_instances()
    rows = [("built in", name, what) for name, what in _BUILT_IN.items()]
    rows += [
        ("installed", entry.name, f"{entry.value} of {entry.distribution} {entry.version}")
        for entry in entry_points
    ]
    rows += [
        ("configured", item.name, f"use: {item.use} ({item.path}:{item.line})") for item in instances.values()
    ]
    return Outcome(
        data={
            "built_in": [{"name": name, "description": what} for name, what in _BUILT_IN.items()],
            "entry_points": [asdict(entry) for entry in entry_points],
            "instances": [
                {"name": item.name, "use": item.use, "path": item.path, "line": item.line}
                for item in instances.values()
            ],
        },
        text=tuple(f"{kind:<12}{name:<20}{what}" for kind, name, what in rows),
    )
