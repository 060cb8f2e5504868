"""The S3 client and its transfer engine: the one place that knows aioboto3, botocore and aiohttp.

Everything here runs on asyncio only, loads those libraries when a client is opened, and raises `QuackError`s.
"""

from quackcore_async.clients.s3.client import MAX_BATCH, S3Client
from quackcore_async.clients.s3.copy import copy_object
from quackcore_async.clients.s3.deletion import delete_objects
from quackcore_async.clients.s3.download import Downloaded, download
from quackcore_async.clients.s3.names import MAX_KEY_BYTES, S3Address, bucket_complaint, check_key, parse_s3_url
from quackcore_async.clients.s3.objects import DeleteFailure, ListPage, ObjectInfo
from quackcore_async.clients.s3.settings import S3Keys, S3Settings
from quackcore_async.clients.s3.stream import ObjectStream
from quackcore_async.clients.s3.upload import upload_bytes, upload_file, upload_stream

__all__ = [
    "MAX_BATCH",
    "MAX_KEY_BYTES",
    "DeleteFailure",
    "Downloaded",
    "ListPage",
    "ObjectInfo",
    "ObjectStream",
    "S3Address",
    "S3Client",
    "S3Keys",
    "S3Settings",
    "bucket_complaint",
    "check_key",
    "copy_object",
    "delete_objects",
    "download",
    "parse_s3_url",
    "upload_bytes",
    "upload_file",
    "upload_stream",
]
