"""Each check of the conformance suite finds what it is there for."""

import os
from dataclasses import replace

import pytest

from quackcore_async.storage import MemoryStorage
from quackcore_async.testing import conformance
from quackcore_async.testing.conformance import STORAGE_CHECKS, ConformanceError


class LosesAByte(MemoryStorage):
    async def _put_bytes(self, data, write):
        await super()._put_bytes(data[:-1], write)


class LosesAFile(MemoryStorage):
    async def _pages(self, folder, *, recursive):
        async for page in super()._pages(folder, recursive=recursive):
            yield [file for file in page if not file["path"].endswith(("a0", "name.txt"))]


class LosesReports(MemoryStorage):
    async def _pages(self, folder, *, recursive):
        async for page in super()._pages(folder, recursive=recursive):
            yield [file for file in page if "r1" not in file["path"]]


class MixesFilesUp(MemoryStorage):
    async def _fetch(self, path, target, progress):
        await super()._fetch(max(self._files), target, progress)


class FindsEverything(MemoryStorage):
    async def _stat(self, path):
        return {"name": path, "path": path, "size": 0, "last_modified": None, "url": path}


class ListsInAnyOrder(MemoryStorage):
    async def _pages(self, folder, *, recursive):
        async for page in super()._pages(folder, recursive=recursive):
            yield page[::-1]


class ListsTheNeighbours(MemoryStorage):
    async def _pages(self, folder, *, recursive):
        async for page in super()._pages(folder.removesuffix("/"), recursive=recursive):
            yield page


class Overwrites(MemoryStorage):
    async def _put_bytes(self, data, write):
        await super()._put_bytes(data, replace(write, overwrite=True))


class CopiesOver(MemoryStorage):
    async def _copy(self, source, target, *, overwrite):
        await super()._copy(source, target, overwrite=True)


class IgnoresRanges(MemoryStorage):
    async def _open(self, path, start, end):
        return await super()._open(path, start, None)


class ForgetsTheTime(MemoryStorage):
    def _describe(self, path, stored):
        return super()._describe(path, replace(stored, mtime=None))


class ForgetsMetadata(MemoryStorage):
    def _describe(self, path, stored):
        return {**super()._describe(path, stored), "metadata": {}}


class KeepsWhatIsMoved(MemoryStorage):
    async def _move(self, source, target, *, overwrite):
        await self._copy(source, target, overwrite=overwrite)


class DeletesTheFolderToo(MemoryStorage):
    async def _delete(self, path):
        self._files.pop(f"{path}/", None)
        return await super()._delete(path)


class KeepsHalfAStream(MemoryStorage):
    async def _put_stream(self, chunks, write):
        async for chunk in chunks:
            await self._put_bytes(chunk, write)


class EmptiesTheTarget(MemoryStorage):
    async def _fetch(self, path, target, progress):
        try:
            await super()._fetch(path, target, progress)
        finally:
            os.truncate(target.path, 0)


class TearsUploads(MemoryStorage):
    async def _put_file(self, source, write):
        try:
            await super()._put_file(source, write)
        finally:
            self._files[write.path] = replace(self._files[write.path], data=bytes(source.size))


class ForgetsProgress(MemoryStorage):
    async def _fetch(self, path, target, progress):
        await super()._fetch(path, target, lambda done: None)


class RefusesUmlauts(MemoryStorage):
    def _check_path(self, path):
        return super()._check_path(path.encode("ascii", "ignore").decode())


class ClaimsToPresign(MemoryStorage):
    @property
    def capabilities(self):
        return replace(super().capabilities, presign=True)


class OverwritesTheFileByTheFolder(MemoryStorage):
    async def _put_bytes(self, data, write):
        self._files.pop(write.path.rpartition("/")[0], None)
        await super()._put_bytes(data, write)


@pytest.mark.parametrize(
    ("check", "broken"),
    [
        (conformance.check_many_at_once, MixesFilesUp),
        (conformance.check_file_round_trip, MixesFilesUp),
        (conformance.check_missing_file, FindsEverything),
        (conformance.check_patterns, LosesReports),
        (conformance.check_defaults_of_names, LosesAFile),
        (conformance.check_listing, LosesAFile),
        (conformance.check_listing, ListsInAnyOrder),
        (conformance.check_listing, ListsTheNeighbours),
        (conformance.check_overwrite, Overwrites),
        (conformance.check_overwrite, CopiesOver),
        (conformance.check_conditional_race, Overwrites),
        (conformance.check_ranges, IgnoresRanges),
        (conformance.check_ranges, LosesAByte),
        (conformance.check_stat, ForgetsTheTime),
        (conformance.check_stat, ForgetsMetadata),
        (conformance.check_copy_and_move, KeepsWhatIsMoved),
        (conformance.check_folders, DeletesTheFolderToo),
        (conformance.check_streams, KeepsHalfAStream),
        (conformance.check_cancellation, KeepsHalfAStream),
        (conformance.check_cancellation, EmptiesTheTarget),
        (conformance.check_cancellation, TearsUploads),
        (conformance.check_progress, ForgetsProgress),
        (conformance.check_odd_names, RefusesUmlauts),
        (conformance.check_presign, ClaimsToPresign),
        (conformance.check_file_beside_folder, OverwritesTheFileByTheFolder),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_a_broken_storage_is_caught(check, broken, tmp_path_factory):
    with pytest.raises(ConformanceError):
        await check(broken(), tmp_path_factory.mktemp("local"))


def test_every_check_is_in_the_list():
    named = {value for name, value in vars(conformance).items() if name.startswith("check_")}
    assert named - {conformance.check_storage} == set(STORAGE_CHECKS)
