"""The configuration of `GCSStorage`."""

from typing import ClassVar, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from quackcore_async.clients.objectstore import ObjectStoreSettings
from quackcore_async.config import BaseConfigProvider
from quackcore_async.storage.object_store_config import ObjectStoreOptions, secret_of
from quackcore_async.transport.endpoints import ENDPOINT_PATTERN

__all__ = ["GCSConfig", "GCSConfigProvider"]

_MAX_PARTS = 10_000
"""Most parts of one upload: https://cloud.google.com/storage/quotas#requests"""


class GCSConfig(ObjectStoreOptions):
    """Section of a `GCSStorage`. What is left out comes from the environment, as Google's tools have it.

    Without any credential here the variables `GOOGLE_SERVICE_ACCOUNT`, `GOOGLE_SERVICE_ACCOUNT_KEY`,
    `GOOGLE_BEARER_TOKEN` and `GOOGLE_APPLICATION_CREDENTIALS` are read, then the application default credentials
    of `gcloud`, and at last the account of the machine.
    """

    bucket_name: str = Field(
        min_length=3, max_length=222, pattern=r"^[a-z0-9][a-z0-9._-]*[a-z0-9]$", description="Bucket of the files."
    )
    prefix: str | None = Field(default="", description="Folder of the bucket below which the files lie.")
    service_account_file: str | None = Field(
        default=None, description="Path of the key file of a service account, JSON."
    )
    service_account_key: SecretStr | None = Field(default=None, description="The content of such a file.")
    token: SecretStr | None = Field(default=None, description="Bearer token, which is not renewed.")
    endpoint_url: str | None = Field(
        default=None,
        pattern=ENDPOINT_PATTERN,
        description="Address of a service other than Google's, such as a test's.",
    )

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        given = [self.service_account_file, self.service_account_key, self.token]
        if sum(value is not None for value in given) > 1:
            raise ValueError("service_account_file, service_account_key and token exclude each other: give one")
        return self

    @property
    def place(self) -> str:
        """Name of the bucket."""
        return self.bucket_name

    def settings(self) -> ObjectStoreSettings:
        """Return what the client needs of it."""
        return ObjectStoreSettings(
            service="gcs",
            options={
                "service_account": self.service_account_file,
                "service_account_key": secret_of(self.service_account_key),
                "bearer_token": secret_of(self.token),
                "base_url": self.endpoint_url,
            },
            max_parts=_MAX_PARTS,
            **self.shared(self.endpoint_url),
        )


class GCSConfigProvider(BaseConfigProvider):
    """Reads the section `gcs` or `GCSStorage`, in all spellings."""

    config_model: ClassVar[type[BaseModel] | None] = GCSConfig
    section_aliases: ClassVar[tuple[str, ...]] = ("gcs",)

    @property
    def name(self) -> str:
        """Name of the section."""
        return "GCSStorage"
