import gc
import json
import os

import anyio
import pytest

from quackcore_async.errors import ErrorKind, StorageError
from quackcore_async.protocols import UploadOptions
from quackcore_async.results import IntegrationResult
from quackcore_async.storage import LocalStorage, MemoryStorage
from quackcore_async.transfer import (
    DeleteItem,
    DownloadItem,
    TransferStatus,
    UploadItem,
    delete_many,
    download_many,
    upload_many,
)
from tests.transfer.foreign import make_tree, read_tree

FILES = {f"f{number}": bytes([number]) * number for number in range(12)}


def statuses(result):
    return [str(outcome.status) for outcome in result.content.outcomes]


async def names_of(storage):
    return sorted(file["path"] for file in (await storage.list_files()).unwrap())


async def test_files_go_up_and_come_back_the_same(storage, here, there):
    make_tree(here, FILES)
    up = await upload_many(storage, [(here / name, f"x/{name}") for name in FILES])
    assert up.success, up.error
    assert (up.content.succeeded, up.content.bytes) == (12, sum(range(12)))
    down = await download_many(storage, [f"x/{name}" for name in FILES], target=there)
    assert down.success, down.error
    assert read_tree(there) == {f"x/{name}": data for name, data in FILES.items()}


async def test_outcomes_come_in_input_order(storage, here):
    make_tree(here, FILES)
    inputs = [here / name for name in FILES]
    report = (await upload_many(storage, inputs, concurrency=3)).content
    assert [outcome.source for outcome in report.outcomes] == [str(path) for path in inputs]
    assert [outcome.index for outcome in report.outcomes] == list(range(12))


async def test_the_largest_of_a_collection_starts_first(foreign, here):
    make_tree(here, FILES)
    await upload_many(foreign, [here / name for name in FILES], concurrency=1)
    assert foreign.started == [f"f{number}" for number in reversed(range(12))]


async def test_of_files_of_one_size_the_first_starts_first(foreign, here):
    names = ["c", "a", "b"]
    make_tree(here, dict.fromkeys(names, b"x"))
    await upload_many(foreign, [here / name for name in names], concurrency=1)
    assert foreign.started == names


async def test_any_other_iterable_is_consumed_as_workers_come_free(foreign, here):
    make_tree(here, FILES)
    drawn = []

    def inputs():
        for name in FILES:
            drawn.append(name)
            assert len(drawn) <= len(foreign.started) + 2
            yield here / name

    assert (await upload_many(foreign, inputs(), concurrency=2)).success
    assert drawn == sorted(foreign.started, key=list(FILES).index) == list(FILES)


async def test_an_async_iterable_is_taken(storage, here):
    make_tree(here, FILES)

    async def inputs():
        for name in FILES:
            yield here / name

    assert (await upload_many(storage, inputs())).content.succeeded == 12


async def test_an_input_that_waits_is_waited_for_to_its_end(foreign, here):
    make_tree(here, {"a": b"x"})
    send, receive = anyio.create_memory_object_stream(1)
    results = []

    async def upload():
        results.append(await upload_many(foreign, receive))

    with anyio.fail_after(20):
        async with receive, anyio.create_task_group() as group:
            group.start_soon(upload)
            async with send:
                for name in ("first", "second", "third"):
                    await send.send((here / "a", name))
                    await anyio.wait_all_tasks_blocked()
    assert [outcome.target for outcome in results[0].content.outcomes] == ["first", "second", "third"]


@pytest.mark.parametrize("concurrency", [3, 40])
async def test_as_many_are_under_way_as_asked_for_and_no_more(foreign, here, concurrency):
    make_tree(here, {"a": b"x"})
    foreign.gate = anyio.Event()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:

            async def release():
                while foreign.active < concurrency:
                    await anyio.lowlevel.checkpoint()
                foreign.gate.set()

            group.start_soon(release)
            await upload_many(foreign, [(here / "a", str(n)) for n in range(90)], concurrency=concurrency)
    assert foreign.most_active == concurrency


async def test_a_failed_item_fails_alone(storage, here):
    make_tree(here, FILES)
    result = await upload_many(storage, [here / "f1", here / "missing", 5, here / "f2"])
    assert statuses(result) == ["ok", "failed", "failed", "ok"]
    assert not result.success
    assert result.content.outcomes[1].error_info.kind in {ErrorKind.NOT_FOUND, ErrorKind.INTERNAL}
    assert result.content.outcomes[2].error_info.kind is ErrorKind.INVALID_INPUT
    assert result.content.retry_items() == [here / "missing", 5]
    with pytest.raises(StorageError, match="2 of 4 items failed"):
        result.content.raise_for_failures()


async def test_a_pipe_is_refused_by_itself(storage, here):
    make_tree(here, FILES)
    os.mkfifo(here / "pipe")
    result = await upload_many(storage, [here / "pipe", here / "f1"])
    assert statuses(result) == ["failed", "ok"]
    assert result.content.outcomes[0].error_info.kind is ErrorKind.INVALID_INPUT


async def test_of_two_items_with_one_target_the_first_is_kept(storage, here):
    make_tree(here, {"a/same": b"first", "b/same": b"second, and longer"})
    result = await upload_many(storage, [here / "a/same", here / "b/same"])
    assert statuses(result) == ["ok", "failed"]
    assert result.content.outcomes[1].error_info.code == "duplicate_target"
    assert result.content.outcomes[1].attempts == 0
    await download_many(storage, ["same"], target=here)
    assert (here / "same").read_bytes() == b"first"


async def test_a_target_beside_its_own_folder_is_a_conflict(memory, here):
    await memory.write_bytes("a", b"file")
    await memory.write_bytes("a/b", b"below")
    result = await download_many(memory, ["a", "a/b"], target=here)
    assert statuses(result) == ["ok", "failed"]
    assert read_tree(here) == {"a": b"file"}


@pytest.mark.parametrize("name", ["../escape", "/escape", "C:/escape", "a/../../escape", "link/escape"])
async def test_a_remote_name_never_leads_out_of_the_target(foreign, here, there, name):
    foreign.files = {name: b"evil", "good": b"good"}
    target = here / "target"
    target.mkdir()
    (target / "link").symlink_to(there)
    result = await download_many(foreign, [name, "good"], target=target)
    assert statuses(result) == ["failed", "ok"]
    assert result.content.outcomes[0].error_info.kind in {ErrorKind.INVALID_INPUT, ErrorKind.CONFLICT}
    assert read_tree(here) == {"target/good": b"good"}
    assert read_tree(there) == {}


async def test_a_path_of_the_callers_own_goes_where_it_says(storage, here, there):
    make_tree(here, FILES)
    await upload_many(storage, [here / "f3"])
    result = await download_many(
        storage, [("f3", "x/y"), ("f3", str(there / "abs")), DownloadItem("f3", "sub/")], target=here
    )
    assert statuses(result) == ["ok", "ok", "ok"]
    for path in (here / "x/y", there / "abs", here / "sub/f3"):
        assert path.read_bytes() == FILES["f3"]


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("path", ["", "a\0b"])
async def test_a_path_of_the_callers_own_that_is_none_is_refused(memory, here, path, dry_run):
    await memory.write_bytes("a", b"x")
    result = await download_many(memory, [("a", path)], target=here, dry_run=dry_run)
    info = result.content.outcomes[0].error_info
    assert (info.kind, info.code) == (ErrorKind.INVALID_INPUT, "invalid_name")
    assert read_tree(here) == {}


async def test_without_a_target_names_go_to_the_working_directory(memory, here, monkeypatch):
    monkeypatch.chdir(here)
    await memory.write_bytes("a/b", b"x")
    await download_many(memory, ["a/b"])
    assert read_tree(here) == {"a/b": b"x"}


async def test_a_listing_can_be_downloaded_and_deleted(memory, here):
    for name, data in FILES.items():
        await memory.write_bytes(f"x/{name}", data)
    assert (await download_many(memory, memory.iter_files("x"), target=here)).success
    assert read_tree(here) == {f"x/{name}": data for name, data in FILES.items()}
    result = await delete_many(memory, (await memory.list_files("x")).unwrap())
    assert (result.content.deleted, await names_of(memory)) == (12, [])


async def test_what_exists_is_kept_when_it_is_not_to_be_overwritten(storage, here, there):
    make_tree(here, {"a": b"old"})
    await upload_many(storage, [here / "a"])
    make_tree(here, {"a": b"newer"})
    assert statuses(await upload_many(storage, [here / "a"], overwrite=False)) == ["skipped"]
    make_tree(there, {"a": b"mine"})
    assert statuses(await download_many(storage, ["a"], target=there, overwrite=False)) == ["skipped"]
    assert read_tree(there) == {"a": b"mine"}
    await download_many(storage, ["a"], target=there)
    assert read_tree(there) == {"a": b"old"}


async def test_what_exists_at_a_path_of_the_callers_own_is_kept_too(storage, here, there):
    make_tree(here, {"a": b"new"})
    make_tree(there, {"b": b"old"})
    await upload_many(storage, [(here / "a", "a")])
    kept = await download_many(storage, [("a", there / "b"), ("a", there / "c")], overwrite=False)
    assert statuses(kept) == ["skipped", "ok"]
    assert read_tree(there) == {"b": b"old", "c": b"new"}


async def test_an_item_may_say_otherwise_than_the_call(memory, here):
    make_tree(here, {"a": b"new"})
    await memory.write_bytes("a", b"old")
    items = [UploadItem(here / "a", overwrite=True, options=UploadOptions(metadata={"k": "v"}))]
    assert (await upload_many(memory, items, overwrite=False)).success
    assert (await memory.stat_file("a")).unwrap()["metadata"] == {"k": "v"}


@pytest.mark.parametrize("make", [lambda tmp: LocalStorage(root=tmp / "root"), None])
async def test_only_what_changed_is_moved(make, memory, here, there, tmp_path):
    storage = memory if make is None else make(tmp_path)
    make_tree(here, FILES)
    inputs = [here / name for name in FILES]
    await upload_many(storage, inputs)
    assert (await upload_many(storage, inputs, overwrite="if_changed")).content.skipped == 12
    (here / "f3").write_bytes(b"another length")
    assert (await upload_many(storage, inputs, overwrite="if_changed")).content.skipped == 11
    await download_many(storage, list(FILES), target=there)
    assert (await download_many(storage, list(FILES), target=there, overwrite="if_changed")).content.skipped == 12


async def test_a_file_of_the_working_directory_that_was_only_touched_is_unchanged(memory, here, monkeypatch):
    monkeypatch.chdir(here)
    make_tree(here, {"a": b"x"})
    await upload_many(memory, ["a"])
    os.utime("a", (2_000_000_000, 2_000_000_000))
    assert statuses(await upload_many(memory, ["a"], overwrite="if_changed")) == ["skipped"]
    (here / "a").write_bytes(b"y")
    os.utime("a", (2_000_000_000, 2_000_000_000))
    assert statuses(await upload_many(memory, ["a"], overwrite="if_changed")) == ["ok"]


async def test_a_file_that_may_have_changed_is_looked_up_once(here, there):
    class Counting(MemoryStorage):
        looked_up = 0

        async def _stat(self, path):
            self.looked_up += 1
            return await super()._stat(path)

    storage = Counting()
    await storage.write_bytes("a", b"old")
    make_tree(here, {"a": b"new"})
    os.utime(here / "a", (2_000_000_000, 2_000_000_000))
    assert statuses(await upload_many(storage, [here / "a"], overwrite="if_changed")) == ["ok"]
    assert storage.looked_up == 1
    make_tree(there, {"a": b"old"})
    os.utime(there / "a", (1_000_000_000, 1_000_000_000))
    assert statuses(await download_many(storage, ["a"], target=there, overwrite="if_changed")) == ["ok"]
    assert storage.looked_up == 2


async def test_a_dry_run_changes_nothing(storage, here, there):
    make_tree(here, FILES)
    planned = await upload_many(storage, [here / "f1", here / "gone"], dry_run=True)
    assert statuses(planned) == ["dry_run", "failed"]
    assert await names_of(storage) == []
    await upload_many(storage, [here / "f1"])
    assert statuses(await download_many(storage, ["f1"], target=there / "new", dry_run=True)) == ["dry_run"]
    assert list(there.iterdir()) == []
    assert statuses(await delete_many(storage, ["f1"], dry_run=True)) == ["dry_run"]
    assert await names_of(storage) == ["f1"]


async def test_a_missing_file_leaves_the_local_one_alone(storage, here):
    make_tree(here, {"missing": b"precious"})
    result = await download_many(storage, ["missing"], target=here)
    assert statuses(result) == ["failed"]
    assert read_tree(here) == {"missing": b"precious"}


async def test_deleting_needs_more_than_the_four_methods(foreign):
    foreign.files = {"a": b""}
    result = await delete_many(foreign, ["a", DeleteItem("b")])
    assert [outcome.error_info.kind for outcome in result.content.outcomes] == [ErrorKind.UNSUPPORTED] * 2
    assert list(foreign.files) == ["a"]


async def test_a_deletion_has_a_target_and_no_source(memory):
    await memory.write_bytes("a", b"")
    (outcome,) = (await delete_many(memory, ["a"])).content.outcomes
    assert (outcome.source, outcome.target) == ("", "a")


async def test_what_was_not_there_is_skipped(memory):
    await memory.write_bytes("a", b"")
    assert statuses(await delete_many(memory, ["a", "b"])) == ["ok", "skipped"]


async def test_fail_fast_gives_up_the_others_and_still_has_a_row_for_each(foreign, here):
    make_tree(here, FILES)
    foreign.gate = anyio.Event()
    inputs = [here / "f1", here / "gone", *(here / name for name in FILES if name != "f1")]
    with anyio.fail_after(10):
        result = await upload_many(foreign, iter(inputs), concurrency=3, on_error="fail_fast")
    assert len(result.content.outcomes) == len(inputs)
    assert result.content.outcomes[1].status is TransferStatus.FAILED
    assert result.content.cancelled == len(inputs) - 1
    assert foreign.active == 0
    assert set(foreign.started) <= {"f1", "f0"}
    assert len(result.content.retry_items()) == len(inputs)
    given_up = next(outcome for outcome in result.content.outcomes if outcome.target == "f11")
    assert (given_up.attempts, given_up.elapsed, given_up.bytes) == (0, 0.0, 0)


async def test_a_cancellation_from_outside_leaves_no_partial_file(foreign, here):
    foreign.files = dict(FILES)
    foreign.gate = anyio.Event()
    make_tree(here, {"f1": b"before"})
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:

            async def cancel():
                while foreign.active < 3:
                    await anyio.lowlevel.checkpoint()
                scope.cancel()

            group.start_soon(cancel)
            await download_many(foreign, list(FILES), target=here, concurrency=3)
    assert scope.cancelled_caught
    assert foreign.active == 0
    assert read_tree(here) == {"f1": b"before"}


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8, 13, 21, 34, 55, 89])
async def test_a_cancellation_at_any_point_leaves_whole_files_or_none(here, there, steps):
    content = {f"f{number}": bytes([number]) * 5000 for number in range(20)}
    make_tree(here, content)
    storage = LocalStorage(root=there)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:

            async def cancel():
                for _ in range(steps):
                    await anyio.lowlevel.checkpoint()
                scope.cancel()

            group.start_soon(cancel)
            await upload_many(storage, [here / name for name in content], concurrency=4)
    assert all(content[name] == data for name, data in read_tree(there).items())


@pytest.mark.parametrize("is_async", [False, True])
async def test_an_input_that_raises_ends_the_call_and_loses_nothing(memory, here, is_async):
    make_tree(here, FILES)

    def inputs():
        yield here / "f1"
        yield here / "f2"
        raise ZeroDivisionError("broken input")

    async def async_inputs():
        for path in inputs():
            yield path

    result = await upload_many(memory, async_inputs() if is_async else inputs())
    assert not result.success
    assert "broken input" in result.error
    assert statuses(result) == ["ok", "ok"]


@pytest.mark.parametrize("options", [{"concurrency": 0}, {"on_error": "explode"}])
async def test_a_wrong_argument_is_a_result(memory, options):
    result = await upload_many(memory, [], **options)
    assert result.error_info.kind is ErrorKind.INVALID_INPUT


async def test_what_is_no_storage_is_a_result():
    assert (await upload_many(object(), [])).error_info.code == "contract"


async def test_what_a_storage_of_ours_writes_anew_is_what_is_called(here, there):
    class Counting(MemoryStorage):
        calls = ()

        async def upload_file(self, file_path, remote_path=None, **options):
            self.calls = (*self.calls, ("up", remote_path))
            return await super().upload_file(file_path, remote_path, **options)

        async def download_file(self, remote_id, local_path=None, **options):
            self.calls = (*self.calls, ("down", remote_id))
            return await super().download_file(remote_id, local_path, **options)

    make_tree(here, {"a": b"xyz"})
    make_tree(there, {"a": b"mine"})
    storage = Counting()
    assert (await upload_many(storage, iter([(here / "a", "a")]))).content.bytes == 3
    kept = await download_many(storage, ["a"], target=there, overwrite=False)
    assert (statuses(kept), read_tree(there)) == (["skipped"], {"a": b"mine"})
    events = []
    taken = await download_many(storage, ["a"], target=there, progress=events.append)
    assert taken.content.outcomes[0].verified in {"length", "full"}
    assert (read_tree(there), events[-1].bytes_done) == ({"a": b"xyz"}, 3)
    assert storage.calls == (("up", "a"), ("down", "a"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [(PermissionError(13, "no"), ErrorKind.PERMISSION_DENIED), (KeyError("broken"), ErrorKind.INTERNAL)],
)
async def test_whatever_a_storage_of_ours_raises_fails_the_item(here, there, error, kind):
    class Broken(MemoryStorage):
        async def _put_file(self, source, write):
            raise error

        async def _fetch(self, path, target, progress):
            raise error

    make_tree(here, {"a": b"x"})
    storage = Broken(name="m")
    for result in (
        await upload_many(storage, [here / "a"]),
        await download_many(storage, ["a"], target=there),
    ):
        assert statuses(result) == ["failed"]
        assert result.content.outcomes[0].error_info.kind is kind


async def test_a_storage_that_does_not_come_up_fails_each_item_with_its_reason(here, there):
    class Down(MemoryStorage):
        async def _setup(self):
            raise StorageError("out of order", kind=ErrorKind.UNAVAILABLE)

    make_tree(here, {"a": b"", "b": b""})
    for result in (
        await upload_many(Down(), [here / "a", here / "b"]),
        await download_many(Down(), ["a", "b"], target=there),
    ):
        assert [outcome.error for outcome in result.content.outcomes] == ["out of order"] * 2
    assert read_tree(there) == {}


@pytest.mark.parametrize("items", ["file.txt", 5, None])
async def test_text_and_what_cannot_be_iterated_over_is_no_collection_of_items(memory, items):
    result = await upload_many(memory, items)
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.INVALID_INPUT, "bad_argument")
    assert repr(items) in result.error


async def test_a_storage_that_returns_nonsense_fails_the_item(foreign, here):
    make_tree(here, {"a": b""})

    async def upload_file(file_path, remote_path=None):
        return None

    foreign.upload_file = upload_file
    result = await upload_many(foreign, [here / "a"])
    assert result.content.outcomes[0].error_info.code == "contract"


async def test_a_truncated_download_of_a_plain_storage_is_refused(foreign, here):
    foreign.files = {"a": b"short"}
    listed = {"path": "a", "size": 100}
    result = await download_many(foreign, [listed], target=here)
    info = result.content.outcomes[0].error_info
    assert (info.code, info.retryable) == ("truncated", True)
    assert read_tree(here) == {}


async def test_a_download_says_how_far_it_was_checked(foreign, memory, here):
    foreign.files = {"a": b"x", "b": b"y"}
    result = await download_many(foreign, ["a", {"path": "b", "size": 1}], target=here)
    assert [outcome.verified for outcome in result.content.outcomes] == ["none", "length"]
    await memory.write_bytes("c", b"z")
    assert (await download_many(memory, ["c"], target=here)).content.outcomes[0].verified in {"length", "full"}


async def test_how_long_it_took_is_told_in_seconds(foreign, here):
    make_tree(here, {"a": b""})
    report = (await upload_many(foreign, [here / "a", here / "gone"])).content
    assert [outcome.attempts for outcome in report.outcomes] == [1, 1]
    for elapsed in (report.elapsed, *(outcome.elapsed for outcome in report.outcomes)):
        assert 0 < elapsed < 60


async def test_nothing_to_do_is_a_success(storage):
    result = await upload_many(storage, [])
    assert (result.success, result.content.total) == (True, 0)


async def test_a_report_is_ready_for_json(memory, here):
    make_tree(here, {"a": b"xyz"})
    result = await upload_many(memory, [here / "a", here / "gone"])
    data = json.loads(json.dumps(result.content.to_dict()))
    assert (data["succeeded"], data["failed"], data["outcomes"][1]["status"]) == (1, 1, "failed")
    assert str(result.content).startswith("1 done, 1 failed; 3 B in")


async def test_a_result_of_a_plain_storage_keeps_its_error_kind(foreign, here):
    async def upload_file(file_path, remote_path=None):
        return IntegrationResult.from_exception(PermissionError(13, "no"))

    foreign.upload_file = upload_file
    make_tree(here, {"a": b""})
    result = await upload_many(foreign, [here / "a"])
    assert result.content.outcomes[0].error_info.kind is ErrorKind.PERMISSION_DENIED
    info = result.content.outcomes[0].error_info
    assert (info.service, info.operation) == ("foreign", "upload_many")


async def test_ten_thousand_items_with_a_bad_one(foreign, here):
    make_tree(here, {"a": b"x"})
    inputs = [(here / ("gone" if number == 4321 else "a"), str(number)) for number in range(10_000)]
    result = await upload_many(foreign, inputs)
    assert (result.content.succeeded, result.content.failed) == (9_999, 1)
    assert result.content.failures[0].index == 4321
    assert foreign.most_active <= 32


@pytest.mark.parametrize("storage", ["local", "memory"], indirect=True)
@pytest.mark.parametrize("verb", ["upload", "download", "delete"])
async def test_an_item_leaves_nothing_for_the_garbage_collector(storage, here, there, verb):
    """Cycles would call for full passes, in which the event loop stands still."""
    names = [f"f{number}" for number in range(64)]
    make_tree(here, dict.fromkeys(names, b"1"))
    verbs = {
        "upload": lambda: upload_many(storage, [(here / name, name) for name in names]),
        "download": lambda: download_many(storage, names, target=there),
        "delete": lambda: delete_many(storage, names),
    }
    garbage = []
    for _ in range(3):  # what other threads leave meanwhile is not there each time
        (await verbs["upload"]()).unwrap()
        gc.collect()
        gc.disable()
        try:
            (await verbs[verb]()).unwrap()
            garbage.append(gc.collect())
        finally:
            gc.enable()
    assert min(garbage) < len(names)
