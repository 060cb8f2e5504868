"""The requests that a fault proxy sees, and what tells one from the other."""

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["ProxiedRequest", "dice"]

_VOLATILE: Final = frozenset(
    {"uploadid", "x-amz-date", "x-amz-signature", "x-amz-credential", "x-amz-security-token"}
)
_OPERATIONS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "PUT": (("partNumber", "UploadPart"), ("", "PutObject")),
    "POST": (("uploads", "CreateMultipartUpload"), ("delete", "DeleteObjects"), ("", "CompleteMultipartUpload")),
    "DELETE": (("uploadId", "AbortMultipartUpload"), ("", "DeleteObject")),
    "HEAD": (("", "HeadObject"),),
    "GET": (("uploadId", "ListParts"), ("", "GetObject")),
}


@dataclass(frozen=True, slots=True)
class ProxiedRequest:
    """One request, as a client sent it.

    Attributes:
        method: In capitals.
        target: Path and query as they were sent.
        headers: Values by lower-case name.
        number: How many requests the proxy had seen with it, from 1.
        attempt: How many requests of the same `identity` it had seen with it, from 1: the tries of one request.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    number: int = 1
    attempt: int = 1

    @property
    def path(self) -> str:
        """Path of the target, decoded."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        """Query of the target, decoded; of a repeated name the last."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def key(self) -> str:
        """Key of the object, where this is a request to S3 with the bucket in its path."""
        return self.path.lstrip("/").partition("/")[2]

    @property
    def operation(self) -> str:
        """Name of the S3 operation that this is, where it is one."""
        query = self.query
        if not self.key and self.method in {"GET", "HEAD"}:
            if self.method == "HEAD":
                return "HeadBucket"
            return "ListMultipartUploads" if "uploads" in query else "ListObjectsV2"
        if self.method == "PUT" and "x-amz-copy-source" in self.headers:
            return "UploadPartCopy" if "partNumber" in query else "CopyObject"
        return next((name for mark, name in _OPERATIONS.get(self.method, ()) if not mark or mark in query), "")

    @property
    def identity(self) -> str:
        """What the tries of one request have in common, in this run and in the next.

        Method, path, query and range, and for a POST the digest of its body where the client sends one; not what
        differs from run to run, such as upload ids and signatures. Give buckets and keys the same names to get the
        same identities.
        """
        return _identity(self.method, self.target, self.headers)


def _identity(method: str, target: str, headers: Mapping[str, str]) -> str:
    parts = urlsplit(target)
    query = sorted(
        pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0].lower() not in _VOLATILE
    )
    body = ""
    if method == "POST":
        body = headers.get("content-md5") or headers.get("x-amz-content-sha256") or ""
    return "\n".join([method, parts.path, *map("=".join, query), headers.get("range", ""), body])


def dice(seed: int, request: ProxiedRequest) -> random.Random:
    """Return the random numbers of a request, which depend on the seed, its identity and its attempt alone."""
    text = f"{seed}\n{request.attempt}\n{request.identity}"
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return random.Random(int.from_bytes(digest, "big"))  # noqa: S311 - it is to be repeated, not to be secret
