"""Where the requests for a bucket go: known at once for plain ones, and for all others as botocore finds out."""

import re
import uuid
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from quackcore_async.clients.s3.destination import Destination
from quackcore_async.clients.s3.lean.connection import Origin
from quackcore_async.clients.s3.raw_client import RawClient

__all__ = ["Place", "Places", "find_place", "plain_place"]

_EVENT: Final = "before-send.s3.HeadObject"
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_SCOPE_PARTS: Final = 5
_EXPRESS: Final = ("--x-s3", "--xa-s3")
_PLAIN_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_ALIAS: Final = ("-s3alias", "--op-s3")  # of access points, which have hosts of their own
_GLOBAL_REGION: Final = "us-east-1"  # its buckets are at the host that names no region


@dataclass(frozen=True, slots=True)
class Place:
    """The address of a bucket.

    Attributes:
        origin: Scheme and host, with the port if it is not the scheme's own.
        host: Value of the `Host` header.
        path: What stands before a key, with a `/` at its end.
        region: Region of the signature.
        secure: Whether it is reached over TLS.
        target: Where connections go.
    """

    origin: str
    host: str
    path: str
    region: str
    secure: bool
    target: Origin


class Places:
    """Finds the places of the buckets of one service.

    Args:
        raw: An aioboto3 client, opened only for what is not plain.
        destination: The service.
    """

    def __init__(self, raw: RawClient, destination: Destination) -> None:
        self._raw = raw
        self._destination = destination

    async def find(self, bucket: str) -> Place | None:
        """Return the place of a bucket; None where requests go in another way."""
        return plain_place(self._destination, bucket) or await self.ask(bucket)

    async def ask(self, bucket: str) -> Place | None:
        """Return the place of a bucket as aioboto3 has found it, which may have followed it to another region."""
        return await find_place(await self._raw.get(), bucket)


def plain_place(destination: Destination, bucket: str) -> Place | None:
    """Return the place of a plain bucket at a plain service; None where that is not sure.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """
    if not destination.is_plain or not _PLAIN_BUCKET.fullmatch(bucket) or bucket.endswith(_EXPRESS + _ALIAS):
        return None
    style, region, endpoint = destination.addressing_style, destination.region, destination.endpoint_url
    by_path = style == "path"
    if (endpoint is not None or "." in bucket) and not by_path:
        return None
    if endpoint is None:
        middle = "" if region == _GLOBAL_REGION else f".{region}"
        endpoint = f"https://{'' if by_path else f'{bucket}.'}s3{middle}.amazonaws.com"
    url = f"{endpoint.rstrip('/')}/{f'{bucket}/' if by_path else ''}"
    return None if _goes_through_a_proxy(url) else _place_at(url, region)


def _goes_through_a_proxy(url: str) -> bool:
    from botocore.utils import get_environ_proxies

    return bool(get_environ_proxies(url))


def _place_at(url: str, region: str) -> Place:
    """Return the place whose keys stand behind a URL."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.netloc.rpartition("@")[2].lower().removesuffix(":443" if secure else ":80")
    target = Origin(parts.hostname or "", parts.port or (443 if secure else 80), secure)
    return Place(f"{parts.scheme}://{host}", host, parts.path, region, secure, target)


async def find_place(raw: Any, bucket: str) -> Place | None:  # noqa: ANN401 - an aioboto3 client is untyped
    """Return the place of a bucket; None where requests go in another way than those of plain buckets.

    That is through a proxy, or with another signature.

    aioboto3 tells it by a request that is stopped when it is about to be sent: path or virtual host, region, FIPS,
    dual stack and acceleration are as the configuration has them, without a copy of its rules here. A presigned
    address would not do: many of those name the global endpoint in place of the region's.

    Args:
        raw: An open aioboto3 client.
        bucket: Name of the bucket.
    """
    if ":" in bucket or bucket.endswith(_EXPRESS):  # an ARN; S3 Express, whose sessions have keys of their own
        return None
    request = await _stopped_request(raw, bucket, key := uuid.uuid4().hex)
    scheme, scope = _signed_with(request)
    parts = urlsplit(request.url)
    if scheme != _ALGORITHM or len(scope) < _SCOPE_PARTS or scope[-2] != "s3":
        return None
    if parts.hostname is None or not parts.path.endswith(f"/{key}") or _goes_through_a_proxy(request.url):
        return None
    return _place_at(f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix(key)}", scope[-3])


class _StoppedError(Exception):
    """A request that was not meant to be sent."""

    def __init__(self, request: Any) -> None:  # noqa: ANN401 - botocore is untyped
        super().__init__("this request only shows where it would go")
        self.request = request


async def _stopped_request(raw: Any, bucket: str, key: str) -> Any:  # noqa: ANN401 - botocore is untyped
    """Return a HEAD request as it would be sent; others that are under way meanwhile have another key."""

    def stop(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's request
        if urlsplit(request.url).path.endswith(key):
            raise _StoppedError(request)

    raw.meta.events.register(_EVENT, stop, unique_id=key)
    try:
        await raw.head_object(Bucket=bucket, Key=key)
    except _StoppedError as stopped:
        return stopped.request
    finally:
        raw.meta.events.unregister(_EVENT, stop, unique_id=key)
    raise AssertionError("the request was sent")  # pragma: no cover - the event comes before each sending


def _signed_with(request: Any) -> tuple[str, list[str]]:  # noqa: ANN401 - botocore is untyped
    """Return the algorithm of a request's signature, and its credential: key, date, region, service, end."""
    header = request.headers.get("Authorization", "")
    text = header.decode() if isinstance(header, bytes) else str(header)
    algorithm, _, rest = text.partition(" ")
    return algorithm, rest.partition("Credential=")[2].partition(",")[0].split("/")
