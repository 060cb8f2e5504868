"""Origins, and what is shown of an address."""

import httpx
import pytest

from quackcore_async.clients import HttpClient
from quackcore_async.clients.http.origins import is_loopback, origin_of, shown_url


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://api.test", "https://API.test:443/x?y#z", True),
        ("http://api.test", "https://api.test", False),
        ("https://api.test", "https://api.test:8443", False),
        ("https://api.test", "https://api.test.", False),
        ("https://api.test", "https://api.test.evil.test", False),
        ("https://bücher.test", "https://xn--bcher-kva.test", True),
    ],
)
def test_same_origin(one: str, other: str, same: bool):
    assert (origin_of(httpx.URL(one)) == origin_of(httpx.URL(other))) is same


def test_what_is_shown_of_an_address():
    assert shown_url(httpx.URL("https://user:pw@api.test/x?key=S3CR3T#part")) == "https://api.test/x"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:1", True),
        ("http://127.8.8.8", True),
        ("http://[::1]:80", True),
        ("http://app.localhost", True),
        ("http://10.0.0.1", False),
        ("http://localhost.evil.test", False),
    ],
)
def test_loopback(url: str, expected: bool):
    assert is_loopback(origin_of(httpx.URL(url))) is expected


def test_where_credentials_go():
    client = HttpClient("https://api.test", allowed_origins=["https://files.test:8443"])
    assert client.allows("https://api.test/x")
    assert client.allows("https://files.test:8443")
    assert not client.allows("https://files.test")
    assert repr(client) == "<HttpClient https://api.test>"
    assert repr(HttpClient()) == "<HttpClient>"
