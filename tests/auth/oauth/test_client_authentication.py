"""What a request carries to authenticate the client."""

import base64
from typing import Any

import pytest

from quackcore_async.auth.oauth.client_authentication import Client
from quackcore_async.redaction import Secret


@pytest.mark.parametrize("method", ["post", "basic"])
async def test_what_authenticates_a_client_is_not_shown(method: Any):
    presented = await Client("id", method, Secret("S3CR3T-word"), None, lambda: 0.0).present("https://a.example/t")
    sent = f"{presented.form} {presented.headers}"
    encoded = base64.b64encode(b"id:S3CR3T-word").decode()
    assert "S3CR3T-word" in sent or encoded in sent
    assert "S3CR3T-word" not in repr(presented)
    assert encoded not in repr(presented)
