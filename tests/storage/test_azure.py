"""`AzureStorage` over the conformance suite on Azurite."""

import os

import pytest

from quackcore_async.errors import ErrorKind
from quackcore_async.protocols import UploadOptions
from quackcore_async.storage.azure import AzureStorage
from quackcore_async.testing.conformance import STORAGE_CHECKS
from tests.servers.azurite import ACCOUNT, KEY


@pytest.fixture
def anyio_backend():
    return "asyncio"


def config_of(endpoint, **changes):
    return {
        "container_name": endpoint.container,
        "endpoint_url": endpoint.url,
        "account_name": ACCOUNT,
        "account_key": KEY,
        **changes,
    }


@pytest.fixture
async def azure(azurite):
    async with AzureStorage(config=config_of(azurite)) as storage:
        yield storage


@pytest.mark.parametrize("check", STORAGE_CHECKS, ids=lambda check: check.__name__)
async def test_conforms(azure, check, folder):
    await check(azure, folder)


async def test_a_connection_string_is_enough(azurite):
    text = f"AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={azurite.url}"
    async with AzureStorage(config={"container_name": azurite.container, "connection_string": text}) as storage:
        url = (await storage.write_bytes("a", b"x")).unwrap()
        assert url == f"az://{azurite.container}/a"


async def test_a_large_file_goes_up_in_blocks_and_comes_back(azurite, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(13 * 1024**2))
    config = config_of(azurite, part_size=5 * 1024**2, multipart_threshold=5 * 1024**2)
    async with AzureStorage(config=config) as storage:
        assert (await storage.upload_file(source, "large")).success
        assert (await storage.upload_file(source, "once", overwrite=False)).success
        assert (await storage.upload_file(source, "once", overwrite=False)).error_info.code == "exists"
        result = await storage.download_file("large", target)
        assert [file["path"] for file in (await storage.list_files()).unwrap()] == ["large", "once"]
    assert result.verified == "length"
    assert target.read_bytes() == source.read_bytes()


async def test_an_upload_that_fails_leaves_no_blob(azurite):
    async def chunks():
        yield os.urandom(11 * 1024**2)
        raise ValueError("of the stream")

    config = config_of(azurite, part_size=5 * 1024**2, multipart_threshold=5 * 1024**2)
    async with AzureStorage(config=config) as storage:
        assert not (await storage.write_stream("cut", chunks())).success
        assert (await storage.list_files()).unwrap() == []
        assert not (await storage.file_exists("cut")).unwrap()


async def test_an_entity_tag_guards_a_write(azure):
    await azure.write_bytes("a", b"1")
    etag = (await azure.stat_file("a")).unwrap()["etag"]
    assert (await azure.write_bytes("a", b"2", options=UploadOptions(if_match=etag))).success
    assert (await azure.write_bytes("a", b"3", options=UploadOptions(if_match=etag))).error_info.code == "changed"


async def test_many_files_are_deleted_with_a_few_requests_and_each_has_its_outcome(azure):
    names = [f"{number:03}" for number in range(300)]
    for name in names[:257]:
        await azure.write_bytes(name, b"x")
    results = (await azure.delete_files([*names, "a//b"])).unwrap()
    assert [result.content for result in results] == [True] * 300 + [None]
    assert results[-1].error_info.kind is ErrorKind.INVALID_INPUT
    assert (await azure.list_files()).unwrap() == []


async def test_a_wrong_key_is_told_at_the_start_without_the_key(azurite):
    key = "d3Jvbmcta2V5LW9mLW5vYm9keQ=="
    result = await AzureStorage(config=config_of(azurite, account_key=key)).initialize()
    assert result.error_info.kind is ErrorKind.PERMISSION_DENIED  # Azure itself says AuthenticationFailed
    assert result.error_info.request_id
    assert key not in str(result)


async def test_a_missing_container_is_a_misconfiguration_at_the_start(azurite):
    result = await AzureStorage(config=config_of(azurite, container_name="no-such-container")).initialize()
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.MISCONFIGURED, "bucket_missing")


@pytest.mark.parametrize("name", ["a\\b", "\\"])
async def test_a_backslash_is_refused_since_the_service_would_make_a_slash_of_it(azure, name):
    assert (await azure.write_bytes(name, b"x")).error_info.kind is ErrorKind.INVALID_INPUT


async def test_metadata_whose_names_the_service_refuses_never_get_there(azure):
    result = await azure.write_bytes("a", b"x", options=UploadOptions(metadata={"with-dash": "x"}))
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.INVALID_INPUT, "invalid_metadata")


async def test_an_empty_blob_of_a_folder_is_no_file(azure):
    await azure.write_bytes("empty", b"")
    assert [file["path"] for file in (await azure.list_files()).unwrap()] == ["empty"]
