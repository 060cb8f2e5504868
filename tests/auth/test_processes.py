"""Several processes and providers with one login: one refresh between them, whoever dies in the middle."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from quackcore_async.auth import MemoryStore
from quackcore_async.errors import CredentialsMissingError
from quackcore_async.results import AuthResult
from tests.auth.service import Clocks, Provider, Service, elsewhere
from tests.servers.token_endpoint import TokenEndpoint, token_endpoint

CHILD = """
import json, sys, urllib.error, urllib.parse, urllib.request
import anyio, anyio.to_thread
from quackcore_async.auth import BaseAuthProvider, Credentials
from quackcore_async.errors import TokenRefreshError

URL, PATH, TASKS, BACKEND, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])

def post(renewal):
    data = urllib.parse.urlencode({"grant_type": "refresh_token", "refresh_token": renewal}).encode()
    try:
        with urllib.request.urlopen(URL, data, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise TokenRefreshError("refused", code=json.load(error)["error"]) from None

class Provider(BaseAuthProvider):
    name = "child"

    async def _refresh(self, credentials):
        return Credentials.from_mapping(await anyio.to_thread.run_sync(post, credentials.refresh_token))

async def main():
    import time
    offset = [0.0]
    provider = Provider(
        PATH, clock=lambda: time.time() + offset[0], monotonic=lambda: time.monotonic() + offset[0]
    )
    for _ in range(ROUNDS):
        tokens = set()
        print("ready", flush=True)
        offset[0] = float(await anyio.to_thread.run_sync(sys.stdin.readline))

        async def ask():
            tokens.add(await provider.get_token())

        async with anyio.create_task_group() as group:
            for _ in range(TASKS):
                group.start_soon(ask)
        print(json.dumps(sorted(tokens)), flush=True)

anyio.run(main, backend=BACKEND)
"""


def start(endpoint: TokenEndpoint, path: Path, *, tasks: int, backend: str, rounds: int) -> subprocess.Popen[str]:
    arguments = [endpoint.url, str(path), str(tasks), backend, str(rounds)]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def put(path: Path, renewal: str) -> None:
    path.write_text(json.dumps({"access_token": "old", "refresh_token": renewal, "expires_at": 1000}))
    path.chmod(0o600)


@pytest.mark.parametrize(("processes", "tasks"), [(2, 20), (8, 20)])
def test_processes_with_one_file_renew_once_at_each_expiry(tmp_path: Path, processes: int, tasks: int):
    path = tmp_path / "login.json"
    put(path, "renewal-0")
    rounds = 3
    with token_endpoint() as endpoint:
        children = [
            start(endpoint, path, tasks=tasks, backend=["asyncio", "trio"][number % 2], rounds=rounds)
            for number in range(processes)
        ]
        try:
            for number in range(rounds):
                for child in children:
                    assert child.stdout is not None
                    assert child.stdin is not None
                    assert child.stdout.readline() == "ready\n"
                for child in children:
                    child.stdin.write(f"{number * 3600}\n")  # type: ignore[union-attr]
                    child.stdin.flush()  # type: ignore[union-attr]
                answers = [json.loads(child.stdout.readline()) for child in children]  # type: ignore[union-attr]
                assert answers == [[f"access-{number + 1}"]] * processes
                assert len(endpoint.posts) == number + 1
            assert endpoint.reuses == 0
            assert [child.wait(10) for child in children] == [0] * processes
        finally:
            for child in children:
                child.kill()
                child.communicate()
    assert json.loads(path.read_text())["refresh_token"] == f"renewal-{rounds}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# Several providers in one process.


async def test_providers_of_one_loop_with_one_file_share_a_refresh(service: Service, clocks: Clocks):
    providers = [Provider(service, credentials_file="login.json") for _ in range(20)]
    await providers[0].authenticate()
    clocks.advance(3600)
    tokens: list[str | None] = []

    async def ask(provider: Provider) -> None:
        tokens.append(await provider.get_token())

    async with anyio.create_task_group() as group:
        for provider in providers:
            for _ in range(5):
                group.start_soon(ask, provider)
    assert tokens == ["access-1-1"] * 100
    assert service.refreshes == 1


async def test_providers_of_one_loop_share_a_failure(service: Service, clocks: Clocks):
    providers = [Provider(service, credentials_file="login.json") for _ in range(20)]
    await providers[0].authenticate()
    clocks.advance(3600)
    service.failure = ConnectionError("down")
    results: list[AuthResult] = []

    async def ask(provider: Provider) -> None:
        results.append(await provider.refresh_credentials())

    async with anyio.create_task_group() as group:
        for provider in providers:
            group.start_soon(ask, provider)
    assert service.refreshes == 1
    assert [result.error for result in results] == ["down"] * 20


async def test_a_login_renewed_elsewhere_is_taken_up_in_place_of_a_request(service: Service, clocks: Clocks):
    ours, theirs = (elsewhere(Provider(service, credentials_file="login.json")) for _ in range(2))
    await ours.authenticate()
    await theirs.authenticate()
    clocks.advance(3600)
    assert await theirs.get_token() == await ours.get_token() == "access-1-1"
    refused = ours.generation
    assert (await theirs.refresh_credentials()).token == "access-1-2"
    assert (await ours.refresh_credentials(rejected=refused)).token == "access-1-2"
    assert (service.refreshes, service.reuses, service.logins) == (2, 0, 1)


async def test_a_login_that_was_renewed_and_expired_elsewhere_is_renewed_with_its_own_refresh_token(
    service: Service, clocks: Clocks
):
    ours, theirs = (elsewhere(Provider(service, credentials_file="login.json")) for _ in range(2))
    await ours.authenticate()
    await theirs.authenticate()
    clocks.advance(3600)
    await theirs.get_token()
    clocks.advance(3600)
    assert await ours.get_token() == "access-1-2"
    assert (service.refreshes, service.reuses) == (2, 0)


async def test_what_one_provider_of_a_loop_finds_renewed_the_others_have_as_well(service: Service):
    ours, yours = (Provider(service, credentials_file="login.json") for _ in range(2))
    theirs = elsewhere(Provider(service, credentials_file="login.json"))
    for provider in (ours, yours, theirs):
        await provider.authenticate()
    refused = yours.generation
    await theirs.refresh_credentials()
    assert (await ours.authenticate()).token == "access-1-1"
    assert (await yours.refresh_credentials(rejected=refused)).token == "access-1-1"
    assert (service.refreshes, service.reuses) == (1, 0)


async def test_accounts_and_stores_are_apart(service: Service, clocks: Clocks):
    store = MemoryStore()
    mine = Provider(service, store=store, store_key="mine")
    yours = Provider(Service(clocks), store=store, store_key="yours")
    others = Provider(Service(clocks), store=MemoryStore(), store_key="mine")
    for provider in (mine, yours, others):
        await provider.authenticate()
    assert [provider.service.logins for provider in (mine, yours, others)] == [1, 1, 1]
    clocks.advance(3600)
    assert await mine.get_token() == "access-1-1"
    assert (yours.service.refreshes, others.service.refreshes) == (0, 0)


async def test_a_login_deleted_elsewhere_is_not_brought_back(service: Service, clocks: Clocks):
    ours, theirs = (elsewhere(Provider(service, credentials_file="login.json")) for _ in range(2))
    await ours.authenticate()
    await theirs.authenticate()
    assert (await theirs.logout()).success
    clocks.advance(3600)
    with pytest.raises(CredentialsMissingError, match="logged out elsewhere"):
        await ours.get_token()
    assert not Path(str(ours.credentials_file)).exists()
    assert service.refreshes == 0
    await theirs.authenticate()
    assert await ours.get_token() == "access-2-0"


async def test_logging_in_where_the_file_was_deleted_asks_the_service(service: Service):
    ours = Provider(service, credentials_file="login.json")
    await ours.authenticate()
    Path(str(ours.credentials_file)).unlink()
    assert (await Provider(service, credentials_file="login.json").authenticate()).token == "access-2-0"
    assert await ours.get_token() == "access-2-0"


async def test_a_login_called_off_elsewhere_causes_no_request_here(service: Service, clocks: Clocks):
    ours, theirs = (elsewhere(Provider(service, credentials_file="login.json")) for _ in range(2))
    await ours.authenticate()
    await theirs.authenticate()
    service.valid = None
    assert not (await theirs.refresh_credentials()).success
    result = await ours.refresh_credentials()
    assert result.error_info.code == "reauth_required"
    assert service.refreshes == 1


# Forks.


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_forked_child_looks_into_the_store_before_it_goes_on(tmp_path: Path, backend: str):
    clocks = Clocks()
    service = Service(clocks)
    provider = Provider(service, credentials_file=str(tmp_path / "login.json"))
    anyio.run(provider.authenticate, backend=backend)
    go_reading, go = os.pipe()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.read(go_reading, 1)  # the parent has renewed the login meanwhile
            token = anyio.run(provider.get_token, backend=backend)
            os.write(writing, f"{token} {service.refreshes} {provider.generation}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    assert anyio.run(provider.refresh_credentials, backend=backend).token == "access-1-1"
    os.write(go, b"x")
    os.waitpid(pid, 0)
    with os.fdopen(reading) as pipe:
        assert pipe.read() == "access-1-1 0 2"
    os.close(go)
    os.close(go_reading)
