"""Trees to and from S3: on SeaweedFS, a real store, and on moto where keys have to stay as they are."""

import os

import pytest

from quackcore_async.storage import LocalStorage, S3Storage
from quackcore_async.transfer import check, delete_many, download_many, sync
from tests.servers.scripted import Answer, error_answer
from tests.transfer.foreign import make_tree, read_tree

TREE = {"a.txt": b"one", "b/c.txt": b"two", "b/d/e.bin": b"\0" * 3000, "empty": b"", "ü ö/+.txt": b"five"}
EMPTY_FOLDERS = ["hollow", "b/hollow", "deep/er/hollow"]


@pytest.fixture
def anyio_backend():
    return "asyncio"


def storage_of(endpoint, **changes):
    return S3Storage(
        config={
            "bucket_name": endpoint.bucket,
            "endpoint_url": endpoint.url,
            "region": "us-east-1",
            "access_key_id": endpoint.access_key_id,
            "secret_access_key": endpoint.secret_access_key,
            **changes,
        }
    )


@pytest.fixture(params=["seaweed", "moto_server"])
async def s3(request):
    async with storage_of(request.getfixturevalue(request.param)) as storage:
        yield storage


def folders_below(root):
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_dir()}


def requests_of(storage, monkeypatch):
    """Return the list that gets the name of each request which the storage sends from now on."""
    requester, sent = storage._client.requester, []
    send = requester.attempt

    async def attempt(operation, *args, **options):
        sent.append(operation)
        return await send(operation, *args, **options)

    monkeypatch.setattr(requester, "attempt", attempt)
    return sent


async def test_a_tree_with_empty_folders_goes_there_and_back_and_a_second_run_moves_nothing(s3, here, tmp_path):
    make_tree(here, TREE)
    for folder in EMPTY_FOLDERS:
        (here / folder).mkdir(parents=True)
    back = tmp_path / "back"
    for source, target in ((here, (s3, "pre/fix")), ((s3, "pre/fix"), back)):
        first = (await sync(source, target, delete=True)).unwrap()
        assert first.succeeded == len(TREE) + len(EMPTY_FOLDERS)
        again = (await sync(source, target, delete=True)).unwrap()
        assert (again.succeeded, again.skipped) == (0, len(TREE))
        assert (await check(source, target, checksum=True)).unwrap().identical
    assert read_tree(back) == TREE
    assert folders_below(back) == folders_below(here)
    assert {file["path"] for file in (await s3.list_files("pre/fix")).unwrap()} == {
        f"pre/fix/{name}" for name in TREE
    }


async def test_an_empty_folder_that_is_gone_is_deleted_and_nothing_else(s3, here):
    make_tree(here, {"a.txt": b"1", "kept/b.tmp": b"2"})
    (here / "hollow").mkdir()
    (await sync(here, (s3, ""))).unwrap()
    await s3.create_folder("kept")
    (here / "hollow").rmdir()
    (here / "kept" / "b.tmp").unlink()
    (here / "kept").rmdir()
    (await sync(here, (s3, ""), delete=True, exclude=["*.tmp"])).unwrap()
    assert {file["path"] for file in (await s3.list_files()).unwrap()} == {"a.txt", "kept/b.tmp"}
    assert [file async for file in s3.iter_tree() if file["path"] == "hollow/"] == []


async def test_a_second_run_of_small_files_hashes_them_and_asks_for_none(s3, here, tmp_path, monkeypatch):
    make_tree(here, TREE)
    back = tmp_path / "back"
    (await sync(here, (s3, ""))).unwrap()
    (await sync((s3, ""), back)).unwrap()
    sent = requests_of(s3, monkeypatch)
    assert (await sync((s3, ""), back)).unwrap().skipped == len(TREE)
    assert sent == ["list_objects_v2"]


async def test_a_file_touched_since_is_equal_by_its_bytes_and_one_of_the_same_time_by_its_time(s3, here, tmp_path):
    make_tree(here, {"touched": b"same", "shadow": b"old!"})
    (await sync(here, (s3, ""))).unwrap()
    back = tmp_path / "back"
    (await sync((s3, ""), back)).unwrap()
    os.utime(back / "touched", (1, 1))
    found = (back / "shadow").stat()
    (back / "shadow").write_bytes(b"new!")
    os.utime(back / "shadow", ns=(found.st_mtime_ns, found.st_mtime_ns))
    assert (await sync((s3, ""), back)).unwrap().skipped == 2
    assert (await sync((s3, ""), back, checksum=True)).unwrap().succeeded == 1


async def test_a_file_beside_a_folder_of_its_name_is_kept_and_the_folder_is_a_conflict(moto_server, there):
    async with storage_of(moto_server) as s3:
        await s3.write_bytes("name", b"file")
        await s3.create_folder("name")
        report = (await sync((s3, ""), there)).content
    assert read_tree(there) == {"name": b"file"}
    assert [outcome.error_info.code for outcome in report.failures] == ["duplicate_target"]


@pytest.mark.parametrize("marker", ["../out/", "/lead/", "a//", "./"])
async def test_no_marker_leads_out_of_the_target_folder(moto_server, there, marker):
    raw = moto_server.raw_client()
    raw.put_object(Bucket=moto_server.bucket, Key=marker)
    raw.close()
    async with storage_of(moto_server) as s3:
        report = (await sync((s3, ""), there / "target")).content
    assert [outcome.error_info.kind for outcome in report.failures] == ["invalid_input"]
    assert [path for path in there.rglob("*") if path.name != "target"] == []


async def test_the_bytes_of_a_folder_are_left_out_with_a_warning(moto_server, there):
    raw = moto_server.raw_client()
    raw.put_object(Bucket=moto_server.bucket, Key="odd/", Body=b"bytes")
    raw.close()
    async with storage_of(moto_server) as s3:
        report = (await sync((s3, ""), there)).unwrap()
    assert (there / "odd").is_dir()
    assert "odd/" in report.warnings[0]


@pytest.mark.parametrize("engine", ["lean", "aioboto3", "obstore"])
async def test_what_boto3_uploaded_in_parts_comes_back_although_its_checksum_is_one_of_checksums(
    moto_server, here, there, engine
):
    make_tree(here, {"large": os.urandom(12 * 1024**2)})
    raw = moto_server.raw_client()
    raw.upload_file(str(here / "large"), moto_server.bucket, "large", ExtraArgs={"ChecksumAlgorithm": "CRC32"})
    raw.close()
    async with storage_of(moto_server, engine=engine) as s3:
        assert (await download_many(s3, ["large"], target=there)).unwrap().outcomes[0].verified == "length"
        assert read_tree(there) == read_tree(here)
        assert (await sync(here, (s3, ""), checksum=True)).unwrap().skipped == 1


async def test_a_copy_to_another_storage_keeps_time_mode_and_type(s3, here, there):
    make_tree(here, {"a.json": b"{}"})
    (here / "a.json").chmod(0o640)
    os.utime(here / "a.json", ns=(1_600_000_000_123_456_000,) * 2)
    local = LocalStorage(root=there)
    (await sync(here, (s3, "one"))).unwrap()
    (await sync((s3, "one"), (local, "two"))).unwrap()
    found = (there / "two/a.json").stat()
    assert (found.st_mtime, found.st_mode & 0o777) == (1_600_000_000.123456, 0o640)
    (await sync((local, "two"), (s3, "three"))).unwrap()
    file = (await s3.stat_file("three/a.json")).unwrap()
    assert (file["mtime"], file["mode"], file["content_type"]) == (1_600_000_000.123456, 0o640, "application/json")
    for source, target in (((s3, "one"), (local, "two")), ((local, "two"), (s3, "three"))):
        assert (await sync(source, target)).unwrap().skipped == 1


async def test_a_thousand_files_are_deleted_with_one_request_and_each_has_its_outcome(s3, here, monkeypatch):
    names = [f"{number:04}" for number in range(1005)]
    make_tree(here, dict.fromkeys(names, b""))
    (await sync(here, (s3, "tree"))).unwrap()
    sent = requests_of(s3, monkeypatch)
    half = [f"tree/{name}" for name in names[:1002]]
    report = (await delete_many(s3, [*half, "tree/was not there", ""])).content
    assert [outcome.status for outcome in report.outcomes] == ["ok"] * 1003 + ["failed"]
    assert sent == ["delete_objects"] * 2
    (here / names[-1]).unlink()
    sent.clear()
    assert (await sync(here, (s3, "tree"), include=names[1002:], delete=True)).unwrap().deleted == 1
    assert sent.count("delete_objects") == 1


async def test_a_key_that_xml_cannot_carry_is_deleted_by_itself(moto_server, monkeypatch):
    async with storage_of(moto_server) as s3:
        for name in ("plain", "bell\x07", "line\nfeed", "back\r", "high\uffff"):
            await s3.write_bytes(name, b"1")
        sent = requests_of(s3, monkeypatch)
        assert (await delete_many(s3, ["plain", "bell\x07", "back\r", "high\uffff"])).success
        assert sorted(sent) == ["delete_object", "delete_object", "delete_objects"]
        assert not (await s3.file_exists("bell\x07")).unwrap()


@pytest.mark.parametrize(
    ("status", "code"), [(501, "NotImplemented"), (405, "MethodNotAllowed"), (400, "MalformedXML")]
)
async def test_where_there_are_no_batches_each_file_is_deleted_by_itself(scripted_s3, status, code):
    scripted_s3.script = lambda request: (
        error_answer(status, code) if request.operation == "DeleteObjects" else None
    )
    async with storage_of(scripted_s3.endpoint) as s3:
        for name in "abc":
            await s3.write_bytes(name, b"1")
        assert (await delete_many(s3, ["a", "b"])).success
        assert [(await s3.file_exists(name)).unwrap() for name in "abc"] == [False, False, True]


async def test_a_batch_that_is_refused_in_part_says_which_and_tries_the_others_again(scripted_s3):
    errors = {"denied": "AccessDenied", "busy": "SlowDown", "gone": "NoSuchKey"}

    def refuse(request):
        if request.operation != "DeleteObjects":
            return None
        inner = "".join(
            f"<Error><Key>{k}</Key><Code>{c}</Code><Message>no</Message></Error>" for k, c in errors.items()
        )
        return Answer(200, {"Content-Type": "application/xml"}, f"<DeleteResult>{inner}</DeleteResult>".encode())

    scripted_s3.script = refuse
    async with storage_of(scripted_s3.endpoint) as s3:
        await s3.write_bytes("busy", b"1")
        report = (await delete_many(s3, ["fine", "denied", "busy", "gone"])).content
        assert [outcome.status for outcome in report.outcomes] == ["ok", "failed", "ok", "ok"]
        assert report.failures[0].error_info.kind == "permission_denied"
        assert "denied" in report.failures[0].error
        assert not (await s3.file_exists("busy")).unwrap()


async def test_a_mistyped_key_of_a_given_configuration_is_refused(moto_server):
    result = await storage_of(moto_server, prefx="team").initialize()
    assert result.error_info.kind == "misconfigured"
    assert "prefix" in result.error
