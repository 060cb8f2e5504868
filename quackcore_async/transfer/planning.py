"""What a `sync` has to do: which pairs of files need a job."""

import heapq
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing, suppress
from functools import partial
from typing import Final

import anyio

from quackcore_async.errors import ConflictError, QuackError
from quackcore_async.transfer.claims import TargetClaims
from quackcore_async.transfer.engine import Burst, Job
from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.inputs import LOOK_AHEAD
from quackcore_async.transfer.listing import Pair, TreePair
from quackcore_async.transfer.moves import TreeMoves
from quackcore_async.transfer.progress import ProgressReporter
from quackcore_async.transfer.report import TransferAction, TransferOutcome, TransferStatus
from quackcore_async.transfer.sides import LocalSide, StorageSide

__all__ = ["DeletionPlan", "TransferPlan", "remove_empty_folders"]

_UNCHANGED: Final = "it is unchanged"


class TransferPlan:
    """The transfers: what the target lacks, and what may differ, found while the trees are listed.

    One task runs `look_ahead` beside the workers. Of the jobs that are found and not begun, 4096 at most, the
    largest comes first.

    Args:
        trees: Both trees.
        moves: How a file gets from one to the other.
        reporter: Counts the files that need no job.
        on_equal: Is told how many these are, as they are found.
        on_outcome: Gets the outcome of each of them; None when nobody wants it.
    """

    def __init__(
        self,
        trees: TreePair,
        moves: TreeMoves,
        reporter: ProgressReporter,
        on_equal: Callable[[int], None],
        on_outcome: Callable[[TransferOutcome], None] | None = None,
    ) -> None:
        self._trees = trees
        self._moves = moves
        self._reporter = reporter
        self._on_equal = on_equal
        self._on_outcome = on_outcome
        self._collisions = _Collisions(trees.source.side, trees.target.side)
        self._found: list[tuple[int, int, Job]] = []
        self._index = 0
        self._has_ended = False
        self._more = anyio.Event()
        self._room = anyio.Event()

    async def look_ahead(self) -> None:
        """Make jobs of the pairs until there are no more, or the workers have enough."""
        try:
            async with aclosing(self._trees.pairs()) as batches:
                async for pairs in batches:
                    await self._plan_all(pairs)
            async with aclosing(self._trees.rest()) as rest:
                async for batch in rest:
                    await self._plan_all(self._new(batch))
        finally:
            self._has_ended = True
            self._more.set()

    async def next_job(self, burst: Burst) -> Job | None:
        """Return the next job, None at the end."""
        del burst
        while not self._found and not self._has_ended:
            if self._more.is_set():
                self._more = anyio.Event()
            await self._more.wait()
        if not self._found:
            return None
        job = heapq.heappop(self._found)[-1]
        if len(self._found) <= LOOK_AHEAD // 2:
            self._room.set()
        return job

    async def _plan_all(self, pairs: Iterable[Pair]) -> None:
        equal = 0
        for source, target in pairs:
            if source is None:
                continue
            refusal = self._collisions.find(source) if self._collisions.can_be else None
            if target is None:
                await self._add(source, target, refusal)
            elif source.key.endswith(b"/"):
                continue
            elif refusal is None and self._moves.are_surely_equal(source, target):
                equal += 1
                if self._on_outcome is not None:
                    self._on_outcome(self._equal(source))
            else:
                await self._add(source, target, refusal)
        self._on_equal(equal)
        self._reporter.files_done += equal

    def _new(self, pairs: Iterable[tuple[Pair, bool]]) -> Iterator[Pair]:
        """Leave out what is planned already, once it is known what it collides with."""
        for pair, is_planned in pairs:
            if not is_planned:
                yield pair
            elif pair.source is not None:
                self._collisions.find(pair.source)

    async def _add(self, source: Entry, target: Entry | None, refusal: QuackError | None) -> None:
        if source.is_folder and not self._moves.keeps_folders:
            return
        if len(self._found) >= LOOK_AHEAD:
            self._room = anyio.Event()
            await self._room.wait()
        job = self._job(source, target, refusal)
        self._index += 1
        heapq.heappush(self._found, (-(job.size or 0), job.index, job))
        self._more.set()

    def _job(self, source: Entry, target: Entry | None, refusal: QuackError | None) -> Job:
        job = self._empty_job(source)
        if source.is_folder:
            job.action = TransferAction.CREATE_FOLDER
            perform = partial(self._moves.create_folder, source)
        else:
            job.size = source.size
            perform = partial(self._moves.transfer, source, target)
        job.refusal = refusal
        job.perform = perform if refusal is None else None
        return job

    def _empty_job(self, source: Entry) -> Job:
        path = source.path
        sides = self._trees.source.side, self._trees.target.side
        return Job(self._index, self._moves.action, sides[0].label_of(path), sides[1].label_of(path))

    def _equal(self, source: Entry) -> TransferOutcome:
        job = self._empty_job(source)
        return TransferOutcome(
            index=job.index,
            action=job.action,
            status=TransferStatus.SKIPPED,
            source=job.source,
            target=job.target,
            message=_UNCHANGED,
        )


class DeletionPlan:
    """The deletions: what the target alone has.

    Args:
        trees: Both trees, their listings whole.
        moves: How a file is deleted.
        reporter: Counts them.

    Attributes:
        emptied: Keys of the folders from which something is deleted.
    """

    def __init__(self, trees: TreePair, moves: TreeMoves, reporter: ProgressReporter) -> None:
        self.emptied: set[bytes] = set()
        self._side = trees.target.side
        self._moves = moves
        self._reporter = reporter
        self._extras: AsyncGenerator[list[Entry], None] = trees.extras()
        self._batch: list[Entry] = []
        self._lock = anyio.Lock()
        self._has_ended = False
        self._index = 0

    async def next_job(self, burst: Burst) -> Job | None:
        """Return the next job, None at the end."""
        del burst
        while not self._batch and not self._has_ended:
            async with self._lock:
                if not self._batch and not self._has_ended:
                    self._batch = (await anext(self._extras, []))[::-1]
                    self._has_ended = not self._batch
        return self._job(self._batch.pop()) if self._batch else None

    async def aclose(self) -> None:
        """Stop reading the trees."""
        await self._extras.aclose()

    def _job(self, extra: Entry) -> Job:
        self.emptied.add(extra.key.removesuffix(b"/").rpartition(b"/")[0])
        self._reporter.files_total += 1
        job = Job(self._index, TransferAction.DELETE, target=self._side.label_of(extra.path))
        job.perform = partial(self._moves.delete, extra)
        self._index += 1
        return job


class _Collisions:
    """Finds remote files that cannot lie beside each other in a local folder; the first one is kept.

    Files come in the order of their keys, so that few at a time can have a name that a later one needs as folder.
    They may come once more from the start, those that it has seen too.
    Where the file system folds case, a digest of every name is kept.

    Attributes:
        can_be: Whether there can be any, so that they have to be looked for.
    """

    def __init__(self, source: LocalSide | StorageSide, target: LocalSide | StorageSide) -> None:
        self._folder = target.folder if isinstance(target, LocalSide) and isinstance(source, StorageSide) else None
        self.can_be = self._folder is not None
        self._open: list[bytes] = []
        self._claims: TargetClaims | None = None
        if self._folder is not None and self._folder.folds_case:
            self._claims = TargetClaims(nested=True)

    def find(self, source: Entry) -> QuackError | None:
        """Return why a file cannot be put beside those before it."""
        if self._folder is None:
            return None
        if self._claims is not None:
            return None if source.is_folder else self._find_folded(source)
        while self._open and not source.key.startswith(self._open[-1]):
            self._open.pop()
        above = next((key for key in self._open if source.key[len(key) :].startswith(b"/")), None)
        if not source.is_folder:
            self._open.append(source.key)
        if above is None:
            return None
        message = f"{source.path}: {os.fsdecode(above)} is a file already, and cannot be a folder too"
        return ConflictError(message, code="duplicate_target")

    def _find_folded(self, source: Entry) -> QuackError | None:
        if self._folder is None or self._claims is None:
            return None
        try:
            self._claims.claim(self._folder.identity(source.path))
        except QuackError as exc:
            return exc
        return None


def remove_empty_folders(root: str, emptied: Iterable[bytes], kept: set[bytes]) -> None:
    """Remove the folders that deletions have left empty, and those above them that are empty then. Blocks.

    Args:
        root: The tree.
        emptied: Keys of folders from which something was deleted, without `/` at the end.
        kept: Keys of folders that stay, with it.
    """
    folders: set[bytes] = set()
    for key in emptied:
        folder = key
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition(b"/")[0]
    for folder in sorted(folders, key=lambda key: key.count(b"/"), reverse=True):
        if folder + b"/" not in kept:
            with suppress(OSError):
                os.rmdir(os.path.join(os.fsencode(root), folder))  # noqa: PTH106, PTH118 - pathlib has no bytes
