"""`S3Storage` over the conformance suite on SeaweedFS, a real store, and on moto, which keeps odd keys as they are."""

import errno
import json
import logging
import os

import pytest
from pydantic import ValidationError

from quackcore_async.errors import ErrorKind
from quackcore_async.storage.s3 import S3Config, S3Storage
from quackcore_async.testing.conformance import STORAGE_CHECKS


@pytest.fixture
def anyio_backend():
    return "asyncio"


def config_of(endpoint, **changes):
    return {
        "bucket_name": endpoint.bucket,
        "endpoint_url": endpoint.url,
        "region": "us-east-1",
        "access_key_id": endpoint.access_key_id,
        "secret_access_key": endpoint.secret_access_key,
        **changes,
    }


@pytest.fixture
async def s3(seaweed):
    async with S3Storage(config=config_of(seaweed)) as storage:
        yield storage


REWRITTEN_BY_SEAWEED = {
    "check_odd_names",  # it makes `a/b` of `a//b`, and `/` of a backslash
    "check_folders",  # it takes a DELETE of the key `new` for one of the empty folder `new/`
}


@pytest.mark.parametrize(
    "check",
    [check for check in STORAGE_CHECKS if check.__name__ not in REWRITTEN_BY_SEAWEED],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize("engine", ["lean", "aioboto3"])
async def test_conforms_on_seaweedfs(seaweed, check, folder, engine):
    async with S3Storage(config=config_of(seaweed, engine=engine)) as storage:
        await check(storage, folder)


@pytest.mark.parametrize("check", STORAGE_CHECKS, ids=lambda check: check.__name__)
async def test_conforms_on_moto(moto_server, check, folder):
    async with S3Storage(config=config_of(moto_server)) as storage:
        await check(storage, folder)


async def test_the_prefix_is_put_before_keys_and_taken_off_again(seaweed, folder):
    async with S3Storage(config=config_of(seaweed, prefix="/team/data/")) as storage:
        url = (await storage.write_bytes("a/b.txt", b"x")).unwrap()
        assert url == f"s3://{seaweed.bucket}/team/data/a/b.txt"
        assert [file["path"] for file in (await storage.list_files()).unwrap()] == ["a/b.txt"]
        assert (await storage.list_files(recursive=False)).unwrap()[0]["path"] == "a/"
        assert (await storage.read_bytes(url)).unwrap() == b"x"
        assert (await storage.stat_file(url)).unwrap()["path"] == "a/b.txt"
    raw = seaweed.raw_client()
    assert [entry["Key"] for entry in raw.list_objects_v2(Bucket=seaweed.bucket)["Contents"]] == [
        "team/data/a/b.txt"
    ]
    raw.close()


async def test_an_address_in_another_bucket_is_honoured_with_a_warning(s3, seaweed, caplog):
    other = f"{seaweed.bucket}-other"
    raw = seaweed.raw_client()
    raw.create_bucket(Bucket=other)
    raw.put_object(Bucket=other, Key="key", Body=b"of the other bucket")
    raw.close()
    await s3.write_bytes("key", b"of the own bucket")
    with caplog.at_level(logging.WARNING):
        assert (await s3.read_bytes(f"s3://{other}/key")).unwrap() == b"of the other bucket"
    assert other in caplog.text
    assert [file["url"] for file in (await s3.list_files(f"s3://{other}/")).unwrap()] == [f"s3://{other}/key"]
    assert (await s3.copy_file(f"s3://{other}/key", "copy")).unwrap() == f"s3://{seaweed.bucket}/copy"


@pytest.mark.parametrize("url", ["s3:///key", "s3://other-bucket"])
async def test_an_incomplete_address_is_an_error_and_never_another_file(s3, url):
    result = await s3.read_bytes(url)
    assert result.error_info.kind is ErrorKind.INVALID_INPUT


async def test_time_and_mode_come_back_with_a_download(s3, tmp_path):
    source = tmp_path / "source.html"
    source.write_bytes(b"<html>")
    source.chmod(0o600)
    os.utime(source, ns=(0, 1_700_000_000_123_456_789))
    await s3.upload_file(source)
    result = await s3.download_file("source.html", tmp_path / "target")
    assert result.verified == "full"
    status = (tmp_path / "target").stat()
    assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o600, 1_700_000_000_123_456_789)
    file = (await s3.stat_file("source.html")).unwrap()
    assert file["content_type"] == "text/html"
    assert "metadata" not in file


async def test_deleting_a_folder_marker_leaves_the_file_of_that_name(s3):
    await s3.write_bytes("a", b"x")
    await s3.delete_file("a/")
    assert (await s3.read_bytes("a")).unwrap() == b"x"


async def test_a_missing_bucket_is_a_misconfiguration_at_the_start(moto_server):
    storage = S3Storage(config=config_of(moto_server, bucket_name="no-such-bucket"))
    result = await storage.initialize()
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.MISCONFIGURED, "bucket_missing")
    assert not await storage.is_available()


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_on_trio_it_fails_at_initialize_and_says_why(anyio_backend):
    result = await S3Storage(config={"bucket_name": "bucket"}).initialize()
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.UNSUPPORTED, "unsupported_backend")


async def test_the_section_of_an_instance_is_found_by_its_name(seaweed, tmp_path):
    path = tmp_path / "quack.yaml"
    path.write_text(json.dumps({"backups": config_of(seaweed, prefix="b"), "s3": {"bucket_name": "another"}}))
    async with S3Storage(name="backups", config_path=str(path)) as storage:
        assert (await storage.write_bytes("k", b"")).unwrap() == f"s3://{seaweed.bucket}/b/k"


@pytest.mark.parametrize("section", ["s3", "s3storage", "s3_storage", "s3-storage", "S3Storage"])
async def test_its_section_has_many_spellings(seaweed, tmp_path, section):
    path = tmp_path / "quack.yaml"
    path.write_text(json.dumps({section: config_of(seaweed)}))
    async with S3Storage(config_path=str(path)) as storage:
        assert await storage.is_available()


def test_the_guides_fields_are_enough():
    config = S3Config(bucket_name="some-bucket", region=None, endpoint_url=None, prefix=None)
    assert config.folder() == ""


@pytest.mark.parametrize(
    "section",
    [
        {"bucket_name": "UPPER"},
        {"bucket_name": "ok-bucket", "access_key_id": "AKIDEXAMPLE1"},
        {"bucket_name": "ok-bucket", "endpoint_url": "localhost:9000"},
        {"bucket_name": "ok-bucket", "endpoint_url": "http://localhost@evil.test"},
        {"bucket_name": "ok-bucket", "endpoint_url": "https://user:pw@s3.test"},
        {"bucket_name": "ok-bucket", "part_size": 1},
    ],
)
def test_a_configuration_that_cannot_work_is_refused(section):
    with pytest.raises(ValueError, match=r"bucket|belong together|endpoint_url|part_size"):
        S3Config(**section)


def test_the_secret_is_not_shown():
    config = S3Config(bucket_name="ok-bucket", access_key_id="AKIDEXAMPLE1", secret_access_key="secretexample1")
    assert "secretexample1" not in repr(config)
    assert "secretexample1" not in repr(config.settings())


@pytest.mark.parametrize("engine", ["lean", "aioboto3"])
@pytest.mark.parametrize("size", [1000, 20 * 1024**2], ids=["one request", "ranges"])
async def test_a_disk_that_fills_up_ends_a_download_and_the_old_file_stays(
    scripted_s3, folder, monkeypatch, engine, size
):
    scripted_s3.put("key", bytes(size))
    (folder / "target").write_bytes(b"old")

    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    async with S3Storage(config=config_of(scripted_s3.endpoint, engine=engine)) as storage:
        for name in ("write", "pwrite", "writev", "pwritev"):
            monkeypatch.setattr(os, name, full)
        result = await storage.download_file("key", folder / "target")
        monkeypatch.undo()
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.UNAVAILABLE, "disk_full")
    assert not result.error_info.retryable
    assert str(folder / "target") in result.error
    gets = [request.headers.get("range") for request in scripted_s3.requests if request.operation == "GetObject"]
    assert len(gets) == len({*gets})  # nothing is asked for twice
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"target": b"old"}


@pytest.mark.parametrize("engine", ["lean", "aioboto3"])
@pytest.mark.parametrize("failing", ["fsync", "replace"])
async def test_a_download_that_cannot_be_made_durable_leaves_the_old_file(
    scripted_s3, folder, monkeypatch, engine, failing
):
    scripted_s3.put("key", b"new")
    (folder / "target").write_bytes(b"old")

    def broken(*_arguments, **_options):
        raise OSError(errno.EIO, "Input/output error")

    async with S3Storage(config=config_of(scripted_s3.endpoint, engine=engine)) as storage:
        monkeypatch.setattr(os, failing, broken)
        result = await storage.download_file("key", folder / "target")
        monkeypatch.undo()
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.UNAVAILABLE, "io")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"target": b"old"}


@pytest.mark.parametrize("engine", ["lean", "aioboto3"])
@pytest.mark.parametrize("size", [1000, 20 * 1024**2], ids=["one request", "ranges"])
async def test_a_download_that_comes_damaged_twice_leaves_the_old_file(scripted_s3, folder, engine, size):
    scripted_s3.put("key", bytes(size), '"d41d8cd98f00b204e9800998ecf8427e"')
    (folder / "target").write_bytes(b"old")
    async with S3Storage(config=config_of(scripted_s3.endpoint, engine=engine)) as storage:
        result = await storage.download_file("key", folder / "target")
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.CORRUPTED, "integrity")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"target": b"old"}


def test_a_section_that_is_refused_is_not_shown():
    with pytest.raises(ValidationError, match="bucket_name") as caught:
        S3Config.model_validate({"secret_access_key": "S3CR3T"})
    assert "S3CR3T" not in str(caught.value)
