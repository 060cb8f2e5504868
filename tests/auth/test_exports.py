"""What the room exports, and what that loads."""

import json
import subprocess
import sys

import pytest

import quackcore_async.auth


def loaded_by(statement: str) -> set[str]:
    script = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("name", quackcore_async.auth.__all__)
def test_each_name_loads(name):
    assert getattr(quackcore_async.auth, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = quackcore_async.auth.nonsense


def test_names_are_listed():
    assert set(quackcore_async.auth.__all__) <= set(dir(quackcore_async.auth))


def test_the_base_loads_neither_httpx_nor_a_browser():
    loaded = loaded_by("from quackcore_async.auth import BaseAuthProvider")
    assert (
        loaded & {"httpx", "webbrowser", "joserfc", "quackcore_async.auth.oauth", "quackcore_async.auth.static"}
        == set()
    )


def test_static_credentials_load_no_httpx():
    assert "httpx" not in loaded_by("from quackcore_async.auth import ApiKeyProvider; ApiKeyProvider('k')")


def test_making_an_oauth_provider_loads_no_browser_and_no_signatures():
    loaded = loaded_by(
        "from quackcore_async.auth import OAuthProvider; OAuthProvider('id', 's', 'https://a.example', 'https://a.example')"
    )
    assert loaded & {"webbrowser", "joserfc", "cryptography"} == set()
