"""Bulk uploads, downloads, deletions and sync over any storage."""

from quackcore_async.transfer.audit import check
from quackcore_async.transfer.bulk import (
    delete_many,
    download_many,
    stream_delete_many,
    stream_download_many,
    stream_upload_many,
    upload_many,
)
from quackcore_async.transfer.items import DeleteItem, DownloadItem, UploadItem
from quackcore_async.transfer.mirror import sync
from quackcore_async.transfer.progress import TransferProgress
from quackcore_async.transfer.report import (
    BulkReport,
    CheckReport,
    Difference,
    TransferAction,
    TransferOutcome,
    TransferStatus,
)

__all__ = [
    "BulkReport",
    "CheckReport",
    "DeleteItem",
    "Difference",
    "DownloadItem",
    "TransferAction",
    "TransferOutcome",
    "TransferProgress",
    "TransferStatus",
    "UploadItem",
    "check",
    "delete_many",
    "download_many",
    "stream_delete_many",
    "stream_download_many",
    "stream_upload_many",
    "sync",
    "upload_many",
]
