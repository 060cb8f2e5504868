"""A SeaweedFS of our own on loopback, and the environment by which S3 clients find it."""

import atexit
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

__all__ = ["BUCKET", "object_store"]

BUCKET = "benchmarks"


@contextmanager
def object_store(*, quick: bool = False) -> Iterator[dict[str, str]]:
    """Start a store with an empty bucket; what it yields goes into the environment of the clients.

    Args:
        quick: Take the one that this process has already; it takes seconds to start, and to get used to a bucket.
    """
    with ExitStack() as stack:
        yield _shared_store() if quick else stack.enter_context(_new_store())


@cache
def _shared_store() -> dict[str, str]:
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(_new_store())


@contextmanager
def _new_store() -> Iterator[dict[str, str]]:
    from tests.servers.seaweed import seaweed_server

    with (
        tempfile.TemporaryDirectory(prefix="quack-bench-", ignore_cleanup_errors=True) as folder,
        seaweed_server(Path(folder)) as endpoint,
    ):
        endpoint.raw_client().create_bucket(Bucket=BUCKET)
        yield {**endpoint.environ(), "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
