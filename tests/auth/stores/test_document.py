"""Logins as JSON text: what is written can be read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.auth import MemoryStore
from quackcore_async.auth.stored_login import CredentialStoreError
from quackcore_async.auth.stores.document import MAX_BYTES, format_document, parse_document

SENTINEL = "S3CR3T-in-a-document"


@pytest.mark.parametrize(
    "extra",
    [
        {"odd": float("nan")},
        {"odd": [float("inf")]},
        {1: "a", "1": "b"},
        {("a", "b"): 1},
        {"long": "x" * MAX_BYTES},
    ],
)
def test_what_could_not_be_read_again_is_not_written(extra: dict[Any, Any]):
    with pytest.raises(CredentialStoreError, match="cannot be stored") as caught:
        format_document({"access_token": SENTINEL, **extra})
    assert SENTINEL not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_refers_to_itself_is_not_written():
    loop: dict[str, Any] = {}
    loop["again"] = loop
    with pytest.raises(CredentialStoreError, match="cannot be stored"):
        format_document(loop)


@given(st.dictionaries(st.text(), st.floats() | st.text() | st.lists(st.floats() | st.none())))
def test_what_is_written_is_read(data: dict[str, Any]):
    try:
        text = format_document(data)
    except CredentialStoreError:
        return
    assert parse_document(text.encode(), "a test") == data


async def test_a_login_that_cannot_be_stored_leaves_the_stored_one():
    store = MemoryStore()
    await store.save("key", {"access_token": "t"})
    with pytest.raises(CredentialStoreError):
        await store.save("key", {"odd": float("inf")})
    assert await store.load("key") == {"access_token": "t"}
