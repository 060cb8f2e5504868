"""What `cp` does: which way its sources go, and the streams in and out."""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from quackcore_async.cli.copier import CopyOptions, Target, copy_between, copy_down, copy_up
from quackcore_async.cli.locations import Location
from quackcore_async.cli.output import Outcome, Output
from quackcore_async.cli.plan import Piece, Source
from quackcore_async.cli.standard_streams import read_stdin, write_stdout
from quackcore_async.cli.storages import Storages, local_path
from quackcore_async.cli.usage import UsageFault
from quackcore_async.concurrency import run_in_thread
from quackcore_async.errors import QuackError
from quackcore_async.transfer.patterns import PatternFilter
from quackcore_async.transfer.sides import check_apart, side_of

__all__ = ["copy_files", "copy_stream"]


async def copy_files(
    froms: Sequence[Location],
    to: Location,
    options: CopyOptions,
    *,
    recursive: bool,
    patterns: tuple[Iterable[str], Iterable[str]],
    warn: Callable[[Iterable[str]], None],
) -> QuackError | None:
    """Copy sources to a target.

    Args:
        froms: The sources.
        to: The target.
        options: How files are copied.
        recursive: Take folders.
        patterns: What to include and what to exclude of folders.
        warn: Gets sentences on what was left out.

    Returns:
        Why a source could not be listed to its end; None when all were.

    Raises:
        QuackError: if nothing can be begun.
    """
    async with Storages() as storages:
        sources = [Source(place, None if place.is_local else await storages.place(place)) for place in froms]
        for source in sources:
            await source.look(recursive=recursive)
        target = await _target(storages, to, is_folder=len(sources) > 1 or sources[0].is_folder)
        for source in sources:
            _refuse_nesting(source, target)
        chosen = PatternFilter(*patterns)
        failures: list[QuackError] = []
        for group in _grouped(sources):
            try:
                await _copy_group(group, target, chosen, options, keep_name=len(sources) > 1)
            except QuackError as error:
                failures.append(error)
        for source in sources:
            warn(source.complaints)
            failures += source.failures
    return next(iter(failures), None)


async def copy_stream(out: Output, source: Location, target: Location, *, overwrite: bool) -> Outcome:
    """Copy standard input to a file, or a file to standard output, in flat memory.

    Raises:
        UsageFault: if both are standard streams, the file is not named, or JSON is to go where the data goes.
        QuackError: if it fails; then the target is as it was.
    """
    if target.is_standard:
        if source.is_standard:
            raise UsageFault("both sides are -: name a file on one of them")
        return await write_files(out, [source])
    if target.names_folder:
        raise UsageFault(f"{target} is a folder: name the file that standard input becomes")
    async with Storages() as storages:
        place = await storages.place(target)
        counter = _Counter()
        chunks = counter.count(read_stdin())
        (await place.storage.write_stream(place.path, chunks, overwrite=overwrite)).unwrap()
    return Outcome(
        data={"bytes": counter.bytes, "target": str(target)}, summary=f"wrote {counter.bytes} bytes to {target}"
    )


async def write_files(out: Output, sources: Iterable[Location]) -> Outcome:
    """Write files to standard output, one after the other.

    Raises:
        UsageFault: if JSON is to go where the data goes.
        QuackError: if a file cannot be read; those before it have been written.
    """
    if out.settings.as_json:
        raise UsageFault("--json and the data of a file would share standard output: leave one of them out")
    async with Storages() as storages:
        for source in sources:
            place = await storages.place(await run_in_thread(_followed, source))
            async with place.storage.open_read(place.path) as stream:
                await write_stdout(stream)
    return Outcome()


async def _target(storages: Storages, to: Location, *, is_folder: bool) -> Target:
    if not to.is_local:
        return Target(await storages.place(to), is_folder or to.names_folder)
    path = local_path(to)
    if is_folder or to.names_folder or await run_in_thread(os.path.isdir, path):
        return Target(await storages.folder(to), is_folder=True, local_path=path)
    return Target(await storages.place(to), is_folder=False, local_path=path)


def _grouped(sources: Iterable[Source]) -> list[list[Source]]:
    """Gather the sources of one storage, so that their files are copied side by side."""
    groups: dict[int, list[Source]] = {}
    for source in sources:
        key = 0 if source.place is None else id(source.place.storage)
        groups.setdefault(key, []).append(source)
    return list(groups.values())


async def _copy_group(
    group: Sequence[Source], target: Target, patterns: PatternFilter, options: CopyOptions, *, keep_name: bool
) -> None:
    place = group[0].place
    pieces = _pieces(group, patterns, keep_name=keep_name)
    if place is None:
        await copy_up(pieces, target, options)
    elif target.local_path is not None:
        await copy_down(place, pieces, target, target.local_path, options)
    else:
        await copy_between(place, pieces, target, options)


async def _pieces(group: Iterable[Source], patterns: PatternFilter, *, keep_name: bool) -> AsyncIterator[Piece]:
    for source in group:
        async for piece in source.pieces(patterns, keep_name=keep_name):
            yield piece


def _refuse_nesting(source: Source, target: Target) -> None:
    """Refuse to copy a folder into itself: the listing would never end.

    Raises:
        InvalidNameError: if the target is the source or lies within it.
    """
    if source.is_folder:
        place = target.place
        other = side_of(target.local_path or (place.storage, place.folder))
        check_apart(source.side(), other, delete=False)


def _followed(location: Location) -> Location:
    """Return where a local location leads to: whoever reads a symbolic link wants what is behind it."""
    if not location.is_local:
        return location
    return Location(location.text, "local", os.path.realpath(local_path(location)))


class _Counter:
    """Counts the bytes of a stream that passes."""

    def __init__(self) -> None:
        self.bytes = 0

    async def count(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            self.bytes += len(chunk)
            yield chunk
