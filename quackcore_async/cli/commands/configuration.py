"""`quack config`: which file decides, what it says, and whether that can be used."""

from typing import Annotated

import typer

from quackcore_async.cli.command import command
from quackcore_async.cli.output import Outcome, Output

__all__ = ["add_to"]

_PATH = "Show the configuration file that is used, and with -v every place that was looked in, in order."
_SHOW = "Show the configuration with the source of each value. Secrets are masked."
_VALIDATE = "Check the configuration file and every storage in it. The exit code is 7 when something is wrong."
_SCHEMA = "Write the JSON Schema of the configuration file, or of one section, for editors."

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]", help="An instance, or a section (s3, local); all without it.", show_default=False
    ),
]
Kind = Annotated[
    str | None,
    typer.Argument(metavar="[KIND]", help="s3, local or rest; the whole file without it.", show_default=False),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    config = typer.Typer(
        name="config", help="Look at the configuration.", no_args_is_help=True, rich_markup_mode=None
    )
    command(config, "show", _SHOW, examples=("quack config show", "quack config show archive"))(_show)
    command(config, "validate", _VALIDATE)(_validate)
    command(config, "path", _PATH)(_path)
    command(config, "schema", _SCHEMA, examples=("quack config schema > quack.schema.json",))(_schema)
    app.add_typer(config)


async def _path(out: Output) -> Outcome:
    from quackcore_async.cli.configured import find_config

    return await find_config(out)


async def _show(_out: Output, name: Name = None) -> Outcome:
    from quackcore_async.cli.configured import show_config

    return await show_config(name)


async def _validate(out: Output, name: Name = None) -> Outcome:
    from quackcore_async.cli.configured import validate_config

    return await validate_config(out, name)


async def _schema(_out: Output, kind: Kind = None) -> Outcome:
    from quackcore_async.cli.configured import schema_of

    return schema_of(kind)
