"""Faults as S3 words them: throttling, expired keys, errors inside a 200, a listing without end."""

import re
from dataclasses import dataclass
from email.utils import formatdate
from typing import Final

from quackcore_async.testing.faults.answers import RetryAfter, retry_after_header
from quackcore_async.testing.faults.exchange import Exchange
from quackcore_async.testing.faults.wire import Head

__all__ = ["ErrorIn200", "ExpiredToken", "LoopingListing", "S3Error", "SlowDown"]

_TOKEN: Final = "the-same-again"  # noqa: S105 - of a listing
_HIGHEST_INFORMATION: Final = 200


@dataclass(frozen=True, slots=True)
class S3Error:
    """An error of S3, as XML, in place of the upstream's answer.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html

    Attributes:
        status: Its status.
        code: Its code.
        message: Its text for people.
        retry_after: When to come back; None does not say.
    """

    status: int
    code: str
    message: str = "a fault on purpose"
    retry_after: RetryAfter | None = None

    async def apply(self, exchange: Exchange) -> None:
        """Answer with it."""
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{self.code}</Code><Message>{self.message}</Message>"
            f"<RequestId>FAULT{exchange.request.number}</RequestId></Error>"
        )
        headers = {
            "Content-Type": "application/xml",
            "Date": formatdate(usegmt=True),
            "x-amz-request-id": f"FAULT{exchange.request.number}",
            **retry_after_header(self.retry_after),
        }
        await exchange.answer(self.status, headers, body.encode())


@dataclass(frozen=True, slots=True)
class SlowDown:
    """S3 throttles: 503 with code `SlowDown`.

    Attributes:
        retry_after: When to come back; None does not say, as S3 does not.
    """

    retry_after: RetryAfter | None = None

    async def apply(self, exchange: Exchange) -> None:
        """Throttle."""
        text = "Please reduce your request rate."
        await S3Error(503, "SlowDown", text, self.retry_after).apply(exchange)


@dataclass(frozen=True, slots=True)
class ExpiredToken:
    """The temporary key has expired: 400 with code `ExpiredToken`."""

    async def apply(self, exchange: Exchange) -> None:
        """Refuse."""
        await S3Error(400, "ExpiredToken", "The provided token has expired.").apply(exchange)


@dataclass(frozen=True, slots=True)
class ErrorIn200:
    """An error in the body of an answer with status 200.

    CompleteMultipartUpload and CopyObject send their status before they know how they end:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html

    Attributes:
        code: The error's code.
        applied: Whether it happened all the same, so that the answer is wrong.
    """

    code: str = "InternalError"
    applied: bool = False

    async def apply(self, exchange: Exchange) -> None:
        """Answer with it."""
        if self.applied:
            await (await exchange.forward()).body.skip()
        await S3Error(200, self.code).apply(exchange)


@dataclass(frozen=True, slots=True)
class LoopingListing:
    """Each page of a listing says that there is more behind one and the same continuation token.

    For scripts, over all requests of a listing: a single page of it would mislead the upstream.
    """

    async def apply(self, exchange: Exchange) -> None:
        """Answer with the first page, for ever."""
        listing = (self, exchange.request.path, exchange.request.query.get("prefix"))
        if listing not in exchange.kept:
            answer = await exchange.forward()
            body = await answer.body.read_all()
            if answer.head.status != _HIGHEST_INFORMATION:
                await exchange.answer(answer.head.status, _described(answer.head), body)
                return
            exchange.kept[listing] = (_described(answer.head), _endless(body))
        headers, page = exchange.kept[listing]
        await exchange.answer(200, headers, page)


def _described(head: Head) -> list[tuple[str, str]]:
    dropped = {"content-length", "transfer-encoding", "connection"}
    return [(name, value) for name, value in head.fields if name not in dropped]


def _endless(page: bytes) -> bytes:
    cut = re.sub(
        rb"<(IsTruncated|NextContinuationToken)>.*?</\1>|<(IsTruncated|NextContinuationToken)/>", b"", page
    )
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{_TOKEN}</NextContinuationToken>"
    return cut.replace(b"</ListBucketResult>", more.encode() + b"</ListBucketResult>")
