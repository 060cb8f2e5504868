"""What was said is held against what is there."""

from types import SimpleNamespace

import anyio
import pytest

from quackcore_async.errors import ErrorKind, QuackError
from quackcore_async.results import ErrorInfo, IntegrationResult
from quackcore_async.storage import MemoryStorage
from quackcore_async.storage.names import PARTIAL_SUFFIX
from quackcore_async.testing import (
    ActualState,
    History,
    HistoryError,
    digest_of,
    state_of_folder,
    state_of_storage,
)
from quackcore_async.testing.history import Verdict
from quackcore_async.transfer.report import TransferAction, TransferOutcome, TransferStatus

OLD, NEW, MIXED = (digest_of(text) for text in (b"old", b"new", b"nel"))
OK = IntegrationResult.success_result("")
FAILED = QuackError("refused")
LOST = QuackError("lost", indeterminate=True)


def actual(**contents):
    return {"s": ActualState({name: digest for name, digest in contents.items() if digest is not None})}


def kinds(history, **contents):
    return [(violation.kind, violation.place[1]) for violation in history.check(actual(**contents))]


@pytest.fixture
def history():
    history = History(seed=7)
    history.exists("s", "f", OLD)
    return history


@pytest.mark.parametrize(
    ("outcome", "allowed"),
    [(OK, {NEW}), (FAILED, {OLD}), (LOST, {OLD, NEW}), (TimeoutError(), {OLD, NEW}), (None, {OLD, NEW})],
    ids=["ok", "failed", "indeterminate", "raised", "never said"],
)
@pytest.mark.parametrize(("found", "kind"), [(NEW, "stale"), (OLD, "stale"), (None, "lost"), (MIXED, "torn")])
def test_a_write_allows_what_its_verdict_says(history, outcome, allowed, found, kind):
    operation = history.write("upload", "s", "f", NEW)
    if outcome is not None:
        history.settle(operation, outcome)
    assert kinds(history, f=found) == ([] if found in allowed else [(kind, "f")])


@pytest.mark.parametrize(
    ("outcome", "allowed"), [(OK, {None}), (FAILED, {OLD}), (LOST, {OLD, None})], ids=["ok", "failed", "lost"]
)
@pytest.mark.parametrize(("found", "kind"), [(OLD, "undeleted"), (None, "lost")])
def test_a_deletion_allows_what_its_verdict_says(history, outcome, allowed, found, kind):
    history.settle(history.delete("s", "f"), outcome)
    assert kinds(history, f=found) == ([] if found in allowed else [(kind, "f")])


def test_a_copy_gives_what_the_source_may_have(history):
    history.settle(history.write("upload", "s", "f", NEW), LOST)
    history.settle(history.copy("copy", ("s", "f"), ("s", "g")), OK)
    assert kinds(history, f=NEW, g=OLD) == []
    assert kinds(history, f=NEW, g=None) == [("lost", "g")]


@pytest.mark.parametrize(
    ("outcome", "f", "g", "expected"),
    [
        (OK, None, OLD, []),
        (OK, OLD, OLD, [("undeleted", "f")]),
        (OK, None, None, [("lost", "g"), ("lost", "f")]),
        (FAILED, OLD, None, []),
        (FAILED, OLD, OLD, []),
        (FAILED, None, OLD, [("lost", "f")]),
        (LOST, OLD, None, []),
        (LOST, None, OLD, []),
        (LOST, OLD, OLD, []),
        (LOST, None, None, [("lost", "f")]),
        (LOST, MIXED, OLD, [("torn", "f")]),
    ],
)
def test_a_move_never_leaves_nothing(history, outcome, f, g, expected):
    history.settle(history.move(("s", "f"), ("s", "g")), outcome)
    assert kinds(history, f=f, g=g) == expected


def test_what_becomes_of_a_moved_file_later_is_not_held_against_the_move(history):
    history.settle(history.move(("s", "f"), ("s", "g")), OK)
    history.settle(history.delete("s", "g"), OK)
    assert kinds(history, f=None, g=None) == []


def test_what_nobody_asked_for_was_left_behind(history):
    assert kinds(history, f=OLD, h=NEW) == [("left behind", "h")]
    left = {"s": ActualState({"f": OLD}, leftovers=("upload 17 of f",))}
    assert [(violation.kind, violation.place[1]) for violation in history.check(left)] == [
        ("left behind", "upload 17 of f")
    ]


def test_what_was_found_is_known_from_then_on(history):
    history.settle(history.write("upload", "s", "f", NEW), LOST)
    assert kinds(history, f=NEW) == []
    assert kinds(history, f=OLD) == [("stale", "f")]


def test_a_space_that_was_not_read_is_not_judged(history):
    history.settle(history.write("upload", "elsewhere", "f", NEW), OK)
    assert kinds(history, f=OLD) == []


def test_an_operation_speaks_once(history):
    operation = history.write("upload", "s", "f", NEW)
    history.settle(operation, OK)
    with pytest.raises(ValueError, match="said twice"):
        history.settle(operation, OK)


def outcome_of(status, *, message=None, **info):
    return TransferOutcome(
        index=0,
        action=TransferAction.UPLOAD,
        status=TransferStatus(status),
        message=message,
        error="why" if info else None,
        error_info=ErrorInfo(**info) if info else None,
    )


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (outcome_of("ok"), "ok"),
        (outcome_of("failed", kind=ErrorKind.CONFLICT), "failed"),
        (outcome_of("failed", indeterminate=True), "indeterminate"),
        (outcome_of("cancelled"), "indeterminate"),
        (outcome_of("skipped", message="it exists already"), "unchanged"),
        (outcome_of("skipped", message="it is unchanged"), "ok"),
        (outcome_of("skipped", message="it was not there"), "ok"),
        (outcome_of("dry_run"), "unchanged"),
        (OK, "ok"),
        (IntegrationResult.from_exception(FAILED), "failed"),
        (IntegrationResult.from_exception(LOST), "indeterminate"),
        (object(), "indeterminate"),
        (Verdict.FAILED, "failed"),
    ],
)
def test_outcomes_of_every_kind_are_read(history, outcome, verdict):
    operation = history.write("upload", "s", "f", NEW)
    history.settle(operation, outcome)
    assert operation.verdict == verdict
    assert history.verdicts == {verdict: 1}


def test_there_has_to_be_an_outcome_for_each_operation(history):
    operations = [history.write("upload", "s", name, NEW) for name in "fgh"]
    with pytest.raises(HistoryError, match="2 outcomes for 3"):
        history.settle_all(operations, [OK, OK])
    with pytest.raises(HistoryError, match="1 outcomes for 0"):
        history.settle_all([], [OK])


def synced(history, delete=False):
    history.exists("t", "extra", OLD)
    return history.mirror("s", "t", delete=delete)


def test_a_sync_that_succeeded_has_brought_everything(history):
    operations = synced(history, delete=True)
    history.settle_mirror(operations, OK, [], str)
    assert [(v.kind, v.place) for v in history.check({"t": ActualState({"extra": OLD})})] == [
        ("undeleted", ("t", "extra")),
        ("lost", ("t", "f")),
    ]


def test_a_sync_that_failed_is_open_in_what_it_says_nothing_of(history):
    history.exists("s", "g", NEW)
    outcomes = [SimpleNamespace(name="g", status="ok")]
    result = IntegrationResult.from_exception(FAILED)
    operations = synced(history)
    history.settle_mirror(operations, result, outcomes, lambda outcome: outcome.name)
    assert [(operation.target[1], operation.verdict) for operation in operations] == [
        ("f", "indeterminate"),
        ("g", "ok"),
    ]
    assert history.possible("t", "extra") == {OLD}


@pytest.mark.parametrize("found", [OLD, None])
def test_a_sync_may_bring_a_file_of_which_nobody_knows_if_it_is_there(history, found):
    history.settle(history.delete("s", "f"), LOST)
    history.settle_mirror(history.mirror("s", "t", delete=False), OK, [], str)
    contents = {} if found is None else {"f": found}
    assert history.check({"t": ActualState(contents)}) == []


def test_a_sync_may_go_below_a_folder(history):
    operations = history.mirror("s", "t", place=lambda name: f"below/{name}" if name == "f" else "", delete=False)
    assert [operation.target for operation in operations] == [("t", "below/f")]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["f", "p/a"], []),
        (["f"], [("unlisted", "p/a")]),
        (["f", "p/a", "gone"], [("listed", "gone")]),
        (["f", "p/a", "never"], [("listed", "never")]),
        (["f", "p/a", "f"], [("listed", "f")]),
        (["f", "p/a", "perhaps"], []),
    ],
)
def test_a_listing_has_what_is_there_and_nothing_else(history, names, expected):
    history.exists("s", "p/a", OLD)
    history.settle(history.delete("s", "gone"), OK)
    history.settle(history.write("upload", "s", "perhaps", NEW), LOST)
    history.saw_listing("s", names)
    found = history.check({})
    assert [(violation.kind, violation.place[1]) for violation in found] == expected


def test_a_listing_of_a_folder_has_what_is_below_it(history):
    history.exists("s", "p/a", OLD)
    history.saw_listing("s", ["p/a"], "p/")
    assert history.check({}) == []


def test_what_is_read_is_what_is_there(history):
    history.saw_content("s", "f", OLD)
    history.saw_content("s", "never", None)
    assert history.check({}) == []
    history.saw_content("s", "f", MIXED)
    assert [violation.kind for violation in history.check({})] == ["torn"]


def test_the_error_names_the_operation_the_file_and_the_seed(history):
    history.settle(history.write("upload", "s", "f", NEW), FAILED)
    with pytest.raises(HistoryError) as caught:
        history.verify(actual(f=MIXED))
    text = str(caught.value)
    assert "1 broken promises, seed 7" in text
    assert "torn: s:f: 3 bytes" in text
    assert "operation 1, upload s:f, failed (refused)" in text
    assert len(caught.value.violations) == 1


def test_a_long_error_is_cut(history):
    many = {f"x{number}": NEW for number in range(30)}
    with pytest.raises(HistoryError, match="and 10 more") as caught:
        history.verify(actual(f=OLD, **many))
    assert len(caught.value.violations) == 30


async def test_a_folder_is_read_with_all_below_it_and_what_is_unfinished(tmp_path):
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    (folder / "f").write_bytes(b"old")
    partial = f".{'0' * 16}{PARTIAL_SUFFIX}"
    (tmp_path / partial).write_bytes(b"")
    state = await state_of_folder(tmp_path)
    assert (dict(state.contents), state.leftovers) == ({"deep/er/f": OLD}, (partial,))


async def test_a_storage_is_read_below_a_folder():
    storage = MemoryStorage(name="m")
    for name in ("a/f", "b/f"):
        (await storage.write_bytes(name, b"old")).unwrap()
    assert dict((await state_of_storage(storage, "a/")).contents) == {"a/f": OLD}
    assert await anyio.to_thread.run_sync(digest_of, b"old") == OLD
