"""What a program does with a storage in a day: bulk transfers, overwriting, moves, syncs, deletions, listings."""

import random
import shutil
from collections.abc import Iterable
from pathlib import Path

from quackcore_async import delete_many, download_many, sync, upload_many
from quackcore_async.concurrency import for_each, run_in_thread
from quackcore_async.errors import QuackError
from quackcore_async.testing import ActualState, History, digest_of, state_of_folder

MEANT_TO_FAIL = "break off"
BROKEN = "broken"  # in the names of what that is
SMALL = 16 * 1024  # bytes, at most
REMOTE, DOWN, MIRROR = "remote", "down", "mirror"
FOLDERS = 7


class Workload:
    """One run over one storage, the same for the same seed.

    Args:
        storage: Where to.
        folder: An empty local folder.
        seed: What names, sizes and contents are drawn from.
        objects: Files that go up; what follows is done to shares of them.
        large: Sizes of large files that go up beside them.
    """

    def __init__(self, storage, folder: Path, *, seed: int, objects: int, large: Iterable[int] = ()) -> None:
        self.history = History(seed)
        self.before_writing_files = lambda _own: None  # told when the workload itself is about to write, and ended
        self._storage = storage
        self._random = random.Random(seed)
        self._source, self._tree = folder / "source", folder / "tree"
        self._down, self._mirror = folder / DOWN, folder / MIRROR
        self._names = [f"d{number % FOLDERS}/{number:05}.bin" for number in range(objects)]
        self._sizes = {name: self._random.randrange(SMALL) for name in self._names}
        for number, size in enumerate(large):
            self._names.append(f"large{number}.bin")
            self._sizes[self._names[-1]] = size

    async def run(self) -> None:
        """Do everything once."""
        await self._upload(self._names)
        await self._download(self._names)
        await for_each(self._break_off, [f"{BROKEN}{number}" for number in range(3)], max_concurrency=3)
        await self._upload(self._share(0.2), grown=1)
        moved = self._share(0.05)
        await for_each(self._move, moved, max_concurrency=16)
        await for_each(self._copy, self._share(0.05, without=moved), max_concurrency=16)
        await self._list()
        await self._sync()
        await for_each(self._read, self._share(0.05, without=moved), max_concurrency=16)
        await self._delete(self._share(0.2, without=moved))
        await self._list()

    async def local_states(self) -> dict[str, ActualState]:
        """Read what is in the local folders."""
        return {DOWN: await state_of_folder(self._down), MIRROR: await state_of_folder(self._mirror)}

    def _share(self, share: float, *, without: Iterable[str] = ()) -> list[str]:
        names = sorted(set(self._names) - set(without))
        return self._random.sample(names, max(1, int(share * len(names))))

    async def _upload(self, names: list[str], *, grown: int = 0) -> None:
        digests = await run_in_thread(self._write_files, self._source, names, grown)
        operations = [self.history.write("upload", REMOTE, f"up/{name}", digests[name]) for name in names]
        items = [(str(self._source / name), f"up/{name}") for name in names]
        self.history.settle_all(operations, (await upload_many(self._storage, items)).content.outcomes)

    async def _download(self, names: list[str]) -> None:
        operations = [self.history.copy("download", (REMOTE, f"up/{name}"), (DOWN, name)) for name in names]
        items = [(f"up/{name}", str(self._down / name)) for name in names]
        self.history.settle_all(operations, (await download_many(self._storage, items)).content.outcomes)

    async def _move(self, _index: int, name: str) -> None:
        operation = self.history.move((REMOTE, f"up/{name}"), (REMOTE, f"moved/{name}"))
        self.history.settle(operation, await self._storage.move_file(f"up/{name}", f"moved/{name}"))

    async def _copy(self, _index: int, name: str) -> None:
        operation = self.history.copy("copy", (REMOTE, f"up/{name}"), (REMOTE, f"copied/{name}"))
        self.history.settle(operation, await self._storage.copy_file(f"up/{name}", f"copied/{name}"))

    async def _break_off(self, _index: int, name: str) -> None:
        """Write what cannot be written to its end: nothing of it may stay, whatever became of its parts."""
        operation = self.history.write(MEANT_TO_FAIL, REMOTE, f"up/{name}", digest_of(b"never"))
        self.history.settle(operation, await self._storage.write_stream(f"up/{name}", _broken_stream()))

    async def _read(self, _index: int, name: str) -> None:
        result = await self._storage.read_bytes(f"up/{name}")
        if result.success:
            self.history.saw_content(REMOTE, f"up/{name}", digest_of(result.content))

    async def _list(self) -> None:
        for prefix in ("up/", "moved/"):
            try:
                listed = [file["path"] async for file in self._storage.iter_files(prefix)]
            except QuackError:
                continue  # it does not claim to be whole
            self.history.saw_listing(REMOTE, listed, prefix)

    async def _sync(self) -> None:
        """Bring a tree up twice, with changes in between, and down again."""
        names = self._names[: max(10, len(self._names) // 5)]
        self._tree_digests = await run_in_thread(self._write_files, self._tree, names, 2)
        await self._sync_up()
        gone, changed = names[::10], names[1::5]
        self.before_writing_files(True)
        for name in gone:
            await run_in_thread((self._tree / name).unlink)
            del self._tree_digests[name]
        self.before_writing_files(False)
        self._tree_digests |= await run_in_thread(self._write_files, self._tree, changed, 3)
        await self._sync_up()
        await self._sync_down()

    async def _sync_up(self) -> None:
        operations = [
            self.history.write("sync", REMOTE, f"sync/{name}", digest)
            for name, digest in self._tree_digests.items()
        ]
        extra = [
            name
            for name in self.history.names(REMOTE)
            if name.startswith("sync/") and name.removeprefix("sync/") not in self._tree_digests
        ]
        operations += [self.history.delete(REMOTE, name) for name in extra]
        outcomes: list = []
        result = await sync(self._tree, (self._storage, "sync"), delete=True, on_outcome=outcomes.append)
        self.history.settle_mirror(
            operations, result, outcomes, lambda outcome: f"sync/{_name_in(outcome.target)}"
        )

    async def _sync_down(self) -> None:
        operations = self.history.mirror(
            REMOTE,
            MIRROR,
            place=lambda name: name.removeprefix("sync/") if name.startswith("sync/") else "",
            delete=True,
        )
        outcomes: list = []
        result = await sync((self._storage, "sync"), self._mirror, delete=True, on_outcome=outcomes.append)
        self.history.settle_mirror(operations, result, outcomes, lambda outcome: _name_in(outcome.target))

    async def _delete(self, names: list[str]) -> None:
        operations = [self.history.delete(REMOTE, f"up/{name}") for name in names]
        report = (await delete_many(self._storage, [f"up/{name}" for name in names])).content
        self.history.settle_all(operations, report.outcomes)

    def _write_files(self, folder: Path, names: Iterable[str], grown: int) -> dict[str, str]:
        """Write local files; `grown` makes them differ in size from those of before, as syncs tell files apart."""
        self.before_writing_files(True)
        digests = {}
        for name in names:
            data = self._random.randbytes(self._sizes[name] + grown)
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            digests[name] = digest_of(data)
        self.before_writing_files(False)
        return digests

    def remove_files(self) -> None:
        for folder in (self._source, self._tree, self._down, self._mirror):
            shutil.rmtree(folder, ignore_errors=True)


async def _broken_stream():
    for _ in range(6):
        yield bytes(1024**2)
    raise ValueError("the source is broken")


def _name_in(label: str) -> str:
    """Return the relative name in what an outcome calls its target."""
    parts = label.rstrip("/").split("/")
    return parts[-1] if parts[-1].startswith("large") else "/".join(parts[-2:])
