"""`S3Storage` with `engine: obstore`: the same storage, and what obstore does not cover goes the other way."""

import os

import pytest

from quackcore_async.clients.s3 import S3Client
from quackcore_async.clients.s3.settings import MIB
from quackcore_async.errors import ConfigError, ErrorKind, IntegrityError
from quackcore_async.protocols import UploadOptions
from quackcore_async.storage import S3Storage
from quackcore_async.storage.s3_obstore import settings_for
from quackcore_async.testing.conformance import STORAGE_CHECKS
from tests.servers.scripted import Answer
from tests.storage.test_s3 import REWRITTEN_BY_SEAWEED, config_of


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def s3(seaweed):
    async with S3Storage(config=config_of(seaweed, engine="obstore")) as storage:
        yield storage


@pytest.fixture
def through_obstore(s3, monkeypatch):
    """The names of what obstore was asked for, in order."""
    import obstore

    calls = []
    for name in ("put_async", "get_async", "delete_async"):
        method = getattr(obstore, name)

        def spy(store, path, *arguments, name=name, method=method, **options):
            calls.append((name.removesuffix("_async"), path))
            return method(store, path, *arguments, **options)

        monkeypatch.setattr(obstore, name, spy)
    return calls


@pytest.mark.parametrize(
    "check",
    [check for check in STORAGE_CHECKS if check.__name__ not in REWRITTEN_BY_SEAWEED],
    ids=lambda check: check.__name__,
)
async def test_conforms_on_seaweedfs(s3, check, folder):
    await check(s3, folder)


async def test_small_files_go_through_obstore(s3, through_obstore, tmp_path):
    source = tmp_path / "small"
    source.write_bytes(b"content")
    assert (await s3.upload_file(source, "a")).success
    assert (await s3.write_bytes("b", b"b")).success
    assert (await s3.download_file("a", tmp_path / "back")).verified == "full"
    assert (await s3.read_bytes("b")).unwrap() == b"b"
    assert (await s3.delete_file("b")).success
    assert through_obstore == [("put", "a"), ("put", "b"), ("get", "a"), ("get", "b"), ("delete", "b")]


async def test_large_files_go_the_other_way(s3, through_obstore, tmp_path):
    source, target = tmp_path / "large", tmp_path / "back"
    source.write_bytes(os.urandom(MIB + 1))
    assert (await s3.upload_file(source, "large")).success
    assert through_obstore == []
    assert (await s3.download_file("large", target)).verified == "full"
    assert target.read_bytes() == source.read_bytes()


async def test_names_that_obstore_cannot_carry_go_the_other_way(moto_server, folder):
    async with S3Storage(config=config_of(moto_server, engine="obstore")) as storage:
        for name in ("a//b", "/lead", "../up"):
            assert (await storage.write_bytes(name, name.encode())).success
            assert (await storage.read_bytes(name)).unwrap() == name.encode()
            assert (await storage.delete_file(name)).success
        assert (await storage.list_files()).unwrap() == []


async def test_metadata_that_obstore_cannot_read_are_read_the_other_way(scripted_s3, tmp_path):
    scripted_s3.put("a", b"content", headers={"x-amz-meta-name": "größe", "content-type": "text/größe"})
    async with S3Storage(config=config_of(scripted_s3.endpoint, engine="obstore")) as storage:
        assert (await storage.read_bytes("a")).unwrap() == b"content"
        assert (await storage.download_file("a", tmp_path / "back")).verified == "full"
        async with storage.open_read("a", start=3) as stream:
            assert b"".join([chunk async for chunk in stream]) == b"tent"
        assert scripted_s3.count("GetObject") == 6


async def test_options_that_obstore_does_not_have_go_the_other_way(s3, through_obstore):
    await s3.write_bytes("a", b"x", options=UploadOptions(server_side_encryption="AES256"))
    assert through_obstore == []


async def test_an_object_whose_entity_tag_is_no_checksum_is_read_by_who_knows(s3, monkeypatch, tmp_path):
    async def mismatch(*_arguments, **_options):
        raise IntegrityError("another checksum")

    await s3.write_bytes("a", b"content")
    monkeypatch.setattr("quackcore_async.storage.s3_obstore.download_small", mismatch)
    assert (await s3.download_file("a", tmp_path / "back")).success
    assert (tmp_path / "back").read_bytes() == b"content"


async def test_refused_credentials_send_it_the_other_way(seaweed):
    async with S3Storage(config=config_of(seaweed, engine="obstore")) as storage:

        async def wrong():
            return {"access_key_id": "AKIDWRONG", "secret_access_key": "wrong", "token": None, "expires_at": None}

        client = storage._small._client
        object.__setattr__(client.settings, "credential_provider", wrong)
        client.forget_stores()
        result = await storage.write_bytes("a", b"x")
        assert result.success


async def test_a_virtual_host_elsewhere_is_refused(moto_server):
    async with S3Client(moto_server.settings(addressing_style="virtual")) as client:
        with pytest.raises(ConfigError, match="by path only"):
            settings_for(client)


async def test_a_missing_file_is_not_found(s3, tmp_path):
    for result in (await s3.read_bytes("none"), await s3.download_file("none", tmp_path / "x")):
        assert result.error_info.kind is ErrorKind.NOT_FOUND


async def test_overwrite_false_is_decided_by_the_service(s3):
    await s3.write_bytes("a", b"1", overwrite=False)
    result = await s3.write_bytes("a", b"2", overwrite=False)
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.CONFLICT, "exists")


async def test_a_condition_goes_the_other_way(s3, through_obstore, tmp_path):
    source = tmp_path / "small"
    source.write_bytes(b"content")
    assert (await s3.upload_file(source, "a", overwrite=False)).success
    etag = (await s3.stat_file("a")).unwrap()["etag"]
    assert (await s3.write_bytes("a", b"2", options=UploadOptions(if_match=etag))).success
    assert through_obstore == []


async def test_a_page_that_a_redirect_leads_to_is_no_object(scripted_s3, tmp_path):
    def script(request):
        if request.operation == "GetObject" and request.key == "a":
            return Answer(302, {"Location": f"{scripted_s3.endpoint.url}/login/page"})
        return (
            Answer(200, {"Content-Type": "text/html"}, b"<html>log in</html>") if "login" in request.path else None
        )

    async with S3Storage(config=config_of(scripted_s3.endpoint, engine="obstore")) as storage:
        scripted_s3.script = script
        for result in (await storage.read_bytes("a"), await storage.download_file("a", tmp_path / "x")):
            assert (result.error_info.kind, result.error_info.code) == (ErrorKind.MISCONFIGURED, "redirect")
    assert not (tmp_path / "x").exists()
