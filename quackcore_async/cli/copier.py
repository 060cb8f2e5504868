"""Copying pieces to the target of `cp`: up from the disk, down to it, or from storage to storage."""

import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Final

from quackcore_async.cli.plan import Piece
from quackcore_async.cli.storages import Place
from quackcore_async.concurrency import for_each
from quackcore_async.errors import ConflictError, RemoteNotFoundError
from quackcore_async.protocols import ObjectStorageProtocol
from quackcore_async.results import ErrorInfo, IntegrationResult, to_quack_error
from quackcore_async.transfer import (
    DownloadItem,
    TransferAction,
    TransferOutcome,
    TransferProgress,
    TransferStatus,
    UploadItem,
    stream_download_many,
    stream_upload_many,
)
from quackcore_async.transfer.comparison import are_equal
from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.items import Overwrite
from quackcore_async.transfer.sides import StorageSide

__all__ = ["CopyOptions", "Target", "copy_between", "copy_down", "copy_up"]

_COPIES: Final = 16  # copies from storage to storage under way at a time, unless told otherwise


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """How pieces are copied.

    Attributes:
        overwrite: Whether what exists is replaced.
        dry_run: Change nothing.
        concurrency: Files under way at a time; None leaves that to the transfers.
        progress: Told how far things are; None where nobody looks.
        tell: Gets each outcome as it comes in.
        resume: Go on with large files where an interrupted run has stopped.
    """

    overwrite: Overwrite
    dry_run: bool
    concurrency: int | None
    progress: Callable[[TransferProgress], None] | None
    tell: Callable[[TransferOutcome], None]
    resume: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where the pieces go.

    Attributes:
        place: The storage, and the folder or the file in it; a local folder is a storage too.
        is_folder: Whether a piece gets its own name below the place.
        local_path: The local folder or file; None when the target is not on this machine.
    """

    place: Place
    is_folder: bool
    local_path: str | None = None

    def name_of(self, piece: Piece) -> str:
        """Return the name that a piece gets in the storage."""
        return self.place.below(piece.relative) if self.is_folder else self.place.path


async def copy_up(pieces: AsyncIterable[Piece], target: Target, options: CopyOptions) -> None:
    """Copy local files to the target."""
    items = (UploadItem(piece.source, target.name_of(piece)) async for piece in pieces)
    outcomes = stream_upload_many(
        target.place.storage,
        items,
        concurrency=options.concurrency,
        overwrite=options.overwrite,
        dry_run=options.dry_run,
        resume=options.resume,
        progress=options.progress,
    )
    await _hand_on(outcomes, options, to=target.place.label_of)


async def copy_down(
    source: Place, pieces: AsyncIterable[Piece], target: Target, path: str, options: CopyOptions
) -> None:
    """Copy files of a storage below, or to, a local path; no name leads out of the target folder."""
    items = (_download_item(piece, None if target.is_folder else path) async for piece in pieces)
    outcomes = stream_download_many(
        source.storage,
        items,
        target=path if target.is_folder else None,
        concurrency=options.concurrency,
        overwrite=options.overwrite,
        dry_run=options.dry_run,
        resume=options.resume,
        progress=options.progress,
    )
    await _hand_on(outcomes, options, of=source.label_of)


async def copy_between(source: Place, pieces: AsyncIterable[Piece], target: Target, options: CopyOptions) -> None:
    """Copy files of one storage to another: within the service where it is the same one, else through a stream."""

    async def copy(index: int, piece: Piece) -> None:
        remote = target.name_of(piece)
        outcome = TransferOutcome(
            index=index,
            action=TransferAction.COPY,
            status=TransferStatus.OK,
            source=source.label_of(piece.source),
            target=target.place.label_of(remote),
        )
        started = time.monotonic()
        try:
            message = await _copy_one(source.storage, piece.source, target.place.storage, remote, options)
            moved = TransferStatus.DRY_RUN if options.dry_run else TransferStatus.OK
            outcome = replace(outcome, status=TransferStatus.SKIPPED if message else moved, message=message)
        except Exception as exc:  # noqa: BLE001 - a failed item fails alone
            error = to_quack_error(exc)
            info = ErrorInfo.from_error(error)
            outcome = replace(outcome, status=TransferStatus.FAILED, error=str(error), error_info=info)
        options.tell(replace(outcome, elapsed=time.monotonic() - started))

    await for_each(copy, pieces, max_concurrency=options.concurrency or _COPIES)


async def _copy_one(
    source: ObjectStorageProtocol, path: str, target: ObjectStorageProtocol, remote: str, options: CopyOptions
) -> str | None:
    """Copy one file; return why nothing was to be done, None when it was copied."""
    overwrite = options.overwrite is not False
    if options.overwrite is not True and (reason := await _reason_to_skip(source, path, target, remote, options)):
        return reason
    if options.dry_run:
        (await source.stat_file(path)).unwrap()
        return None
    result: IntegrationResult[str]
    if source is target:
        result = await source.copy_file(path, remote, overwrite=overwrite)
    else:
        async with source.open_read(path) as stream:
            result = await target.write_stream(remote, stream, overwrite=overwrite)
    try:
        result.unwrap()
    except ConflictError as error:
        if overwrite or error.code != "exists":
            raise
        return "it exists already"
    return None


async def _reason_to_skip(
    source: ObjectStorageProtocol, path: str, target: ObjectStorageProtocol, remote: str, options: CopyOptions
) -> str | None:
    try:
        there = (await target.stat_file(remote)).unwrap()
    except RemoteNotFoundError:
        return None
    if options.overwrite is False:
        return "it exists already"
    here = (await source.stat_file(path)).unwrap()
    sides = StorageSide(source, ""), StorageSide(target, "")
    entries = Entry.of_listed(path, here), Entry.of_listed(remote, there)
    equal = await are_equal(sides[0], entries[0], sides[1], entries[1], "auto")
    return "it is unchanged" if equal else None


def _download_item(piece: Piece, path: str | None) -> DownloadItem:
    """Make the item of a piece; without a path of its own it is placed by the transfer, which trusts no name."""
    if path is not None:
        return DownloadItem(piece.source, local=path)
    file: dict[str, object] = {"path": piece.relative, "id": piece.source}
    if piece.entry is not None:
        entry = piece.entry
        file |= {"size": entry.size, "mtime": entry.mtime, "last_modified": entry.written, "etag": entry.etag}
    return DownloadItem(piece.source, file=file)


async def _hand_on(
    outcomes: AsyncIterator[TransferOutcome],
    options: CopyOptions,
    *,
    of: Callable[[str], str] = str,
    to: Callable[[str], str] = str,
) -> None:
    """Hand outcomes on, their names made those of the command line."""
    async for outcome in outcomes:
        options.tell(replace(outcome, source=of(outcome.source), target=to(outcome.target)))
