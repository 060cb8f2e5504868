"""What the configurations of storages over obstore have in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from quackcore_async.clients.objectstore.settings import MIB
from quackcore_async.redaction import Secret

__all__ = ["ObjectStoreOptions", "secret_of"]


class ObjectStoreOptions(BaseModel):
    """How much is used of a service, and how patiently."""

    model_config = ConfigDict(hide_input_in_errors=True)

    prefix: str | None = Field(default="", description="Folder below which the files lie.")
    verify_tls: bool | str = Field(
        default=True, description="Check certificates; a path names a CA file to trust."
    )
    connect_timeout: float = Field(default=10.0, gt=0, description="Seconds for a connection.")
    idle_timeout: float = Field(
        default=30.0, gt=0, description="Seconds without a byte before a request has failed."
    )
    max_concurrency: int = Field(
        default=32, ge=1, description="Requests in flight; a file in parts counts as one."
    )
    transfer_concurrency: int = Field(default=4, ge=1, description="Parts in flight of one file.")
    multipart_threshold: int = Field(
        default=8 * MIB, ge=1, description="Bytes above which a file goes up in parts."
    )
    part_size: int = Field(default=8 * MIB, ge=5 * MIB, description="Bytes of a part.")
    max_memory: int = Field(default=128 * MIB, ge=10 * MIB, description="Bytes of content in memory.")

    def folder(self) -> str:
        """Return the prefix as it stands before names: empty, or with one `/` at its end."""
        prefix = (self.prefix or "").strip("/")
        return f"{prefix}/" if prefix else ""

    def shared(self, endpoint_url: str | None) -> dict[str, Any]:
        """Return the settings that all services have."""
        kept = ObjectStoreOptions.model_fields.keys() - {"prefix"}
        return {
            **self.model_dump(include=set(kept)),
            "allow_http": endpoint_url is not None and endpoint_url.startswith("http://"),
        }


def secret_of(value: SecretStr | None) -> Secret | None:
    """Return a configured secret as one that hides itself everywhere; None stays None."""
    return None if value is None else Secret(value.get_secret_value())
