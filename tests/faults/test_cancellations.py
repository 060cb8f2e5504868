"""Cancelled at every point: it comes out, nothing is left, and the same call succeeds afterwards."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import quackcore_async
from quackcore_async import transfer
from tests.faults.cancelling.attempts import DESCRIPTORS, cancel_everywhere, settled, sockets, ways
from tests.faults.cancelling.lifecycles import Configurations, Registries, Services
from tests.faults.cancelling.logins import AwsLogins, Logins, OAuthLogins, StaticLogins
from tests.faults.cancelling.services import HttpClients, Policies, RestIntegrations
from tests.faults.cancelling.stage import Stage, python_name
from tests.faults.cancelling.storages import (
    AzureStorages,
    GCSStorages,
    LocalStorages,
    MemoryStorages,
    S3Storages,
    SeaweedStorages,
)
from tests.faults.cancelling.transfers import S3Transfers, SeaweedTransfers, Transfers

STAGES: tuple[type[Stage], ...] = (
    LocalStorages,
    MemoryStorages,
    S3Storages,
    SeaweedStorages,
    GCSStorages,
    AzureStorages,
    Transfers,
    S3Transfers,
    SeaweedTransfers,
    HttpClients,
    RestIntegrations,
    Policies,
    Logins,
    StaticLogins,
    AwsLogins,
    OAuthLogins,
    Configurations,
    Services,
    Registries,
)
PARAMETERS = [
    pytest.param(stage, name, backend, id=f"{stage.__name__}-{name}-{backend}")
    for stage in STAGES
    for name in stage.names()
    for backend in stage.backends
]
FEW = 2


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="this system does not show what is open")
@pytest.mark.parametrize(("stage", "name", "anyio_backend"), PARAMETERS)
async def test_cancelled_everywhere(
    request: pytest.FixtureRequest,
    stage: type[Stage],
    name: str,
    anyio_backend: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault_full: bool,
):
    monkeypatch.setattr("quackcore_async.storage.steps._SLICE", 0.0)  # every chunk is a point
    server = request.getfixturevalue(stage.fixture) if stage.fixture else None
    before = sockets()
    ready = stage(tmp_path, server)
    async with ready.opened():
        for label, case in ready.cases(name).items():
            for way in ways(anyio_backend):
                await cancel_everywhere(case, way, most=stage.most if fault_full else FEW, label=label)
    if stage.closes_sockets:
        assert await settled(lambda: sockets() <= before), "connections are left"


def is_coroutine(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def home_of(owner: type, name: str) -> str:
    """Return the class that has a method, and its name there: what others inherit is the same code."""
    home = next(base for base in owner.__mro__ if name in vars(base))
    return f"{home.__name__}.{name}"


def public_coroutines() -> Iterator[str]:
    for name in quackcore_async.__all__:
        value = getattr(quackcore_async, name)
        if inspect.isclass(value) and not name.endswith("Protocol"):
            for method in dir(value):
                public = not method.startswith("_") or method in ("__aenter__", "__aexit__")
                if public and is_coroutine(getattr(value, method, None)):
                    yield home_of(value, method)
    for name in transfer.__all__:
        if is_coroutine(getattr(transfer, name)):
            yield name
    for name in quackcore_async.registry.__all__:
        if is_coroutine(getattr(quackcore_async.registry, name)):
            yield f"IntegrationRegistry.{name}"


def test_every_public_coroutine_has_a_case():
    covered = set()
    for stage in STAGES:
        for name in map(python_name, stage.names()):
            covered |= {home_of(owner, name) for owner in stage.owners} if stage.owners else {name}
    assert sorted(set(public_coroutines()) - covered) == []
