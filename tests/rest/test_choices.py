"""The provider that a configuration asks for."""

from pathlib import Path
from typing import Any

import pytest

from quackcore_async.auth import OAuthProvider
from quackcore_async.rest.choices import make_provider
from quackcore_async.rest.config import OAuthAuth

AUTH = {"type": "oauth", "client_id": "client", "auth_url": "https://a.test/", "token_url": "https://a.test/token"}


def made(name: str = "crm", **changes: Any) -> OAuthProvider:
    provider = make_provider(OAuthAuth.model_validate({**AUTH, **changes}), name=name)
    assert isinstance(provider, OAuthProvider)
    return provider


def test_the_login_of_a_person_is_stored_in_a_file_named_after_the_instance():
    path = Path(str(made().credentials_file))
    assert (path.parent, path.suffix) == (Path.home() / ".quack", ".json")
    assert path.name.startswith("crm-")
    assert made().credentials_file == made(redirect_uri="http://localhost:0/other").credentials_file


@pytest.mark.parametrize(
    "changes", [{"token_url": "https://staging.test/token"}, {"client_id": "other"}, {"scope": "write"}]
)
def test_instances_of_one_name_in_two_configurations_do_not_share_a_login(changes: dict[str, str]):
    assert made().credentials_file != made(**changes).credentials_file


@pytest.mark.parametrize("name", ["../x", "a/b", "~root", "$HOME", "..", "x" * 300, "My CRM"])
def test_no_name_leads_out_of_the_folder(name: str):
    assert Path(str(made(name).credentials_file)).parent == Path.home() / ".quack"


def test_a_file_that_is_configured_is_taken():
    assert made(credentials_file="/srv/crm.json").credentials_file == "/srv/crm.json"


def test_a_client_that_logs_in_by_its_own_right_stores_nothing():
    provider = made(flow="client_credentials", client_secret="a secret")
    assert provider.credentials_file is None
