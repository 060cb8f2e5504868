"""Which foreign libraries the S3 client stands on."""

from typing import Final

__all__ = ["S3_LIBRARIES"]

S3_LIBRARIES: Final = ("botocore", "aiobotocore", "aiohttp", "boto3", "aioboto3", "aiohappyeyeballs")
"""Top-level packages whose exceptions the S3 client's gate knows."""
