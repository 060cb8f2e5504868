"""How an object store is reached and how much may be used of it, as one frozen value."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

__all__ = ["MIB", "ObjectStoreSettings", "Service"]

MIB: Final = 1024**2

Service = Literal["gcs", "azure", "s3"]
"""The services that obstore is used for here."""


@dataclass(frozen=True, slots=True)
class ObjectStoreSettings:
    """How to reach a service through obstore.

    Attributes:
        service: Which one.
        options: obstore's own configuration of that store, such as `account_name`; secrets are `Secret`s, and what
            is None is left to obstore's environment variables.
        credential_provider: Asked by obstore for a credential whenever it needs a fresh one.
        allow_http: Whether the endpoint may be one without TLS.
        verify_tls: False takes any certificate; a path names a file of CA certificates to trust besides the
            system's.
        connect_timeout: Seconds for a connection.
        idle_timeout: Seconds without a byte of the answer after which a request has failed. A request that carries
            data gets its size at 64 KiB a second on top, since obstore does not tell how the sending goes.
        max_concurrency: Requests in flight over all transfers of the client.
        transfer_concurrency: Parts in flight of one file.
        multipart_threshold: Bytes above which a file goes up in parts.
        part_size: Bytes of a part; it grows when the service's limit of parts would not suffice.
        max_parts: Most parts that the service takes.
        max_memory: Bytes of file content held in memory by all uploads of the client.
    """

    service: Service
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    credential_provider: Callable[[], Awaitable[Mapping[str, Any]]] | None = field(default=None, repr=False)
    allow_http: bool = False
    verify_tls: bool | str = True
    connect_timeout: float = 10.0
    idle_timeout: float = 30.0
    max_concurrency: int = 32
    transfer_concurrency: int = 4
    multipart_threshold: int = 8 * MIB
    part_size: int = 8 * MIB
    max_parts: int = 10_000
    max_memory: int = 128 * MIB

    @property
    def largest_request(self) -> int:
        """Most bytes that one request carries."""
        return max(self.part_size, self.multipart_threshold)
