"""A login as it is stored, and the key that it is stored under."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.auth import Credentials, MemoryStore
from quackcore_async.auth.stored_login import CredentialStoreError, StoredLogin, login_key, store_key
from quackcore_async.errors import ErrorKind, QuackError
from tests.auth.service import Clocks, Provider, Service


def test_what_is_written_is_read():
    stored = StoredLogin(
        Credentials("t", refresh_token="r", expires_at=9, scopes=("a",), extra={"x": 1}), 3, 1.5, 2.5
    )
    assert stored.to_mapping()["v"] == 1
    again = StoredLogin.from_mapping(stored.to_mapping())
    assert again == stored
    assert again.credentials.extra == {"x": 1}


def test_what_a_service_answers_under_the_names_of_the_record_does_not_stand_in_for_it():
    extra = {"v": 2, "generation": 10**18, "obtained_at": 5, "revoked_at": 5}
    mapping = StoredLogin(Credentials("t", extra=extra), 3).to_mapping()
    assert mapping == {"v": 1, "generation": 3, "access_token": "t", "token_type": "Bearer"}
    again = StoredLogin.from_mapping(mapping)
    assert (again.generation, again.obtained_at, again.revoked_at) == (3, None, None)


@pytest.mark.parametrize(
    "data",
    [
        {"token": "t", "expiry": 4102444800},
        {"access_token": "t", "refresh_token": None, "expires_at": 4102444800, "token_type": "Bearer"},
    ],
)
def test_both_formats_of_the_guide_are_read(data: dict[str, object]):
    stored = StoredLogin.from_mapping(data)
    assert (stored.credentials.token, stored.credentials.expires_at) == ("t", 4102444800)
    assert (stored.generation, stored.obtained_at, stored.revoked_at) == (0, None, None)


@pytest.mark.parametrize("version", [2, 0, "1", None, True])
def test_another_format_is_refused(version: object):
    with pytest.raises(CredentialStoreError, match="format"):
        StoredLogin.from_mapping({"v": version, "token": "t"})


@pytest.mark.parametrize("version", ["S3CR3T", ["S3CR3T"], 10**18, 1.5, -1])
def test_what_stands_in_the_place_of_the_format_is_not_shown(version: object):
    with pytest.raises(CredentialStoreError, match="an unknown format") as caught:
        StoredLogin.from_mapping({"v": version, "token": "t"})
    assert "S3CR3T" not in str(caught.value)


@pytest.mark.parametrize("field", ["token", "access_token", "refresh_token", "token_type"])
@pytest.mark.parametrize("value", [1, ["a"], {"a": 1}, True])
def test_a_field_that_is_no_text_is_refused(field: str, value: object):
    with pytest.raises(CredentialStoreError, match=f"{field} is no text"):
        StoredLogin.from_mapping({field: value})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [
    "v",
    "generation",
    "obtained_at",
    "revoked_at",
    "token",
    "refresh_token",
    "expires_at",
    "expiry",
    "scope",
]


@given(st.dictionaries(st.sampled_from([*FIELDS, "scopes", "expires_in", "x"]), json_values, max_size=6))
def test_whatever_a_file_holds_is_a_login_or_an_error_of_the_store(data: dict[str, object]):
    try:
        stored = StoredLogin.from_mapping(data)
    except CredentialStoreError:
        return
    assert StoredLogin.from_mapping(stored.to_mapping()).credentials.token == stored.credentials.token


def test_a_plain_name_is_its_own_key():
    assert store_key("my-service_2.x") == "my-service_2.x"
    assert store_key("x" * 64) == "x" * 64


def test_names_that_differ_in_case_have_different_keys():
    keys = {store_key(name) for name in ("example", "Example", "EXAMPLE")}
    assert len({key.lower() for key in keys}) == 3


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a\0", "a b", "é", ".x", "-x", "x" * 65, "a:b", "con\n"])
def test_a_name_that_is_no_key_is_refused(name: str):
    with pytest.raises(QuackError) as caught:
        store_key(name)
    assert caught.value.kind is ErrorKind.INVALID_INPUT


@given(st.text(max_size=80))
def test_a_key_is_a_safe_file_name(name: str):
    try:
        key = store_key(name)
    except QuackError:
        return
    assert key[0].isalnum()
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


async def test_a_provider_whose_name_is_no_key_says_so():
    class Climbing(Provider):
        name = "../../etc/passwd"

    result = await Climbing(Service(Clocks()), store=MemoryStore()).authenticate()
    assert result.error_info.code == "invalid_name"


SAME = {"name": "crm", "server": "https://login.test/token", "client_id": "client", "scope": "read write"}


@pytest.mark.parametrize(
    "other",
    [
        {"name": "CRM"},
        {"server": "https://staging.test/token"},
        {"client_id": "client2"},
        {"scope": "read"},
        {"server": "https://login.test/tokenclient", "client_id": ""},
    ],
)
def test_another_login_has_another_key(other: dict[str, str]):
    assert login_key(**SAME) != login_key(**{**SAME, **other})


def test_the_order_of_scopes_makes_no_other_login():
    assert login_key(**SAME) == login_key(**{**SAME, "scope": " write  read"})
    assert login_key(**SAME).startswith("crm-")


@given(st.text(), st.text())
def test_the_key_of_a_login_is_a_safe_file_name(name: str, server: str):
    key = login_key(name, server=server, client_id="c", scope="")
    assert store_key(key) == key
