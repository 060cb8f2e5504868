"""`BaseStorageIntegration`: the whole storage protocol over the hooks of a storage."""

import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from quackcore_async.concurrency import run_in_thread, shielded
from quackcore_async.errors import ContractError, InvalidNameError, RemoteNotFoundError
from quackcore_async.protocols import (
    ByteStream,
    CleanupOutcome,
    DownloadResult,
    ObjectStorageProtocol,
    ProgressCallback,
    RemoteFile,
    UploadOptions,
)
from quackcore_async.protocols.core import AuthProviderProtocol, ConfigProviderProtocol
from quackcore_async.results import IntegrationResult, to_quack_error
from quackcore_async.service import BaseIntegrationService
from quackcore_async.service.operation import operation
from quackcore_async.storage.files import DownloadTarget, SourceFile
from quackcore_async.storage.hooks import NO_OPTIONS, Pages, StorageHooks, Write
from quackcore_async.storage.names import as_folder, base_name, matches, shown
from quackcore_async.storage.streams import FileStream, Reader, close_generator

__all__ = ["BaseStorageIntegration"]


class BaseStorageIntegration(BaseIntegrationService, StorageHooks, ObjectStorageProtocol):
    """Base of storages: names, defaults, checks, atomic downloads and results, once for all of them.

    A storage writes `capabilities` and the hooks of `StorageHooks`, and inherits every method of
    `ObjectStorageProtocol`.

    Args:
        config_provider: Loads and checks the configuration; None when there is none.
        auth_provider: Logs in; None when no login is needed.
        config_path: File to load the configuration from; None looks in the usual places.
        log_level: Level of `self.logger`, as a number or a name; None leaves it alone.
        name: Name of this instance, and of its section in a configuration; None is the name of the class.
        config: The configuration itself, in place of loading it.
    """

    def __init__(
        self,
        config_provider: ConfigProviderProtocol | None = None,
        auth_provider: AuthProviderProtocol | None = None,
        config_path: str | None = None,
        log_level: int | str | None = None,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(config_provider, auth_provider, config_path, log_level, config=config)
        self._name = name or type(self).__name__

    @property
    def name(self) -> str:
        """Name of this instance."""
        return self._name

    @operation(IntegrationResult[str])
    async def upload_file(
        self,
        file_path: str | os.PathLike[str],
        remote_path: str | None = None,
        *,
        overwrite: bool = True,
        options: UploadOptions | None = None,
        progress: ProgressCallback | None = None,
        resume: bool = False,
    ) -> IntegrationResult[str]:
        """Upload a local file, whole or not at all.

        Args:
            file_path: A regular file; `~` is expanded. One that changes meanwhile is not uploaded.
            remote_path: Its remote name; None is its base name, and a folder (`photos/`) gets that behind it.
            overwrite: False fails with code `exists` when there is such a file.
            options: How it is written.
            progress: Called with the bytes done so far.
            resume: Go on with what an earlier call with `resume=True` has sent of the same file to the same place,
                before a failure, a cancellation or the death of its process, and keep what this one sends: the
                service then holds the parts until the file is sent again or `cleanup` removes them. Parts of a
                file that changed are never mixed. A storage without the capability `resume`, and a small file,
                begin anew and leave nothing; so does everything by default.

        Returns:
            The full identifier of the remote file.
        """
        path = await self._upload_or_raise(
            file_path, remote_path, overwrite=overwrite, options=options, progress=progress, resume=resume
        )
        return self._done("uploaded", path)

    async def _upload_or_raise(
        self,
        file_path: str | os.PathLike[str],
        remote_path: str | None,
        *,
        overwrite: bool,
        options: UploadOptions | None,
        progress: ProgressCallback | None,
        resume: bool = False,
    ) -> str:
        source = SourceFile(file_path)
        path = self._target_path(remote_path or "", source.name)
        try:
            write = self._write(path, options, progress, overwrite=overwrite, resume=resume)
            await self._put_file(source, write)
        finally:
            source.close()
        return path

    @operation(DownloadResult)
    async def download_file(
        self,
        remote_id: str,
        local_path: str | os.PathLike[str] | None = None,
        *,
        overwrite: bool = True,
        progress: ProgressCallback | None = None,
        resume: bool = False,
    ) -> DownloadResult:
        """Download a file, whole and checked or not at all: a file that was there stays untouched on any failure.

        Args:
            remote_id: Path, id or full identifier.
            local_path: Where to; `~` is expanded, missing folders are made, and what is a folder or ends in a
                separator gets the base name behind it. None is the base name in the working directory.
            overwrite: False fails with code `exists` when there is such a local file.
            progress: Called with the bytes done so far.
            resume: Go on with what an earlier call with `resume=True` to the same local path has left, after a
                failure, a cancellation or the death of its process, and leave what is complete of this one: a
                hidden file beside the target. Nothing of another version of the remote file is used. A storage
                without the capability `resume`, a file system without locks, and a small file, begin anew and
                leave nothing; so does everything by default.

        Returns:
            The local path, and in `verified` how far the bytes were checked.
        """
        target = await self._download_or_raise(
            remote_id, local_path, overwrite=overwrite, progress=progress, resume=resume
        )
        return DownloadResult.success_result(target.path, f"downloaded to {target.path}", target.verified)

    async def _download_or_raise(
        self,
        remote_id: str,
        local_path: str | os.PathLike[str] | None,
        *,
        overwrite: bool,
        progress: ProgressCallback | None,
        resume: bool = False,
        exact: bool = False,
    ) -> DownloadTarget:
        path = self._file_path(remote_id)
        target = DownloadTarget(
            local_path or None, base_name(path), overwrite=overwrite, resume=resume, exact=exact
        )
        try:
            await self._fetch(path, target, _Progress(progress))
        finally:
            if target.is_open:
                await shielded(partial(run_in_thread, target.discard))
        if not target.committed:
            raise ContractError(f"{type(self).__name__}._fetch returned without committing its target")
        return target

    @operation(IntegrationResult[Sequence[RemoteFile]])
    async def list_files(
        self, remote_path: str | None = None, pattern: str | None = None, *, recursive: bool = True
    ) -> IntegrationResult[Sequence[RemoteFile]]:
        """List the files below a folder; see `iter_files`, which does not hold them all in memory."""
        files = [file async for file in self.iter_files(remote_path, pattern, recursive=recursive)]
        return IntegrationResult.success_result(files, f"listed {len(files)} files")

    async def iter_files(
        self, remote_path: str | None = None, pattern: str | None = None, *, recursive: bool = True
    ) -> AsyncIterator[RemoteFile]:
        """Stream the files below a folder, page by page.

        Args:
            remote_path: The folder; None is all of the storage. One that is not there has no files.
            pattern: Glob for the names, case-sensitive; for the paths relative to the folder when it contains `/`.
            recursive: False stays in the folder itself and yields its folders too.

        Raises:
            QuackError: if the storage cannot be brought up or the listing fails.
        """
        async with aclosing(self._list_pages(remote_path, partial(self._pages, recursive=recursive))) as pages:
            async for folder, page in pages:
                for file in page:
                    if pattern is None or matches(pattern, file["path"], folder):
                        yield file

    async def iter_tree(self, remote_path: str | None = None) -> AsyncIterator[RemoteFile]:
        """Stream the files below a folder as `iter_files` does, and its empty folders too, to copy a whole tree.

        A folder has `is_folder` and a path that ends in `/`. Where a service marks folders, those that are marked
        and not empty may be among them.

        Args:
            remote_path: The folder; None is all of the storage.

        Raises:
            QuackError: if the storage cannot be brought up or the listing fails.
        """
        async with aclosing(self.tree_pages(remote_path)) as pages:
            async for page in pages:
                for file in page:
                    yield file

    async def tree_pages(self, remote_path: str | None = None) -> AsyncGenerator[Sequence[RemoteFile], None]:
        """Stream what `iter_tree` does page by page, which costs less for each file.

        Args:
            remote_path: The folder; None is all of the storage.

        Raises:
            QuackError: if the storage cannot be brought up or the listing fails.
        """
        async with aclosing(self._list_pages(remote_path, self._tree_pages)) as pages:
            async for _folder, page in pages:
                yield page

    async def _list_pages(
        self, remote_path: str | None, list_folder: Callable[[str], Pages]
    ) -> AsyncGenerator[tuple[str, Sequence[RemoteFile]], None]:
        failure = await self._ensure_initialized()
        if failure is not None:
            failure.unwrap()
        try:
            folder = self._folder_path(remote_path)
            async with aclosing(list_folder(folder)) as pages:
                async for page in pages:
                    yield folder, page
        except Exception as exc:
            error = to_quack_error(exc)
            if error is exc:
                raise
            raise error from exc

    @operation(IntegrationResult[str])
    async def create_folder(self, folder_name: str, parent_path: str | None = None) -> IntegrationResult[str]:
        """Create a folder, and those above it; one that is there already is a success.

        Returns:
            Its remote path, with `/` at the end.
        """
        if not folder_name.strip("/"):
            raise InvalidNameError("the name of the folder is empty: name it")
        path = self._check_path(f"{self._folder_path(parent_path)}{as_folder(folder_name)}")
        await self._make_folder(path)
        return IntegrationResult.success_result(path, f"created folder {path}")

    @operation(IntegrationResult[RemoteFile])
    async def stat_file(self, remote: str) -> IntegrationResult[RemoteFile]:
        """Look one file up; one that is not there is a failure of kind `not_found`."""
        return IntegrationResult.success_result(await self._stat(self._file_path(remote)))

    @operation(IntegrationResult[bool])
    async def file_exists(self, remote: str) -> IntegrationResult[bool]:
        """Tell whether there is such a file; a folder is none."""
        try:
            await self._stat(self._file_path(remote))
        except RemoteNotFoundError:
            return IntegrationResult.success_result(content=False)
        return IntegrationResult.success_result(content=True)

    @operation(IntegrationResult[bool])
    async def delete_file(self, remote: str) -> IntegrationResult[bool]:
        """Delete a file, or with `/` at its end an empty folder.

        Returns:
            True, or where the service tells, False when it was not there.
        """
        existed = await self._delete(self._check_path(self._locate(remote)))
        message = f"deleted {shown(remote)}" if existed else f"there was no {shown(remote)}"
        return IntegrationResult.success_result(existed, message)

    @operation(IntegrationResult[str])
    async def copy_file(self, source: str, target: str, *, overwrite: bool = True) -> IntegrationResult[str]:
        """Copy a file within the storage.

        Returns:
            The full identifier of the copy.
        """
        paths = self._path_pair(source, target)
        await self._copy(*paths, overwrite=overwrite)
        return self._done("copied", paths[1])

    @operation(IntegrationResult[str])
    async def move_file(self, source: str, target: str, *, overwrite: bool = True) -> IntegrationResult[str]:
        """Move a file within the storage.

        Returns:
            The new full identifier.
        """
        paths = self._path_pair(source, target)
        await self._move(*paths, overwrite=overwrite)
        return self._done("moved", paths[1])

    @operation(IntegrationResult[bytes])
    async def read_bytes(
        self, remote: str, *, start: int | None = None, end: int | None = None
    ) -> IntegrationResult[bytes]:
        """Read a file, or its bytes from `start` up to but without `end`, into memory."""
        async with self.open_read(remote, start=start, end=end) as stream:
            chunks = [chunk async for chunk in stream]
        return IntegrationResult.success_result(b"".join(chunks) if len(chunks) != 1 else chunks[0])

    @operation(IntegrationResult[str])
    async def write_bytes(
        self, remote: str, data: bytes, *, overwrite: bool = True, options: UploadOptions | None = None
    ) -> IntegrationResult[str]:
        """Write a file whole.

        Returns:
            Its full identifier.
        """
        path = self._file_path(remote)
        await self._put_bytes(data, self._write(path, options, None, overwrite=overwrite))
        return self._done("wrote", path)

    def open_read(self, remote: str, *, start: int | None = None, end: int | None = None) -> ByteStream:
        """Open a file, or a range of its bytes, to be read once in order, within `async with`.

        Args:
            remote: Path, id or full identifier.
            start: First byte; None is 0.
            end: Byte behind the last; None is the end. Both are cut to the size of the file.
        """

        async def opener() -> Reader:
            failure = await self._ensure_initialized()
            if failure is not None:
                failure.unwrap()
            return await self._open(self._file_path(remote), start, end)

        return FileStream(opener, start, end)

    @operation(IntegrationResult[str])
    async def write_stream(
        self,
        remote: str,
        chunks: AsyncIterable[bytes],
        *,
        overwrite: bool = True,
        options: UploadOptions | None = None,
    ) -> IntegrationResult[str]:
        """Write a file from a stream of unknown length, whole or not at all.

        Args:
            remote: Name of the file.
            chunks: Its bytes, in pieces of any size. What it raises fails the write; a generator is closed.
            overwrite: False fails with code `exists` when there is such a file.
            options: How it is written.

        Returns:
            Its full identifier.
        """
        path = self._file_path(remote)
        try:
            await self._put_stream(chunks, self._write(path, options, None, overwrite=overwrite))
        finally:
            await close_generator(chunks)
        return self._done("wrote", path)

    @operation(IntegrationResult[Sequence[CleanupOutcome]])
    async def cleanup(
        self,
        remote_path: str | None = None,
        *,
        older_than: float | timedelta = timedelta(hours=24),
        dry_run: bool = False,
    ) -> IntegrationResult[Sequence[CleanupOutcome]]:
        """Remove what interrupted transfers have left: unfinished files, and parts of uploads that cost money.

        What this storage is at is left alone, and so is what is locked: the files that a process of this machine
        writes, and its uploads with `resume=True`. All else that somebody is at shows only by its age, from the
        last sign of life on: let `older_than` be longer than any transfer stands still.

        Args:
            remote_path: The folder; None is all of the storage.
            older_than: Seconds, or a time span, for which nobody may have been at it.
            dry_run: Change nothing; say what would be removed.

        Returns:
            An outcome for each that is old enough, also for those that could not be removed. A storage without the
            capability `cleanup` fails with kind `unsupported`.
        """
        before = _moment_before(older_than)
        outcomes = await self._cleanup(self._folder_path(remote_path), before, dry_run=dry_run)
        return IntegrationResult.success_result(outcomes, f"found {len(outcomes)} unfinished")

    @operation(IntegrationResult[str])
    async def presign_url(
        self, remote: str, *, method: str = "GET", expires_in: float = 3600.0
    ) -> IntegrationResult[str]:
        """Make a URL that lets whoever has it do `method` on a file for `expires_in` seconds."""
        url = await self._presign(self._file_path(remote), method, expires_in)
        return IntegrationResult.success_result(url)

    def _locate(self, remote: str) -> str:
        if not isinstance(remote, str):
            raise InvalidNameError(f"{remote!r} is no remote name: give it as text")
        return self._path_of(remote)

    def _file_path(self, remote: str) -> str:
        path = self._check_path(self._locate(remote))
        if path.endswith("/"):
            raise InvalidNameError(f"{shown(path)} is the name of a folder: name a file", code="is_a_folder")
        return path

    def _folder_path(self, remote: str | None) -> str:
        folder = as_folder(self._locate(remote or ""))
        return self._check_path(folder) if folder else folder

    def _target_path(self, remote: str, name: str) -> str:
        path = self._locate(remote)
        return self._check_path(f"{path}{name}" if not path or path.endswith("/") else path)

    def _path_pair(self, source: str, target: str) -> tuple[str, str]:
        source_path = self._file_path(source)
        target_path = self._target_path(target, base_name(source_path))
        if source_path == target_path:
            raise InvalidNameError(
                f"{shown(source_path)} is source and target: name another target", code="same_file"
            )
        return source_path, target_path

    def _write(
        self,
        path: str,
        options: UploadOptions | None,
        progress: ProgressCallback | None,
        *,
        overwrite: bool,
        resume: bool = False,
    ) -> Write:
        return Write(path, overwrite, options or NO_OPTIONS, _Progress(progress), resume)

    def _done(self, deed: str, path: str) -> IntegrationResult[str]:
        url = self._url_of(path)
        return IntegrationResult.success_result(url, f"{deed} {url}")


def _moment_before(age: float | timedelta) -> datetime:
    """Return the moment that lies so far back, or the first of all where that is too far."""
    try:
        span = age if isinstance(age, timedelta) else timedelta(seconds=age)
    except (ValueError, OverflowError):
        span = None
    if span is None or span < timedelta(0):
        raise InvalidNameError(
            f"older_than is {age}: give at least 0, and what a `timedelta` holds", code="bad_argument"
        )
    now, first = datetime.now(UTC), datetime.min.replace(tzinfo=UTC)
    return now - min(span, now - first)


class _Progress:
    """A progress callback that is told only what goes forwards."""

    __slots__ = ("_callback", "_done")

    def __init__(self, callback: ProgressCallback | None) -> None:
        self._callback = callback
        self._done = -1

    def __call__(self, done: int) -> None:
        if self._callback is not None and done > self._done:
            self._done = done
            self._callback(done)
