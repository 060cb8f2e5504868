"""What an author writes in place of the hooks: it gets its time and no more, and its answers are looked through."""

import anyio
import pytest
from trio.testing import MockClock

from quackcore_async.auth import BaseAuthProvider
from quackcore_async.errors import ErrorKind
from quackcore_async.redaction import scrub
from quackcore_async.results import AuthResult

TRIO_AT_ONCE = [pytest.param(("trio", {"clock": MockClock(autojump_threshold=0)}), id="trio")]


@pytest.mark.parametrize("anyio_backend", TRIO_AT_ONCE)
async def test_a_written_refresh_that_never_ends_is_given_up_and_may_succeed_later():
    class Hanging(BaseAuthProvider):
        name = "hanging"

        async def refresh_credentials(self) -> AuthResult:
            await anyio.sleep_forever()
            raise AssertionError("nobody wakes it")

    begun = anyio.current_time()
    result = await Hanging().refresh_credentials()
    assert (result.error, result.error_info.retryable) == ("hanging did not answer in time", True)
    assert result.error_info.kind is ErrorKind.TIMEOUT
    assert anyio.current_time() - begun == pytest.approx(15)


async def test_the_secrets_of_a_written_login_s_answer_are_scrubbed_while_it_holds():
    class Written(BaseAuthProvider):
        name = "written"

        async def authenticate(self) -> AuthResult:
            return AuthResult.success_result(token="t0ken", content={"client_secret": "secret-of-the-answer"})

    provider = Written()
    assert (await provider.authenticate()).success
    assert scrub("refused secret-of-the-answer") == "refused ***"
