"""The section of a `RestIntegration`: what it takes, and the providers and paginators that come of it."""

import base64
import inspect
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, ValidationError

from quackcore_async import auth
from quackcore_async.clients import CursorPages, LinkPages, NextUrlPages, OffsetPages, PageNumbers
from quackcore_async.clients.http import SinglePage
from quackcore_async.rest import RestConfig, RestConfigProvider, RestIntegration
from quackcore_async.rest.choices import make_paginator
from quackcore_async.rest.config import BearerAuth, OAuthAuth
from tests.servers.api import ApiRequest, Reply, json_reply, serving

BASE = {"base_url": "https://api.test"}


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({}, "base_url: required"),
        ({"base_url": "api.test"}, "begins with http"),
        ({"base_url": "ftp://api.test"}, "begins with http"),
        ({"base_url": "https://user:S3CR3T@api.test"}, "type: basic"),
        ({"base_url": "https://api.test?x=1"}, "under params"),
        ({**BASE, "attempts": 0}, "attempts"),
        ({**BASE, "timeout": 0}, "timeout"),
        ({**BASE, "atempts": 3}, "did you mean 'attempts'"),
        ({**BASE, "resources": {"a": "../b"}}, "resources"),
        ({**BASE, "resources": {"a": "https://evil.test/"}}, "resources"),
        ({**BASE, "resources": {"a": "x//y"}}, "resources"),
        ({**BASE, "resources": {"a": "%2e%2e/y"}}, "resources"),
        ({**BASE, "pagination": {"style": "magic"}}, "pagination"),
        ({**BASE, "auth": {"type": "magic", "token": "S3CR3T"}}, "auth"),
        ({**BASE, "auth": {"type": "bearer"}}, "token"),
    ],
)
async def test_what_is_wrong_is_said(section: dict[str, Any], complaint: str):
    result = await RestIntegration(config=section).initialize()
    assert not result.success
    assert complaint in str(result.error)
    assert "S3CR3T" not in str(result.error)


async def test_names_of_the_guide_are_taken_too():
    found = await RestConfigProvider().check_config(
        {"api_url": "https://api.test", "timeout_seconds": 5, "max_retries": 2, "retry_delay": 0.1}
    )
    policy = RestConfig.model_validate(found).retry_policy()
    assert (found["base_url"], found["timeout"]) == ("https://api.test", 5)
    assert (policy.attempts, policy.wait_initial, policy.timeout) == (2, 0.1, 60)


async def test_what_was_checked_can_be_checked_again():
    found = await RestConfigProvider().check_config({**BASE, "auth": {"type": "bearer", "token": "S3CR3T"}})
    assert "S3CR3T" not in repr(found)
    assert RestConfig.model_validate(found).model_dump() == found


@pytest.mark.parametrize(
    ("pagination", "paginator"),
    [
        ({"style": "none"}, SinglePage()),
        ({"style": "link", "relation": "more"}, LinkPages("more")),
        ({"style": "next_url", "path": "a.b"}, NextUrlPages("a.b")),
        ({"style": "cursor", "has_more": "more"}, CursorPages(has_more="more")),
        ({"style": "page", "size": 5}, PageNumbers(size=5)),
        ({"style": "offset", "total": "count"}, OffsetPages(total="count")),
    ],
)
def test_a_style_is_a_paginator(pagination: dict[str, Any], paginator: object):
    config = RestConfig.model_validate({**BASE, "pagination": pagination})
    assert make_paginator(config.pagination) == paginator


@pytest.mark.parametrize(
    ("section", "header", "value"),
    [
        ({"type": "bearer", "token": "S3CR3T"}, "authorization", "Bearer S3CR3T"),
        ({"type": "api_key", "api_key": "S3CR3T"}, "x-api-key", "S3CR3T"),
        ({"type": "api_key", "api_key": "S3CR3T", "header": "X-Key"}, "x-key", "S3CR3T"),
        (
            {"type": "basic", "username": "u", "password": "S3CR3T"},
            "authorization",
            f"Basic {base64.b64encode(b'u:S3CR3T').decode()}",
        ),
    ],
)
async def test_a_section_says_how_to_log_in(section: dict[str, Any], header: str, value: str):
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    config = {**BASE, "auth": section}
    async with RestIntegration(config=config, transport=httpx.MockTransport(handle)) as integration:
        assert (await integration.get_resource("things", "1")).success
        assert integration.auth_provider is not None
        assert integration.auth_provider.authenticated is True  # type: ignore[attr-defined]
    assert seen[0].headers[header] == value


async def test_a_program_logs_in_by_oauth():
    async def script(request: ApiRequest) -> Reply:
        if request.path == "/token":
            assert "client_credentials" in request.body.decode()
            return json_reply({"access_token": "S3CR3T", "token_type": "Bearer", "expires_in": 3600})
        return json_reply({}, 200 if request.authorization == "Bearer S3CR3T" else 401)

    async with serving(script) as server:
        section = {
            "type": "oauth",
            "client_id": "duck",
            "client_secret": "quack-quack",
            "flow": "client_credentials",
            "token_url": f"{server.url}/token",
        }
        async with RestIntegration(name="pond", config={"base_url": server.url, "auth": section}) as integration:
            assert (await integration.get_resource("things", "1")).success
            assert integration.auth_provider is not None
            assert integration.auth_provider.name == "pond"
        assert integration.auth_provider is None or await reopened(integration)


async def reopened(integration: RestIntegration) -> bool:
    earlier = integration.auth_provider
    assert (await integration.initialize()).success
    await integration.aclose()
    return integration.auth_provider is not earlier


async def test_a_key_may_go_into_the_query():
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    config = {**BASE, "auth": {"type": "api_key", "api_key": "S3CR3T", "query_param": "key"}}
    async with RestIntegration(config=config, transport=httpx.MockTransport(handle)) as integration:
        await integration.get_resource("things", "1")
    assert str(seen[0].url) == "https://api.test/things/1?key=S3CR3T"


def test_every_key_of_an_oauth_section_is_a_parameter_of_the_provider():
    keys = set(OAuthAuth.model_fields) - {"type"}
    assert keys <= set(inspect.signature(auth.OAuthProvider).parameters)


async def test_a_program_proves_itself_as_its_section_says():
    forms: list[str] = []

    async def script(request: ApiRequest) -> Reply:
        if request.path != "/token":
            return json_reply({})
        forms.append(request.body.decode())
        return json_reply({"access_token": "S3CR3T", "token_type": "Bearer"})

    async with serving(script) as server:
        section = {
            "type": "oauth",
            "client_id": "duck",
            "client_secret": "quack-quack",
            "client_auth": "basic",
            "flow": "client_credentials",
            "token_url": f"{server.url}/token",
            "extra_token_params": {"tenant": "pond"},
        }
        async with RestIntegration(config={"base_url": server.url, "auth": section}):
            pass
    assert "tenant=pond" in forms[0]
    assert "quack-quack" not in forms[0]


@pytest.mark.parametrize(
    ("model", "section"),
    [(RestConfig, {"auth": {"type": "bearer", "token": ["S3CR3T"]}}), (BearerAuth, {"token": "S3CR3T"})],
)
def test_what_it_refuses_is_not_shown(model: type[BaseModel], section: dict[str, Any]):
    with pytest.raises(ValidationError) as caught:
        model.model_validate(section)
    assert "S3CR3T" not in str(caught.value)
