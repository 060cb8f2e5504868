"""What can go wrong between this package and S3 without its being anybody's fault."""

from datetime import timedelta

from quackcore_async.testing.faults import (
    BrokenChunk,
    CorruptByte,
    CutChunk,
    ErrorIn200,
    ExpiredToken,
    HangUp,
    Latency,
    LostAnswer,
    Overlong,
    RateLimited,
    RepeatedChunk,
    Reset,
    Rule,
    ServerError,
    Slices,
    SlowDown,
    Stall,
    Truncated,
    WrongLength,
)

COMMITS = {"CompleteMultipartUpload", "CopyObject"}


def is_small_get(request):
    """Only there a checksum tells damaged bytes from good ones: an object of several parts has none on every service."""
    return request.operation == "GetObject" and "large" not in request.key


def commits(request):
    return request.operation in COMMITS


MENU = (
    Reset(),
    Reset(after=0),
    Reset(after=700),
    Reset(during="request"),
    Reset(after=500, during="request"),
    HangUp(),
    HangUp(after=700),
    HangUp(during="request"),
    LostAnswer("reset"),
    LostAnswer("hang_up"),
    Stall(),
    Stall(after=100),
    Truncated(),
    Truncated(missing=1000),
    Overlong(),
    WrongLength(1),
    WrongLength(-1),
    BrokenChunk(),
    CutChunk(),
    Rule(RepeatedChunk(), when=is_small_get),
    Rule(CorruptByte(), when=is_small_get),
    ServerError(500),
    ServerError(502),
    ServerError(503),
    ServerError(504),
    SlowDown(),
    SlowDown(retry_after="0.1"),
    RateLimited(),
    RateLimited("0.1"),
    RateLimited(-5),
    RateLimited(timedelta(hours=-1)),
    RateLimited("soon"),
    ExpiredToken(),
    Rule(ErrorIn200(), when=commits),
    Rule(ErrorIn200(applied=True), when=commits),
    Rule(ErrorIn200("SlowDown"), when=commits),
    Latency(0.05, jitter=0.1),
    (Rule((Latency(0.05), Slices(1000)))),
)
