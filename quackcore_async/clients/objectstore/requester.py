"""Sending requests through obstore: the queue, the retries, the meaning of failures, and on which loop it is."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio

from quackcore_async.clients.objectstore.failures import classify
from quackcore_async.clients.objectstore.opening import BucketStores, load_obstore, open_bucket, require_asyncio
from quackcore_async.clients.objectstore.settings import ObjectStoreSettings
from quackcore_async.clients.s3.memory import MemoryBudget
from quackcore_async.concurrency import LoopBinding, run_in_thread
from quackcore_async.errors import LifecycleError, QuackError
from quackcore_async.retry import RetryBudget, RetryPolicy

__all__ = ["Requester"]

T = TypeVar("T")


class Requester:
    """What all requests of one client go through, for one event loop; open it with `async with`.

    All its requests share one queue, one retry budget and one bound on memory.

    Args:
        settings: How to connect and how much to use.
        retry: How patient one call is.

    Attributes:
        settings: How it connects.
        retry: The policy of calls without content.
        transfer_retry: The same without its deadline, for requests that carry or bring many bytes.
        budget: What all retries are paid from.
        memory: What bounds the content in memory.
        slots: The places of requests in flight.
    """

    def __init__(self, settings: ObjectStoreSettings, *, retry: RetryPolicy | None = None) -> None:
        self.settings = settings
        self.retry = retry or RetryPolicy()
        self.transfer_retry = self.retry.replace(timeout=None)
        self.budget = RetryBudget()
        # Only the room is lent, never a buffer: obstore may still read from what a cancelled request was given.
        self.memory = MemoryBudget(settings.max_memory)
        self.slots = anyio.Semaphore(settings.max_concurrency, fast_acquire=True)
        self._obstore: Any = None
        self._stores: dict[str, BucketStores] = {}
        self._binding: LoopBinding | None = None

    async def __aenter__(self) -> Self:
        require_asyncio()
        self._obstore = await run_in_thread(load_obstore)
        self._binding = LoopBinding.current()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the stores; their connections end with them. Closing twice does nothing."""
        self._stores = {}
        self._obstore = None

    @property
    def obstore(self) -> Any:  # noqa: ANN401 - the module is optional, so it has no type here
        """The module, usable from this event loop.

        Raises:
            LifecycleError: if the client is closed, or was opened on another event loop or before a fork.
        """
        if self._obstore is None or self._binding is None:
            raise LifecycleError("the client is closed: open it with `async with` first")
        if not self._binding.is_here():
            raise LifecycleError(
                "this client was opened on another event loop or in another process: open one here",
                code="wrong_event_loop",
            )
        return self._obstore

    async def stores(self, bucket: str) -> BucketStores:
        """Return the stores of a bucket, which are made when it is first named."""
        found = self._stores.get(bucket)
        if found is None:
            found = await run_in_thread(open_bucket, self.obstore, self.settings, bucket, self.retry)
            found = self._stores.setdefault(bucket, found)
        return found

    def forget_stores(self) -> None:
        """Make the stores anew when they are next needed, so that they ask for credentials again."""
        self._stores = {}

    async def call(
        self, action: str, attempt: Callable[[], Awaitable[T]], *, bulk: bool = False, writes: bool = False
    ) -> T:
        """Wait for a place in the queue and await `attempt()` under the retry policy.

        Args:
            action: What it does, for messages: `read gs://bucket/key`.
            attempt: Calls obstore.
            bulk: Whether it takes as long as its bytes take.
            writes: Whether a lost answer leaves open if it happened.

        Raises:
            QuackError: the last failure.
        """
        await self.slots.acquire()
        try:
            return await self.repeat(action, attempt, bulk=bulk, writes=writes)
        finally:
            self.slots.release()

    async def repeat(
        self,
        action: str,
        attempt: Callable[[], Awaitable[T]],
        *,
        bulk: bool = False,
        writes: bool = False,
        retry_if: Callable[[QuackError], bool] | None = None,
    ) -> T:
        """Await `attempt()` under the retry policy, in the caller's own place of the queue."""

        async def once() -> T:
            try:
                return await attempt()
            except Exception as exc:
                raise classify(exc, action, writes=writes) from exc

        policy = self.transfer_retry if bulk else self.retry
        return await policy.call(once, budget=self.budget, retry_if=retry_if)
