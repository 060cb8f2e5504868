"""A SeaweedFS of our own on loopback, and the environment by which S3 clients find it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["BUCKET", "object_store"]

BUCKET = "benchmarks"


@contextmanager
def object_store() -> Iterator[dict[str, str]]:
    """Start a store with an empty bucket; what it yields goes into the environment of the clients."""
    from tests.servers.seaweed import seaweed_server

    with (
        tempfile.TemporaryDirectory(prefix="quack-bench-", ignore_cleanup_errors=True) as folder,
        seaweed_server(Path(folder)) as endpoint,
    ):
        endpoint.raw_client().create_bucket(Bucket=BUCKET)
        yield {**endpoint.environ(), "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
