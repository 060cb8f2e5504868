"""A recursive listing, page by page, that goes on where it was when a page fails."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from quackcore_async.clients.objectstore.objects import object_info
from quackcore_async.clients.objectstore.requester import Requester
from quackcore_async.clients.s3.objects import ListPage
from quackcore_async.errors import ErrorKind, QuackError

__all__ = ["Listing"]

_PAGE: Final = 1000


class Listing:
    """The objects below a folder of a bucket, whatever their depth.

    Where the service lists in the order of the names' bytes, a page that fails is asked for again from the last
    name on, under the policy of the client. Azure promises no such order: there obstore repeats a page itself, and
    only a first one that was refused for haste is asked for again.

    Args:
        requester: Sends the requests.
        store: Store of the bucket.
        bucket: Its name.
        folder: Empty, or with `/` at its end.
    """

    def __init__(self, requester: Requester, store: Any, bucket: str, folder: str) -> None:  # noqa: ANN401 - a class of the optional module
        self._requester = requester
        self._ordered = _is_ordered(requester)
        self._store = store
        self._prefix = folder.removesuffix("/") or None
        self._action = f"list {bucket}/{folder}"
        self._stream: Any = None
        self._last: str | None = None

    @classmethod
    async def begin(cls, requester: Requester, bucket: str, folder: str) -> Self:
        """Begin the listing of a folder."""
        store = await requester.store(bucket, "plain" if _is_ordered(requester) else "patient")
        return cls(requester, store, bucket, folder)

    async def next_page(self) -> ListPage | None:
        """Return the next page, None at the end."""
        requester = self._requester
        await requester.take_slot()
        try:
            page = await requester.repeat(self._action, self._next, bulk=True, retry_if=self._may_retry)
        finally:
            requester.slots.release()
        if page is None:
            return None
        self._last = page[-1]["path"]
        return ListPage([object_info(meta["path"], meta) for meta in page], [], None)

    async def _next(self) -> Sequence[Mapping[str, Any]] | None:
        if self._stream is None:
            self._stream = self._requester.obstore.list(
                self._store, self._prefix, offset=self._last, chunk_size=_PAGE
            )
        try:
            page: Sequence[Mapping[str, Any]] = await anext(self._stream)
        except StopAsyncIteration:
            return None
        except BaseException:
            self._stream = None
            raise
        return page or None

    def _may_retry(self, error: QuackError) -> bool:
        return self._ordered or (self._last is None and error.kind is ErrorKind.RATE_LIMITED)


def _is_ordered(requester: Requester) -> bool:
    return requester.settings.service != "azure"
