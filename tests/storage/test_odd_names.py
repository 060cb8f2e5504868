"""Names are data: over every storage each comes back byte for byte, or is refused before anything is sent."""

import os
import unicodedata
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quackcore_async.errors import ErrorKind
from quackcore_async.storage import LocalStorage, MemoryStorage
from quackcore_async.storage.s3 import S3Storage
from quackcore_async.transfer import download_many
from tests.storage.test_s3 import config_of

PLAIN = [
    "ü-nfc",
    "u\u0308-nfd",
    "emoji \U0001f986",
    " space ",
    "a+b",
    "a%2Fb",
    "a%20b",
    "%",
    "what?#&=;",
    "*?[x]",
    "'\"<>&amp;",
    "~/x",
    "a:b",
    "...",
    "a..b/c",
    "\u2215slash",
    "é" * 127,
]
"""What every storage keeps, a folder of the disk among them."""

PATHS = ["/lead", "a//b", ".", "..", "a/../b", "a/./b", "back\\slash", "\x01control", "k" * 1024, "é" * 512]
"""Paths to a disk, and keys like others to an object store."""

text = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\\/"), min_size=1, max_size=12
).filter(
    lambda part: part not in {".", ".."}  # SeaweedFS is a file system behind S3
)
names = st.lists(text, min_size=1, max_size=3).map("/".join)
few = settings(suppress_health_check=list(HealthCheck), max_examples=25, deadline=None)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(params=["local", "memory", "moto", "moto aioboto3", "seaweed", "seaweed aioboto3"])
async def storage(request, tmp_path):
    where, _, engine = request.param.partition(" ")
    if where == "local":
        yield LocalStorage(root=tmp_path / "root")
    elif where == "memory":
        yield MemoryStorage(name="m")
    else:
        endpoint = request.getfixturevalue("moto_server" if where == "moto" else "seaweed")
        async with S3Storage(config=config_of(endpoint, engine=engine or "lean")) as s3:
            yield s3


@pytest.fixture(params=["memory", "moto", "moto aioboto3"])
async def object_store(request):
    where, _, engine = request.param.partition(" ")
    if where == "memory":
        yield MemoryStorage(name="m")
    else:
        endpoint = request.getfixturevalue("moto_server")
        async with S3Storage(config=config_of(endpoint, engine=engine or "lean")) as s3:
            yield s3


async def comes_back(storage, name):
    """Write a file of that name, meet it in every way there is, and delete it again."""
    content = name.encode()
    url = (await storage.write_bytes(name, content)).unwrap()
    assert [file["path"] async for file in storage.iter_files()] == [name]
    assert (await storage.stat_file(name)).unwrap()["path"] == name
    assert (await storage.read_bytes(name)).unwrap() == content
    assert (await storage.read_bytes(url)).unwrap() == content
    (await storage.move_file(name, "moved")).unwrap()
    (await storage.copy_file("moved", name)).unwrap()
    assert (await storage.read_bytes(name)).unwrap() == content
    for each in (name, "moved"):
        (await storage.delete_file(each)).unwrap()
    assert [file["path"] async for file in storage.iter_files()] == []


async def test_odd_names_come_back_byte_for_byte(storage):
    for name in PLAIN:
        await comes_back(storage, name)


async def test_names_that_are_one_text_to_unicode_are_two_files(storage):
    for form in ("NFC", "NFD"):
        name = unicodedata.normalize(form, "\u00e9t\u00e9")
        (await storage.write_bytes(name, form.encode())).unwrap()
    for form in ("NFC", "NFD"):
        assert (await storage.read_bytes(unicodedata.normalize(form, "\u00e9t\u00e9"))).unwrap() == form.encode()


async def test_what_would_be_a_path_on_a_disk_is_a_key_like_any_other(object_store):
    for key in PATHS:
        await comes_back(object_store, key)


@pytest.mark.parametrize("key", ["new\nline", "\x01", "\x7f", "tab\t"])
async def test_a_key_with_a_control_character_comes_back_or_is_refused(object_store, key):
    """XML 1.0 has no such characters, and not every service asks for an encoding that has."""
    written = await object_store.write_bytes(key, b"content")
    if written.success:
        assert [file["path"] async for file in object_store.iter_files()] == [key]
        assert (await object_store.read_bytes(key)).unwrap() == b"content"
    else:
        assert [file["path"] async for file in object_store.iter_files()] == []


@few
@given(name=names)
async def test_any_name_comes_back_byte_for_byte_or_is_refused_and_leaves_nothing(storage, name):
    if isinstance(storage, LocalStorage) and not (await storage.write_bytes(name, b"")).success:
        assert [file["path"] async for file in storage.iter_files()] == []
        return
    await comes_back(storage, name)


@few
@given(key=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20))
async def test_any_key_comes_back_byte_for_byte(object_store, key):
    if not key.endswith("/"):
        await comes_back(object_store, key)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("k" * 1025, "name_too_long"),
        ("é" * 513, "name_too_long"),
        ("", "invalid_name"),
        ("lone \ud800", "invalid_name"),
    ],
)
async def test_what_no_key_can_be_is_refused_before_anything_is_sent(scripted_s3, name, code, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"content")

    async def chunks():
        yield b"content"

    async with S3Storage(config=config_of(scripted_s3.endpoint)) as storage:
        scripted_s3.requests.clear()
        for result in (
            await storage.write_bytes(name, b"content"),
            await storage.write_stream(name, chunks()),
            await storage.read_bytes(name),
            await storage.stat_file(name),
            await storage.delete_file(name),
            await storage.copy_file(name, "target"),
            await storage.download_file(name, tmp_path / "target"),
            await storage.presign_url(name),
        ):
            assert (result.error_info.kind, result.error_info.code) == (ErrorKind.INVALID_INPUT, code)
        if name:  # without one, a file gets its own
            for result in (await storage.upload_file(source, name), await storage.copy_file("other", name)):
                assert (result.error_info.kind, result.error_info.code) == (ErrorKind.INVALID_INPUT, code)
    assert scripted_s3.requests == []
    assert not (tmp_path / "target").exists()


HOSTILE = [
    "../../x",
    "/abs",
    "a/../../x",
    "C:\\x",
    "C:/x",
    "nul\0",
    "x" * 256,
    "/".join(["x" * 200] * 25),
    "",
    "sub/",
    ".",
    "..",
    "target/..",
    "\ud800",
]


async def test_of_many_downloads_those_that_would_lead_elsewhere_fail_alone(tmp_path):
    target = tmp_path / "target"
    (tmp_path / "target-evil").mkdir(parents=True)
    memory = MemoryStorage(name="m")
    await memory.write_bytes("good", b"good")
    for name in HOSTILE:
        await memory.write_bytes(name, b"evil")
    result = await download_many(memory, [*HOSTILE, "good"], target=target)
    assert [str(outcome.status) for outcome in result.content.outcomes] == ["failed"] * len(HOSTILE) + ["ok"]
    assert {outcome.error_info.kind for outcome in result.content.outcomes[:-1]} == {ErrorKind.INVALID_INPUT}
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*")) if path.is_file()] == [
        "target/good"
    ]


async def test_what_only_looks_like_a_path_is_downloaded_under_its_own_name(tmp_path):
    odd = ["..\\..\\x", "..\u2215x", "\uff0e\uff0e\uff0fx", "trailing.", "CON", "a:b", "x" * 255]
    memory = MemoryStorage(name="m")
    for name in odd:
        await memory.write_bytes(name, name.encode())
    result = await download_many(memory, odd, target=tmp_path / "target")
    assert result.success
    assert {path.name: path.read_bytes() for path in (tmp_path / "target").iterdir()} == {
        name: name.encode() for name in odd
    }


async def test_names_that_windows_keeps_to_itself_fail_alone_there(tmp_path, monkeypatch):
    monkeypatch.setattr("quackcore_async.storage.names._SEPARATORS", frozenset("/\\"))
    monkeypatch.setattr("quackcore_async.storage.names.os", SimpleNamespace(name="nt", fsencode=os.fsencode))
    odd = ["..\\..\\x", "C:x", "CON", "aux.txt", "trailing.", "trailing ", "a:b", "a?"]
    memory = MemoryStorage(name="m")
    for name in [*odd, "good"]:
        await memory.write_bytes(name, b"x")
    result = await download_many(memory, [*odd, "good"], target=tmp_path / "target")
    assert [str(outcome.status) for outcome in result.content.outcomes] == ["failed"] * len(odd) + ["ok"]
    assert os.listdir(tmp_path / "target") == ["good"]


async def test_of_downloads_that_differ_in_case_alone_the_first_is_kept_where_case_is_folded(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("quackcore_async.transfer.naming.folds_case", lambda path: True)
    forms = ["ÄB", "äb", unicodedata.normalize("NFD", "äb")]
    memory = MemoryStorage(name="m")
    for name in forms:
        await memory.write_bytes(name, name.encode())
    result = await download_many(memory, forms, target=tmp_path / "target")
    assert [str(outcome.status) for outcome in result.content.outcomes] == ["ok", "failed", "failed"]
    assert {outcome.error_info.kind for outcome in result.content.outcomes[1:]} == {ErrorKind.CONFLICT}
    assert [path.read_bytes() for path in (tmp_path / "target").iterdir()] == [forms[0].encode()]
