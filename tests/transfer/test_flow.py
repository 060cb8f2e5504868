"""What `sync` and `check` do while their listings still run, and in whatever order these come."""

import itertools
import os
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quackcore_async.errors import ErrorKind, QuackError, RemoteNotFoundError
from quackcore_async.storage import MemoryStorage
from quackcore_async.transfer import check, sync
from quackcore_async.transfer.gateways import gateway
from quackcore_async.transfer.ordering import SortedListing
from tests.transfer.foreign import make_tree, read_tree
from tests.transfer.listed import Listed

NAMES = ["a", "a!", "a-b", "a/b", "é"]
BY_FOLDER = sorted(NAMES, key=lambda name: name.split("/"))
ORDERS = list(itertools.permutations(NAMES))


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


async def refuse():
    raise QuackError("the listing broke off", kind=ErrorKind.UNAVAILABLE)


async def never():
    await anyio.sleep_forever()


@pytest.fixture
def started():
    """An event, and a callback for outcomes that sets it."""
    event = anyio.Event()
    return event, lambda _outcome: event.set()


async def test_transfers_start_while_the_source_is_listed(there, started):
    event, on_outcome = started
    source = await Listed(pause=event.wait).put({"a": b"1", "b": b"2"})
    with anyio.fail_after(10):
        report = (await sync((source, ""), there, on_outcome=on_outcome)).unwrap()
    assert report.succeeded == 2
    assert read_tree(there) == {"a": b"1", "b": b"2"}


async def test_what_is_missing_moves_while_a_target_that_promises_order_is_listed(here, started):
    event, on_outcome = started
    make_tree(here, {"a": b"1", "z": b"2"})
    target = await Listed(promises=True, pause=event.wait).put({"b": b"", "c": b""})
    with anyio.fail_after(10):
        report = (await sync(here, (target, ""), on_outcome=on_outcome)).unwrap()
    assert report.succeeded == 2


async def test_what_differs_moves_while_any_target_is_listed(here, started):
    event, on_outcome = started
    make_tree(here, {"a": b"longer", "b": b"1"})
    target = await Listed(pause=event.wait).put({"a": b"old", "c": b""})
    with anyio.fail_after(10):
        report = (await sync(here, (target, ""), on_outcome=on_outcome)).unwrap()
    assert report.succeeded == 2
    assert target.content() == {"a": b"longer", "b": b"1", "c": b""}


async def test_what_is_missing_waits_for_the_end_of_a_target_without_promise(here):
    make_tree(here, {"a": b"1"})
    outcomes = []

    async def look():
        await anyio.wait_all_tasks_blocked()
        assert outcomes == []

    target = await Listed(["b", "a"], pause=look).put({"a": b"1", "b": b""})
    report = (await sync(here, (target, ""), checksum=True, on_outcome=outcomes.append)).unwrap()
    assert (report.succeeded, report.skipped) == (0, 1)


async def test_progress_never_goes_back_and_never_passes_what_is_known(here, there):
    make_tree(here, {f"{number:04}": b"" for number in range(2500)})
    make_tree(there, {f"{number:04}": b"" for number in range(0, 2500, 50)})
    events = []
    await sync(here, there, size_only=True, progress=events.append, concurrency=4)
    totals = [event.files_total for event in events]
    done = [event.files_done for event in events]
    assert totals == sorted(totals)
    assert done == sorted(done)
    assert all(event.files_done <= event.files_total for event in events)
    assert (done[-1], totals[-1], events[-1].phase) == (2500, 2500, "done")


@pytest.mark.parametrize("promises", [False, True])
@pytest.mark.parametrize("side", ["source", "target"])
async def test_names_in_any_order_come_to_the_same(side, promises):
    ours = {name: name.encode() for name in NAMES if name != "a-b"}
    theirs = {name: name.encode() for name in [*NAMES, "a/x"] if name != "a!"}
    for order in [*ORDERS, BY_FOLDER]:
        source = await Listed(order if side == "source" else None, promises=True).put(ours)
        target = await Listed(order if side == "target" else None, promises=promises).put(theirs)
        compared = (await check((source, ""), (target, ""), checksum=True)).unwrap()
        assert [(difference.path, difference.kind) for difference in compared.differences] == [
            ("a!", "missing"),
            ("a-b", "extra"),
            ("a/x", "extra"),
        ]
        assert (compared.same, compared.missing, compared.extra, compared.different) == (3, 1, 2, 0)
        report = (await sync((source, ""), (target, ""), checksum=True, delete=True)).unwrap()
        assert target.content() == ours, order
        assert report.deleted == 2
        if side == "source" or not promises:
            assert (report.succeeded, report.skipped) == (3, 3), order
        assert (source.listings, target.listings) == (2, 2)


async def test_a_local_side_and_a_storage_that_lists_by_folder_or_anyhow_come_to_the_same(here):
    files = {name: name.encode() for name in NAMES if name != "a"}
    make_tree(here, {**files, "new": b""})
    for order in ORDERS:
        storage = await Listed(order).put({**files, "old": b""})
        up = (await sync(here, (storage, ""), checksum=True, delete=True)).unwrap()
        assert (up.succeeded, up.deleted, up.skipped) == (2, 1, 4)
        assert storage.content() == read_tree(here)
        await storage.put({"a/c": b""})
        del storage._files["new"]
        down = (await sync((storage, ""), here, checksum=True, delete=True)).unwrap()
        assert (down.succeeded, down.deleted, down.skipped) == (2, 1, 4)
        assert read_tree(here) == storage.content()
        (here / "a/c").unlink()
        (here / "new").touch()


NAME = st.lists(st.text("ab-!é/", min_size=1, max_size=3), min_size=1, max_size=3).map("".join)
CONTENT = st.sampled_from([None, b"", b"1"])
TREES = st.dictionaries(NAME.filter(lambda name: all(name.split("/"))), st.tuples(CONTENT, CONTENT), max_size=16)


@st.composite
def trees(draw):
    """Two trees with much in common, and orders for their listings: any, sorted, by folder, sorted but for one."""
    both = draw(TREES)
    sides = []
    for side in range(2):
        files = {name: contents[side] for name, contents in both.items() if contents[side] is not None}
        order = sorted(files, key=str.encode)
        kind = draw(st.sampled_from(["any", "sorted", "folders", "late"]))
        if kind == "any":
            order = draw(st.permutations(order))
        elif kind == "folders":
            order.sort(key=lambda name: name.split("/"))
        elif kind == "late" and order:
            order.append(order.pop(draw(st.integers(0, len(order) - 1))))
        sides.append((files, order))
    return sides


@settings(max_examples=150, deadline=None)
@given(trees(), st.booleans(), st.booleans(), st.integers(1, 4), st.integers(1, 4))
def test_a_report_is_that_of_a_comparison_in_memory(sides, promises, delete, run_entries, page):
    (ours, our_order), (theirs, their_order) = sides
    missing, extra = ours.keys() - theirs.keys(), theirs.keys() - ours.keys()
    different = {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]}
    same = len(ours) - len(missing) - len(different)

    async def run():
        source, target = (
            await Listed(our_order).put(ours),
            await Listed(their_order, promises=promises).put(theirs),
        )
        compared = (await check((source, ""), (target, ""), checksum=True)).unwrap()
        result = await sync((source, ""), (target, ""), checksum=True, delete=delete)
        return compared, result, target.content(), source.listings + target.listings

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SortedListing.__init__.__kwdefaults__, "run_entries", run_entries)
        patch.setattr("quackcore_async.transfer.listing._BATCH", 2)
        compared, result, left, listings = anyio.run(run)
    assert listings == 4
    assert {(found.path, found.kind) for found in compared.differences} == {
        *((path, "missing") for path in missing),
        *((path, "extra") for path in extra),
        *((path, "different") for path in different),
    }
    assert compared.same == same
    deletes = delete and bool(ours)
    assert left == {**({} if deletes else theirs), **ours}
    assert result.success is not (delete and bool(theirs) and not ours)
    assert result.content.deleted == (len(extra) if deletes else 0)
    if not promises or their_order == sorted(theirs, key=str.encode):
        moved = result.content.succeeded - result.content.deleted
        assert (moved, result.content.skipped) == (len(missing | different), same)


@pytest.mark.parametrize("promises", [False, True])
async def test_an_inversion_after_transfers_have_begun_deletes_nothing_that_the_source_has(promises):
    names = [f"{number:03}" for number in range(40)]
    late = [*names[1:], "new", "old", names[0]]
    for our_order, their_order in ((late, None), (None, late), (late, late)):
        source = await Listed(our_order, promises=promises).put(dict.fromkeys([*names, "new"], b"1"))
        target = await Listed(their_order, promises=promises).put(dict.fromkeys([*names, "old"], b"1"))
        report = (await sync((source, ""), (target, ""), delete=True)).unwrap()
        assert report.deleted == 1
        assert target.content() == source.content()


async def test_a_file_that_needs_another_as_its_folder_is_refused_across_an_inversion(there):
    order, outcomes, both = ["a", "z", "a!", "a/b", "a/c"], [], anyio.Event()

    def count(outcome):
        outcomes.append(outcome)
        if len(outcomes) == 2:
            both.set()

    source = await Listed(order, pause=both.wait, after=2).put(dict.fromkeys(order, b"1"))
    with anyio.fail_after(10):
        report = (await sync((source, ""), there, on_outcome=count)).content
    assert [outcome.error_info.code for outcome in report.outcomes] == ["duplicate_target"] * 2
    assert set(read_tree(there)) == {"a", "a!", "z"}


async def test_a_promise_is_not_that_of_a_listing_which_was_put_in_its_place():
    class Replaced(MemoryStorage):
        async def iter_files(self, remote_path=None, pattern=None, *, recursive=True):
            yield {"path": "b"}
            yield {"path": "a"}

    assert gateway(MemoryStorage(name="m")).lists_in_order
    assert not gateway(Replaced(name="m")).lists_in_order
    assert [file["path"] async for page in gateway(Replaced(name="m")).tree_pages(None) for file in page] == [
        "b",
        "a",
    ]


@pytest.mark.parametrize("order", [None, ["c", "a", "b", "d"]])
async def test_a_source_that_breaks_off_after_transfers_have_begun_deletes_nothing(there, order):
    source = await Listed(order, pause=refuse, after=3).put(dict.fromkeys("abcd", b"1"))
    make_tree(there, {"d": b"1", "extra": b"1"})
    result = await sync((source, ""), there, delete=True)
    assert not result.success
    assert "broke off" in result.error
    assert (result.content.succeeded, result.content.deleted) == (3, 0)
    assert set(read_tree(there)) == {"a", "b", "c", "d", "extra"}


@pytest.mark.parametrize("order", [None, ["c", "a", "b", "d"]])
async def test_behind_the_place_where_the_targets_listing_breaks_off_nothing_is_moved(here, order):
    make_tree(here, dict.fromkeys("abcde", b"new"))
    target = await Listed(order, pause=refuse, after=3).put(dict.fromkeys("bcd", b"old"))
    result = await sync(here, (target, ""), delete=True, checksum=True)
    assert not result.success
    assert "broke off" in result.error
    assert result.content.deleted == 0
    assert target.content()["d"] == b"old"
    assert "e" not in target.content()


async def test_a_target_that_goes_away_while_it_is_listed_is_not_taken_for_an_empty_one(here):
    async def vanish():
        raise RemoteNotFoundError("it is gone")

    make_tree(here, {"a": b"new", "z": b"new"})
    target = await Listed(pause=vanish).put({"m": b"old", "z": b"new"})
    result = await sync(here, (target, ""))
    assert (result.success, result.error) == (False, "it is gone")
    assert "a" not in target.content()


async def test_a_folder_of_the_target_that_cannot_be_read_is_not_written_to(here, there, monkeypatch):
    make_tree(here, {"locked/a": b"new", "z": b"new"})
    make_tree(there, {"locked/a": b"old", "extra": b""})
    scandir, locked = os.scandir, os.fsencode(there) + b"/locked/"

    def refuse_locked(path="."):
        if path == locked:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse_locked)
    result = await sync(here, there, delete=True)
    assert (result.success, result.error_info.code) == (False, "access_denied")
    assert read_tree(there) == {"locked/a": b"old", "extra": b""}


@pytest.mark.parametrize("order", ORDERS[::7])
async def test_one_of_two_names_that_exclude_each_other_is_kept_in_any_order(tmp_path, order):
    for number, folds in enumerate((False, True)):
        source = await Listed(order).put(dict.fromkeys(NAMES, b"1"))
        target = tmp_path / str(number)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("quackcore_async.transfer.naming.folds_case", lambda path, folds=folds: folds)
            report = (await sync((source, ""), target)).content
        assert (report.succeeded, report.failed) == (4, 1)
        assert report.outcomes[0].error_info.kind is ErrorKind.CONFLICT
        left = set(read_tree(target))
        assert left in ({"a", "a!", "a-b", "é"}, {"a/b", "a!", "a-b", "é"})


async def test_names_that_fold_into_one_collide_across_an_inversion(there, monkeypatch):
    monkeypatch.setattr("quackcore_async.transfer.naming.folds_case", lambda path: True)
    source = await Listed(["a", "c", "A", "b", "C"]).put(
        {name: name.encode() for name in ("A", "a", "b", "C", "c")}
    )
    report = (await sync((source, ""), there)).content
    assert [outcome.error_info.code for outcome in report.outcomes] == ["duplicate_target"] * 2
    assert report.succeeded == 3


async def test_a_name_that_the_target_cannot_hold_fails_alone_in_any_order(there):
    for order in itertools.permutations(["../evil", "a", "b"]):
        source = await Listed(order).put(dict.fromkeys(order, b"1"))
        report = (await sync((source, ""), there / "".join(order).replace("/", ""), delete=True)).content
        assert (report.succeeded, report.failed) == (2, 1)
    assert not any(name.endswith("evil") for name in read_tree(there))


async def test_a_path_that_is_listed_twice_is_moved_once(there):
    source = await Listed().put({"a": b"1", "b": b"2"})
    pages = source._tree_pages

    async def twice(folder):
        for _ in range(2):
            async for page in pages(folder):
                yield page

    source._tree_pages = twice
    report = (await sync((source, ""), there, delete=True)).unwrap()
    assert (report.succeeded, report.skipped) == (2, 0)


@pytest.mark.parametrize("order", [None, ["c", "a", "b", "d"]])
@pytest.mark.parametrize("end", ["cancelled", "failed"])
async def test_a_listing_that_is_broken_off_leaves_nothing_open(there, order, end, monkeypatch):
    monkeypatch.setattr("quackcore_async.transfer.ordering._WRITE_ENTRIES", 1)
    await sync((await Listed().put({"x": b""}), ""), there / "warm")  # what is opened once is open now
    before = open_files()
    pause = never if end == "cancelled" else refuse
    source = await Listed(order, pause=pause, after=3).put(dict.fromkeys("abcd", b"1"))
    target = await Listed(order, pause=pause, after=3).put(dict.fromkeys("abcde", b"0"))
    async with anyio.create_task_group() as group:
        group.start_soon(sync, (source, ""), (target, ""))
        group.start_soon(sync, (source, ""), there / "new")
        group.start_soon(check, (source, ""), (target, ""))
        if end == "cancelled":
            while source.open_listings < 3 or target.open_listings < 2:
                await anyio.lowlevel.checkpoint()
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
    assert (source.open_listings, target.open_listings) == (0, 0)
    assert open_files() == before
    assert not [name for name in read_tree(there) if name.endswith(".quack-part")]


async def test_a_failure_that_ends_everything_ends_the_listings(foreign):
    source = await Listed(pause=never, after=3).put(dict.fromkeys("abcd", b"1"))
    foreign.broken = {"b"}
    with anyio.fail_after(10):
        result = await sync((source, ""), (foreign, ""), on_error="fail_fast", concurrency=1, delete=True)
    assert not result.success
    assert source.open_listings == 0


async def test_check_compares_nothing_more_once_the_source_has_broken_off(there):
    source = await Listed(pause=refuse, after=1).put({"a": b"1", "b": b"2"})
    make_tree(there, {"a": b"1", "b": b"2"})
    events = []
    result = await check((source, ""), there, progress=events.append)
    assert "broke off" in result.error
    assert [event.phase for event in events] == ["listing"]


async def test_check_relies_on_no_promise_of_order(here):
    make_tree(here, dict.fromkeys("abc", b"1"))
    target = Listed(["c", "b", "a"], promises=True, pause=anyio.wait_all_tasks_blocked)
    await target.put(dict.fromkeys("abc", b"1"))
    report = (await check(here, (target, ""), checksum=True)).unwrap()
    assert (report.same, report.identical) == (3, True)


async def test_check_does_not_wait_for_the_target_once_the_source_has_broken_off():
    source = await Listed(pause=refuse).put({"a": b"1", "b": b"2"})
    target = await Listed(pause=never, after=2).put({"a": b"1", "b": b"2", "c": b"3"})
    with anyio.fail_after(10):
        result = await check((source, ""), (target, ""))
    assert "broke off" in result.error
    assert target.open_listings == 0


async def test_check_keeps_the_first_differences_by_path_in_any_order():
    names = [f"{number:05}" for number in range(2600)]
    source = await Listed(names[::-1]).put(dict.fromkeys(names, b""))
    report = (await check((source, ""), (MemoryStorage(name="m"), ""))).unwrap()
    assert report.missing == 2600
    assert [difference.path for difference in report.differences] == names[:1000]


async def test_a_listing_of_trees_that_was_put_in_place_of_the_base_class_is_used():
    class Replaced(MemoryStorage):
        async def iter_tree(self, remote_path=None):
            yield {"path": "own/", "is_folder": True}

    storage = gateway(Replaced(name="m"))
    assert [file["path"] async for page in storage.tree_pages(None) for file in page] == ["own/"]
    assert not storage.lists_in_order
