import os
import tempfile
from datetime import UTC, datetime

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quackcore_async.errors import ErrorKind, QuackError
from quackcore_async.protocols import UploadOptions
from quackcore_async.storage import LocalStorage, MemoryStorage
from quackcore_async.transfer import check, sync
from tests.transfer.foreign import ForeignStorage, make_tree, read_tree

TREE = {
    "a.txt": b"one",
    "b/c.txt": b"two",
    "b/d/e.bin": b"\0" * 3000,
    "empty": b"",
    "ü ö/%2F+.txt": b"five",
    "b.txt": b"six",
}


@pytest.fixture(params=["folder", "memory", "local"])
def remote(request, there):
    """Every kind of target that can do all."""
    return {
        "folder": lambda: there / "target",
        "memory": lambda: (MemoryStorage(name="m"), "pre/fix"),
        "local": lambda: (LocalStorage(root=there), "pre/fix"),
    }[request.param]()


async def paths_of(memory):
    return {file["path"] for file in (await memory.list_files()).unwrap()}


async def test_a_tree_goes_there_and_back_and_a_second_run_moves_nothing(remote, here, tmp_path):
    make_tree(here, TREE)
    there_result = await sync(here, remote)
    assert there_result.success, there_result.error
    assert there_result.content.succeeded == len(TREE)
    back = tmp_path / "back"
    back_result = await sync(remote, back)
    assert back_result.success, back_result.error
    assert read_tree(back) == TREE
    for source, target in ((here, remote), (remote, back)):
        again = await sync(source, target)
        assert (again.content.succeeded, again.content.skipped) == (0, len(TREE))
        assert (await check(source, target, checksum=True)).unwrap().identical


async def test_a_tree_goes_to_a_plain_storage_and_back(foreign, here, there):
    make_tree(here, TREE)
    assert (await sync(here, (foreign, "pre/fix"))).content.succeeded == len(TREE)
    assert (await sync((foreign, "pre/fix"), there)).content.succeeded == len(TREE)
    assert read_tree(there) == TREE
    assert (await sync((foreign, "pre/fix"), there, size_only=True)).content.skipped == len(TREE)


async def test_a_callback_for_outcomes_that_raises_breaks_nothing(here, there, caplog):
    make_tree(here, TREE)

    def broken(outcome):
        raise ZeroDivisionError

    assert (await sync(here, there, on_outcome=broken)).success
    assert len([record for record in caplog.records if "callback for outcomes" in record.message]) == 1
    assert "ZeroDivisionError" in caplog.text


async def test_a_full_disk_under_the_listings_is_a_result(here, there, monkeypatch):
    make_tree(here, TREE)

    def refuse(self, run, entries):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("quackcore_async.transfer.ordering._WRITE_ENTRIES", 2)
    monkeypatch.setattr("quackcore_async.transfer.ordering.SortedListing._write", refuse)
    result = await sync(here, there)
    assert (result.success, result.error_info.code) == (False, "disk_full")


async def test_time_and_mode_of_files_are_kept(here, there):
    make_tree(here, {"a": b"x"})
    (here / "a").chmod(0o640)
    os.utime(here / "a", (1_000_000_000, 1_000_000_000))
    memory = MemoryStorage(name="m")
    await sync(here, (memory, ""))
    await sync((memory, ""), there)
    found = (there / "a").stat()
    assert (found.st_mtime, found.st_mode & 0o777) == (1_000_000_000, 0o640)


@pytest.mark.parametrize("kind", ["folder", "memory"])
async def test_a_byte_that_changed_with_size_and_time_kept_is_seen_by_checksum_alone(kind, here, there):
    target = there if kind == "folder" else (MemoryStorage(name="m"), "")
    make_tree(here, TREE)
    await sync(here, target)
    found = (here / "a.txt").stat()
    (here / "a.txt").write_bytes(b"One")
    os.utime(here / "a.txt", ns=(found.st_atime_ns, found.st_mtime_ns))
    assert (await sync(here, target)).content.succeeded == 0
    assert (await check(here, target)).unwrap().identical
    assert (await check(here, target, checksum=True)).unwrap().different == 1
    assert (await sync(here, target, size_only=True)).content.succeeded == 0
    assert (await sync(here, target, checksum=True)).content.succeeded == 1
    assert (await check(here, target, checksum=True)).unwrap().identical


async def test_a_newer_source_is_moved_and_with_size_only_is_not(here, there):
    make_tree(here, {"a": b"old"})
    await sync(here, there)
    (here / "a").write_bytes(b"new")
    os.utime(here / "a", (2_000_000_000, 2_000_000_000))
    assert (await sync(here, there, size_only=True)).content.skipped == 1
    assert (await sync(here, there)).content.succeeded == 1
    assert read_tree(there) == {"a": b"new"}


async def test_between_folders_of_one_storage_files_are_copied(memory, here):
    make_tree(here, TREE)
    await sync(here, (memory, "one"))
    result = await sync((memory, "one"), (memory, "two"))
    assert result.content.succeeded == len(TREE)
    assert await paths_of(memory) == {f"{top}/{path}" for top in ("one", "two") for path in TREE}


@pytest.mark.parametrize("plain", [False, True])
async def test_between_storages_files_are_streamed_or_relayed(memory, here, there, plain):
    make_tree(here, TREE)
    await sync(here, (memory, ""))
    target = ForeignStorage() if plain else LocalStorage(root=there)
    assert (await sync((memory, ""), (target, ""))).success
    assert (target.files if plain else read_tree(there)) == TREE


async def test_a_copy_to_another_storage_keeps_what_is_stored_beside_a_file(memory):
    options = UploadOptions(
        content_type="text/x-duck", metadata={"pond": "left"}, mtime=1_000_000_000.0, mode=0o640
    )
    await memory.write_bytes("a", b"x", options=options)
    target = MemoryStorage(name="other")
    await sync((memory, ""), (target, ""))
    file = (await target.stat_file("a")).unwrap()
    assert (file["content_type"], file["metadata"]) == ("text/x-duck", {"pond": "left"})
    assert (file["mtime"], file["mode"]) == (1_000_000_000.0, 0o640)


async def test_a_relay_by_way_of_the_disk_leaves_nothing_there(memory, foreign, here, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(here))
    for name in ("good", "bad"):
        await memory.write_bytes(name, b"x")
    foreign.broken = {"bad"}
    result = await sync((memory, ""), (foreign, ""))
    assert (result.content.succeeded, result.content.failed) == (1, 1)
    assert result.content.outcomes[0].error == "bad is broken"
    assert list(here.iterdir()) == []


async def test_what_the_target_alone_has_stays_unless_it_is_to_be_deleted(remote, here):
    make_tree(here, TREE)
    await sync(here, remote)
    (here / "a.txt").unlink()
    (here / "b/d/e.bin").unlink()
    (here / "b/d").rmdir()
    kept = await sync(here, remote)
    assert kept.content.deleted == 0
    assert (await check(here, remote)).unwrap().extra == 2
    planned = await sync(here, remote, delete=True, dry_run=True)
    assert planned.content.planned == 2
    assert (await check(here, remote)).unwrap().extra == 2
    deleted = await sync(here, remote, delete=True)
    assert (deleted.success, deleted.content.deleted) == (True, 2)
    assert (await check(here, remote)).unwrap().identical


async def test_deleting_needs_more_than_the_four_methods(foreign, here):
    make_tree(here, {"a": b""})
    foreign.files = {"extra": b"", "other": b""}
    result = await sync(here, (foreign, ""), delete=True)
    assert {outcome.error_info.kind for outcome in result.content.outcomes} == {ErrorKind.UNSUPPORTED}
    assert set(foreign.files) == {"a", "extra", "other"}


async def test_folders_that_deletions_leave_empty_go_too(here, there):
    make_tree(here, {"keep/a": b""})
    (here / "void").mkdir()
    make_tree(there, {"gone/deep/x": b"", "void/x": b"", "keep/a": b""})
    (there / "hollow").mkdir()
    result = await sync(here, there, delete=True)
    assert result.success, result.error
    assert sorted(path.relative_to(there).as_posix() for path in there.rglob("*")) == ["keep", "keep/a", "void"]


async def test_empty_folders_are_kept_where_there_are_folders(here, there, memory):
    (here / "a/b").mkdir(parents=True)
    assert (await sync(here, there)).content.succeeded == 1
    assert (there / "a/b").is_dir()
    assert (await sync(here, there)).content.succeeded == 0
    assert (await sync(here, (memory, "x"))).content.succeeded == 1
    assert (await sync(here, (memory, "x"))).content.succeeded == 0


async def test_deleting_is_refused_when_the_source_has_no_file(here, there):
    make_tree(there, {"precious": b"x"})
    result = await sync(here, there, delete=True)
    assert not result.success
    assert result.error_info.code == "empty_source"
    assert read_tree(there) == {"precious": b"x"}


async def test_deleting_is_refused_when_the_source_is_missing(here, there):
    make_tree(there, {"precious": b"x"})
    result = await sync(here / "gone", there, delete=True)
    assert result.error_info.kind is ErrorKind.NOT_FOUND
    assert read_tree(there) == {"precious": b"x"}


class Listed(MemoryStorage):
    """A storage that lists as it is told: in another order, or breaking off."""

    def __init__(self, order=None, fail_after=None):
        super().__init__(name="listed")
        self.order = order
        self.fail_after = fail_after
        self.listings = 0

    async def iter_files(self, remote_path=None, pattern=None, *, recursive=True):
        self.listings += 1
        files = [file async for file in super().iter_files(remote_path, pattern, recursive=recursive)]
        if self.order is not None:
            files.sort(key=self.order)
        for index, file in enumerate(files):
            if index == self.fail_after:
                raise QuackError("the listing broke off", kind=ErrorKind.UNAVAILABLE)
            yield file


async def test_a_source_listing_that_breaks_off_never_deletes(here):
    source = Listed(fail_after=2)
    for name in "abcde":
        await source.write_bytes(name, b"x")
    make_tree(here, dict.fromkeys("abcdez", b"old"))
    result = await sync((source, ""), here, delete=True)
    assert not result.success
    assert "broke off" in result.error
    assert result.content.deleted == 0
    assert set(read_tree(here)) == set("abcdez")


async def test_a_folder_of_the_source_that_cannot_be_read_never_deletes(here, there, monkeypatch):
    make_tree(here, {"a": b"", "locked/b": b""})
    make_tree(there, {"a": b"", "locked/b": b"", "extra": b""})
    scandir = os.scandir
    locked = os.fsencode(here) + b"/locked/"

    def refuse(path="."):
        if path == locked:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    result = await sync(here, there, delete=True)
    assert (result.success, result.error_info.code) == (False, "access_denied")
    assert set(read_tree(there)) == {"a", "locked/b", "extra"}


async def test_without_the_targets_listing_nothing_is_moved(here):
    target = Listed(fail_after=0)
    await target.write_bytes("x", b"")
    make_tree(here, {"a": b""})
    result = await sync(here, (target, ""))
    assert (result.success, result.content.total) == (False, 0)
    assert not (await target.file_exists("a")).unwrap()


ORDERS = [
    None,
    lambda file: file["path"][::-1],
    lambda file: -len(file["path"]),
    lambda file: file["path"].lower(),
]
CONTENTS = st.dictionaries(
    st.text("ab-/Z", min_size=1, max_size=4).filter(
        lambda name: "//" not in name and not name.startswith("/") and not name.endswith("/")
    ),
    st.binary(max_size=2),
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONTENTS, CONTENTS, st.sampled_from(ORDERS), st.sampled_from(ORDERS), st.booleans())
def test_whatever_the_order_of_listings_the_target_becomes_the_source(
    ours, theirs, our_order, their_order, delete
):
    async def run():
        source, target = Listed(our_order), Listed(their_order)
        for name, data in theirs.items():
            await target.write_bytes(name, data)
        for name, data in ours.items():
            await source.write_bytes(name, data)
        result = await sync((source, ""), (target, ""), delete=delete, checksum=True)
        left = {name: (await target.read_bytes(name)).unwrap() for name in await paths_of(target)}
        return result, left, source.listings, target.listings - 1  # without the look of the test itself

    result, left, *listings = anyio.run(run)
    assert listings == [1, 1]
    kept = not delete or not ours
    assert left == {**(theirs if kept else {}), **ours}
    assert result.success is (not (delete and theirs and not ours))
    assert result.content.succeeded - result.content.deleted == sum(
        theirs.get(name) != data for name, data in ours.items()
    )
    assert result.content.deleted == (0 if kept else len(theirs.keys() - ours.keys()))


async def test_patterns_choose_what_takes_part_and_protect_the_rest(here, there):
    make_tree(here, {"a.jpg": b"1", "b.txt": b"2", "cache/c.jpg": b"3"})
    make_tree(there, {"old.jpg": b"4", "keep.txt": b"5", "cache/x.jpg": b"6"})
    result = await sync(here, there, include=["*.jpg"], exclude=["cache/"], delete=True)
    assert result.content.deleted == 1
    assert read_tree(there) == {"a.jpg": b"1", "keep.txt": b"5", "cache/x.jpg": b"6"}


@pytest.mark.parametrize("name", ["../evil", "/evil", "C:/evil", "x/../../evil"])
async def test_a_remote_name_never_leads_out_of_the_target(foreign, here, name):
    foreign.files = {name: b"evil", "good": b"good"}
    result = await sync((foreign, ""), here / "target")
    assert (result.content.succeeded, result.content.failed) == (1, 1)
    assert read_tree(here) == {"target/good": b"good"}


async def test_a_link_in_the_target_is_not_followed(memory, here, there):
    await memory.write_bytes("link/file", b"x")
    (here / "link").symlink_to(there)
    result = await sync((memory, ""), here)
    assert result.content.outcomes[0].error_info.code == "symlink"
    assert read_tree(there) == {}


async def test_a_file_beside_a_folder_of_its_name_is_a_conflict(memory, here):
    for name in ("a", "a-b", "a/b", "a/c/d", "ab"):
        await memory.write_bytes(name, b"x")
    result = await sync((memory, ""), here)
    assert [outcome.error_info.code for outcome in result.content.outcomes] == ["duplicate_target"] * 2
    assert set(read_tree(here)) == {"a", "a-b", "ab"}


async def test_names_that_differ_in_case_alone_collide_where_case_is_folded(memory, here, monkeypatch):
    monkeypatch.setattr("quackcore_async.transfer.naming.folds_case", lambda path: True)
    for name in ("A", "a", "b"):
        await memory.write_bytes(name, name.encode())
    result = await sync((memory, ""), here)
    assert [outcome.error_info.code for outcome in result.content.outcomes] == ["duplicate_target"]
    assert read_tree(here) == {"A": b"A", "b": b"b"}


async def test_links_are_left_out_and_reported(here, there):
    make_tree(here, {"a": b""})
    (here / "link").symlink_to("a")
    result = await sync(here, there)
    assert result.success
    assert result.content.warnings == ["link: symbolic link, left out"]
    assert set(read_tree(there)) == {"a"}


async def test_a_report_keeps_at_most_1000_failures_and_counts_all(foreign, here):
    make_tree(here, {f"f{number:04}": b"" for number in range(1100)})
    foreign.broken = {f"f{number:04}" for number in range(1100)}
    result = await sync(here, (foreign, ""))
    assert (result.content.failed, len(result.content.outcomes)) == (1100, 1000)


async def test_every_outcome_can_be_had(here, there):
    make_tree(here, {"a": b"", "b": b""})
    make_tree(there, {"z": b""})
    outcomes = []
    await sync(here, there, delete=True, on_outcome=outcomes.append)
    assert sorted((str(o.action), str(o.status)) for o in outcomes) == [
        ("copy", "ok"),
        ("copy", "ok"),
        ("delete", "ok"),
    ]
    outcomes.clear()
    await sync(here, there, on_outcome=outcomes.append)
    assert [(str(o.status), o.source, o.target, o.message) for o in outcomes] == [
        ("skipped", str(here / name), str(there / name), "it is unchanged") for name in "ab"
    ]


async def test_transfers_and_deletions_are_numbered_from_0(here, there):
    make_tree(here, dict.fromkeys("abc", b""))
    make_tree(there, dict.fromkeys("xyz", b""))
    outcomes = []
    await sync(here, there, delete=True, on_outcome=outcomes.append)
    for action in ("copy", "delete"):
        assert sorted(outcome.index for outcome in outcomes if outcome.action == action) == [0, 1, 2]


async def test_a_failure_names_the_call_and_the_target(memory, foreign, here):
    await memory.write_bytes("../a", b"")
    make_tree(here, {"a": b""})
    foreign.broken = {"a"}
    for source, target, service in ((here, (foreign, ""), "foreign"), ((memory, ""), here / "x", "local")):
        (outcome,) = (await sync(source, target)).content.outcomes
        assert (outcome.error_info.operation, outcome.error_info.service) == ("sync", service)


async def test_deletions_are_counted_among_the_files_of_the_progress(here, there):
    make_tree(here, {"a": b""})
    make_tree(there, dict.fromkeys("xyz", b""))
    events = []
    await sync(here, there, delete=True, progress=events.append)
    assert (events[-1].files_done, events[-1].files_total) == (4, 4)


async def test_a_deletion_that_fails_ends_the_others_when_it_is_to_fail_fast(foreign, here):
    make_tree(here, {"a": b""})
    foreign.files = dict.fromkeys(["x", "y", "z"], b"")
    outcomes = []
    result = await sync(
        here, (foreign, ""), delete=True, on_error="fail_fast", concurrency=1, on_outcome=outcomes.append
    )
    assert (result.content.succeeded, result.content.failed) == (1, 1)
    assert [outcome.target for outcome in outcomes if outcome.status == "failed"] == ["foreign:x"]


async def test_a_failure_ends_everything_when_it_is_to_fail_fast(foreign, here):
    make_tree(here, {f"f{number}": b"" for number in range(20)})
    foreign.broken = {"f3"}
    result = await sync(here, (foreign, ""), on_error="fail_fast", concurrency=1, delete=True)
    assert result.content.failed == 1
    assert result.content.total < 20


async def test_a_dry_run_changes_nothing(here, there):
    make_tree(here, TREE)
    (here / "void").mkdir()
    result = await sync(here, there / "new", dry_run=True)
    assert (result.content.planned, result.content.succeeded) == (len(TREE) + 1, 0)
    assert list(there.iterdir()) == []


async def test_trees_that_lie_within_each_other_are_refused(here, memory):
    make_tree(here, {"a": b""})
    for source, target, delete in (
        (here, here, False),
        (here, here / "sub", False),
        (here / "sub", here, True),
        ((memory, "x"), (memory, "x/"), False),
        ((memory, ""), (memory, "x"), False),
    ):
        result = await sync(source, target, delete=delete)
        assert result.error_info.code == "overlapping_trees", (source, target)
    assert read_tree(here) == {"a": b""}


@pytest.mark.parametrize(
    "options",
    [{"compare": "guess"}, {"checksum": True, "size_only": True}, {"concurrency": 0}, {"on_error": "explode"}],
)
async def test_a_wrong_argument_is_a_result(here, there, options):
    info = (await sync(here, there, **options)).error_info
    assert (info.kind, info.code) == (ErrorKind.INVALID_INPUT, "bad_argument")


@pytest.mark.parametrize("side", [None, 5, "", ("a", "b", "c")])
async def test_what_is_no_tree_is_a_result(here, side):
    assert not (await sync(side, here)).success
    assert not (await sync(here, side)).success


@pytest.mark.parametrize("steps", [1, 5, 10, 20, 40, 80, 160])
async def test_a_cancellation_at_any_point_leaves_whole_files_or_none(here, there, steps):
    content = {f"d{number % 3}/f{number}": bytes([number]) * 5000 for number in range(30)}
    make_tree(here, content)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:

            async def cancel():
                for _ in range(steps):
                    await anyio.lowlevel.checkpoint()
                scope.cancel()

            group.start_soon(cancel)
            await sync(here, there, concurrency=4)
    assert all(content[name] == data for name, data in read_tree(there).items())
    assert (await sync(here, there)).success
    assert read_tree(there) == content


async def test_progress_counts_what_is_listed_and_what_is_done(here, there):
    make_tree(here, TREE)
    events = []
    await sync(here, there, progress=events.append)
    assert events[0].phase == "listing"
    last = events[-1]
    assert (last.phase, last.files_done, last.files_total, last.bytes_done) == (
        "done",
        len(TREE),
        len(TREE),
        sum(map(len, TREE.values())),
    )


async def test_a_listed_file_without_a_time_is_compared_by_its_time_of_writing(here):
    foreign = ForeignStorage()
    make_tree(here, {"a": b"x"})

    async def list_files(remote_path=None, pattern=None):
        result = await ForeignStorage.list_files(foreign, remote_path, pattern)
        for file in result.content:
            file["last_modified"] = datetime(2100, 1, 1, tzinfo=UTC)
        return result

    foreign.list_files = list_files
    await sync(here, (foreign, ""))
    assert (await sync(here, (foreign, ""))).content.skipped == 1


async def test_a_target_storage_whose_root_is_not_there_yet_is_empty(here, there):
    make_tree(here, TREE)
    target = (LocalStorage(root=there / "not/yet"), "pre/fix")
    assert (await sync(here, target, delete=True)).unwrap().succeeded == len(TREE)
    assert read_tree(there / "not/yet/pre/fix") == TREE


async def test_a_source_storage_whose_root_is_not_there_is_a_failure(there):
    make_tree(there, {"kept": b"1"})
    result = await sync((LocalStorage(root=there / "missing"), ""), there / "kept-apart", delete=True)
    assert result.error_info.kind is ErrorKind.NOT_FOUND


async def test_empty_folders_go_from_any_storage_to_any_other(remote, here, tmp_path):
    (here / "hollow/inner").mkdir(parents=True)
    make_tree(here, {"a/b.txt": b"1"})
    back = tmp_path / "back"
    for source, target in ((here, remote), (remote, back)):
        assert (await sync(source, target, delete=True)).unwrap().succeeded == 2
        assert (await sync(source, target, delete=True)).unwrap().succeeded == 0
    assert (back / "hollow/inner").is_dir()


@pytest.mark.parametrize("as_storage", [False, True])
async def test_a_folder_in_which_only_a_link_lies_is_not_deleted_and_is_no_failure(here, there, as_storage):
    make_tree(here, {"a": b"1"})
    make_tree(there, {"a": b"1"})
    (there / "linked").mkdir()
    (there / "linked/away").symlink_to(here)
    target = (LocalStorage(root=there), "") if as_storage else there
    report = (await sync(here, target, delete=True)).unwrap()
    assert (report.failed, report.deleted) == (0, 0)
    assert (there / "linked/away").is_symlink()


async def test_a_folder_whose_last_file_is_deleted_stays_as_an_empty_one(remote, here, tmp_path):
    make_tree(here, {"a": b"1", "b/c": b"2"})
    (await sync(here, remote)).unwrap()
    (here / "b/c").unlink()
    assert (await sync(here, remote, delete=True)).unwrap().deleted == 1
    again = (await sync(here, remote, delete=True)).unwrap()
    assert (again.succeeded, again.deleted) == (0, 0)
    (await sync(remote, tmp_path / "back")).unwrap()
    assert (tmp_path / "back/b").is_dir()
