"""`quack cp`: files to files, folders to folders, and streams to either."""

from typing import TYPE_CHECKING, Annotated

import typer

from quackcore_async.cli.command import command
from quackcore_async.cli.locations import parse_location
from quackcore_async.cli.options import Concurrency, DryRun, Exclude, Include, Recursive, Resume, Sources, Target
from quackcore_async.cli.output import Outcome, Output
from quackcore_async.cli.usage import UsageFault

if TYPE_CHECKING:
    from quackcore_async.transfer.items import Overwrite

__all__ = ["add_to"]

_EXAMPLES = (
    "quack cp report.pdf s3://archive/2024/",
    "quack cp -r photos s3://archive/photos",
    "quack cp -r s3://archive/photos photos --include '*.jpg'",
    "tar c photos | quack cp - s3://archive/photos.tar",
    "quack cp s3://archive/photos.tar - | tar x",
)
_SUMMARY = (
    "Copy files. With -r the contents of a folder go to DST; of several sources each folder keeps its name "
    "below it. A DST that ends in / is a folder. What exists is replaced unless told otherwise."
)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "cp", _SUMMARY, examples=_EXAMPLES)(_cp)


async def _cp(
    out: Output,
    sources: Sources,
    target: Target,
    *,
    recursive: Recursive = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite/--no-overwrite", help="Replace what exists, or skip it.")
    ] = True,
    if_changed: Annotated[
        bool,
        typer.Option(
            "--if-changed", help="Replace what exists where it differs, as sync does.", show_default=False
        ),
    ] = False,
    include: Include = None,
    exclude: Exclude = None,
    resume: Resume = False,
    dry_run: DryRun = False,
    concurrency: Concurrency = None,
) -> Outcome:
    from quackcore_async.cli.copier import CopyOptions
    from quackcore_async.cli.copying import copy_files, copy_stream
    from quackcore_async.cli.progress import progress_bar
    from quackcore_async.cli.reporting import Tally, bulk_outcome

    if if_changed and not overwrite:
        raise UsageFault("--if-changed replaces files and --no-overwrite forbids it: give one of them")
    froms, to = [parse_location(source) for source in sources], parse_location(target)
    if to.is_standard or any(source.is_standard for source in froms):
        if dry_run or recursive or len(froms) > 1:
            raise UsageFault("- is a single stream: copy one file, without -r and without --dry-run")
        return await copy_stream(out, froms[0], to, overwrite=overwrite)
    tally = Tally(out, dry_run=dry_run)
    with progress_bar(out, "copy") as progress:
        replaces: Overwrite = "if_changed" if if_changed or (resume and overwrite) else overwrite
        options = CopyOptions(replaces, dry_run, concurrency, progress, tally.add, resume)
        failure = await copy_files(
            froms, to, options, recursive=recursive, patterns=(include or [], exclude or []), warn=tally.warn
        )
    return bulk_outcome(out, tally.finished(), failure)
