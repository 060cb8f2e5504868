"""How credentials of any form become the authorization of a request."""

from typing import Any

import pytest
from pydantic import SecretStr

from quackcore_async import Credentials
from quackcore_async.protocols.signing import as_bearer
from quackcore_async.redaction import Secret


class Bag:
    """Credentials as an object."""

    def __init__(self, **members: Any) -> None:
        vars(self).update(members)


@pytest.mark.parametrize(
    ("credentials", "header"),
    [
        ({"token": "t"}, "Bearer t"),
        ({"access_token": "t", "token_type": "bearer"}, "Bearer t"),
        ({"access_token": "t", "token_type": "DPoP"}, "DPoP t"),
        (Credentials("t", token_type="Token"), "Token t"),
        (Bag(token="t"), "Bearer t"),
        (Bag(token=None, access_token=Secret("t")), "Bearer t"),
        ({"token": SecretStr("t"), "token_type": Secret("DPoP")}, "DPoP t"),
        ({"token": ""}, None),
        ({"token": 7}, None),
        (Bag(name="x"), None),
    ],
)
def test_credentials_are_a_bearer_token(credentials: object, header: str | None):
    assert as_bearer(credentials).headers.get("Authorization") == header
