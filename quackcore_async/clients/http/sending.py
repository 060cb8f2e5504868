"""`Sender`: takes one request through redirects to its answer, and makes errors of what goes wrong."""

from collections.abc import AsyncIterable
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

import httpx

from quackcore_async.clients.http.answers import error_of
from quackcore_async.clients.http.reading import CheckedStream, read_beginning
from quackcore_async.clients.http.redirects import follow
from quackcore_async.concurrency import shielded
from quackcore_async.errors import QuackError
from quackcore_async.transport import error_from_httpx
from quackcore_async.transport.idempotency import is_idempotent

__all__ = ["Sender"]

_ERRORS_FROM: Final = 400


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends the requests of one client.

    Attributes:
        follow_redirects: Whether redirects are followed.
        raise_for_status: Whether a status of 400 and above is raised.
        max_response_bytes: Bytes of a body that is read.
    """

    follow_redirects: bool
    raise_for_status: bool
    max_response_bytes: int

    async def send(
        self,
        http: httpx.AsyncClient,
        request: httpx.Request,
        *,
        follow_redirects: bool | None = None,
        raise_for_status: bool | None = None,
    ) -> httpx.Response:
        """Send a request and read its answer.

        Raises:
            ResponseError: if the status is 400 or above, unless that is not to be raised.
            QuackError: if there is no answer.
        """
        has_body = request.method != "HEAD"  # whose answer declares the length of a body that it does not have
        request.extensions["max_response_bytes"] = self.max_response_bytes if has_body else None
        response = await self._answer(http, request, follow_redirects)
        if not has_body:
            response.stream = CheckedStream(cast("AsyncIterable[bytes]", response.stream))
            await response.aread()
        if response.status_code >= _ERRORS_FROM and _chosen(raise_for_status, self.raise_for_status):
            raise error_of(response, idempotent=is_idempotent(request))
        return response

    async def open(
        self,
        http: httpx.AsyncClient,
        request: httpx.Request,
        *,
        follow_redirects: bool | None = None,
        raise_for_status: bool | None = None,
    ) -> httpx.Response:
        """Send a request and return its answer with the body still to be read.

        Raises:
            ResponseError: if the status is 400 or above, unless that is not to be raised.
            QuackError: if there is no answer.
        """
        response = await self._answer(http, request, follow_redirects)
        if response.status_code < _ERRORS_FROM or not _chosen(raise_for_status, self.raise_for_status):
            response.stream = CheckedStream(cast("AsyncIterable[bytes]", response.stream))
            return response
        try:
            beginning = await read_beginning(response)
        finally:
            await shielded(response.aclose)
        raise error_of(response, idempotent=is_idempotent(request), body=beginning)

    async def _answer(
        self, http: httpx.AsyncClient, request: httpx.Request, follow_redirects: bool | None
    ) -> httpx.Response:
        send = partial(http.send, stream=True, auth=None, follow_redirects=False)
        try:
            response = await send(request)
            if response.next_request is not None and _chosen(follow_redirects, self.follow_redirects):
                response = await follow(response, send)
        except QuackError:
            raise
        except Exception as exc:
            error = error_from_httpx(exc)
            if error is None:
                raise
            raise error from exc
        return response


def _chosen(own: bool | None, common: bool) -> bool:
    return common if own is None else own
