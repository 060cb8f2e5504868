"""An S3 server of our own that misbehaves on demand: what no real server can be made to do.

A script is a function from a request to an answer. The server keeps a small bucket in memory, so that a script need
only say what goes wrong; everything else is answered as S3 does.
"""

import contextlib
import hashlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.endpoint import S3Endpoint

XML = {"Content-Type": "application/xml"}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return unquote(self.path).lstrip("/").partition("/")[2]

    @property
    def operation(self) -> str:
        """Name of the S3 operation, as botocore calls it."""
        q = self.query
        if self.method == "PUT":
            if "partNumber" in q:
                return "UploadPart"
            return "CopyObject" if "x-amz-copy-source" in self.headers else "PutObject"
        if self.method == "POST":
            return (
                "CreateMultipartUpload"
                if "uploads" in q
                else "DeleteObjects"
                if "delete" in q
                else "CompleteMultipartUpload"
            )
        if self.method == "DELETE":
            return "AbortMultipartUpload" if "uploadId" in q else "DeleteObject"
        if not self.key:
            return (
                "HeadBucket"
                if self.method == "HEAD"
                else "ListMultipartUploads"
                if "uploads" in q
                else "ListObjectsV2"
            )
        if self.method == "HEAD":
            return "HeadObject"
        return "ListParts" if "uploadId" in q else "GetObject"


@dataclass(frozen=True)
class Answer:
    """What goes back.

    `cut` sends only so many bytes of the body and closes; with `reset` the connection is reset there, and with
    `stall` it stays open and silent there until the server stops. `forget` does what was asked, calls `done` and
    hangs up without an answer. `unsized` does not say how long the body is.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None
    reset: bool = False
    stall: bool = False
    forget: bool = False
    unsized: bool = False
    done: Callable[[], object] | None = None


def error_answer(status: int, code: str, message: str = "scripted", *, extra: str = "", **headers: str) -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message>{extra}</Error>".encode()
    return Answer(status, {**XML, **{name.replace("_", "-"): value for name, value in headers.items()}}, body)


Script = Callable[[Request], Answer | None]


class ScriptedS3:
    """The server. `script` sees each request first; where it returns None, the little store answers."""

    bucket = "scripted"

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.objects: dict[str, tuple[bytes, dict[str, str], str]] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.described: dict[str, tuple[str, dict[str, str]]] = {}
        """Key of each upload, and the headers that began it."""
        self.script: Script = lambda _request: None
        self.heeds_conditions = True
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._connections: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.endpoint = S3Endpoint(f"http://127.0.0.1:{self._listener.getsockname()[1]}", bucket=self.bucket)

    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]

    def count(self, operation: str) -> int:
        return self.operations().count(operation)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._connections:
                _hang_up(connection)
        for thread in self._threads:
            thread.join(timeout=10)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections.add(connection)
                if self.stopped.is_set():  # and the others have been hung up on already
                    _hang_up(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            try:
                for request in _requests(reader):
                    if not self._answer(connection, request):
                        break
            except OSError:
                pass
        with self._lock:
            self._connections.discard(connection)

    def _answer(self, connection: socket.socket, request: Request) -> bool:
        self._remember(request)
        answer = self.script(request)
        if answer is None or answer.forget:
            with self._lock:
                stored = self._store(request)
            if answer is not None:
                if answer.done is not None:
                    answer.done()
                return False
            answer = stored
        return self._send(connection, request, answer)

    def _remember(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)

    def _send(self, connection: socket.socket, request: Request, answer: Answer) -> bool:
        headers = {
            "Content-Length": str(len(answer.body)),
            "Date": formatdate(usegmt=True),
            "x-amz-request-id": f"REQ{len(self.requests)}",
            **answer.headers,
        }
        if answer.unsized:
            del headers["Content-Length"]
        head = f"HTTP/1.1 {answer.status} scripted\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        body = b"" if request.method == "HEAD" else answer.body
        connection.sendall(head.encode() + b"\r\n" + body[: answer.cut])
        if answer.stall:
            self.stopped.wait()
        if answer.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return answer.cut is None

    def _store(self, request: Request) -> Answer:
        return getattr(self, f"_do_{request.operation}", self._do_nothing)(request)

    def _do_nothing(self, request: Request) -> Answer:
        return error_answer(501, "NotImplemented")

    def _refused(self, request: Request) -> Answer | None:
        if not self.heeds_conditions:
            return None
        if request.headers.get("if-none-match") == "*" and request.key in self.objects:
            return error_answer(412, "PreconditionFailed")
        return None

    def _do_HeadBucket(self, request: Request) -> Answer:
        return Answer()

    def _do_PutObject(self, request: Request) -> Answer:
        if refusal := self._refused(request):
            return refusal
        etag = f'"{hashlib.md5(request.body).hexdigest()}"'
        self.put(request.key, request.body, etag, request.headers)
        return Answer(headers={"ETag": etag})

    def put(self, key: str, body: bytes, etag: str | None = None, headers: dict[str, str] | None = None) -> None:
        kept = {k: v for k, v in (headers or {}).items() if k.startswith("x-amz-meta-") or k == "content-type"}
        self.objects[key] = (body, kept, etag or f'"{hashlib.md5(body).hexdigest()}"')

    def _do_HeadObject(self, request: Request) -> Answer:
        if request.key not in self.objects:
            return Answer(404)
        body, kept, etag = self.objects[request.key]
        return Answer(headers={**kept, "ETag": etag, "Last-Modified": formatdate(usegmt=True)}, body=body)

    def _do_GetObject(self, request: Request) -> Answer:
        if request.key not in self.objects:
            return error_answer(404, "NoSuchKey")
        body, kept, etag = self.objects[request.key]
        if request.headers.get("if-match", etag) != etag:
            return error_answer(412, "PreconditionFailed")
        headers = {**kept, "ETag": etag, "Last-Modified": formatdate(usegmt=True)}
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if match is None:
            return Answer(headers=headers, body=body)
        first, last = int(match[1]), int(match[2] or len(body) - 1)
        if first >= len(body):
            return error_answer(416, "InvalidRange")
        last = min(last, len(body) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
        return Answer(206, headers, body[first : last + 1])

    def _do_CreateMultipartUpload(self, request: Request) -> Answer:
        upload_id = f"upload{len(self.described) + 1}"
        self.uploads[upload_id] = {}
        self.described[upload_id] = request.key, request.headers
        body = f"<InitiateMultipartUploadResult><UploadId>{upload_id}</UploadId></InitiateMultipartUploadResult>"
        return Answer(headers=XML, body=body.encode())

    def _do_UploadPart(self, request: Request) -> Answer:
        parts = self.uploads.get(request.query["uploadId"])
        if parts is None:
            return error_answer(404, "NoSuchUpload")
        parts[int(request.query["partNumber"])] = request.body
        return Answer(headers={"ETag": f'"{hashlib.md5(request.body).hexdigest()}"'})

    def _do_CompleteMultipartUpload(self, request: Request) -> Answer:
        parts = self.uploads.get(request.query["uploadId"])
        if parts is None:
            return error_answer(404, "NoSuchUpload")
        if refusal := self._refused(request):
            return refusal
        digests = b"".join(hashlib.md5(parts[number]).digest() for number in sorted(parts))
        etag = f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'
        self.put(
            request.key,
            b"".join(parts[number] for number in sorted(parts)),
            etag,
            self.described[request.query["uploadId"]][1],
        )
        del self.uploads[request.query["uploadId"]]
        body = f"<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>"
        return Answer(headers=XML, body=body.encode())

    def _do_AbortMultipartUpload(self, request: Request) -> Answer:
        self.uploads.pop(request.query["uploadId"], None)
        return Answer(204)

    def _do_ListParts(self, request: Request) -> Answer:
        parts = self.uploads.get(request.query["uploadId"])
        if parts is None:
            return error_answer(404, "NoSuchUpload")
        rows = "".join(
            f'<Part><PartNumber>{number}</PartNumber><ETag>"{hashlib.md5(data).hexdigest()}"</ETag>'
            f"<Size>{len(data)}</Size></Part>"
            for number, data in parts.items()
        )
        return Answer(headers=XML, body=f"<ListPartsResult>{rows}</ListPartsResult>".encode())

    def _do_ListObjectsV2(self, request: Request) -> Answer:
        prefix = request.query.get("prefix", "")
        rows = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(body)}</Size><ETag>{etag}</ETag></Contents>"
            for key, (body, _, etag) in sorted(self.objects.items())
            if key.startswith(prefix)
        )
        return Answer(headers=XML, body=f"<ListBucketResult>{rows}</ListBucketResult>".encode())

    def _do_ListMultipartUploads(self, request: Request) -> Answer:
        rows = "".join(
            f"<Upload><Key>{self.described[name][0]}</Key><UploadId>{name}</UploadId>"
            f"<Initiated>2020-01-01T00:00:00.000Z</Initiated></Upload>"
            for name in self.uploads
            if self.described[name][0].startswith(request.query.get("prefix", ""))
        )
        return Answer(
            headers=XML, body=f"<ListMultipartUploadsResult>{rows}</ListMultipartUploadsResult>".encode()
        )

    def _do_DeleteObject(self, request: Request) -> Answer:
        expected = request.headers.get("if-match")
        if expected is not None and request.key not in self.objects:
            return error_answer(404, "NoSuchKey")
        if expected is not None and expected != self.objects[request.key][2]:
            return error_answer(412, "PreconditionFailed")
        self.objects.pop(request.key, None)
        return Answer(204)

    def _do_DeleteObjects(self, request: Request) -> Answer:
        for key in re.findall(rb"<Key>(.*?)</Key>", request.body):
            self.objects.pop(key.decode(), None)
        return Answer(headers=XML, body=b"<DeleteResult></DeleteResult>")


def _requests(reader) -> Iterator[Request]:
    while line := reader.readline():
        method, target, _ = line.decode().split(" ", 2)
        headers: dict[str, str] = {}
        while (header := reader.readline()) not in (b"\r\n", b""):
            name, _, value = header.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        size = int(headers.get("content-length", "0"))
        body = reader.read(size)
        if len(body) < size:
            return  # the sender died: a service does nothing with a part of a request
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        yield Request(method, parts.path, query, headers, body)


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
