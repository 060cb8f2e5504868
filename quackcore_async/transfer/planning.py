"""What a `sync` has to do: which pairs of files need a job."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
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


class _Plan(ABC):
    """Makes jobs of the pairs of two trees; of those in a window the largest comes first."""

    def __init__(self, trees: TreePair, moves: TreeMoves, reporter: ProgressReporter) -> None:
        self._trees = trees
        self._moves = moves
        self._reporter = reporter
        self._pairs = trees.pairs()
        self._window: list[Job] = []
        self._lock = anyio.Lock()
        self._ended = False
        self._index = 0

    async def next_job(self, burst: Burst) -> Job | None:
        """Return the next job, None at the end."""
        del burst
        while not self._window and not self._ended:
            async with self._lock:
                if not self._window and not self._ended:
                    await self._look_ahead()
        return self._window.pop() if self._window else None

    async def aclose(self) -> None:
        """Stop reading the trees."""
        await self._pairs.aclose()

    async def _look_ahead(self) -> None:
        jobs: list[Job] = []
        async for pair in self._pairs:
            job = self._plan(pair)
            if job is not None:
                job.index = self._index
                self._index += 1
                jobs.append(job)
                if len(jobs) >= LOOK_AHEAD:
                    break
        else:
            self._ended = True
        jobs.reverse()
        jobs.sort(key=lambda job: job.size or 0)
        self._window = jobs

    @abstractmethod
    def _plan(self, pair: Pair) -> Job | None:
        """Make the job of a pair, None when nothing has to be done."""


class TransferPlan(_Plan):
    """The transfers: what the target lacks, and what may differ.

    Args:
        trees: Both trees.
        moves: How a file gets from one to the other.
        reporter: Counts the files that need no job.
        on_equal: Is told of each of them.
    """

    def __init__(
        self,
        trees: TreePair,
        moves: TreeMoves,
        reporter: ProgressReporter,
        on_equal: Callable[[Callable[[], TransferOutcome]], None],
    ) -> None:
        super().__init__(trees, moves, reporter)
        self._on_equal = on_equal
        self._collisions = _Collisions(trees.source.side, trees.target.side)

    def _plan(self, pair: Pair) -> Job | None:
        source, target = pair
        if source is None:
            return None
        if source.is_folder:
            return self._plan_folder(source, target)
        refusal = self._collisions.find(source)
        if refusal is None and target is not None and self._moves.are_surely_equal(source, target):
            self._on_equal(partial(self._equal, source))
            self._reporter.files_done += 1
            return None
        job = self._job(source, self._moves.action)
        job.size, job.refusal = source.size, refusal
        job.perform = partial(self._moves.transfer, source, target) if refusal is None else None
        return job

    def _plan_folder(self, source: Entry, target: Entry | None) -> Job | None:
        if target is not None or not self._moves.keeps_folders:
            return None
        job = self._job(source, TransferAction.CREATE_FOLDER)
        job.refusal = self._collisions.find(source)
        job.perform = partial(self._moves.create_folder, source) if job.refusal is None else None
        return job

    def _job(self, source: Entry, action: TransferAction) -> Job:
        path = source.path
        sides = self._trees.source.side, self._trees.target.side
        return Job(self._index, action, sides[0].label_of(path), sides[1].label_of(path))

    def _equal(self, source: Entry) -> TransferOutcome:
        job = self._job(source, self._moves.action)
        return TransferOutcome(
            index=job.index,
            action=job.action,
            status=TransferStatus.SKIPPED,
            source=job.source,
            target=job.target,
            message=_UNCHANGED,
        )


class DeletionPlan(_Plan):
    """The deletions: what the target alone has.

    Args:
        trees: Both trees, their listings whole.
        moves: How a file is deleted.
        reporter: Counts them.

    Attributes:
        emptied: Keys of the folders from which something is deleted.
    """

    def __init__(self, trees: TreePair, moves: TreeMoves, reporter: ProgressReporter) -> None:
        super().__init__(trees, moves, reporter)
        self.emptied: set[bytes] = set()

    def _plan(self, pair: Pair) -> Job | None:
        if pair.source is not None or pair.target is None:
            return None
        self.emptied.add(pair.target.key.removesuffix(b"/").rpartition(b"/")[0])
        self._reporter.files_total += 1
        target = self._trees.target.side.label_of(pair.target.path)
        job = Job(self._index, TransferAction.DELETE, target=target)
        job.perform = partial(self._moves.delete, pair.target)
        return job


class _Collisions:
    """Finds remote files that cannot lie beside each other in a local folder; the first one is kept.

    Files come in the order of their keys, so that few at a time can have a name that a later one needs as folder.
    Where the file system folds case, a digest of every name is kept.
    """

    def __init__(self, source: LocalSide | StorageSide, target: LocalSide | StorageSide) -> None:
        self._folder = target.folder if isinstance(target, LocalSide) and isinstance(source, StorageSide) else None
        self._open: list[bytes] = []
        self._claims: TargetClaims | None = None
        if self._folder is not None and self._folder.folds_case:
            self._claims = TargetClaims(nested=True)

    def find(self, source: Entry) -> QuackError | None:
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
