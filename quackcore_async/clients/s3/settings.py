"""How the S3 client connects and how much it may use, as one frozen value."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from quackcore_async.clients.s3.adaptive import DEFAULT_FLOOR
from quackcore_async.clients.s3.memory import DEFAULT_MAX_MEMORY
from quackcore_async.redaction import Secret

__all__ = ["MIB", "S3Keys", "S3Settings"]

MIB: Final = 1024**2

_AT_LEAST_ONE: Final = (
    "max_concurrency",
    "min_concurrency",
    "transfer_concurrency",
    "multipart_threshold",
    "part_size",
    "max_memory",
)


@dataclass(frozen=True, slots=True)
class S3Keys:
    """An access key, as it is now.

    Attributes:
        access_key_id: The key's name.
        secret_access_key: The key itself.
        session_token: What makes a temporary key valid.
    """

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None


@dataclass(frozen=True, slots=True)
class S3Settings:
    """How to reach an S3 service.

    What is None comes from where the AWS tools take it: the environment, the profile, the machine's role.

    Attributes:
        region: Region of the buckets.
        endpoint_url: Address of a service that is not AWS's own; None also reads `AWS_ENDPOINT_URL_S3` and
            `AWS_ENDPOINT_URL`.
        profile: Section of the AWS configuration files.
        keys: Fixed keys.
        keys_provider: Asked for keys at the start and whenever the service calls them expired.
        addressing_style: `path`, `virtual`, or `auto`: by path at an `endpoint_url`, virtual at AWS.
        verify_tls: False takes any certificate; a path names the CA bundle.
        connect_timeout: Seconds for a connection.
        idle_timeout: Seconds without a byte, in either direction, after which a request has failed.
        engine: What sends the requests: `aioboto3`; `lean`, which is many times cheaper and hands on to aioboto3
            what it does not cover; `auto` is `lean`, but for a session of the caller's own.
        max_concurrency: Requests in flight over all transfers of the client; when the service refuses or answers
            slowly, they become fewer.
        min_concurrency: Requests in flight that they do not fall below; with as many as `max_concurrency` they
            never fall.
        transfer_concurrency: Parts in flight of one file.
        multipart_threshold: Bytes above which a file goes up in parts.
        part_size: Bytes of a part; it grows when 10 000 would not suffice.
        max_memory: Bytes of part buffers over all transfers of the client; all clients of the process together
            stay within the largest that one of them has.
        max_bandwidth: Bytes per second over all transfers of the client, both directions together; None sets no
            limit. Waiting for it does not count as idleness.
    """

    region: str | None = None
    endpoint_url: str | None = None
    profile: str | None = None
    keys: S3Keys | None = None
    keys_provider: Callable[[], Awaitable[S3Keys | None]] | None = field(default=None, repr=False)
    addressing_style: Literal["auto", "path", "virtual"] = "auto"
    verify_tls: bool | str = True
    connect_timeout: float = 10.0
    idle_timeout: float = 30.0
    engine: Literal["auto", "lean", "aioboto3"] = "auto"
    max_concurrency: int = 32
    min_concurrency: int = DEFAULT_FLOOR
    transfer_concurrency: int = 8
    multipart_threshold: int = 8 * MIB
    part_size: int = 8 * MIB
    max_memory: int = DEFAULT_MAX_MEMORY
    max_bandwidth: float | None = None

    def __post_init__(self) -> None:
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it is at least 1")
        if self.max_bandwidth is not None and not 0 < self.max_bandwidth < math.inf:
            raise ValueError(f"max_bandwidth is {self.max_bandwidth}: give bytes per second above 0, or None")
        for name in ("connect_timeout", "idle_timeout"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: give seconds above 0")
