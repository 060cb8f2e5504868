import copy
import gc
import json
import os
import pickle
import signal
import threading
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quackcore_async import redaction
from quackcore_async.redaction import MASK, Secret, is_secret_name, mask_mapping, scrub


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{:>20}".format])
def test_secret_shows_a_mask(show) -> None:
    assert "hunter2-hunter2" not in show(Secret("hunter2-hunter2"))
    assert MASK in show(Secret("hunter2-hunter2"))


def test_secret_is_revealed_on_request_only() -> None:
    assert Secret("hunter2-hunter2").reveal() == "hunter2-hunter2"


def test_secrets_compare_by_value() -> None:
    assert Secret("one") == Secret("one")
    assert Secret("one") != Secret("two")
    assert Secret("one") != "one"
    assert len({Secret("one"), Secret("one")}) == 1
    assert not Secret("")


def test_secret_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps({"password": Secret("hunter2")})


def test_secret_can_be_copied() -> None:
    secret = Secret("hunter2-hunter2")
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"a": secret})["a"] is secret


@given(st.text(min_size=6, max_size=40).filter(lambda text: not set(text) <= set("*")))
def test_live_secret_is_scrubbed_in_the_clear_and_in_urls(value: str) -> None:
    secret = Secret(value)
    for form in (value, quote(value), quote(value, safe=""), quote_plus(value)):
        assert form not in scrub(f"<<{form}>>") or form in f"<<{MASK}>>"
    assert secret


def test_dead_secret_is_forgotten() -> None:
    text = "correct horse battery"
    secret = Secret(text)
    assert scrub(text) == MASK
    del secret
    gc.collect()
    assert scrub(text) == text


def test_short_secret_leaves_ordinary_words_alone() -> None:
    secret = Secret("cat")
    assert scrub("concatenate") == "concatenate"
    assert secret


def test_secret_inside_another_is_scrubbed_whole() -> None:
    secrets = [Secret("abcdef"), Secret("abcdef-ghijkl")]
    assert scrub("x abcdef-ghijkl y") == f"x {MASK} y"
    assert secrets


@pytest.fixture
def many() -> list[Secret]:
    """So many secrets that they are looked up, which begin and end alike."""
    return [Secret(f"eyJhbGciOi-{number:05}-signature") for number in range(3000)]


@given(value=st.text(min_size=6, max_size=40).filter(lambda text: not set(text) <= set("*")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_live_secret_is_scrubbed_among_many(many: list[Secret], value: str) -> None:
    secret = Secret(value)
    for form in (value, quote(value), quote(value, safe=""), quote_plus(value)):
        assert form not in scrub(f"<<{form}>>") or form in f"<<{MASK}>>"
    assert secret
    assert many


def test_many_secrets_of_one_value_are_no_burden() -> None:
    """A login that is copied for every caller: what each costs must not grow with their number."""
    crowd = [Secret("one-value-for-all") for _ in range(100_000)]
    assert scrub("it is one-value-for-all") == f"it is {MASK}"
    crowd[1:] = []
    assert scrub("it is one-value-for-all") == f"it is {MASK}"
    crowd.clear()
    assert scrub("it is one-value-for-all") == "it is one-value-for-all"


def test_each_of_many_secrets_is_found_and_forgotten(many: list[Secret]) -> None:
    text = "a eyJhbGciOi-00007-signature, eyJhbGciOi-02999-signature b"
    assert scrub(text) == f"a {MASK}, {MASK} b"
    del many[7]
    gc.collect()
    assert scrub(text) == f"a eyJhbGciOi-00007-signature, {MASK} b"
    inner = Secret("abcdef"), Secret("abcdef-ghijkl"), Secret("xabcdef")
    assert scrub("x abcdef-ghijkl xabcdef abcdef") == f"x {MASK} {MASK} {MASK}"
    assert inner


def test_the_time_for_a_text_does_not_grow_with_the_number_of_secrets() -> None:
    text = "GET https://api.example/items answered 200 in 0.3 seconds " * 2
    secrets = [Secret(f"{number:x}".zfill(40)[::-1]) for number in range(20_000)]
    scrub(text)
    begun = time.perf_counter()
    for _ in range(20):
        scrub(text)
    assert time.perf_counter() - begun < 0.2  # seconds; looking for each in turn takes more than one
    assert secrets


def test_secrets_that_come_and_go_in_threads_leave_nothing_behind() -> None:
    def come_and_go(number: int) -> None:
        for turn in range(300):
            secret = Secret(f"thread-{number}-{turn:05}")
            assert scrub(f"<thread-{number}-{turn:05}>") == f"<{MASK}>"
            del secret

    threads = [threading.Thread(target=come_and_go, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    scrub("settle")
    assert not any(
        form.startswith("thread-") for entry in redaction._live._indexed.values() for form in entry.forms
    )
    assert not redaction._live._dead


def test_value_scrubbed_while_the_collector_logs() -> None:
    class Noisy:
        def __del__(self) -> None:
            scrub("from a finalizer")

    noisy = Noisy()
    secret = Secret("long enough")

    class Trigger(Secret):
        __slots__ = ("noisy",)

        def reveal(self) -> str:
            self.noisy = None
            return super().reveal()

    trigger = Trigger("also long enough")
    trigger.noisy = noisy
    del noisy
    assert scrub("also long enough") == MASK
    assert secret


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:pa55@host/path", "https://***@host/path"),
        ("postgresql://user:pa55@host", "postgresql://***@host"),
        ("GET /cb?code=abc&state=x", "GET /cb?code=***&state=x"),
        ("/x?X-Amz-Signature=0123&a=1", "/x?X-Amz-Signature=***&a=1"),
        ("Authorization: Bearer abc", "Authorization: Bearer ***"),
        ("authorization=Basic dXNlcjpwYXNz", "authorization=Basic ***"),
        ("Authorization: opaque-value was refused", "Authorization: *** was refused"),
        ("{'Authorization': 'Token abc'}", "{'Authorization': 'Token ***'}"),
        ("sent bearer abcdefghij1234567890", "sent bearer ***"),
        ('{"access_token": "abc", "n": 1}', '{"access_token": "***", "n": 1}'),
        ("{'client_secret': 'abc'}", "{'client_secret': '***'}"),
    ],
)
def test_shape_of_a_secret_is_scrubbed(text: str, expected: str) -> None:
    assert scrub(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://host/path?page=2",
        "the bearer of this letter",
        "mailto:someone@example.org",
        "token expired",
        "code 404 for key a/b",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert scrub(text) == text


@given(st.text())
def test_scrubbing_twice_changes_nothing(text: str) -> None:
    assert scrub(scrub(text)) == scrub(text)


@pytest.mark.parametrize(
    "name",
    ["password", "db_password", "PASSWD", "api_key", "apiKey", "X-API-Key", "secret_access_key", "refresh_token"],
)
def test_name_of_a_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["bucket", "aws_access_key_id", "auth_url", "max_tokens", "key_prefix", "author"])
def test_name_of_no_secret(name: str) -> None:
    assert not is_secret_name(name)


def test_mapping_is_masked_at_any_depth_and_in_a_copy() -> None:
    data = {
        "bucket": "photos",
        "api_key": "abc",
        "servers": [{"password": "abc", "port": 1}],
        "url": "https://u:p@host/",
        "empty_password": "",
        "no_token": None,
        3: "three",
    }
    before = json.dumps(data)
    assert mask_mapping(data) == {
        "bucket": "photos",
        "api_key": MASK,
        "servers": [{"password": MASK, "port": 1}],
        "url": "https://***@host/",
        "empty_password": "",
        "no_token": None,
        3: "three",
    }
    assert json.dumps(data) == before


def test_everything_below_a_secret_name_is_masked() -> None:
    assert mask_mapping({"secrets": {"db": "abc", "more": {"x": ["y"]}}}) == {
        "secrets": {"db": MASK, "more": {"x": [MASK]}}
    }


def test_section_of_credentials_keeps_what_is_no_secret() -> None:
    masked = mask_mapping({"auth": {"type": "oauth2", "client_secret": "abc"}})
    assert masked == {"auth": {"type": "oauth2", "client_secret": MASK}}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # from Python 3.12 on: that is what is tested
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_scrubs_although_another_thread_of_its_parent_did() -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with redaction._lock:
            held.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(5)
        os._exit(0 if scrub("nothing") == "nothing" else 1)
    release.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
