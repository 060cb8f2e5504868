"""The scripted S3 server in a process of its own, for tests that call it by the ten thousand: it remembers no requests.

A real server is slower by far, and one in this process would have its sockets among those that are counted here.
"""

import http.client
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from tests.servers.endpoint import S3Endpoint
from tests.servers.scripted import XML, Answer, Request, ScriptedS3, error_answer


class LastingS3(ScriptedS3):
    """Has folders and copies beside what the scripted server has."""

    def _remember(self, request: Request) -> None:
        pass

    def _do_DeleteObject(self, request: Request) -> Answer:
        """Delete one, or, as no other service does, everything with the bucket, which stays."""
        if request.key:
            return super()._do_DeleteObject(request)
        self.objects.clear()
        self.uploads.clear()
        return Answer(204)

    def _do_CopyObject(self, request: Request) -> Answer:
        source = unquote(request.headers["x-amz-copy-source"]).lstrip("/").partition("/")[2]
        if source not in self.objects:
            return error_answer(404, "NoSuchKey")
        body, kept, etag = self.objects[source]
        if request.headers.get("x-amz-copy-source-if-match", etag) != etag or self._refused(request):
            return error_answer(412, "PreconditionFailed")
        self.objects[request.key] = body, kept, etag
        when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        result = f"<CopyObjectResult><ETag>{etag}</ETag><LastModified>{when}</LastModified></CopyObjectResult>"
        return Answer(headers=XML, body=result.encode())

    def _do_ListObjectsV2(self, request: Request) -> Answer:
        """List all of it on one page."""
        prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter", "")
        after = request.query.get("start-after", "")
        rows: dict[str, str] = {}
        for key, (body, _, etag) in sorted(self.objects.items()):
            if not key.startswith(prefix) or key <= after:
                continue
            inner, slash, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            if slash:
                folder = prefix + inner + slash
                rows[folder] = f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
            else:
                rows[key] = (
                    f"<Contents><Key>{escape(key)}</Key><Size>{len(body)}</Size><ETag>{etag}</ETag>"
                    "<LastModified>2020-01-01T00:00:00.000Z</LastModified></Contents>"
                )
        inside = "<IsTruncated>false</IsTruncated>" + "".join(rows.values())
        return Answer(headers=XML, body=f"<ListBucketResult>{inside}</ListBucketResult>".encode())


class Looker:
    """Looks at the server past the code under test, with little ado."""

    def __init__(self, endpoint: S3Endpoint) -> None:
        place = urlsplit(endpoint.url)
        self._bucket = endpoint.bucket
        self._connection = http.client.HTTPConnection(str(place.hostname), place.port)

    def uploads(self) -> list[str]:
        """Return the keys of the uploads that are open."""
        return re.findall("<Key>(.*?)</Key>", self._ask("GET", "?uploads"))

    def clear(self) -> None:
        """Remove everything."""
        self._ask("DELETE", "")

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, query: str) -> str:
        self._connection.request(method, f"/{self._bucket}{query}")
        return self._connection.getresponse().read().decode()


@contextmanager
def lasting_s3_running() -> Iterator[S3Endpoint]:
    """Run it until the context is left."""
    command = [sys.executable, "-m", "tests.servers.lasting_s3"]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)
    try:
        assert process.stdout is not None
        yield S3Endpoint(process.stdout.readline().strip(), bucket=LastingS3.bucket)
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    with LastingS3() as server:
        sys.stdout.write(f"{server.endpoint.url}\n")
        sys.stdout.flush()
        sys.stdin.read()  # which ends with the process that started this one
