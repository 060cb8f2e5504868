"""Single layers of a call, on their happy path."""

from benchmarks.probe import Probe

__all__ = ["nothing", "retry", "token"]


async def _empty() -> None:
    pass


async def nothing(probe: Probe, *, calls: int) -> None:
    """Await an empty coroutine."""
    with probe:
        for _ in range(calls):
            await _empty()


async def retry(probe: Probe, *, calls: int) -> None:
    """Await it through a retry policy without a deadline."""
    from quackcore_async import RetryPolicy

    policy = RetryPolicy(timeout=None)
    with probe:
        for _ in range(calls):
            await policy.call(_empty)


async def token(probe: Probe, *, calls: int) -> None:
    """Ask a provider whose token holds."""
    from quackcore_async.auth import BaseAuthProvider, Credentials

    class Provider(BaseAuthProvider):
        name = "benchmark"

        async def _authenticate(self) -> Credentials:
            return Credentials("a-token-that-holds", expires_at=int(self._clock()) + 36000)

    provider = Provider()
    assert (await provider.authenticate()).success
    with probe:
        for _ in range(calls):
            await provider.get_credentials()
