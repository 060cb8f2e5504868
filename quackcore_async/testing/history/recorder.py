"""What was done to which files and what was said of it, to be held against what is really there in the end.

    history = History(seed=7)
    uploads = [history.write("upload", "bucket", key, digest_of(data)) for key, data in files.items()]
    report = (await upload_many(storage, items)).content
    history.settle_all(uploads, report.outcomes)
    history.verify({"bucket": await state_of_storage(another_way_to_it)})

Three verdicts (as Jepsen has them, https://jepsen.io): what was `ok` is there, byte for byte; what `failed` has
left what was there before; what is `indeterminate` has done one or the other, and never a mix of both.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quackcore_async.testing.history.actual import ActualState
from quackcore_async.testing.history.operations import ABSENT, Operation, Place, Possible, Verdict, verdict_of
from quackcore_async.testing.history.violations import HistoryError, Violation

__all__ = ["History"]


@dataclass(slots=True)
class _File:
    """What is known of a file."""

    possible: Possible = ABSENT
    known: set[str | None] = field(default_factory=set)
    last: Operation | None = None


class History:
    """Records operations and checks them against what is there.

    Operations on the same file must not overlap; those on different ones may.

    Args:
        seed: Seed of the run, for the messages.

    Attributes:
        operations: All operations, in the order in which they were begun.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed
        self.operations: list[Operation] = []
        self._files: dict[Place, _File] = {}
        self._seen: list[Violation] = []

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How many operations there are of each verdict."""
        return Counter(operation.verdict for operation in self.operations)

    def exists(self, space: str, name: str, digest: str) -> None:
        """Note a file that is there before, or that the test itself has put there."""
        file = self._file((space, name))
        file.possible = frozenset({digest})
        file.known.add(digest)

    def possible(self, space: str, name: str) -> Possible:
        """Return what a file may have by now."""
        return self._file((space, name)).possible

    def names(self, space: str) -> list[str]:
        """Return the names of the files of a space that may be there."""
        return sorted(
            name for (where, name), file in self._files.items() if where == space and file.possible != ABSENT
        )

    def write(self, verb: str, space: str, name: str, digest: str) -> Operation:
        """Note that a file is about to be written."""
        return self._begin(verb, (space, name), frozenset({digest}))

    def delete(self, space: str, name: str) -> Operation:
        """Note that a file is about to be deleted."""
        return self._begin("delete", (space, name), ABSENT)

    def copy(self, verb: str, source: Place, target: Place) -> Operation:
        """Note that a file is about to be copied, uploaded or downloaded, from another one of the history."""
        return self._begin(verb, target, self._file(source).possible, source)

    def move(self, source: Place, target: Place) -> Operation:
        """Note that a file is about to be moved. One that fails may leave a copy, but the source with it."""
        operation = self.copy("move", source, target)
        operation.moves = True
        self._file(source).last = operation
        return operation

    def mirror(
        self, source: str, target: str, *, place: Callable[[str], str] = str, delete: bool
    ) -> list[Operation]:
        """Note that one space is about to be made like another.

        Args:
            source: Space that is copied.
            target: Space that is changed.
            place: Returns the name in the target of a name in the source; "" for one that takes no part.
            delete: Whether what the target alone has is deleted. Give it with a `place` of whole spaces only.
        """
        pairs = {place(name): name for name in self.names(source) if place(name)}
        operations = [self.copy("sync", (source, name), (target, placed)) for placed, name in pairs.items()]
        if delete:
            operations += [self.delete(target, name) for name in self.names(target) if name not in pairs]
        return operations

    def settle(self, operation: Operation, outcome: object) -> None:
        """Note what an operation said.

        Args:
            operation: The operation.
            outcome: An `IntegrationResult`, an outcome of a bulk transfer, the exception that it raised, or a
                `Verdict`. What was cancelled is indeterminate.
        """
        if operation.verdict is not Verdict.PENDING:
            raise ValueError(f"said twice: {operation}")
        operation.verdict, operation.reason = verdict_of(outcome)
        self._apply(operation)

    def settle_all(self, operations: Sequence[Operation], outcomes: Sequence[object]) -> None:
        """Note what operations said, in their order; there has to be an outcome for each."""
        if len(operations) != len(outcomes):
            place = operations[0].target if operations else ("", "")
            violation = self._violation("lost", place, f"{len(outcomes)} outcomes for {len(operations)}")
            raise HistoryError([violation], self.seed)
        for operation, outcome in zip(operations, outcomes, strict=True):
            self.settle(operation, outcome)

    def settle_mirror(
        self,
        operations: Iterable[Operation],
        result: object,
        outcomes: Iterable[object],
        name_of: Callable[[Any], str],
    ) -> None:
        """Note what a sync said: all is `ok` when it succeeded, and else what there is no outcome of is open.

        Args:
            operations: What `mirror` returned.
            result: The result of the sync.
            outcomes: What its `on_outcome` was told.
            name_of: Returns the name in the target of an outcome.
        """
        told = {name_of(outcome): outcome for outcome in outcomes}
        succeeded = bool(getattr(result, "success", False))
        for operation in operations:
            outcome = told.get(operation.target[1])
            there = None not in operation.content or operation.source is None
            rest = Verdict.OK if succeeded and there else Verdict.INDETERMINATE
            self.settle(operation, rest if outcome is None else outcome)

    def saw_content(self, space: str, name: str, digest: str | None) -> None:
        """Check what reading a file gave; None for that it is not there."""
        self._check_content((space, name), digest)

    def saw_listing(self, space: str, names: Iterable[str], prefix: str = "") -> None:
        """Check a listing that says that it is whole, of the names that begin with `prefix`."""
        listed = list(names)
        for name, times in Counter(listed).items():
            file = self._files.get((space, name))
            if times > 1:
                self._complain("listed", (space, name), f"{times} times in one listing")
            if file is None or file.possible == ABSENT:
                self._complain("listed", (space, name), "it is not there")
        there = {name for name in self.names(space) if None not in self.possible(space, name)}
        for name in sorted(there - set(listed)):
            if name.startswith(prefix):
                self._complain("unlisted", (space, name), "it is there")

    def check(self, actual: Mapping[str, ActualState]) -> list[Violation]:
        """Return the promises that were broken so far; what is found is what is known of the files from then on.

        Args:
            actual: What is really in each space, read in a way that is not under test.
        """
        for operation in self.operations:
            if operation.verdict is Verdict.PENDING:
                self.settle(operation, Verdict.INDETERMINATE)
        for space, state in actual.items():
            self._check_space(space, state)
        self._check_moves(actual)
        self._learn(actual)
        found, self._seen = self._seen, []
        return found

    def verify(self, actual: Mapping[str, ActualState]) -> None:
        """Check, and raise what is wrong.

        Raises:
            HistoryError: if a promise was broken; it names the operation, the file and the seed.
        """
        if violations := self.check(actual):
            raise HistoryError(violations, self.seed)

    def _begin(self, verb: str, target: Place, content: Possible, source: Place | None = None) -> Operation:
        operation = Operation(len(self.operations) + 1, verb, target, content, source)
        self.operations.append(operation)
        file = self._file(target)
        file.last = operation
        file.known.update(content)
        return operation

    def _apply(self, operation: Operation) -> None:
        target, source = self._file(operation.target), self._file(operation.source or operation.target)
        if operation.verdict is Verdict.OK:
            target.possible = operation.content
            if operation.moves:
                source.possible = ABSENT
        elif operation.verdict is Verdict.INDETERMINATE or (
            operation.verdict is Verdict.FAILED and operation.moves
        ):
            target.possible |= operation.content
            if operation.moves and operation.verdict is Verdict.INDETERMINATE:
                source.possible |= ABSENT

    def _check_space(self, space: str, state: ActualState) -> None:
        for name in state.leftovers:
            self._complain("left behind", (space, name), "nobody asked for it")
        names = {name for where, name in self._files if where == space}
        for name in sorted(names | set(state.contents)):
            self._check_content((space, name), state.contents.get(name))

    def _check_content(self, place: Place, digest: str | None) -> None:
        file = self._files.get(place)
        if file is None:
            if digest is not None:
                self._complain("left behind", place, f"nobody asked for it: {digest}")
        elif digest not in file.possible:
            expected = " or ".join(sorted("no file" if each is None else each for each in file.possible))
            self._complain(_kind(file, digest), place, f"{digest or 'no file'} in place of {expected}")

    def _check_moves(self, actual: Mapping[str, ActualState]) -> None:
        """Check that what a move did not bring to its end is in one of the two places at least."""
        for operation in self.operations:
            if not operation.moves or operation.source is None or None in operation.content:
                continue
            places = (operation.source, operation.target)
            if any(self._file(place).last is not operation or place[0] not in actual for place in places):
                continue
            found = {actual[space].contents.get(name) for space, name in places}
            if not found & operation.content:
                self._complain("lost", operation.source, "a move left it in neither place")

    def _learn(self, actual: Mapping[str, ActualState]) -> None:
        for (space, name), file in self._files.items():
            if space in actual:
                digest = actual[space].contents.get(name)
                file.possible = frozenset({digest})
                file.known.add(digest)

    def _file(self, place: Place) -> _File:
        return self._files.setdefault(place, _File())

    def _complain(self, kind: str, place: Place, detail: str) -> None:
        self._seen.append(self._violation(kind, place, detail))

    def _violation(self, kind: str, place: Place, detail: str) -> Violation:
        file = self._files.get(place)
        return Violation(kind, place, detail, file.last if file is not None else None, self.seed)


def _kind(file: _File, digest: str | None) -> str:
    if digest is None:
        return "lost"
    if digest not in file.known:
        return "torn"
    return "undeleted" if file.possible == ABSENT else "stale"
