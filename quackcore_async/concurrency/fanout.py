"""Bounded, isolated, cancellable fan-out over items that may never end."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Protocol, TypeVar

import anyio

from quackcore_async.concurrency.containment import own_error

__all__ = ["Source", "feed", "first_error", "for_each"]

T = TypeVar("T")
ItemT_co = TypeVar("ItemT_co", covariant=True)


class Source(Protocol[ItemT_co]):
    """Where the workers of a fan-out get their items: one at a time, in order."""

    async def next_item(self) -> tuple[int, ItemT_co] | None:
        """Return the next item with its index, None at the end."""
        ...


class _SyncSource(Source[T]):
    def __init__(self, items: Iterable[T]) -> None:
        self._items: Iterator[tuple[int, T]] = enumerate(items)

    async def next_item(self) -> tuple[int, T] | None:
        return next(self._items, None)


class _AsyncSource(Source[T]):
    def __init__(self, items: AsyncIterable[T]) -> None:
        self._items: AsyncIterator[T] = aiter(items)
        self._index = 0
        self._lock = anyio.Lock()
        self._ended = False

    async def next_item(self) -> tuple[int, T] | None:
        async with self._lock:
            if self._ended:
                return None
            try:
                item = await anext(self._items)
            except StopAsyncIteration:
                self._ended = True
                return None
            index = self._index
            self._index += 1
            return index, item


def feed(items: Iterable[T] | AsyncIterable[T]) -> Source[T]:
    """Make a source that several workers may draw from, of any iterable."""
    return _AsyncSource(items) if isinstance(items, AsyncIterable) else _SyncSource(items)


async def for_each(
    function: Callable[[int, T], Awaitable[None]],
    items: Iterable[T] | AsyncIterable[T],
    *,
    max_concurrency: int,
) -> None:
    """Await `function(index, item)` for every item, at most `max_concurrency` at a time.

    There are as many tasks as workers, however many items. `function` catches its own errors: one that it lets
    out cancels the rest and comes out of here as it is.

    Raises:
        ValueError: if `max_concurrency` is below 1, which would leave every item undone.
        QuackError: with code `cancelled`, if `function` cancels itself: its item would be left out unnoticed.
    """
    if max_concurrency < 1:
        raise ValueError(f"max_concurrency is {max_concurrency}: at least 1 item must be worked on at a time")
    source = feed(items)

    left_out: list[BaseException] = []

    async def work() -> None:
        try:
            while (entry := await source.next_item()) is not None:
                await function(*entry)
        except anyio.get_cancelled_exc_class() as exc:
            left_out.append(exc)
            group.cancel_scope.cancel()
            raise

    try:
        async with anyio.create_task_group() as group:
            for _ in range(max_concurrency):
                group.start_soon(work)
    except ExceptionGroup as errors:
        error = first_error(errors)
        raise error from error.__cause__
    if left_out:  # a task group takes a task that cancels itself for one that is done
        raise own_error("the work on an item", left_out[0])


def first_error(group: ExceptionGroup[Exception]) -> Exception:
    """Return the first plain exception of a group, however deep it lies."""
    head = group.exceptions[0]
    return first_error(head) if isinstance(head, ExceptionGroup) else head
