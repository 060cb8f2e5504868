"""The client of object stores over obstore, and its transfers: the one place that knows that library.

Everything here runs on asyncio only, loads obstore when a client is opened, and raises `QuackError`s.
"""

from quackcore_async.clients.objectstore.client import MAX_BATCH, ObjectStoreClient
from quackcore_async.clients.objectstore.download import download
from quackcore_async.clients.objectstore.names import MAX_KEY_BYTES, ObjectAddress, check_object_key
from quackcore_async.clients.objectstore.settings import ObjectStoreSettings, Service
from quackcore_async.clients.objectstore.small import download_small
from quackcore_async.clients.objectstore.stream import ObjectStream
from quackcore_async.clients.objectstore.upload import Upload, upload_bytes, upload_file, upload_stream

__all__ = [
    "MAX_BATCH",
    "MAX_KEY_BYTES",
    "ObjectAddress",
    "ObjectStoreClient",
    "ObjectStoreSettings",
    "ObjectStream",
    "Service",
    "Upload",
    "check_object_key",
    "download",
    "download_small",
    "upload_bytes",
    "upload_file",
    "upload_stream",
]
