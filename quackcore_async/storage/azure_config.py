"""The configuration of `AzureStorage`."""

from typing import Any, ClassVar, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from quackcore_async.clients.objectstore import ObjectStoreSettings
from quackcore_async.config import BaseConfigProvider
from quackcore_async.storage.object_store_config import ObjectStoreOptions, secret_of
from quackcore_async.transport.endpoints import ENDPOINT_PATTERN

__all__ = ["AzureConfig", "AzureConfigProvider"]

_MAX_PARTS = 50_000
"""Most blocks of a blob: https://learn.microsoft.com/rest/api/storageservices/put-block-list"""

_SUFFIX = "core.windows.net"
_DEVELOPMENT = {
    "AccountName": "devstoreaccount1",
    # Published: https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
    "AccountKey": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    "BlobEndpoint": "http://127.0.0.1:10000/devstoreaccount1",
}


class AzureConfig(ObjectStoreOptions):
    """Section of an `AzureStorage`. What is left out comes from the environment, as obstore reads it.

    Without any credential here the variables `AZURE_STORAGE_ACCOUNT_KEY`, `AZURE_STORAGE_SAS_KEY`,
    `AZURE_STORAGE_TOKEN`, `AZURE_CLIENT_ID` with `AZURE_CLIENT_SECRET` and `AZURE_TENANT_ID`, and
    `AZURE_FEDERATED_TOKEN_FILE` are read, and at last the identity of the machine.
    """

    container_name: str = Field(
        min_length=1,
        max_length=63,
        pattern=r"^(\$root|[a-z0-9][a-z0-9-]*)$",
        description="Container of the files.",
    )
    prefix: str | None = Field(default="", description="Folder of the container below which the files lie.")
    connection_string: SecretStr | None = Field(
        default=None, description="Account, key or signature and endpoint in one, as the portal shows it."
    )
    account_name: str | None = Field(default=None, description="Name of the storage account.")
    account_key: SecretStr | None = Field(default=None, description="Key of the storage account.")
    sas_token: SecretStr | None = Field(default=None, description="Shared access signature, percent-encoded.")
    token: SecretStr | None = Field(default=None, description="Bearer token, which is not renewed.")
    tenant_id: str | None = Field(default=None, description="Directory of a service principal.")
    client_id: str | None = Field(default=None, description="Name of a service principal.")
    client_secret: SecretStr | None = Field(default=None, description="Secret of a service principal.")
    use_azure_cli: bool = Field(default=False, description="Take the login of the program `az`.")
    endpoint_url: str | None = Field(
        default=None,
        pattern=ENDPOINT_PATTERN,
        description="Address of the blob service, with the account in its path where that is there.",
    )

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        ways = {
            "connection_string": self.connection_string,
            "account_key": self.account_key,
            "sas_token": self.sas_token,
            "token": self.token,
            "client_secret": self.client_secret,
            "use_azure_cli": self.use_azure_cli or None,
        }
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other: give one")
        if self.client_secret is not None and not (self.client_id and self.tenant_id):
            raise ValueError("client_secret needs client_id and tenant_id")
        if self.connection_string is not None:
            _parts_of(self.connection_string.get_secret_value())
        return self

    @property
    def place(self) -> str:
        """Name of the container."""
        return self.container_name

    def settings(self) -> ObjectStoreSettings:
        """Return what the client needs of it."""
        connection = self._connection()
        endpoint = self.endpoint_url or connection.endpoint_url
        return ObjectStoreSettings(
            service="azure",
            options={
                "account_name": self.account_name or connection.account_name,
                "account_key": secret_of(self.account_key or connection.account_key),
                "sas_key": secret_of(self.sas_token or connection.sas_token),
                "token": secret_of(self.token),
                "tenant_id": self.tenant_id,
                "client_id": self.client_id,
                "client_secret": secret_of(self.client_secret),
                "use_azure_cli": self.use_azure_cli or None,
                "endpoint": endpoint.rstrip("/") if endpoint else None,
            },
            max_parts=_MAX_PARTS,
            **self.shared(endpoint),
        )

    def _connection(self) -> "AzureConfig":
        """Return what the connection string says, as a configuration of its own."""
        text = self.connection_string.get_secret_value() if self.connection_string is not None else ""
        parts = _parts_of(text) if text else {}
        endpoint = parts.get("BlobEndpoint")
        if endpoint is None and "AccountName" in parts:
            protocol = parts.get("DefaultEndpointsProtocol", "https")
            endpoint = f"{protocol}://{parts['AccountName']}.blob.{parts.get('EndpointSuffix', _SUFFIX)}"
        key, signature = parts.get("AccountKey"), parts.get("SharedAccessSignature")
        return AzureConfig(
            container_name=self.container_name,
            account_name=parts.get("AccountName") or (_account_in(endpoint) if endpoint else None),
            account_key=SecretStr(key) if key else None,
            sas_token=SecretStr(signature) if signature and not key else None,
            endpoint_url=endpoint,
        )


def _parts_of(text: str) -> dict[str, str]:
    """Split a connection string: https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string."""
    pairs: dict[str, Any] = {}
    for piece in filter(None, text.strip().split(";")):
        name, equals, value = piece.partition("=")
        if not equals or not name:
            raise ValueError("connection_string is none: it has the form Name=value;Name=value")
        pairs[name.strip()] = value.strip()
    if pairs.get("UseDevelopmentStorage", "").lower() == "true":
        return {**_DEVELOPMENT}
    if "AccountName" not in pairs and "BlobEndpoint" not in pairs:
        raise ValueError("connection_string names neither AccountName nor BlobEndpoint")
    return pairs


def _account_in(endpoint: str) -> str:
    host, _, path = endpoint.partition("://")[2].partition("/")
    return path.strip("/") or host.partition(".")[0]


class AzureConfigProvider(BaseConfigProvider):
    """Reads the section `azure` or `AzureStorage`, in all spellings."""

    config_model: ClassVar[type[BaseModel] | None] = AzureConfig
    section_aliases: ClassVar[tuple[str, ...]] = ("azure",)

    @property
    def name(self) -> str:
        """Name of the section."""
        return "AzureStorage"
