"""The configuration of `S3Storage`."""

from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from quackcore_async.clients.s3 import S3Keys, S3Settings, bucket_complaint
from quackcore_async.clients.s3.settings import MIB
from quackcore_async.config import BaseConfigProvider
from quackcore_async.redaction import Secret
from quackcore_async.transport.endpoints import ENDPOINT_PATTERN

__all__ = ["S3Config", "S3ConfigProvider"]


class S3Config(BaseModel):
    """Section of an `S3Storage`. What is left out comes from where the AWS tools take it."""

    model_config = ConfigDict(hide_input_in_errors=True)

    bucket_name: str = Field(description="Bucket in which the files lie.")
    region: str | None = Field(default=None, description="Region of the bucket.")
    endpoint_url: str | None = Field(
        default=None, pattern=ENDPOINT_PATTERN, description="Address of a service other than AWS."
    )
    prefix: str | None = Field(default="", description="Folder of the bucket below which the files lie.")
    profile: str | None = Field(default=None, description="Profile of the AWS configuration files.")
    access_key_id: str | None = Field(default=None, description="Name of the access key.")
    secret_access_key: SecretStr | None = Field(default=None, description="The access key's secret.")
    session_token: SecretStr | None = Field(default=None, description="What makes a temporary key valid.")
    addressing_style: Literal["auto", "path", "virtual"] = Field(
        default="auto", description="Bucket in the path or in the host name of requests."
    )
    verify_tls: bool | str = Field(default=True, description="Check certificates; a path names the CA bundle.")
    connect_timeout: float = Field(default=10.0, gt=0, description="Seconds for a connection.")
    idle_timeout: float = Field(
        default=30.0, gt=0, description="Seconds without a byte before a request has failed."
    )
    engine: Literal["auto", "lean", "aioboto3", "obstore"] = Field(
        default="auto",
        description="What sends the requests; `aioboto3` is slow and complete, `obstore` is for small files.",
    )
    max_concurrency: int = Field(
        default=32, ge=1, description="Requests in flight; fewer when the service refuses or answers slowly."
    )
    min_concurrency: int = Field(default=4, ge=1, description="Requests in flight that they do not fall below.")
    transfer_concurrency: int = Field(default=8, ge=1, description="Parts in flight of one file.")
    multipart_threshold: int = Field(
        default=8 * MIB, ge=1, description="Bytes above which a file goes up in parts."
    )
    part_size: int = Field(default=8 * MIB, ge=5 * MIB, description="Bytes of a part.")
    max_memory: int = Field(
        default=64 * MIB,
        ge=5 * MIB,
        description="Bytes of part buffers; all storages of the process stay within the largest of these.",
    )
    max_bandwidth: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Bytes per second, both directions together."
    )

    @field_validator("bucket_name")
    @classmethod
    def _check_bucket(cls, value: str) -> str:
        complaint = bucket_complaint(value)
        if complaint is not None:
            raise ValueError(f"no bucket name: {complaint}")
        return value

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together: give both or none")
        return self

    def folder(self) -> str:
        """Return the prefix as it stands before keys: empty, or with one `/` at its end."""
        prefix = (self.prefix or "").strip("/")
        return f"{prefix}/" if prefix else ""

    def settings(self) -> S3Settings:
        """Return what the client needs of it."""
        shared = self.model_dump(
            exclude={"bucket_name", "engine", "prefix", "access_key_id", "secret_access_key", "session_token"}
        )
        engine = "auto" if self.engine == "obstore" else self.engine
        return S3Settings(**shared, engine=engine, keys=self._keys())

    def _keys(self) -> S3Keys | None:
        if self.access_key_id is None or self.secret_access_key is None:
            return None
        token = self.session_token
        return S3Keys(
            self.access_key_id,
            Secret(self.secret_access_key.get_secret_value()),
            Secret(token.get_secret_value()) if token is not None else None,
        )


class S3ConfigProvider(BaseConfigProvider):
    """Reads the section `s3` or `S3Storage`, in all spellings."""

    config_model: ClassVar[type[BaseModel] | None] = S3Config
    section_aliases: ClassVar[tuple[str, ...]] = ("s3",)

    @property
    def name(self) -> str:
        """Name of the section."""
        return "S3Storage"
