"""`LeanEngine`: what nearly all requests are, without what makes them expensive."""

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import anyio

from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.engines import Engine
from quackcore_async.clients.s3.lean.answers import RefusedError, describe, read_answer, refusal
from quackcore_async.clients.s3.lean.connection import Response
from quackcore_async.clients.s3.lean.messages import Message, message_for
from quackcore_async.clients.s3.lean.places import Place, Places
from quackcore_async.clients.s3.lean.pool import Pool
from quackcore_async.clients.s3.lean.signing import EMPTY_SHA256, UNSIGNED, Keys, Signer, encode_key, encode_query
from quackcore_async.concurrency import run_in_thread
from quackcore_async.logging import get_logger

__all__ = ["LeanEngine"]

_logger: Final = get_logger(__name__)

_UNSIGNED_LINES: Final = "user-agent: quackcore-async\r\naccept-encoding: identity\r\n"
"""Headers that are not signed: proxies change them."""

_ELSEWHERE: Final = frozenset({"AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect"})
_WITH_BODY: Final = frozenset({"PUT", "POST"})  # whose length is said also when it is 0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_ERRORS_FROM: Final = 300
_BAD_REQUEST: Final = 400
_HASH_IN_THREAD: Final = 256 * 1024  # bytes; below, the hop takes longer than the hash
_READ_IN_THREAD: Final = 32 * 1024  # bytes of XML; a page of a thousand keys takes 10 ms
_MAX_XML: Final = 64 * 1024**2
_MAX_ERROR: Final = 1024**2


class LeanEngine:
    """Signs the hot operations and sends them over connections of its own; hands everything else on.

    Covered are plain buckets by path or virtual host, with signature version 4. The other engine finds the way to
    one that turns out to be in another region; where it finds none, it keeps that bucket.

    Args:
        complete: The engine for all that is not covered.
        places: Says where a bucket is.
        credentials: botocore's credentials, which renew themselves.
        pool: Connections; closed with the engine.
    """

    def __init__(
        self,
        complete: Engine,
        places: Places,
        credentials: Any,  # noqa: ANN401 - botocore is untyped
        pool: Pool,
    ) -> None:
        self._complete = complete
        self._where = places
        self._credentials = credentials
        self._finding = anyio.Lock()
        self._places: dict[str, Place | None] = {}
        self._signers: dict[str, Signer] = {}
        self.hashes_bodies = False
        self._pool = pool

    async def send(self, operation: str, params: Mapping[str, Any], body: BodyBuffer | None) -> dict[str, Any]:
        """Send a request once."""
        message = message_for(operation, params, body)
        place = await self._place(params["Bucket"]) if message is not None else None
        if message is None or place is None:
            return await self._complete.send(operation, params, body)
        try:
            return await self._exchange(operation, message, place)
        except RefusedError as refused:
            sure = _is_elsewhere(refused, place)
            if not sure and not (message.method == "HEAD" and _is_bare(refused)):
                raise
        return await self._send_elsewhere(operation, params, body, place, sure=sure)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()

    async def _send_elsewhere(
        self, operation: str, params: Mapping[str, Any], body: BodyBuffer | None, place: Place, *, sure: bool
    ) -> dict[str, Any]:
        """Have aioboto3 follow a bucket to its region, and go there directly from then on if it found one."""
        bucket = params["Bucket"]
        found: Place | None = place
        try:
            answer = await self._complete.send(operation, params, body)
            found = await self._where.ask(bucket)
        finally:
            if found != place or sure:
                self._set_place(bucket, found if found != place else None)
                _logger.info("bucket %s is not in region %s, where it was looked for", bucket, place.region)
        return answer

    async def _place(self, bucket: str) -> Place | None:
        if bucket not in self._places:
            async with self._finding:  # the first requests come together, and each would ask
                if bucket not in self._places:
                    self._set_place(bucket, await self._where.find(bucket))
        return self._places[bucket]

    def _set_place(self, bucket: str, place: Place | None) -> None:
        self._places[bucket] = place
        if place is not None:
            self._signers.setdefault(place.region, Signer(place.region))
            self.hashes_bodies = self.hashes_bodies or not place.secure

    async def _exchange(self, operation: str, message: Message, place: Place) -> dict[str, Any]:
        path = place.path + encode_key(message.key) if message.key is not None else place.path
        query = encode_query(message.query) if message.query else ""
        payload_hash = await _payload_hash(message, place)
        headers = message.headers
        headers["host"] = place.host
        keys: Keys = await self._credentials.get_frozen_credentials()
        self._signers[place.region].sign(
            message.method, path, query, headers, payload_hash=payload_hash, keys=keys
        )
        body = message.body
        size = body.size if isinstance(body, BodyBuffer) else len(body)
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        target = f"{path}?{query}" if query else path
        length = f"content-length: {size}\r\n" if size or message.method in _WITH_BODY else ""
        head = f"{message.method} {target} HTTP/1.1\r\n{lines}{_UNSIGNED_LINES}{length}\r\n".encode("ascii")
        response = await self._pool.request(place.target, message.method, head, body)
        if operation == "get_object" and response.status < _ERRORS_FROM:
            return {**describe(response.status, response.headers), "Body": response}
        return await _read(operation, response)


async def _read(operation: str, response: Response) -> dict[str, Any]:
    failed = response.status >= _ERRORS_FROM
    try:
        content = await _content(response, _MAX_ERROR if failed else _MAX_XML)
    finally:
        response.close()
    if failed:
        raise refusal(response.status, response.headers, content)
    read = partial(read_answer, operation, response.status, response.headers, content)
    return await run_in_thread(read) if len(content) > _READ_IN_THREAD else read()


async def _content(response: Response, limit: int) -> bytes:
    """Read a body, up to a limit that no answer of a sane service comes near; what is more is left."""
    first = await response.read()
    content = bytearray(first)
    while len(content) < limit and (piece := await response.read()):
        content += piece
    return bytes(content)


async def _payload_hash(message: Message, place: Place) -> str:
    if place.secure and not message.signs_body:
        return UNSIGNED
    body = message.body
    if not isinstance(body, BodyBuffer):
        return hashlib.sha256(body).hexdigest() if body else EMPTY_SHA256
    if body.sha256 is None:
        if body.size >= _HASH_IN_THREAD:
            await run_in_thread(body.hash)
        else:
            body.hash()
    return str(body.sha256)


def _is_elsewhere(refused: RefusedError, place: Place) -> bool:
    """Tell whether an answer says that the bucket is in another region."""
    told = refused.response["ResponseMetadata"]
    if told["HTTPStatusCode"] in _REDIRECTS:
        return True
    region = told["HTTPHeaders"].get("x-amz-bucket-region", place.region)
    return told["HTTPStatusCode"] == _BAD_REQUEST and (
        refused.response["Error"]["Code"] in _ELSEWHERE or region != place.region
    )


def _is_bare(refused: RefusedError) -> bool:
    """Tell whether an answer may mean another region: a HEAD is told so by a 400 without a word."""
    return bool(refused.response["Error"]["Code"] == str(_BAD_REQUEST))
