"""Signature version 4, as S3 wants it in headers."""

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import quote

__all__ = ["EMPTY_SHA256", "UNSIGNED", "Keys", "Signer", "encode_key", "encode_query"]

EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()
"""Hash of a request without a body."""

UNSIGNED: Final = "UNSIGNED-PAYLOAD"
"""What stands for the hash of a body that TLS protects:
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html"""

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


class Keys(NamedTuple):
    """What a request is signed with, as botocore names it."""

    access_key: str
    secret_key: str
    token: str | None = None


class Signer:
    """Signs requests for one region.

    The steps are those of https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
    The key of a day and the texts of a second are kept, since a bulk transfer signs thousands in each.

    Args:
        region: Region of the bucket.
        service: Name of the service in the scope.
    """

    def __init__(self, region: str, service: str = "s3") -> None:
        self._scope = f"{region}/{service}/aws4_request"
        self._region = region
        self._service = service
        self._second = -1
        self._timestamp = ""
        self._derived: tuple[str, str, bytes] = ("", "", b"")

    def sign(
        self,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        *,
        payload_hash: str,
        keys: Keys,
        now: float | None = None,
    ) -> None:
        """Add to `headers` what proves who sends the request, its authorization included.

        Args:
            method: HTTP method.
            path: Path as it is sent, encoded.
            query: Query as it is sent, encoded and sorted by name.
            headers: All that is sent and signed, by lower-case name, `host` among them; values without blanks at
                their ends.
            payload_hash: Hash of the body in hexadecimal, or `UNSIGNED`.
            keys: Whose request it is.
            now: Epoch seconds; None is now.
        """
        timestamp = self._stamp(time.time() if now is None else now)
        date = timestamp[:8]
        headers["x-amz-content-sha256"] = payload_hash
        headers["x-amz-date"] = timestamp
        if keys.token:
            headers["x-amz-security-token"] = keys.token
        names = sorted(headers)
        lines = "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in names])
        signed = ";".join(names)
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{signed}\n{payload_hash}"
        scope = f"{date}/{self._scope}"
        to_sign = f"{_ALGORITHM}\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key(keys.secret_key, date), to_sign.encode(), "sha256").hex()
        headers["authorization"] = (
            f"{_ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
        )

    def _stamp(self, now: float) -> str:
        second = int(now)
        if second != self._second:
            self._timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
            self._second = second
        return self._timestamp

    def _key(self, secret: str, date: str) -> bytes:
        if self._derived[0] != secret or self._derived[1] != date:
            key = f"AWS4{secret}".encode()
            for part in (date, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._derived = secret, date, key
        return self._derived[2]


def encode_key(key: str) -> str:
    """Encode a key for the path of a request; slashes stay."""
    return quote(key, safe="/~")


def encode_query(parameters: Mapping[str, str]) -> str:
    """Encode a query, sorted as the signature wants it."""
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in parameters.items())
    return "&".join(f"{name}={value}" for name, value in pairs)
