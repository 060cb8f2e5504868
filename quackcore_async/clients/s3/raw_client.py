"""An aioboto3 client that is opened when something needs it first."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Any, Self

import anyio

from quackcore_async.clients.s3.aws_session import tune
from quackcore_async.clients.s3.failures import classify
from quackcore_async.concurrency import run_in_thread
from quackcore_async.errors import ConfigError, ErrorKind, LifecycleError

__all__ = ["RawClient", "cannot_open"]


class RawClient:
    """Opens an aioboto3 client at the first `get`: reading botocore's description of S3 takes 100 ms and 20 MiB.

    Args:
        prepare: Returns what makes the client's context manager; called in a worker thread.
    """

    def __init__(self, prepare: Callable[[], Callable[[], AbstractAsyncContextManager[Any]]]) -> None:
        self._prepare = prepare
        self._manager: AbstractAsyncContextManager[Any] | None = None
        self._raw: Any = None
        self._closed = False
        self._lock = anyio.Lock()

    @classmethod
    def given(cls, raw: Any) -> Self:  # noqa: ANN401 - an aioboto3 client is untyped
        """Return an open client of the caller's, which stays open."""
        client = cls(lambda: partial(nullcontext, raw))
        client._raw = raw
        return client

    async def get(self) -> Any:  # noqa: ANN401 - an aioboto3 client is untyped
        """Return the client, which is open.

        Raises:
            LifecycleError: with code `closed`, after `aclose`.
            QuackError: if it cannot be opened.
        """
        if self._raw is None:
            async with self._lock:
                if self._closed:
                    raise LifecycleError("the S3 client was closed meanwhile")
                if self._raw is None:
                    self._raw = await self._open()
        return self._raw

    async def aclose(self) -> None:
        """Close the client if it was opened, or is being opened; it cannot be opened again."""
        self._closed = True
        async with self._lock:
            manager, self._manager, self._raw = self._manager, None, None
            if manager is not None:
                await manager.__aexit__(None, None, None)

    async def _open(self) -> Any:  # noqa: ANN401 - an aioboto3 client is untyped
        try:
            make = await run_in_thread(self._prepare)
            manager = make()  # here: it holds a coroutine, which a cancellation on the way would leave unawaited
            raw = await manager.__aenter__()
        except Exception as exc:
            raise cannot_open(exc) from exc
        self._manager = manager
        tune(raw)
        return raw


def cannot_open(exc: Exception) -> Exception:
    """Say why a session or a client of aioboto3 cannot be made."""
    if isinstance(exc, ValueError):  # botocore's answer to an endpoint that is no URL
        return ConfigError(f"cannot open the S3 client: {exc}; check `endpoint_url`", code="endpoint")
    error = classify(exc)
    if error.kind is ErrorKind.INTERNAL and isinstance(exc, ImportError):
        return ConfigError(f"cannot open the S3 client: {exc}; install aioboto3", code="dependency")
    return error
