"""`AzureStorage`: files in a container of Azure Blob Storage, over obstore."""

from collections.abc import Sequence

from quackcore_async.errors import InvalidNameError
from quackcore_async.protocols import StorageCapabilities
from quackcore_async.results import IntegrationResult
from quackcore_async.service.operation import operation
from quackcore_async.storage.azure_config import AzureConfig, AzureConfigProvider
from quackcore_async.storage.names import shown
from quackcore_async.storage.object_store import ObjectStoreStorage
from quackcore_async.storage.object_store_login import with_login

__all__ = ["AzureConfig", "AzureConfigProvider", "AzureStorage"]


class AzureStorage(ObjectStoreStorage):
    """Files in a container of Azure Blob Storage, below the prefix of the configuration.

    Needs the extra `obstore` and asyncio. `az://container/name` addresses of other containers of the account are
    honoured, with a warning. Names with empty parts, `.` or `..` between slashes, backslashes (which the service
    takes for slashes) or control characters are refused; empty folders cannot be kept. The service drops the parts
    of an upload that was not finished after a week; nothing can drop them earlier.

    Args:
        config_provider: Loads and checks the configuration; None reads the section.
        auth_provider: Gives a bearer token, renewed through it; None leaves it to the configuration.
        config_path: File to load the configuration from; None looks in the usual places.
        log_level: Level of `self.logger`, as a number or a name; None leaves it alone.
        name: Name of this instance, and of its section in a configuration.
        config: The configuration itself, in place of loading it.
        retry: How patient one request is.
    """

    scheme = "az"
    provider_class = AzureConfigProvider

    @property
    def capabilities(self) -> StorageCapabilities:
        """Everything but folders; the service does not promise an order of its listings."""
        return StorageCapabilities(
            conditional_write=True,
            metadata=True,
            modification_time=True,
            presign=True,
            server_side_copy=True,
            batch_delete=True,
            max_name_bytes=self._max_name_bytes,
        )

    @operation(IntegrationResult[Sequence[IntegrationResult[bool]]])
    async def delete_files(self, remotes: Sequence[str]) -> IntegrationResult[Sequence[IntegrationResult[bool]]]:
        """Delete many files, 256 with one request; `delete_many` does so by itself.

        Args:
            remotes: Their names.

        Returns:
            A result for each of them, in their order: True, or why it could not be deleted. A batch does not tell
            what was there.
        """
        return await self._delete_batch(remotes)

    def _check_path(self, path: str) -> str:
        if "\\" in path:
            raise InvalidNameError(
                f"{shown(path)} holds a backslash, which Azure takes for a slash: rename the file"
            )
        return super()._check_path(path)

    async def _setup(self) -> None:
        config = AzureConfig.model_validate(self.config or {})
        await self._open_client(config, await with_login(config.settings(), self.auth_provider))
