"""`quack rm` and `quack mkdir`: folders and files that go, and folders that come."""

from typing import Annotated

import typer

from quackcore_async.cli.command import command
from quackcore_async.cli.exits import ExitCode
from quackcore_async.cli.locations import parse_location
from quackcore_async.cli.options import Concurrency, DryRun, Exclude, Include, Recursive
from quackcore_async.cli.output import Outcome, Output, printable
from quackcore_async.cli.usage import UsageFault

__all__ = ["add_to"]

_RM = "Delete files. With -r delete folders, with all that is in them. It asks first, unless --yes is given."
_RM_EXAMPLES = (
    "quack rm s3://archive/old.txt",
    "quack rm -r --yes s3://archive/tmp/",
    "quack rm -r -n logs --include '*.gz'",
)
_MKDIR = "Create folders, and those above them. One that is there already is fine."
_SHOWN = 5

Locations = Annotated[list[str], typer.Argument(metavar="LOCATION", help="What to delete.", show_default=False)]
Folders = Annotated[list[str], typer.Argument(metavar="FOLDER", help="The folders.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "rm", _RM, examples=_RM_EXAMPLES)(_rm)
    command(app, "mkdir", _MKDIR, examples=("quack mkdir s3://archive/photos/2024",))(_mkdir)


async def _rm(
    out: Output,
    locations: Locations,
    *,
    recursive: Recursive = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False)] = False,
    include: Include = None,
    exclude: Exclude = None,
    dry_run: DryRun = False,
    concurrency: Concurrency = None,
) -> Outcome:
    from quackcore_async.cli.progress import progress_bar
    from quackcore_async.cli.removal import Removal
    from quackcore_async.cli.reporting import Tally, bulk_outcome

    places = [parse_location(location) for location in locations]
    if not yes and not dry_run and not await _is_confirmed(locations, recursive=recursive):
        return Outcome(summary="nothing was deleted", data={"confirmed": False}, code=ExitCode.ERROR)
    tally = Tally(out, dry_run=dry_run)
    with progress_bar(out, "delete") as progress:
        removal = Removal(
            tally, patterns=(include or [], exclude or []), concurrency=concurrency, progress=progress
        )
        failure = await removal.run(places, recursive=recursive)
    return bulk_outcome(out, tally.finished(), failure)


async def _mkdir(out: Output, folders: Folders, dry_run: DryRun = False) -> Outcome:
    from quackcore_async.cli.storages import Storages

    made = []
    async with Storages() as storages:
        for text in folders:
            place = await storages.place(parse_location(text))
            if not place.folder:
                raise UsageFault(f"{text} is a whole storage: name a folder in it")
            if not dry_run:
                (await place.storage.create_folder(place.folder)).unwrap()
            elif not out.settings.as_json:
                out.line(f"would create folder {text}")
            made.append(text)
    return Outcome(data={"dry_run": dry_run, "folders": made})


async def _is_confirmed(locations: list[str], *, recursive: bool) -> bool:
    """Ask the person at the terminal.

    Raises:
        UsageFault: if there is none.
    """
    from quackcore_async.cli.asking import is_confirmed

    shown = ", ".join(printable(location) for location in locations[:_SHOWN])
    more = f" and {len(locations) - _SHOWN} more" if len(locations) > _SHOWN else ""
    depth = ", with all that is in them" if recursive else ""
    return await is_confirmed(f"Delete {shown}{more}{depth}", what="delete")
