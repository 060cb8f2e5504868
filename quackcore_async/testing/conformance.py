"""What every storage has to do, as checks that any test runner can run over any storage.

Each check is a coroutine function of a storage and an empty local folder:

    @pytest.mark.parametrize("check", STORAGE_CHECKS, ids=lambda check: check.__name__)
    async def test_conformance(check, tmp_path):
        async with MyStorage(...) as storage:
            await check(storage, tmp_path)

A check works below a remote folder of its own with a random name and removes it again, so that a shared bucket
will do. What a storage's `capabilities` leave out is not asked of it.
"""

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import anyio.lowlevel

from quackcore_async.concurrency import for_each, run_in_thread
from quackcore_async.errors import ErrorKind
from quackcore_async.protocols import ObjectStorageProtocol, RemoteFile, UploadOptions
from quackcore_async.results import IntegrationResult

__all__ = ["STORAGE_CHECKS", "ConformanceError", "check_storage"]

T = TypeVar("T")
StorageCheck = Callable[[ObjectStorageProtocol, Path], Awaitable[None]]

_SEVERAL_CHUNKS: Final = 3 * 1024**2 + 17  # bytes: more than one chunk, and no multiple of anything
_MTIME: Final = 1_600_000_000.123456


class ConformanceError(AssertionError):
    """Raised when a storage does not do what the protocol promises."""


def _expect(condition: object, message: str) -> None:
    if not condition:
        raise ConformanceError(message)


def _equal(found: object, expected: object, what: str) -> None:
    _expect(found == expected, f"{what} is {found!r}, not {expected!r}")


def _content(result: IntegrationResult[T], what: str) -> T:
    if not result.success:
        raise ConformanceError(f"{what} failed: {result.error}")
    return result.content  # type: ignore[return-value]


def _failure(result: IntegrationResult[Any], kind: ErrorKind, what: str) -> None:
    info = result.error_info
    if result.success or info is None or info.kind is not kind:
        raise ConformanceError(f"{what} gave {result!r} in place of a failure of kind {kind.value}")


@asynccontextmanager
async def _scratch(storage: ObjectStorageProtocol) -> AsyncIterator[str]:
    """Lend a remote folder and remove it, with what is in it, in the end."""
    folder = f"conformance-{secrets.token_hex(6)}/"
    try:
        yield folder
    finally:
        with anyio.move_on_after(30, shield=True):
            await _remove(storage, folder)


async def _remove(storage: ObjectStorageProtocol, folder: str) -> None:
    entries = _content(await storage.list_files(folder, recursive=False), "the clean-up's listing")
    for entry in entries:
        inside = entry["path"].startswith(folder) and entry["path"] != folder
        if entry.get("is_folder") and inside:
            await _remove(storage, entry["path"])
        elif inside:
            _content(await storage.delete_file(entry["path"]), "the clean-up's delete")
    await storage.delete_file(folder)


async def _paths(storage: ObjectStorageProtocol, folder: str, **options: Any) -> list[str]:
    return [file["path"].removeprefix(folder) async for file in storage.iter_files(folder, **options)]


async def _write(storage: ObjectStorageProtocol, *paths: str) -> None:
    for path in paths:
        _content(await storage.write_bytes(path, path.encode()), f"write_bytes({path!r})")


async def check_file_round_trip(storage: ObjectStorageProtocol, folder: Path) -> None:
    """Files of several sizes come back byte for byte, by path and by URL."""
    async with _scratch(storage) as remote:
        for size in (0, 1, 4096, _SEVERAL_CHUNKS):
            data = os.urandom(size)
            source, target = folder / f"{size}.bin", folder / f"{size}.back"
            await run_in_thread(source.write_bytes, data)
            url = _content(await storage.upload_file(str(source), f"{remote}{size}"), "upload_file")
            for name in (f"{remote}{size}", url):
                result = await storage.download_file(name, str(target))
                _equal(_content(result, "download_file"), str(target), "the content of a download")
                _expect(result.verified in ("full", "length"), f"a download of {size} bytes was not verified")
                _equal(await run_in_thread(target.read_bytes), data, f"a file of {size} bytes")


async def check_defaults_of_names(storage: ObjectStorageProtocol, folder: Path) -> None:
    """A remote folder and a local folder get the base name behind them."""
    source, inbox = folder / "name.txt", folder / "inbox"
    await run_in_thread(source.write_bytes, b"x")
    await run_in_thread(inbox.mkdir)
    async with _scratch(storage) as remote:
        _content(await storage.upload_file(str(source), remote), "upload_file into a folder")
        _equal(await _paths(storage, remote), ["name.txt"], "the listing")
        for target in (str(inbox), f"{inbox / 'new'}{os.sep}"):
            path = _content(
                await storage.download_file(f"{remote}name.txt", target), "download_file into a folder"
            )
            _equal(path, str(Path(target) / "name.txt"), "the content of the download")


async def check_missing_file(storage: ObjectStorageProtocol, folder: Path) -> None:
    """What is not there is not found, and a local file of that name stays as it is."""
    target = folder / "kept.txt"
    await run_in_thread(target.write_bytes, b"kept")
    async with _scratch(storage) as remote:
        missing = f"{remote}missing"
        _failure(await storage.download_file(missing, str(target)), ErrorKind.NOT_FOUND, "download_file")
        _failure(await storage.stat_file(missing), ErrorKind.NOT_FOUND, "stat_file")
        _failure(await storage.read_bytes(missing), ErrorKind.NOT_FOUND, "read_bytes")
        _failure(await storage.copy_file(missing, f"{remote}copy"), ErrorKind.NOT_FOUND, "copy_file")
        _failure(await storage.move_file(missing, f"{remote}copy"), ErrorKind.NOT_FOUND, "move_file")
        _failure(await storage.upload_file(str(folder / "no"), missing), ErrorKind.NOT_FOUND, "upload_file")
        _equal(_content(await storage.file_exists(missing), "file_exists"), expected=False, what="file_exists")
        _content(await storage.delete_file(missing), "delete_file of what is not there")
    _equal(await run_in_thread(target.read_bytes), b"kept", "the local file")
    _equal(await run_in_thread(os.listdir, folder), ["kept.txt"], "the local folder")


async def check_overwrite(storage: ObjectStorageProtocol, folder: Path) -> None:
    """`overwrite=False` keeps what is there, on both sides and for every way of writing."""
    source = folder / "new.txt"
    await run_in_thread(source.write_bytes, b"new")
    async with _scratch(storage) as remote:
        old, other = f"{remote}old", f"{remote}other"
        _content(await storage.write_bytes(old, b"old", overwrite=False), "write_bytes of a new name")
        _content(await storage.write_bytes(other, b"other"), "write_bytes")
        attempts: dict[str, Callable[[], Awaitable[IntegrationResult[Any]]]] = {
            "upload_file": lambda: storage.upload_file(str(source), old, overwrite=False),
            "write_bytes": lambda: storage.write_bytes(old, b"new", overwrite=False),
            "write_stream": lambda: storage.write_stream(old, _stream(b"new"), overwrite=False),
            "copy_file": lambda: storage.copy_file(other, old, overwrite=False),
            "move_file": lambda: storage.move_file(other, old, overwrite=False),
            "download_file": lambda: storage.download_file(old, str(source), overwrite=False),
        }
        for what, attempt in attempts.items():
            _failure(await attempt(), ErrorKind.CONFLICT, f"{what} with overwrite=False")
        _equal(_content(await storage.read_bytes(old), "read_bytes"), b"old", "the remote file")
        _equal(_content(await storage.read_bytes(other), "read_bytes"), b"other", "the source of copy and move")
        _equal(await run_in_thread(source.read_bytes), b"new", "the local file")
        _content(await storage.write_bytes(old, b"new"), "write_bytes over a file")
        _equal(_content(await storage.read_bytes(old), "read_bytes"), b"new", "the overwritten file")


async def check_conditional_race(storage: ObjectStorageProtocol, folder: Path) -> None:  # noqa: ARG001
    """Of several writers with `overwrite=False` at the same time one wins, where the storage decides."""
    if not storage.capabilities.conditional_write:
        return
    async with _scratch(storage) as remote:
        winners: list[bytes] = []

        async def write(_index: int, number: int) -> None:
            data = str(number).encode()
            if (await storage.write_bytes(f"{remote}raced", data, overwrite=False)).success:
                winners.append(data)

        await for_each(write, range(8), max_concurrency=8)
        _equal(len(winners), 1, "the number of winners")
        _equal(_content(await storage.read_bytes(f"{remote}raced"), "read_bytes"), winners[0], "the file")


async def check_ranges(storage: ObjectStorageProtocol, folder: Path) -> None:  # noqa: ARG001
    """Ranges are slices, of bytes and of streams; a range that is none is refused."""
    data = os.urandom(_SEVERAL_CHUNKS)
    ranges = [(None, None), (0, 0), (0, 1), (5, 5), (1, 1024**2 + 1), (None, 7), (_SEVERAL_CHUNKS - 3, None)]
    ranges += [(_SEVERAL_CHUNKS - 3, _SEVERAL_CHUNKS + 9), (_SEVERAL_CHUNKS, None), (_SEVERAL_CHUNKS + 9, None)]
    async with _scratch(storage) as remote:
        path = f"{remote}data"
        _content(await storage.write_bytes(path, data), "write_bytes")
        for start, end in ranges:
            found = _content(await storage.read_bytes(path, start=start, end=end), f"bytes {start} to {end}")
            _expect(found == data[start:end], f"bytes {start} to {end} are wrong")
        async with storage.open_read(path, start=10) as stream:
            _equal(stream.file["size"], len(data), "the size of an open file")
            _expect(b"".join([chunk async for chunk in stream]) == data[10:], "a stream from byte 10 is wrong")
        async with storage.open_read(path) as stream:
            await anext(stream)
        for start, end in ((-1, None), (2, 1)):
            _failure(
                await storage.read_bytes(path, start=start, end=end), ErrorKind.INVALID_INPUT, "a wrong range"
            )


async def check_streams(storage: ObjectStorageProtocol, folder: Path) -> None:  # noqa: ARG001
    """A stream is written whole; one that fails leaves what was there."""
    chunks = [os.urandom(size) for size in (0, 1, 70_000, 1024**2, _SEVERAL_CHUNKS)]
    async with _scratch(storage) as remote:
        path = f"{remote}stream"
        for content in (chunks, []):
            _content(await storage.write_stream(path, _stream(*content)), "write_stream")
            expected = b"".join(content)
            _expect(
                _content(await storage.read_bytes(path), "read_bytes") == expected, "a stream came back changed"
            )
        for path in (f"{remote}stream", f"{remote}new"):
            result = await storage.write_stream(path, _failing_stream())
            _expect(not result.success, "write_stream of a failing stream succeeded")
        _equal(_content(await storage.read_bytes(f"{remote}stream"), "read_bytes"), b"", "what was there")
        _equal(await _paths(storage, remote), ["stream"], "the listing after a failed stream")


async def check_listing(storage: ObjectStorageProtocol, folder: Path) -> None:  # noqa: ARG001
    """Listings are complete, of one folder only, and in order where the storage says so."""
    names = ["a", "a.b", "a0", "b/c", "b/d/e", "z", "ä", "\U0001f986"]
    async with _scratch(storage) as remote:
        await _write(storage, *(f"{remote}x/{name}" for name in names), f"{remote}xy", f"{remote}y/no")
        found = await _paths(storage, f"{remote}x/")
        _equal(sorted(found), sorted(names), "the recursive listing")
        if storage.capabilities.ordered_listing:
            _equal(found, sorted(found, key=str.encode), "the order of the listing")
        _equal(await _paths(storage, f"{remote}x"), [f"/{name}" for name in found], "the listing without `/`")
        flat = [file async for file in storage.iter_files(f"{remote}x", recursive=False)]
        folders = [file["path"] for file in flat if file.get("is_folder")]
        _equal(folders, [f"{remote}x/b/"], "the folders of a listing that is not recursive")
        files = sorted(file["name"] for file in flat if not file.get("is_folder"))
        _equal(files, sorted({"a", "a.b", "a0", "z", "ä", "\U0001f986"}), "its files")
        listed = _content(await storage.list_files(f"{remote}x"), "list_files")
        _equal([file["path"] for file in listed], [f"{remote}x/{name}" for name in found], "list_files")
        _equal(await _paths(storage, f"{remote}missing"), [], "the listing of a folder that is not there")


async def check_patterns(storage: ObjectStorageProtocol, folder: Path) -> None:  # noqa: ARG001
    """Patterns match names, case-sensitively; with `/` they match the path below the folder."""
    async with _scratch(storage) as remote:
        await _write(storage, *(f"{remote}{name}" for name in ("r1.csv", "R2.csv", "in/r3.csv", "in/r4.txt")))
        expected = {
            "r*.csv": ["in/r3.csv", "r1.csv"],
            "*.CSV": [],
            "in/*": ["in/r3.csv", "in/r4.txt"],
            "r[12].csv": ["r1.csv"],
        }
        for pattern, names in expected.items():
            _equal(
                sorted(await _paths(storage, remote, pattern=pattern)), names, f"the files that match {pattern}"
            )


async def check_stat(storage: ObjectStorageProtocol, folder: Path) -> None:
    """A look-up and the listing tell the same, with what was stored beside the file."""
    source = folder / "dated.txt"
    await run_in_thread(source.write_bytes, b"12345")
    await run_in_thread(os.utime, source, (_MTIME, _MTIME))
    await run_in_thread(source.chmod, 0o640)
    async with _scratch(storage) as remote:
        path = f"{remote}dated.txt"
        options = UploadOptions(metadata={"colour": "blue"})
        url = _content(await storage.upload_file(str(source), path, options=options), "upload_file")
        for name in (path, url):
            _check_description(storage, _content(await storage.stat_file(name), "stat_file"), path, url)
        [listed] = [file async for file in storage.iter_files(remote)]
        for key in ("name", "path", "size", "url"):
            _equal(
                listed.get(key),
                {"name": "dated.txt", "path": path, "size": 5, "url": url}[key],
                f"the listed {key}",
            )
        _equal(_content(await storage.file_exists(path), "file_exists"), expected=True, what="file_exists")
        target = folder / "back.txt"
        _content(await storage.download_file(path, str(target)), "download_file")
        if storage.capabilities.modification_time:
            found = await run_in_thread(target.stat)
            _equal(found.st_mtime, (await run_in_thread(source.stat)).st_mtime, "the time of the downloaded file")
            _equal(found.st_mode & 0o777, 0o640, "the mode of the downloaded file")


def _check_description(storage: ObjectStorageProtocol, file: RemoteFile, path: str, url: str) -> None:
    _equal((file["name"], file["path"], file["size"], file["url"]), ("dated.txt", path, 5, url), "the look-up")
    modified = file["last_modified"]
    _expect(modified is None or modified.tzinfo is not None, "last_modified has no time zone")
    if storage.capabilities.modification_time:
        _equal((file.get("mtime"), file.get("mode")), (_MTIME, 0o640), "the time and the mode in the look-up")
    if storage.capabilities.metadata:
        _equal(dict(file.get("metadata", {})), {"colour": "blue"}, "the metadata in the look-up")


async def check_copy_and_move(storage: ObjectStorageProtocol, folder: Path) -> None:  # noqa: ARG001
    """A copy leaves the source, a move does not; both take folders, and neither takes source as target."""
    async with _scratch(storage) as remote:
        await _write(storage, f"{remote}a")
        content = f"{remote}a".encode()
        _content(await storage.copy_file(f"{remote}a", f"{remote}copies/"), "copy_file")
        _equal(sorted(await _paths(storage, remote)), ["a", "copies/a"], "the files after the copy")
        _content(await storage.move_file(f"{remote}a", f"{remote}moved/b"), "move_file")
        _content(await storage.move_file(f"{remote}moved/b", f"{remote}copies/a"), "move_file over a file")
        _equal(await _paths(storage, remote), ["copies/a"], "the files after the moves")
        _equal(_content(await storage.read_bytes(f"{remote}copies/a"), "read_bytes"), content, "the moved file")
        for method in (storage.copy_file, storage.move_file):
            result = await method(f"{remote}copies/a", f"{remote}copies/a")
            _failure(result, ErrorKind.INVALID_INPUT, f"{method.__name__} onto itself")
        _equal(await _paths(storage, remote), ["copies/a"], "the files after a move onto itself")


async def check_folders(storage: ObjectStorageProtocol, folder: Path) -> None:  # noqa: ARG001
    """Folders can be made twice, are no files, and go when they are empty."""
    async with _scratch(storage) as remote:
        for _ in range(2):
            path = _content(await storage.create_folder("new", remote), "create_folder")
            _equal(path, f"{remote}new/", "the content of create_folder")
        _failure(await storage.create_folder(""), ErrorKind.INVALID_INPUT, "create_folder without a name")
        _equal(await _paths(storage, remote), [], "the recursive listing with an empty folder")
        if storage.capabilities.folders:
            _equal(await _paths(storage, remote, recursive=False), ["new/"], "the listing with an empty folder")
        _equal(
            _content(await storage.file_exists(f"{remote}new"), "file_exists"), expected=False, what="file_exists"
        )
        _content(await storage.delete_file(f"{remote}new"), "delete_file of a folder's name without `/`")
        if storage.capabilities.folders:
            _equal(await _paths(storage, remote, recursive=False), ["new/"], "the listing after that")
        _content(await storage.delete_file(f"{remote}new/"), "delete_file of an empty folder")
        _equal(await _paths(storage, remote, recursive=False), [], "the listing after the folder is gone")


async def check_file_beside_folder(storage: ObjectStorageProtocol, folder: Path) -> None:  # noqa: ARG001
    """A file beside a folder of its name is kept, or refused as a conflict with the first one intact."""
    async with _scratch(storage) as remote:
        for first, second in ((f"{remote}a", f"{remote}a/b"), (f"{remote}c/d", f"{remote}c")):
            await _write(storage, first)
            result = await storage.write_bytes(second, b"second")
            if not result.success:
                _failure(result, ErrorKind.CONFLICT, f"{second!r} beside {first!r}")
            content = _content(await storage.read_bytes(first), f"read_bytes({first!r})")
            _equal(content, first.encode(), "the first of the two")


async def check_odd_names(storage: ObjectStorageProtocol, folder: Path) -> None:  # noqa: ARG001
    """Names are data: each comes back byte for byte, or is refused and leaves nothing."""
    plain = ["ü", "u\u0308", "\U0001f986", "two words", "a+b", "a%2Fb", "what?", "#1", "a&b", "*?[x]", "'\"", "~"]
    odd = ["back\\slash", "\x01", "line\nbreak", "a//b", "/lead", "../up", "a/../b", "./here", "nul\0", "\ud800"]
    async with _scratch(storage) as remote:
        for name in plain:
            await _write(storage, f"{remote}{name}")
        refused = [name for name in odd if not (await storage.write_bytes(f"{remote}{name}", b"odd")).success]
        expected = {*plain, *odd} - {*refused}
        _equal(sorted(await _paths(storage, remote)), sorted(expected), "the names in the listing")
        for name in plain:
            content = _content(await storage.read_bytes(f"{remote}{name}"), f"read_bytes({name!r})")
            _equal(content, f"{remote}{name}".encode(), f"the content of {name!r}")
        _failure(await storage.write_bytes("", b""), ErrorKind.INVALID_INPUT, "the empty name")
        longest = storage.capabilities.max_name_bytes
        if longest is not None:
            result = await storage.write_bytes("x" * (longest + 1), b"")
            _failure(result, ErrorKind.INVALID_INPUT, f"a name of {longest + 1} bytes")


async def check_progress(storage: ObjectStorageProtocol, folder: Path) -> None:
    """Progress goes forwards only and ends at the size."""
    source = folder / "large.bin"
    await run_in_thread(source.write_bytes, os.urandom(_SEVERAL_CHUNKS))
    async with _scratch(storage) as remote:
        for transfer in (storage.upload_file, storage.download_file):
            seen: list[int] = []
            names = (str(source), f"{remote}large")
            await transfer(*(names if transfer == storage.upload_file else names[::-1]), progress=seen.append)
            _equal(seen, sorted(seen), "the order of the progress")
            _equal(seen[-1:], [_SEVERAL_CHUNKS], "the last progress")


async def check_presign(storage: ObjectStorageProtocol, folder: Path) -> None:  # noqa: ARG001
    """A storage that cannot presign says that it is not supported."""
    async with _scratch(storage) as remote:
        await _write(storage, f"{remote}a")
        result = await storage.presign_url(f"{remote}a")
        if storage.capabilities.presign:
            _expect(_content(result, "presign_url").startswith("http"), "presign_url made no web address")
        else:
            _failure(result, ErrorKind.UNSUPPORTED, "presign_url")


async def check_many_at_once(storage: ObjectStorageProtocol, folder: Path) -> None:
    """Many files move at the same time through one storage."""
    count = 40
    async with _scratch(storage) as remote:

        async def round_trip(_index: int, number: int) -> None:
            source, target = folder / f"{number}.in", folder / f"{number}.out"
            await run_in_thread(source.write_bytes, str(number).encode() * 1000)
            _content(await storage.upload_file(str(source), f"{remote}{number}"), "upload_file")
            _content(await storage.download_file(f"{remote}{number}", str(target)), "download_file")
            _equal(await run_in_thread(target.read_bytes), str(number).encode() * 1000, f"file {number}")

        await for_each(round_trip, range(count), max_concurrency=count)
        _equal(len(await _paths(storage, remote)), count, "the number of files")


async def check_cancellation(storage: ObjectStorageProtocol, folder: Path) -> None:
    """A cancelled transfer leaves what was there, on both sides, and cancels its caller."""
    source, target, content = folder / "large.bin", folder / "target.bin", os.urandom(_SEVERAL_CHUNKS)
    await run_in_thread(source.write_bytes, content)
    async with _scratch(storage) as remote:
        _content(await storage.upload_file(str(source), f"{remote}whole"), "upload_file")
        await run_in_thread(target.write_bytes, b"before")
        transfers: list[Callable[[anyio.CancelScope], Awaitable[object]]] = [
            lambda scope: storage.upload_file(str(source), f"{remote}cut", progress=lambda _: scope.cancel()),
            lambda scope: storage.download_file(f"{remote}whole", str(target), progress=lambda _: scope.cancel()),
            lambda scope: storage.write_stream(f"{remote}cut", _cancelling_stream(scope)),
        ]
        for transfer in transfers:
            with anyio.CancelScope() as scope:
                await transfer(scope)
                await anyio.lowlevel.checkpoint()
            _expect(scope.cancelled_caught, "a cancelled transfer did not cancel its caller")
        whole = {f"{remote}whole", f"{remote}cut"}
        for file in [file async for file in storage.iter_files(remote)]:
            _expect(file["path"] in whole, f"{file['path']!r} was left behind")
            found = _content(await storage.read_bytes(file["path"]), "read_bytes")
            _expect(found == content, f"{file['path']!r} is not whole")
        left_there = await run_in_thread(_read_or_none, target)
        _expect(left_there in (b"before", content), "the target is neither what it was nor what was downloaded")
        left = sorted(await run_in_thread(os.listdir, folder))
        _equal(left, ["large.bin", "target.bin"], "the local folder")


def _read_or_none(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


async def _stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def _failing_stream() -> AsyncIterator[bytes]:
    yield os.urandom(_SEVERAL_CHUNKS)
    raise ValueError("the stream failed")


async def _cancelling_stream(scope: anyio.CancelScope) -> AsyncIterator[bytes]:
    yield os.urandom(_SEVERAL_CHUNKS - 1)
    scope.cancel()
    await anyio.lowlevel.checkpoint()


STORAGE_CHECKS: Final[tuple[StorageCheck, ...]] = (
    check_file_round_trip,
    check_defaults_of_names,
    check_missing_file,
    check_overwrite,
    check_conditional_race,
    check_ranges,
    check_streams,
    check_listing,
    check_patterns,
    check_stat,
    check_copy_and_move,
    check_folders,
    check_file_beside_folder,
    check_odd_names,
    check_progress,
    check_presign,
    check_many_at_once,
    check_cancellation,
)
"""Every check, to parametrize tests with."""


async def check_storage(storage: ObjectStorageProtocol, folder: Path) -> None:
    """Run every check over a storage, one after the other.

    Args:
        storage: Up and running, or ready to be started by its first use.
        folder: An empty local folder.

    Raises:
        ConformanceError: if the storage does not do what the protocol promises.
    """
    for check in STORAGE_CHECKS:
        place = folder / getattr(check, "__name__", "check")
        await run_in_thread(place.mkdir)
        await check(storage, place)
