"""Runs the sink in a process of its own, and tells it what to make up."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

__all__ = ["Sink", "run_sink"]

KEEP_BELOW = 1024**2
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Sink:
    """A running sink.

    Attributes:
        port: Where it listens on loopback.
        bucket: The bucket that there is.
    """

    port: int
    bucket: str

    def environ(self) -> dict[str, str]:
        """Return the environment by which S3 clients find it."""
        return {
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE1",
            "AWS_SECRET_ACCESS_KEY": "secretexample1",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
        }

    def invent(self, keys: Iterable[str], size: int) -> None:
        """Let objects of `size` bytes be there."""
        self._ask("invent", size=size, body=json.dumps(list(keys)))

    def clear(self) -> None:
        """Let there be no object."""
        self._ask("clear")

    def sizes(self) -> dict[str, int]:
        """Return the size of each object by its key."""
        return dict(json.loads(self._ask("sizes")))

    def _ask(self, action: str, body: str = "", **query: object) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", f"/_sink/{action}?{urlencode({'bucket': self.bucket, **query})}", body=body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"the sink answered {answer.status} to {action}")
        return content


@contextmanager
def run_sink(bucket: str, *, keep_below: int = KEEP_BELOW) -> Iterator[Sink]:
    """Start a sink with an empty bucket; larger bodies than `keep_below` are dropped and read as a pattern."""
    command = [sys.executable, "-m", "benchmarks.sink", str(keep_below)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as child:
        assert child.stdout is not None
        try:
            sink = Sink(int(child.stdout.readline()), bucket)
            sink.clear()
            yield sink
        finally:
            child.terminate()
