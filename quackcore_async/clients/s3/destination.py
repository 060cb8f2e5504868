"""Which service the requests go to, as settings, environment and AWS files say together."""

import re
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Self

__all__ = ["Destination"]

_AWS: Final = ".amazonaws.com"
_AWS_REGION: Final = re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-(north|south|east|west|central)+-[0-9]+", re.ASCII)
"""Regions whose hosts are `s3.<region>.amazonaws.com`: those of AWS's first partition.

https://docs.aws.amazon.com/general/latest/gr/s3.html
"""
_ENDPOINT: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Destination:
    """An S3 service.

    Attributes:
        region: Region of the buckets.
        endpoint_url: Its address; None for AWS's own.
        addressing_style: Where a bucket's name stands; `auto`: in the host where it can, at AWS.
        is_rerouted: Whether more has a say in where requests go or how they are signed: FIPS, dual stack,
            acceleration, rules of the machine's own.
    """

    region: str
    endpoint_url: str | None
    addressing_style: Literal["auto", "path", "virtual"] = "auto"
    is_rerouted: bool = False

    @property
    def address(self) -> str:
        """Its address, which tells services apart."""
        return self.endpoint_url or f"https://s3.{self.region}{_AWS}"

    @property
    def is_aws(self) -> bool:
        """Whether it is AWS's own service."""
        return self.endpoint_url is None or _AWS in self.endpoint_url

    @property
    def is_plain(self) -> bool:
        """Whether region and endpoint alone say where requests go, in a form whose meaning is beyond doubt."""
        if self.is_rerouted:
            return False
        if self.endpoint_url is None:
            return _AWS_REGION.fullmatch(self.region) is not None
        return _AWS not in self.endpoint_url and _ENDPOINT.fullmatch(self.endpoint_url) is not None

    def as_found_by(self, raw: Any) -> Self:  # noqa: ANN401 - an aioboto3 client is untyped
        """Return what an open client made of it: it looks in more places for its endpoint."""
        found = str(raw.meta.endpoint_url)
        return self if _AWS in found else replace(self, endpoint_url=found)
