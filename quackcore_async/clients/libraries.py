"""Which foreign libraries the storage clients stand on: top-level packages whose exceptions their gates know."""

from typing import Final

__all__ = ["OBJECT_STORE_LIBRARIES", "S3_LIBRARIES"]

S3_LIBRARIES: Final = ("botocore", "aiobotocore", "aiohttp", "boto3", "aioboto3", "aiohappyeyeballs")
"""Those of the S3 client."""

OBJECT_STORE_LIBRARIES: Final = ("obstore", "pyo3_async_runtimes")
"""Those of the object store client."""
