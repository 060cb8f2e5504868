"""Keys that SeaweedFS rewrites or refuses, and its other gaps, against moto's server, which keeps keys as they are."""

import pytest

from quackcore_async.clients.s3 import copy_object, download, upload_bytes
from quackcore_async.errors import ErrorKind, QuackError
from quackcore_async.protocols import UploadOptions

ODD_KEYS = [
    "/lead",
    "trail/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "a/./b",
    "back\\slash",
    "ü-nfc",
    "u\u0308-nfd",
    "emoji 🦆",
    "a+b",
    "a%2Fb",
    "a%20b",
    "?#&=",
    "*?[x]",
    "\x01control",
    "k" * 1024,
    "é" * 512,
    " space ",
    "'\"<>",
]


async def test_every_key_comes_back_byte_for_byte(moto_server, moto_client, tmp_path):
    for number, key in enumerate(ODD_KEYS):
        await upload_bytes(moto_client, str(number).encode(), moto_server.address(key))
    listed = [entry.key async for page in moto_client.pages(moto_server.bucket) for entry in page.objects]
    assert sorted(listed) == sorted(ODD_KEYS)
    assert listed == sorted(listed, key=str.encode)
    for number, key in enumerate(ODD_KEYS):
        with (tmp_path / "out").open("w+b") as out:
            await download(
                moto_client, moto_server.address(key), lambda _info: out.fileno(), finish=lambda _verified: None
            )
        assert (tmp_path / "out").read_bytes() == str(number).encode()


@pytest.mark.parametrize("key", ["a+b c%20/ü 🦆?x", "//", "a%2Fb"])
async def test_an_odd_key_is_copied_presigned_and_deleted_as_it_is(moto_server, moto_client, key):
    await upload_bytes(moto_client, b"1", moto_server.address(key))
    await copy_object(moto_client, moto_server.address(key), moto_server.address("copy"))
    assert (await moto_client.head(moto_server.address("copy"))).size == 1
    assert await moto_client.delete_batch(moto_server.bucket, [key]) == []
    listed = await moto_client.list_page(moto_server.bucket)
    assert [entry.key for entry in listed.objects] == ["copy"]


async def test_a_missing_bucket_is_a_misconfiguration(moto_server, moto_client):
    missing = moto_server.with_bucket("no-such-bucket")
    for attempt in (
        moto_client.head_bucket(missing.bucket),
        upload_bytes(moto_client, b"1", missing.address("k")),
        moto_client.list_page(missing.bucket),
    ):
        with pytest.raises(QuackError) as caught:
            await attempt
        assert (caught.value.kind, caught.value.code) == (ErrorKind.MISCONFIGURED, "bucket_missing")


async def test_encryption_and_storage_class_are_sent(moto_server, moto_client):
    options = UploadOptions(
        storage_class="STANDARD_IA",
        server_side_encryption="aws:kms",
        kms_key_id="1234abcd-12ab-34cd-56ef-1234567890ab",
    )
    await upload_bytes(moto_client, b"1", moto_server.address("key"), options=options)
    info = await moto_client.head(moto_server.address("key"))
    assert (info.storage_class, info.encrypted) == ("STANDARD_IA", True)
