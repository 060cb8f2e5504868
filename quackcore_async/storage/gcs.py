"""`GCSStorage`: files in a bucket of Google Cloud Storage, over obstore."""

from quackcore_async.protocols import StorageCapabilities
from quackcore_async.storage.gcs_config import GCSConfig, GCSConfigProvider
from quackcore_async.storage.object_store import ObjectStoreStorage
from quackcore_async.storage.object_store_login import with_login

__all__ = ["GCSConfig", "GCSConfigProvider", "GCSStorage"]


class GCSStorage(ObjectStoreStorage):
    """Files in a bucket of Google Cloud Storage, below the prefix of the configuration.

    Needs the extra `obstore` and asyncio. `gs://` addresses of other buckets are honoured, with a warning, under
    the same credentials. Names with empty parts, `.` or `..` between slashes, or control characters are refused;
    empty folders cannot be kept. A bucket should have a lifecycle rule that aborts incomplete multipart uploads: a
    process that is killed cannot.

    Args:
        config_provider: Loads and checks the configuration; None reads the section.
        auth_provider: Gives a bearer token, renewed through it; None leaves it to the configuration.
        config_path: File to load the configuration from; None looks in the usual places.
        log_level: Level of `self.logger`, as a number or a name; None leaves it alone.
        name: Name of this instance, and of its section in a configuration.
        config: The configuration itself, in place of loading it.
        retry: How patient one request is.
    """

    scheme = "gs"
    provider_class = GCSConfigProvider

    @property
    def capabilities(self) -> StorageCapabilities:
        """Everything but folders and deleting in batches, which the service does not have."""
        return StorageCapabilities(
            conditional_write=True,
            ordered_listing=True,
            metadata=True,
            modification_time=True,
            presign=True,
            server_side_copy=True,
            max_name_bytes=self._max_name_bytes,
        )

    async def _setup(self) -> None:
        config = GCSConfig.model_validate(self.config or {})
        await self._open_client(config, await with_login(config.settings(), self.auth_provider))
