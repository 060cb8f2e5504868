"""Which addresses may be sent a secret, and which belong to whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.auth.oauth.addresses import (
    check_endpoint,
    check_redirect_uri,
    is_loopback,
    origin_of,
    same_party,
)
from quackcore_async.errors import InvalidConfigError


@pytest.mark.parametrize(
    "url",
    [
        "https://idp.example/token",
        "https://idp.example:8443/token?tenant=1",
        "https://169.254.169.254/token",
        "http://localhost:8080/token",
        "http://127.0.0.1/token",
        "http://127.8.8.8/token",
        "http://[::1]:8080/token",
    ],
)
def test_https_and_this_machine_may(url):
    assert check_endpoint(url, "token_url") == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        7,
        "idp.example/token",
        "//idp.example/token",
        "http://idp.example/token",
        "http://169.254.169.254/latest",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://localhost.evil.example/",
        "http://localhost@evil.example/",
        "http://127.0.0.1:80@evil.example/",
        "https://user@idp.example/",
        "https://idp.example\\@evil.example/",
        "https://idp.example/#fragment",
        "https://idp.example/#",
        "https://idp.example/a b",
        "https://idp.example/\r\nX: y",
        "https://idp.ex\u00e4mple/",
        "https://[::1/",
        "https://idp.example:99999/",
        "https:///token",
        "ftp://idp.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
    ],
)
def test_others_may_not(url):
    with pytest.raises(InvalidConfigError) as caught:
        check_endpoint(url, "token_url")
    assert str(caught.value).startswith("token_url")
    assert "evil" not in str(caught.value)


def test_plain_http_may_when_somebody_insists():
    assert check_endpoint("http://idp/token", "token_url", allow_insecure=True)
    with pytest.raises(InvalidConfigError):
        check_endpoint("ftp://idp/token", "token_url", allow_insecure=True)


@pytest.mark.parametrize(
    "uri",
    ["http://localhost:8080/cb", "https://app.example/cb", "com.example.app:/cb", "urn:ietf:wg:oauth:2.0:oob"],
)
def test_a_browser_may_be_sent_back_to(uri):
    assert check_redirect_uri(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/cb",
        "https:///cb",
        "https://a/#f",
        *(f"{scheme}:x" for scheme in ("about", "blob", "data", "file", "javascript", "vbscript")),
        "file:///etc/passwd",
    ],
)
def test_a_browser_may_not_be_sent_back_to(uri):
    with pytest.raises(InvalidConfigError):
        check_redirect_uri(uri)


@pytest.mark.parametrize(
    ("url", "issuer", "same"),
    [
        ("https://idp.example/token", "https://idp.example", True),
        ("https://idp.example:443/token", "https://idp.example/tenant", True),
        ("https://IDP.example/token", "https://idp.example", True),
        ("https://api.idp.example/token", "https://idp.example", True),
        ("https://api.idp.example:444/token", "https://idp.example", True),
        ("http://api.idp.example/token", "https://idp.example", False),
        ("https://example/token", "https://idp.example", False),
        ("https://evilidp.example/token", "https://idp.example", False),
        ("https://idp.example.evil.test/token", "https://idp.example", False),
        ("https://b.co.uk/token", "https://a.co.uk", False),
        ("http://127.0.0.1/token", "https://idp.example", False),
        ("https://169.254.169.254/", "https://idp.example", False),
        ("http://127.0.0.1:2/token", "http://localhost:1", True),
        ("https://evil.test/token", "http://localhost:1", False),
    ],
)
def test_an_address_belongs_to_its_issuer(url, issuer, same):
    assert same_party(url, issuer) is same


def test_an_origin_has_one_spelling():
    assert (
        origin_of("HTTPS://Idp.Example/x?y") == origin_of("https://idp.example:443") == "https://idp.example:443"
    )
    assert origin_of("http://localhost/") == "http://localhost:80"
    assert origin_of("http://[::1]:8080/") == "http://[::1]:8080"


@pytest.mark.parametrize("host", [None, "", "127.0.0.1.evil", "localhost.", "0.0.0.0", "10.0.0.1", "0x7f000001"])
def test_what_is_not_this_machine(host):
    assert is_loopback(host) is False


@given(st.text(max_size=80))
def test_no_text_escapes_as_another_error(text):
    try:
        assert check_endpoint(text, "it") == text
    except InvalidConfigError:
        return
