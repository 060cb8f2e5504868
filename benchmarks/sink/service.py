"""What each request does: the part of S3 that clients of bulk transfer use, without looking at signatures."""

import itertools
import json
import re
from collections.abc import Callable
from html import escape

from benchmarks.sink import xml
from benchmarks.sink.http import Answer, Request
from benchmarks.sink.objects import Bucket, Object, Stamp, Upload, tag_of

__all__ = ["Service"]

_XML = "Content-Type: application/xml\r\n"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
_KEPT = ("content-type", "cache-control", "content-disposition")
_CHECKSUM = "x-amz-checksum-"
_STATUS = {
    400: "400 Bad Request",
    404: "404 Not Found",
    412: "412 Precondition Failed",
    416: "416 Requested Range Not Satisfiable",
    501: "501 Not Implemented",
}
_STREAM_ABOVE = 64 * 1024


class RefusedError(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, code: str, message: str = "the sink refuses this") -> None:
        super().__init__(code)
        self.answer = Answer(_STATUS[status], _XML, xml.error(code, message))


class Service:
    """Buckets, and the answer to each request.

    Args:
        keep_below: Bytes above which the body of an object is dropped; it reads as a pattern afterwards.
    """

    def __init__(self, keep_below: int) -> None:
        self.keep_below = keep_below
        self.buckets: dict[str, Bucket] = {}
        self._numbers = itertools.count(1)
        self._stamp = Stamp.now()
        self._operations: dict[str, Callable[[Request, Bucket, str], Answer]] = {
            "GET": self._get,
            "HEAD": self._head,
            "PUT": self._put,
            "POST": self._post,
            "DELETE": self._delete,
        }

    def tick(self) -> None:
        """Let the time go on: it is enough to look at the clock once a second."""
        self._stamp = Stamp.now()

    def answer(self, request: Request) -> Answer:
        """Answer a request."""
        bucket, _, key = request.path[1:].partition("/")
        try:
            if bucket == "_sink":
                return self._control(request, key)
            if not key:
                return self._on_bucket(request, bucket)
            return self._operations[request.method](request, self._bucket(bucket), key)
        except RefusedError as refusal:
            return refusal.answer

    def _bucket(self, name: str) -> Bucket:
        try:
            return self.buckets[name]
        except KeyError:
            raise RefusedError(404, "NoSuchBucket") from None

    def _control(self, request: Request, action: str) -> Answer:
        """Do what only a benchmark asks for: make up objects, or forget all of them."""
        query = request.query
        bucket = self.buckets.setdefault(query["bucket"], Bucket())
        if action == "invent":
            size = int(query["size"])
            sample = Object(size, None, tag_of(None, next(self._numbers)), self._stamp)
            if size <= self.keep_below:
                body = b"".join(sample.pieces(0, size))
                sample = Object(size, body, tag_of(body, next(self._numbers)), self._stamp)
            for key in json.loads(request.body or b""):
                bucket.put(key, sample)
        elif action == "clear":
            self.buckets[query["bucket"]] = Bucket()
        held = {key: value.size for key, value in self.buckets[query["bucket"]].objects.items()}
        return Answer(body=json.dumps(held).encode() if action == "sizes" else b"")

    def _on_bucket(self, request: Request, name: str) -> Answer:
        if not name:
            rows = "".join(
                f"<Bucket><Name>{each}</Name><CreationDate>{self._stamp.iso}</CreationDate></Bucket>"
                for each in self.buckets
            )
            owner = "<Owner><ID>sink</ID></Owner>"
            return Answer(
                "200 OK", _XML, xml.document("ListAllMyBucketsResult", f"{owner}<Buckets>{rows}</Buckets>")
            )
        if request.method == "PUT":
            self.buckets.setdefault(name, Bucket())
            return Answer("200 OK", f"Location: /{name}\r\n")
        bucket = self._bucket(name)
        if request.method == "HEAD":
            return Answer("200 OK", "x-amz-bucket-region: us-east-1\r\n")
        if request.method == "POST" and "delete" in request.query:
            keys, quiet = xml.keys_to_delete(request.body or b"")
            for key in keys:
                bucket.remove(key)
            return Answer("200 OK", _XML, xml.deleted(keys, quiet=quiet))
        if request.method != "GET":
            raise RefusedError(501, "NotImplemented")
        return Answer("200 OK", _XML, self._about_bucket(request, name, bucket))

    def _about_bucket(self, request: Request, name: str, bucket: Bucket) -> bytes:
        query = request.query
        if "location" in query:
            return xml.document("LocationConstraint", "us-east-1")
        if "versioning" in query:
            return xml.document("VersioningConfiguration", "")
        if "uploads" in query:
            return xml.document("ListMultipartUploadsResult", "<IsTruncated>false</IsTruncated>")
        token = query.get("continuation-token")
        after = bytes.fromhex(token).decode() if token else query.get("start-after", query.get("marker", ""))
        limit = min(int(query.get("max-keys", 1000)), 1000)
        page = bucket.page(query.get("prefix", ""), query.get("delimiter", ""), after, limit)
        return xml.listing(name, query, page, bucket.objects)

    def _get(self, request: Request, bucket: Bucket, key: str) -> Answer:
        found = self._found(request, bucket, key)
        asked = request.headers.get("range")
        if asked is None:
            start, stop, status = 0, found.size, "200 OK"
            head = self._describe(found, checksums="x-amz-checksum-mode" in request.headers)
        else:
            start, stop = _range(asked, found.size)
            status = "206 Partial Content"
            head = f"{self._describe(found)}Content-Range: bytes {start}-{stop - 1}/{found.size}\r\n"
        if stop - start > _STREAM_ABOVE or found.body is None:
            return Answer(status, head, stream=found.pieces(start, stop), length=stop - start)
        return Answer(status, head, found.body[start:stop])

    def _head(self, request: Request, bucket: Bucket, key: str) -> Answer:
        found = self._found(request, bucket, key)
        checksums = "x-amz-checksum-mode" in request.headers
        return Answer("200 OK", self._describe(found, checksums=checksums), length=found.size)

    def _found(self, request: Request, bucket: Bucket, key: str) -> Object:
        if request.query.keys() - {"partNumber", "versionId", "x-id"}:
            raise RefusedError(501, "NotImplemented")
        found = bucket.objects.get(key)
        if found is None:
            raise RefusedError(404, "NoSuchKey")
        if request.headers.get("if-match", found.tag).strip('"') not in {found.tag, "*"}:
            raise RefusedError(412, "PreconditionFailed")
        return found

    @staticmethod
    def _describe(found: Object, *, checksums: bool = False) -> str:
        kept = found.kept
        if not checksums and _CHECKSUM in kept:
            kept = "".join(line for line in kept.splitlines(keepends=True) if not line.startswith(_CHECKSUM))
        return f'ETag: "{found.tag}"\r\nLast-Modified: {found.stamp.http}\r\nAccept-Ranges: bytes\r\n{kept}'

    def _put(self, request: Request, bucket: Bucket, key: str) -> Answer:
        headers = request.headers
        if "x-amz-copy-source" in headers or "tagging" in request.query or "acl" in request.query:
            raise RefusedError(501, "NotImplemented")
        if "partNumber" in request.query:
            upload = self._upload(request, bucket)
            number = int(request.query["partNumber"])
            upload.parts[number] = (request.size, request.body)
            return Answer("200 OK", f'ETag: "{number:032x}"\r\n')
        self._refuse_existing(request, bucket, key)
        tag = tag_of(request.body, next(self._numbers))
        bucket.put(key, Object(request.size, request.body, tag, self._stamp, _kept(headers)))
        return Answer("200 OK", f'ETag: "{tag}"\r\n')

    @staticmethod
    def _refuse_existing(request: Request, bucket: Bucket, key: str) -> None:
        if request.headers.get("if-none-match") == "*" and key in bucket.objects:
            raise RefusedError(412, "PreconditionFailed")

    @staticmethod
    def _upload(request: Request, bucket: Bucket) -> Upload:
        upload = bucket.uploads.get(request.query["uploadId"])
        if upload is None:
            raise RefusedError(404, "NoSuchUpload")
        return upload

    def _post(self, request: Request, bucket: Bucket, key: str) -> Answer:
        if "uploads" in request.query:
            name = f"upload-{next(self._numbers)}"
            bucket.uploads[name] = Upload(key, _kept(request.headers))
            content = f"<Key>{escape(key)}</Key><UploadId>{name}</UploadId>"
            return Answer("200 OK", _XML, xml.document("InitiateMultipartUploadResult", content))
        if "uploadId" not in request.query:
            raise RefusedError(501, "NotImplemented")
        self._refuse_existing(request, bucket, key)
        upload = self._upload(request, bucket)
        numbers = xml.part_numbers(request.body or b"")
        if not numbers or any(number not in upload.parts for number in numbers):
            raise RefusedError(400, "InvalidPart")
        parts = [upload.parts[number] for number in numbers]
        size = sum(part[0] for part in parts)
        bodies = [part[1] for part in parts if part[1] is not None]
        body = b"".join(bodies) if len(bodies) == len(parts) and size <= self.keep_below else None
        tag = f"{next(self._numbers):032x}-{len(parts)}"
        bucket.put(key, Object(size, body, tag, self._stamp, upload.kept))
        del bucket.uploads[request.query["uploadId"]]
        content = f"<Location>/{escape(key)}</Location><Key>{escape(key)}</Key><ETag>&quot;{tag}&quot;</ETag>"
        return Answer("200 OK", _XML, xml.document("CompleteMultipartUploadResult", content))

    def _delete(self, request: Request, bucket: Bucket, key: str) -> Answer:
        if "uploadId" in request.query:
            self._upload(request, bucket)
            del bucket.uploads[request.query["uploadId"]]
        else:
            bucket.remove(key)
        return Answer("204 No Content")


def _kept(headers: dict[str, str]) -> str:
    """Return what an object gives back of the headers with which it came."""
    return "".join(
        f"{name}: {value}\r\n"
        for name, value in headers.items()
        if name in _KEPT or name.startswith("x-amz-meta-") or _is_checksum(name)
    )


def _is_checksum(name: str) -> bool:
    return name.startswith(_CHECKSUM) and name not in {"x-amz-checksum-algorithm", "x-amz-checksum-mode"}


def _range(asked: str, size: int) -> tuple[int, int]:
    match = _RANGE.fullmatch(asked)
    if match is None:
        return 0, size
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    if int(first) >= size:
        raise RefusedError(416, "InvalidRange")
    return int(first), min(int(last) + 1, size) if last else size
