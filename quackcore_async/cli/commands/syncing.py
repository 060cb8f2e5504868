"""`quack sync` and `quack check`: two trees, made equal or only compared."""

from typing import TYPE_CHECKING, Annotated

import typer

from quackcore_async.cli.command import command
from quackcore_async.cli.exits import ExitCode
from quackcore_async.cli.locations import parse_location
from quackcore_async.cli.options import (
    Checksum,
    Concurrency,
    DryRun,
    Exclude,
    Include,
    Resume,
    SizeOnly,
    SourceFolder,
    TargetFolder,
)
from quackcore_async.cli.output import Outcome, Output
from quackcore_async.cli.usage import UsageFault
from quackcore_async.errors import QuackError

if TYPE_CHECKING:
    from quackcore_async.transfer import CheckReport

__all__ = ["add_to"]

_SYNC = (
    "Make DST have the files of SRC. Files that are equal already are not moved: equal in size, and in time or in "
    "the checksum that is known. A change that keeps size and time is found with --checksum only."
)
_SYNC_EXAMPLES = (
    "quack sync photos s3://archive/photos",
    "quack sync s3://archive/photos photos --delete --dry-run",
    "quack sync site www:public --exclude '*.map' --delete",
)
_CHECK = (
    "Compare two folders and change nothing. The exit code is 0 when they are the same and 1 when they differ."
)
_CHECK_EXAMPLES = ("quack check photos s3://archive/photos", "quack check --checksum photos s3://archive/photos")


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "sync", _SYNC, examples=_SYNC_EXAMPLES)(_sync)
    command(app, "check", _CHECK, examples=_CHECK_EXAMPLES)(_check)


async def _sync(
    out: Output,
    source: SourceFolder,
    target: TargetFolder,
    *,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete what DST has and SRC has not.", show_default=False)
    ] = False,
    include: Include = None,
    exclude: Exclude = None,
    checksum: Checksum = False,
    size_only: SizeOnly = False,
    resume: Resume = False,
    dry_run: DryRun = False,
    concurrency: Concurrency = None,
) -> Outcome:
    from quackcore_async.cli.progress import progress_bar
    from quackcore_async.cli.reporting import bulk_outcome, failure_beside_items, show_item
    from quackcore_async.cli.storages import Storages, folder_of
    from quackcore_async.transfer import sync

    _refuse_both(checksum, size_only)
    async with Storages() as storages:
        with progress_bar(out, "sync") as progress:
            result = await sync(
                await folder_of(storages, parse_location(source), must_exist=True),
                await folder_of(storages, parse_location(target), must_exist=False),
                delete=delete,
                checksum=checksum,
                size_only=size_only,
                dry_run=dry_run,
                include=include or (),
                exclude=exclude or (),
                concurrency=concurrency,
                resume=resume,
                progress=progress,
                on_outcome=lambda outcome: show_item(out, outcome),
            )
    if result.content is None:
        raise result.exception or QuackError("sync failed without a reason")
    return bulk_outcome(out, result.content, failure_beside_items(result))


async def _check(
    out: Output,
    source: SourceFolder,
    target: TargetFolder,
    *,
    include: Include = None,
    exclude: Exclude = None,
    checksum: Checksum = False,
    size_only: SizeOnly = False,
    concurrency: Concurrency = None,
) -> Outcome:
    from quackcore_async.cli.progress import progress_bar
    from quackcore_async.cli.storages import Storages, folder_of
    from quackcore_async.transfer import check

    _refuse_both(checksum, size_only)
    async with Storages() as storages:
        with progress_bar(out, "check") as progress:
            result = await check(
                await folder_of(storages, parse_location(source), must_exist=True),
                await folder_of(storages, parse_location(target), must_exist=True),
                checksum=checksum,
                size_only=size_only,
                include=include or (),
                exclude=exclude or (),
                concurrency=concurrency,
                progress=progress,
            )
    return _comparison(result.unwrap())


def _comparison(report: "CheckReport") -> Outcome:
    lines = [
        f"{difference.kind:<10}{difference.path}" + (f"  ({difference.reason})" if difference.reason else "")
        for difference in report.differences
    ]
    found = report.missing + report.extra + report.different + report.unknown
    if found > len(lines):
        lines.append(f"... and {found - len(lines)} more")
    return Outcome(
        data=report.to_dict(),
        text=tuple(lines),
        summary=str(report),
        code=ExitCode.OK if report.identical else ExitCode.ERROR,
    )


def _refuse_both(checksum: bool, size_only: bool) -> None:
    if checksum and size_only:
        raise UsageFault("--checksum and --size-only contradict each other: give one of them")
