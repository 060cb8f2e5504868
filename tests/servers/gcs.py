"""Google Cloud Storage's XML interface, as far as obstore speaks it: no emulator that can be installed does.

Buckets, objects with generations, conditions on them, ranges, copies, listings in pages and multipart uploads:
https://cloud.google.com/storage/docs/xml-api/reference-methods. A script may answer in its place:

    with GCSServer() as server:
        server.script = lambda request: Answer(503) if request.method == "PUT" else None

Answers that break in the middle are those of `tests.servers.faulty`, which has no buckets.
"""

import hashlib
import socket
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

TOKEN = "test-token-of-nobody"  # what requests must carry
_KEPT = ("content-type", "cache-control", "content-disposition", "content-encoding", "x-goog-storage-class")


@dataclass(frozen=True)
class Request:
    method: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What goes back; `forget` does what was asked and hangs up without an answer, `cut` after so many bytes."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    forget: bool = False
    cut: int | None = None


@dataclass
class Stored:
    data: bytes
    headers: dict[str, str]
    generation: int
    etag: str
    modified: datetime


@dataclass
class Incomplete:
    key: str
    headers: dict[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str = "") -> None:
        self.answer = Answer(
            status,
            f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message or code}</Message></Error>".encode(),
        )


class GCSServer:
    """Runs in threads on a free port while its context lasts.

    Attributes:
        buckets: Objects by bucket and key.
        uploads: Multipart uploads that were neither completed nor aborted.
        requests: What came in, in order.
        script: Asked first about every request; None leaves it to the buckets.
        page_size: Most entries of a page of a listing.
        honours_if_match: Whether it looks at that condition, which some services do not know.
    """

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, Stored]] = {}
        self.uploads: dict[str, Incomplete] = {}
        self.requests: list[Request] = []
        self.script: Callable[[Request], Answer | None] = lambda _request: None
        self.page_size = 1000
        self.honours_if_match = True
        self._lock = threading.RLock()
        self._generation = 1_700_000_000_000_000
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.gcs = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def make_bucket(self) -> str:
        name = f"test-{uuid.uuid4().hex[:16]}"
        self.buckets[name] = {}
        return name

    def put(self, bucket: str, key: str, data: bytes, headers: dict[str, str] | None = None) -> Stored:
        """Store an object past the code under test; keys may be any."""
        with self._lock:
            self._generation += 1
            etag = f'"{hashlib.md5(data).hexdigest()}"'
            stored = Stored(data, headers or {}, self._generation, etag, datetime.now(UTC))
            self.buckets[bucket][key] = stored
            return stored

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        scripted = self.script(request)
        if scripted is not None and not scripted.forget:
            return scripted
        try:
            with self._lock:
                done = self._answer(request)
        except Refusal as refusal:
            done = refusal.answer
        return scripted or done

    def _answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refusal(401, "AuthenticationRequired")
        objects = self.buckets.get(request.bucket)
        if objects is None:
            raise Refusal(404, "NoSuchBucket", "The specified bucket does not exist.")
        if not request.key:
            return self._list(objects, request)
        if "uploads" in request.query or "uploadId" in request.query:
            return self._multipart(request)
        match request.method:
            case "GET" | "HEAD":
                return self._get(objects, request)
            case "PUT":
                return self._put(objects, request)
            case "DELETE":
                self._find(objects, request.key)
                del objects[request.key]
                return Answer(204)
        raise Refusal(405, "MethodNotAllowed")

    def _find(self, objects: dict[str, Stored], key: str) -> Stored:
        if key not in objects:
            raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
        return objects[key]

    def _get(self, objects: dict[str, Stored], request: Request) -> Answer:
        stored = self._find(objects, request.key)
        wanted = request.headers.get("if-match")
        if self.honours_if_match and wanted not in (None, "*", stored.etag):
            raise Refusal(412, "PreconditionFailed")
        headers = self._described(stored)
        spec = request.headers.get("range")
        if spec is None:
            return Answer(200, stored.data, headers)
        first, _, last = spec.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last) + 1 if last else len(stored.data), len(stored.data))
        if start >= len(stored.data):
            raise Refusal(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(stored.data)}"
        return Answer(206, stored.data[start:end], headers)

    def _described(self, stored: Stored) -> dict[str, str]:
        return {
            **stored.headers,
            "ETag": stored.etag,
            "Last-Modified": format_datetime(stored.modified, usegmt=True),
            "x-goog-generation": str(stored.generation),
        }

    def _put(self, objects: dict[str, Stored], request: Request) -> Answer:
        data, headers = request.body, _kept(request.headers)
        source = request.headers.get("x-goog-copy-source")
        if source is not None:
            bucket, _, key = unquote(source).lstrip("/").partition("/")
            copied = self._find(self.buckets[bucket], key)
            data, headers = copied.data, copied.headers
        self._check_generation(objects, request)
        stored = self.put(request.bucket, request.key, data, headers)
        return Answer(200, b"<CopyObjectResult/>" if source else b"", self._described(stored))

    def _check_generation(self, objects: dict[str, Stored], request: Request) -> None:
        wanted = request.headers.get("x-goog-if-generation-match")
        found = objects.get(request.key)
        if wanted is not None and int(wanted) != (found.generation if found else 0):
            raise Refusal(
                412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold."
            )

    def _multipart(self, request: Request) -> Answer:
        if "uploads" in request.query:
            name = uuid.uuid4().hex
            self.uploads[name] = Incomplete(request.key, _kept(request.headers))
            return _xml("InitiateMultipartUploadResult", f"<UploadId>{name}</UploadId>")
        name = request.query["uploadId"]
        upload = self.uploads.get(name)
        if upload is None:
            raise Refusal(404, "NoSuchUpload", "The requested upload was not found.")
        if request.method == "PUT":
            upload.parts[int(request.query["partNumber"])] = request.body
            return Answer(200, b"", {"ETag": f'"{hashlib.md5(request.body).hexdigest()}"'})
        del self.uploads[name]
        if request.method == "DELETE":
            return Answer(204)
        numbers = [
            int(node.text or "0") for node in ET.fromstring(request.body).iter() if node.tag.endswith("PartNumber")
        ]
        stored = self.put(
            request.bucket, request.key, b"".join(upload.parts[number] for number in numbers), upload.headers
        )
        stored.etag = f'"{hashlib.md5(stored.data).hexdigest()}-{len(numbers)}"'
        return _xml("CompleteMultipartUploadResult", f"<ETag>{escape(stored.etag)}</ETag>")

    def _list(self, objects: dict[str, Stored], request: Request) -> Answer:
        prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter", "")
        after = request.query.get("continuation-token") or request.query.get("start-after", "")
        entries: dict[str, str] = {}
        for key in sorted(objects, key=str.encode):
            if not key.startswith(prefix):
                continue
            head, slash, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            name = f"{prefix}{head}{slash}" if slash else key
            if name.encode() > after.encode():
                entries[name] = _prefix_xml(name) if slash else _content_xml(key, objects[key])
        shown = list(entries)[: self.page_size]
        more = len(entries) > len(shown)
        token = f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>" if more else ""
        body = "".join(entries[name] for name in shown)
        return _xml("ListBucketResult", f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{body}")


def _kept(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in _KEPT or name.startswith("x-goog-meta-")}


def _content_xml(key: str, stored: Stored) -> str:
    modified = stored.modified.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return (
        f"<Contents><Key>{escape(key)}</Key><Size>{len(stored.data)}</Size>"
        f"<LastModified>{modified}</LastModified><ETag>{escape(stored.etag)}</ETag></Contents>"
    )


def _prefix_xml(name: str) -> str:
    return f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"


def _xml(name: str, inner: str) -> Answer:
    return Answer(200, f"<?xml version='1.0' encoding='UTF-8'?><{name}>{inner}</{name}>".encode())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    gcs: GCSServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the other side went away, which is its good right


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        bucket, _, key = parts.path.lstrip("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        answer = self.server.gcs.answer(Request(self.command, unquote(bucket), unquote(key), query, headers, body))
        if answer.forget:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        lines = [f"HTTP/1.1 {answer.status} X", f"Content-Length: {len(answer.body)}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        content = b"" if self.command == "HEAD" else answer.body[: answer.cut]
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode() + content)
        if answer.cut is not None:
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def log_message(self, *_arguments: Any) -> None:
        pass
