"""A proxy that lets things go wrong on purpose, and the faults that it knows.

    plan = Script(Rule(LostAnswer(), operation="CompleteMultipartUpload", times=1))
    with FaultProxy("http://127.0.0.1:8333", plan) as proxy:
        async with S3Storage(config={"bucket_name": "test", "endpoint_url": proxy.url}) as storage:
            ...

A plan says which request gets which faults: a `Script` of `Rule`s, a list `InOrder`, or `Drawn` from a seed.
A fault is a small frozen dataclass with one method, so that a test can write its own.
"""

from typing import TYPE_CHECKING

from quackcore_async.exports import lazy_exports

if TYPE_CHECKING:
    from quackcore_async.testing.faults.answers import (
        RETRY_AFTER_FORMS,
        Answered,
        RateLimited,
        ServerError,
        Unauthorized,
    )
    from quackcore_async.testing.faults.bodies import (
        BrokenChunk,
        CorruptByte,
        CutChunk,
        Overlong,
        RepeatedChunk,
        Truncated,
        WrongLength,
    )
    from quackcore_async.testing.faults.exchange import Exchange, Fault, Handled
    from quackcore_async.testing.faults.network import (
        Bandwidth,
        HangUp,
        Latency,
        LostAnswer,
        Reset,
        Slices,
        Stall,
    )
    from quackcore_async.testing.faults.plans import Drawn, FaultPlan, FirstOf, InOrder, Rule, Script
    from quackcore_async.testing.faults.proxy import FaultProxy
    from quackcore_async.testing.faults.requests import ProxiedRequest
    from quackcore_async.testing.faults.s3 import ErrorIn200, ExpiredToken, LoopingListing, S3Error, SlowDown
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "answers": ("RETRY_AFTER_FORMS", "Answered", "RateLimited", "ServerError", "Unauthorized"),
            "bodies": (
                "BrokenChunk",
                "CorruptByte",
                "CutChunk",
                "Overlong",
                "RepeatedChunk",
                "Truncated",
                "WrongLength",
            ),
            "exchange": ("Exchange", "Fault", "Handled"),
            "network": ("Bandwidth", "HangUp", "Latency", "LostAnswer", "Reset", "Slices", "Stall"),
            "plans": ("Drawn", "FaultPlan", "FirstOf", "InOrder", "Rule", "Script"),
            "proxy": ("FaultProxy",),
            "requests": ("ProxiedRequest",),
            "s3": ("ErrorIn200", "ExpiredToken", "LoopingListing", "S3Error", "SlowDown"),
        },
    )

__all__ = [
    "RETRY_AFTER_FORMS",
    "Answered",
    "Bandwidth",
    "BrokenChunk",
    "CorruptByte",
    "CutChunk",
    "Drawn",
    "ErrorIn200",
    "Exchange",
    "ExpiredToken",
    "Fault",
    "FaultPlan",
    "FaultProxy",
    "FirstOf",
    "Handled",
    "HangUp",
    "InOrder",
    "Latency",
    "LoopingListing",
    "LostAnswer",
    "Overlong",
    "ProxiedRequest",
    "RateLimited",
    "RepeatedChunk",
    "Reset",
    "Rule",
    "S3Error",
    "Script",
    "ServerError",
    "Slices",
    "SlowDown",
    "Stall",
    "Truncated",
    "Unauthorized",
    "WrongLength",
]
