"""`MemoryStorage`: keys byte for byte, entity tags, conditions."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.errors import ErrorKind
from quackcore_async.protocols import UploadOptions
from quackcore_async.storage import MemoryStorage


@pytest.fixture
def memory():
    return MemoryStorage(name="m")


@pytest.mark.parametrize(
    "key", ["/lead", "a//b", ".", "..", "a/../b", "a/./b", "nul\0", "a\\b", "\n", "a%2Fb", "a+b"]
)
async def test_keys_are_kept_byte_for_byte(memory, key):
    url = (await memory.write_bytes(key, b"x")).unwrap()
    assert url == f"memory://m/{key}"
    assert [file["path"] async for file in memory.iter_files()] == [key]
    for name in (key, url):
        assert (await memory.read_bytes(name)).unwrap() == b"x"


async def test_a_file_and_a_folder_of_one_name_live_side_by_side(memory):
    for key in ("a", "a/b", "a/"):
        await (memory.create_folder("a") if key == "a/" else memory.write_bytes(key, b"x"))
    assert [file["path"] async for file in memory.iter_files()] == ["a", "a/b"]
    assert [file["path"] async for file in memory.iter_files(recursive=False)] == ["a", "a/"]
    assert (await memory.delete_file("a/")).unwrap() is True
    assert [file["path"] async for file in memory.iter_files()] == ["a", "a/b"]


keys = st.lists(st.sampled_from(["a", "b", "/", "0", ".", "é", "\U0001f986"]), min_size=1, max_size=6).map("".join)


@given(names=st.sets(keys), folder=st.sampled_from(["", "a", "a/", "b/a", "/"]))
def test_a_listing_is_what_the_keys_say(names, folder):
    import anyio

    async def both():
        memory = MemoryStorage(name="m")
        for name in names:
            await memory.write_bytes(name, b"")
        deep = [file["path"] async for file in memory.iter_files(folder)]
        flat = [file["path"] async for file in memory.iter_files(folder, recursive=False)]
        return deep, flat

    deep, flat = anyio.run(both)
    prefix = folder if not folder or folder.endswith("/") else f"{folder}/"
    inside = sorted(n for n in names if n.startswith(prefix) and not n.endswith("/"))
    heads = {prefix + n.removeprefix(prefix).split("/")[0] + "/" * ("/" in n.removeprefix(prefix)) for n in inside}
    assert deep == sorted(inside, key=str.encode)
    assert flat == sorted(heads, key=str.encode)


async def test_the_entity_tag_is_the_md5_and_a_condition_holds_to_it(memory):
    (await memory.write_bytes("a", b"one")).unwrap()
    etag = (await memory.stat_file("a")).unwrap()["etag"]
    assert etag == f'"{hashlib.md5(b"one").hexdigest()}"'
    assert (await memory.write_bytes("a", b"two", options=UploadOptions(if_match=etag))).success
    result = await memory.write_bytes("a", b"three", options=UploadOptions(if_match=etag))
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.CONFLICT, "changed")
    assert (await memory.read_bytes("a")).unwrap() == b"two"


async def test_options_are_kept_and_copied(memory):
    options = UploadOptions(content_type="text/csv", metadata={"colour": "blue"})
    (await memory.write_bytes("a", b"x", options=options)).unwrap()
    (await memory.copy_file("a", "b")).unwrap()
    for name in ("a", "b"):
        file = (await memory.stat_file(name)).unwrap()
        assert (file["content_type"], file["metadata"]) == ("text/csv", {"colour": "blue"})


async def test_files_survive_a_close_and_belong_to_one_object(memory):
    (await memory.write_bytes("a", b"x")).unwrap()
    await memory.aclose()
    await memory.initialize()
    assert (await memory.read_bytes("a")).unwrap() == b"x"
    assert (await MemoryStorage(name="m").list_files()).unwrap() == []


async def test_the_stored_bytes_are_a_copy(memory):
    data = bytearray(b"before")
    (await memory.write_bytes("a", data)).unwrap()
    data[:] = b"after!"
    assert (await memory.read_bytes("a")).unwrap() == b"before"
