"""`quack cleanup`: what interrupted transfers have left, and nobody will go on with."""

from typing import Annotated

import typer

from quackcore_async.cli.command import command
from quackcore_async.cli.locations import parse_location
from quackcore_async.cli.options import DryRun
from quackcore_async.cli.output import Outcome, Output

__all__ = ["add_to"]

_SUMMARY = (
    "Remove what interrupted transfers have left: parts of uploads, which cost money and are in no listing, and "
    "unfinished files. What is younger than --older-than, counted from the last sign of life, is left alone, and "
    "so are files and uploads with --resume that a process of this machine is at. It asks first, unless --yes is "
    "given."
)
_EXAMPLES = (
    "quack cleanup --dry-run s3://archive",
    "quack cleanup --older-than 7d --yes s3://archive/photos",
    "quack cleanup downloads",
)

Locations = Annotated[
    list[str], typer.Argument(metavar="LOCATION", help="Where to look: folders and storages.", show_default=False)
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "cleanup", _SUMMARY, examples=_EXAMPLES)(_cleanup)


async def _cleanup(
    out: Output,
    locations: Locations,
    *,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="How old: 90s, 30m, 24h, 7d or 2w.")
    ] = "24h",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False)] = False,
    dry_run: DryRun = False,
) -> Outcome:
    from quackcore_async.cli.ages import parse_age
    from quackcore_async.cli.cleaning import clean_up

    places = [parse_location(location) for location in locations]
    return await clean_up(out, places, older_than=parse_age(older_than), dry_run=dry_run, yes=yes)
