"""What can go wrong between this package and S3 without its being anybody's fault."""

from datetime import timedelta

from quackcore_async.testing.faults import (
    BrokenChunk,
    CorruptByte,
    CutChunk,
    Drawn,
    ErrorIn200,
    ExpiredToken,
    FaultPlan,
    FirstOf,
    HangUp,
    Latency,
    LostAnswer,
    Overlong,
    RateLimited,
    RepeatedChunk,
    Reset,
    Rule,
    Script,
    ServerError,
    Slices,
    SlowDown,
    Stall,
    Truncated,
    WrongLength,
)

IDLE = 2.0  # seconds without a byte after which the client gives up
COMMITS = {"CompleteMultipartUpload", "CopyObject"}


def is_checked(request):
    """Tell whether damaged bytes can be told from good ones: in a download of an object of one part, by its MD5.

    An object of several parts has no checksum on every service, and what is read as a stream, which asks for no
    range, is not compared with any.
    """
    return request.operation == "GetObject" and "large" not in request.key and "range" in request.headers


def is_no_plain_read(request):
    """Tell whether a body that is announced and comes too short is found: only where something else says its length."""
    return request.operation != "GetObject" or "range" in request.headers


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
    Overlong(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: "0"\r\n\r\n'),
    WrongLength(1),
    Rule(WrongLength(-1), when=is_no_plain_read),
    BrokenChunk(),
    CutChunk(),
    Rule(RepeatedChunk(), when=is_checked),
    Rule(CorruptByte(), when=is_checked),
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
    Rule(ErrorIn200(), when=commits),
    Rule(ErrorIn200(applied=True), when=commits),
    Rule(ErrorIn200("SlowDown"), when=commits),
    Latency(0.05, jitter=0.1),
    Latency(IDLE + 0.3),  # the answer comes when nobody waits for it any more
    Rule((Latency(0.05), Slices(1000))),
)


def plan(seed: int, rate: float) -> FaultPlan:
    """Draw from the menu; and let the keys expire once, since a token is renewed once in a while only."""
    if not rate:
        return Script()
    return FirstOf(Script(Rule(ExpiredToken(), nth=100), seed=seed), Drawn(MENU, rate=rate, seed=seed))
