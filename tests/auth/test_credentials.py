"""One login, frozen, that shows its secrets only when asked by name."""

import copy
import pickle

import pytest

from quackcore_async import redaction
from quackcore_async.auth import Credentials

SENTINEL = "S3CR3T-value-1"


def test_it_reads_as_a_mapping_under_both_names():
    credentials = Credentials(
        SENTINEL, refresh_token="r", expires_at="2030-01-01T00:00:00Z", extra={"account": "a"}
    )
    assert credentials["token"] == credentials["access_token"] == SENTINEL
    assert credentials["expires_at"] == credentials["expiry"] == 1893456000
    assert credentials.get("refresh_token") == "r"
    assert credentials.get("nothing") is None
    assert dict(credentials)["account"] == "a"
    assert len(credentials) == len(list(credentials))


@pytest.mark.parametrize("data", [{"token": "t", "expiry": 7}, {"access_token": "t", "expiry": 7}])
def test_both_formats_of_the_guide_are_read(data: dict[str, object]):
    credentials = Credentials.from_mapping(data)
    assert (credentials.token, credentials.expires_at) == ("t", 7)


def test_what_is_stored_is_read_back_whole():
    data = {"access_token": "t", "refresh_token": "r", "expires_at": 9, "scopes": ["a", "b"], "tenant": 3}
    assert Credentials.from_mapping(data).to_mapping() == {**data, "token_type": "Bearer"}


def test_a_scope_text_is_split():
    assert Credentials.from_mapping({"token": "t", "scope": "read write"}).scopes == ("read", "write")


def test_secrets_are_masked():
    credentials = Credentials(SENTINEL, refresh_token=SENTINEL + "-r", extra={"client_secret": SENTINEL})
    for text in (repr(credentials), str(credentials), f"{credentials}"):
        assert "S3CR3T" not in text
    assert redaction.scrub(f"failed with {SENTINEL}") == "failed with ***"


def test_it_cannot_be_pickled_and_copies_are_itself():
    credentials = Credentials(SENTINEL)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(credentials)
    assert copy.copy(credentials) is credentials
    assert copy.deepcopy(credentials) is credentials


def test_it_is_frozen():
    credentials = Credentials(SENTINEL)
    with pytest.raises(AttributeError, match="frozen"):
        credentials.expires_at = 3
    with pytest.raises(AttributeError, match="frozen"):
        del credentials.scopes


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"scope": "read write"}, ("read", "write")),
        ({"scopes": ["read", "write"]}, ("read", "write")),
        ({"scope": "read", "scopes": ["read", "write"]}, ("read", "write")),
        ({"scopes": "read write"}, ("read", "write")),
        ({"scope": None, "scopes": True}, ()),
        ({"scope": 5, "scopes": {"a": 1}}, ()),
    ],
)
def test_scopes_are_read_in_every_form(data, expected):
    assert Credentials.from_mapping({"token": "t", **data}).scopes == expected


def test_some_fields_can_be_replaced():
    credentials = Credentials("t", refresh_token="r", expires_at=9, scopes=("a",), extra={"x": 1})
    assert credentials.replaced() == credentials
    assert credentials.replaced(token="u").to_mapping() == {**credentials.to_mapping(), "access_token": "u"}


def test_what_the_rest_of_an_answer_has_under_the_names_of_fields_counts_for_nothing():
    impostors = {"token": "x", "access_token": "x", "refresh_token": "x", "expiry": 1, "expires_at": 1}
    credentials = Credentials("t", extra={**impostors, "token_type": "mac", "scopes": "admin", "tenant": 3})
    assert dict(credentials.extra) == {"tenant": 3}
    assert len(credentials) == len(set(credentials))
    again = Credentials.from_mapping(credentials.to_mapping())
    assert (again.token, again.refresh_token, again.expires_at, again.scopes) == ("t", None, None, ())
