"""What is asked of providers, and what their credentials become."""

import logging

import anyio
import pytest
import trio.testing

from quackcore_async import AuthResult, QuackError
from quackcore_async.clients.http.provider import ProviderSecrets
from quackcore_async.errors import CredentialsMissingError
from tests.clients.http.providers import Foreign, Rotating

in_no_time = pytest.mark.parametrize(
    "anyio_backend",
    [pytest.param(("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}), id="in_no_time")],
)
LOGGER = logging.getLogger("tests")


async def test_a_dict_that_changes_in_place_is_read_anew():
    provider = Foreign()
    secrets = ProviderSecrets(provider, LOGGER)
    assert (await secrets.current()).headers == {"Authorization": "Bearer S3CR3T-foreign-1"}
    provider.credentials["access_token"] = "S3CR3T-changed"
    assert (await secrets.current()).headers == {"Authorization": "Bearer S3CR3T-changed"}


async def test_frozen_credentials_are_worked_out_once():
    secrets = ProviderSecrets(Rotating(), LOGGER)
    assert await secrets.current() is await secrets.current()


async def test_a_provider_that_has_nothing_to_show_sends_nothing():
    class Silent(Foreign):
        async def authenticate(self):
            self.logins += 1
            return AuthResult.success_result()

    provider = Silent(token=None)
    secrets = ProviderSecrets(provider, LOGGER)
    for _ in range(3):
        assert (await secrets.current()).headers == {}
    assert provider.logins == 1


async def test_a_token_that_only_the_login_told_is_used():
    class Forgetful(Foreign):
        async def authenticate(self):
            return AuthResult.success_result(token="S3CR3T-login")

        async def get_credentials(self):
            return None

    assert (await ProviderSecrets(Forgetful(None), LOGGER).current()).headers["Authorization"].endswith("login")


async def test_a_provider_that_raises_is_the_error():
    class Raising(Foreign):
        async def authenticate(self):
            raise CredentialsMissingError("no password configured")

    with pytest.raises(QuackError, match="no password"):
        await ProviderSecrets(Raising(None), LOGGER).current()


async def test_a_provider_that_returns_nonsense_is_named():
    class Odd(Foreign):
        async def refresh_credentials(self):
            return "done"

    secrets = ProviderSecrets(Odd(), LOGGER)
    result = await secrets.renew(await secrets.current())
    assert result is not None
    assert "Odd returned str" in str(result.error)


async def test_a_cancelled_refresh_is_finished_all_the_same():
    provider = Foreign()
    going, go_on = anyio.Event(), anyio.Event()

    class Slow(Foreign):
        async def refresh_credentials(self):
            going.set()
            await go_on.wait()
            return await super().refresh_credentials()

    provider = Slow()
    secrets = ProviderSecrets(provider, LOGGER)
    first = await secrets.current()
    async with anyio.create_task_group() as group:
        group.start_soon(secrets.renew, first)
        await going.wait()
        group.cancel_scope.cancel()
        go_on.set()
    assert provider.refreshes == 1
    assert (await secrets.current()).headers == {"Authorization": "Bearer S3CR3T-foreign-2"}
    result = await secrets.renew(first)
    assert result is not None
    assert result.success
    assert provider.refreshes == 1


@in_no_time
async def test_a_refresh_that_hangs_ends():
    class Hanging(Foreign):
        async def refresh_credentials(self):
            await anyio.sleep_forever()

    secrets = ProviderSecrets(Hanging(), LOGGER)
    result = await secrets.renew(await secrets.current())
    assert result is not None
    assert "in time" in str(result.error)


@in_no_time
async def test_after_a_while_a_failed_refresh_is_tried_again():
    provider = Foreign()
    provider.fail = True
    secrets = ProviderSecrets(provider, LOGGER)
    first = await secrets.current()
    for _ in range(3):
        await secrets.renew(first)
    assert provider.refreshes == 1
    await anyio.sleep(2)
    await secrets.renew(first)
    assert provider.refreshes == 2


@in_no_time
async def test_after_a_while_refused_fresh_credentials_are_renewed_again():
    provider = Foreign()
    secrets = ProviderSecrets(provider, LOGGER)
    await secrets.renew(await secrets.current())
    secrets.note_fresh_refused(await secrets.current())
    assert await secrets.renew(await secrets.current()) is None
    await anyio.sleep(11)
    assert await secrets.renew(await secrets.current()) is not None
    assert provider.refreshes == 2
