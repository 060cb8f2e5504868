"""Sending requests through obstore: the queue, the retries, the meaning of failures, and on which loop it is."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio

from quackcore_async.clients.objectstore.failures import classify
from quackcore_async.clients.objectstore.opening import Use, load_obstore, open_store, require_asyncio
from quackcore_async.clients.objectstore.settings import ObjectStoreSettings
from quackcore_async.clients.s3.memory import MemoryBudget
from quackcore_async.concurrency import LoopBinding, run_in_thread, wrong_loop
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
        self._stores: dict[tuple[str, Use], Any] = {}
        self._opening = anyio.Lock()
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
            raise wrong_loop("this client was opened on another event loop or in another process: open one here")
        return self._obstore

    async def store(self, bucket: str, use: Use = "plain") -> Any:  # noqa: ANN401 - a class of the optional module
        """Return the store of a bucket for one use, which is made when it is first needed.

        Making one takes 10 ms, nearly all of it for the certificates of the system: it is made once, however many
        ask at the same time.
        """
        found = self._stores.get((bucket, use))
        return found if found is not None else await self._open_store(bucket, use)

    async def _open_store(self, bucket: str, use: Use) -> Any:  # noqa: ANN401 - as above
        async with self._opening:
            stores = self._stores
            if (bucket, use) not in stores:
                stores[bucket, use] = await run_in_thread(
                    open_store, self.obstore, self.settings, self.retry, bucket, use
                )
            return stores[bucket, use]

    def forget_stores(self) -> None:
        """Make the stores anew when they are next needed, so that they ask for credentials again."""
        self._stores = {}

    async def take_slot(self) -> None:
        """Wait for a place among the requests in flight, which `slots.release` gives back."""
        try:
            self.slots.acquire_nowait()
        except anyio.WouldBlock:
            await self.slots.acquire()

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
        await self.take_slot()
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
