"""What the storages over obstore have in common, seen at Google's interface."""

import json
import logging
import os

import pytest

from quackcore_async.auth import BearerTokenProvider
from quackcore_async.errors import ErrorKind
from quackcore_async.protocols import UploadOptions
from quackcore_async.storage import GCSStorage
from quackcore_async.transfer import delete_many, download_many, sync, upload_many
from tests.servers.gcs import TOKEN, Answer


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def bucket(gcs_server):
    return gcs_server.make_bucket()


def config_of(server, bucket, **changes):
    return {"bucket_name": bucket, "endpoint_url": server.url, "token": TOKEN, **changes}


@pytest.fixture
async def gcs(gcs_server, bucket):
    async with GCSStorage(config=config_of(gcs_server, bucket)) as storage:
        yield storage


async def paths(storage, *arguments, **options):
    return [file["path"] async for file in storage.iter_files(*arguments, **options)]


async def test_the_prefix_is_put_before_names_and_taken_off_again(gcs_server, bucket):
    async with GCSStorage(config=config_of(gcs_server, bucket, prefix="/team/data/")) as storage:
        url = (await storage.write_bytes("a/b.txt", b"x")).unwrap()
        assert url == f"gs://{bucket}/team/data/a/b.txt"
        assert await paths(storage) == ["a/b.txt"]
        assert await paths(storage, recursive=False) == ["a/"]
        assert (await storage.read_bytes(url)).unwrap() == b"x"
        assert (await storage.stat_file(url)).unwrap()["path"] == "a/b.txt"
        assert storage.capabilities.max_name_bytes == 1024 - len("team/data/")
    assert list(gcs_server.buckets[bucket]) == ["team/data/a/b.txt"]


async def test_an_address_in_another_bucket_is_honoured_with_a_warning(gcs, gcs_server, bucket, caplog):
    other = gcs_server.make_bucket()
    gcs_server.put(other, "key", b"of the other", {"x-goog-meta-colour": "blue"})
    with caplog.at_level(logging.WARNING):
        assert (await gcs.read_bytes(f"gs://{other}/key")).unwrap() == b"of the other"
    assert other in caplog.text
    assert [file["url"] for file in (await gcs.list_files(f"gs://{other}/")).unwrap()] == [f"gs://{other}/key"]
    assert (await gcs.copy_file(f"gs://{other}/key", "copy")).unwrap() == f"gs://{bucket}/copy"
    assert (await gcs.stat_file("copy")).unwrap()["metadata"] == {"colour": "blue"}


@pytest.mark.parametrize("url", ["gs:///key", "gs://other-bucket"])
async def test_an_incomplete_address_is_an_error_and_never_another_file(gcs, url):
    assert (await gcs.read_bytes(url)).error_info.kind is ErrorKind.INVALID_INPUT


async def test_markers_of_folders_that_others_made_are_no_files(gcs, gcs_server, bucket):
    for name, content in {"a/": b"", "a/b/": b"", "a/b/file": b"x", "a/empty": b"", "z/": b""}.items():
        gcs_server.put(bucket, name, content)
    assert await paths(gcs) == ["a/b/file", "a/empty"]
    assert await paths(gcs, "a", recursive=False) == ["a/b/", "a/empty"]
    tree = {file["path"]: file.get("is_folder", False) async for file in gcs.iter_tree()}
    assert tree == {"a/": True, "a/b/": True, "a/b/file": False, "a/empty": False, "z/": True}


async def test_unfinished_files_of_others_are_not_listed(gcs, gcs_server, bucket):
    gcs_server.put(bucket, "a/.0123456789abcdef.quack-part", b"half")
    assert await paths(gcs) == []


async def test_a_name_that_obstore_cannot_list_is_said_to_be_one(gcs, gcs_server, bucket):
    gcs_server.put(bucket, "a//b", b"x")
    result = await gcs.list_files()
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.UNSUPPORTED, "unlistable_name")


async def test_a_missing_bucket_is_a_misconfiguration_at_the_start(gcs_server):
    storage = GCSStorage(config=config_of(gcs_server, "no-such-bucket"))
    result = await storage.initialize()
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.MISCONFIGURED, "bucket_missing")
    assert not await storage.is_available()


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_on_trio_it_fails_at_initialize_and_says_why(anyio_backend):
    result = await GCSStorage(config={"bucket_name": "bucket", "token": TOKEN}).initialize()
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.UNSUPPORTED, "unsupported_backend")


async def test_a_login_gives_the_token_and_its_secret_is_not_told(gcs_server, bucket):
    config = config_of(gcs_server, bucket, token="wrong-token-of-the-file")
    async with GCSStorage(config=config, auth_provider=BearerTokenProvider(TOKEN)) as storage:
        assert (await storage.write_bytes("a", b"x")).success
    result = await GCSStorage(config=config).initialize()
    assert result.error_info.kind is ErrorKind.AUTH_REQUIRED
    assert "wrong-token" not in str(result)


async def test_time_and_mode_come_back_with_a_download(gcs, tmp_path):
    source = tmp_path / "source.html"
    source.write_bytes(b"<html>")
    source.chmod(0o600)
    os.utime(source, ns=(0, 1_700_000_000_123_456_789))
    await gcs.upload_file(source)
    result = await gcs.download_file("source.html", tmp_path / "target")
    assert result.verified == "full"
    status = (tmp_path / "target").stat()
    assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o600, 1_700_000_000_123_456_789)
    file = (await gcs.stat_file("source.html")).unwrap()
    assert (file["content_type"], "metadata" in file) == ("text/html", False)


async def test_a_failed_download_leaves_the_file_that_was_there(gcs, gcs_server, bucket, tmp_path):
    gcs_server.put(bucket, "key", b"content").data = b"damaged"
    target = tmp_path / "target"
    target.write_bytes(b"before")
    result = await gcs.download_file("key", target)
    assert result.error_info.kind is ErrorKind.CORRUPTED
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == {"target": b"before"}


async def test_a_file_may_guard_its_replacement_by_its_entity_tag(gcs):
    await gcs.write_bytes("a", b"1")
    etag = (await gcs.stat_file("a")).unwrap()["etag"]
    assert (await gcs.write_bytes("a", b"2", options=UploadOptions(if_match=etag))).success
    result = await gcs.write_bytes("a", b"3", options=UploadOptions(if_match=etag))
    assert result.error_info.code == "changed"


async def test_trees_are_synced_both_ways_and_a_second_run_moves_nothing(gcs, tmp_path):
    source, back = tmp_path / "source", tmp_path / "back"
    for name in ("a.txt", "sub/b.txt", "sub/deep/ü.txt"):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    assert (await sync(source, (gcs, "tree"))).unwrap().succeeded == 3
    assert (await sync(source, (gcs, "tree"))).unwrap().succeeded == 0
    assert (await sync((gcs, "tree"), back)).unwrap().succeeded == 3
    (source / "a.txt").unlink()
    await sync(source, (gcs, "tree"), delete=True)
    assert await paths(gcs, "tree") == ["tree/sub/b.txt", "tree/sub/deep/ü.txt"]


@pytest.mark.parametrize("refused", [False, True])
async def test_a_file_that_is_named_twice_is_deleted_once_and_answers_twice(gcs, gcs_server, bucket, refused):
    """As storages with batches delete."""
    names = ["a", f"gs://{bucket}/a", "a", "b"]
    for name in ("a", "b"):
        await gcs.write_bytes(name, b"x")
    if refused:
        gcs_server.script = lambda request: Answer(403) if request.method == "DELETE" else None
    results = (await gcs._delete_batch(names)).unwrap()
    assert [result.success for result in results] == [not refused] * 4


async def test_of_many_files_each_has_its_outcome(gcs, gcs_server, tmp_path):
    sources = [tmp_path / f"{number}.txt" for number in range(20)]
    for source in sources:
        source.write_bytes(source.name.encode())
    gcs_server.script = lambda request: Answer(403) if request.key == "7.txt" and request.method == "PUT" else None
    report = (await upload_many(gcs, [(source, source.name) for source in sources])).content
    assert [outcome.status for outcome in report.outcomes].count("failed") == 1
    assert report.outcomes[7].error_info.kind is ErrorKind.PERMISSION_DENIED
    names = [source.name for source in sources]
    report = (await download_many(gcs, [(name, tmp_path / "down" / name) for name in names])).content
    assert [outcome.status for outcome in report.outcomes].count("failed") == 1
    assert len(os.listdir(tmp_path / "down")) == 19
    assert (await delete_many(gcs, names)).success
    assert await paths(gcs) == []


@pytest.mark.parametrize("section", ["gcs", "gcsstorage", "gcs_storage", "gcs-storage", "GCSStorage"])
async def test_its_section_has_many_spellings(gcs_server, bucket, tmp_path, section):
    path = tmp_path / "quack.yaml"
    path.write_text(json.dumps({section: config_of(gcs_server, bucket)}))
    async with GCSStorage(config_path=str(path)) as storage:
        assert await storage.is_available()


async def test_an_instance_of_the_configuration_is_made_by_its_use(gcs_server, bucket, tmp_path):
    from quackcore_async.registry import IntegrationRegistry

    path = tmp_path / "quack.yaml"
    path.write_text(json.dumps({"integrations": {"backups": {"use": "gcs", **config_of(gcs_server, bucket)}}}))
    registry = IntegrationRegistry()
    await registry.configure(str(path))
    async with registry.get_integration("backups") as storage:
        assert (await storage.write_bytes("k", b"")).unwrap() == f"gs://{bucket}/k"
