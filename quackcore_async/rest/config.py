"""The configuration of a `RestIntegration`."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, field_validator

from quackcore_async.config import BaseConfigProvider
from quackcore_async.rest.paths import check_path
from quackcore_async.retry import RetryPolicy

__all__ = [
    "ApiKeyAuth",
    "AuthConfig",
    "BasicAuth",
    "BearerAuth",
    "CursorStyle",
    "LinkStyle",
    "NextUrlStyle",
    "OAuthAuth",
    "OffsetStyle",
    "PageStyle",
    "PaginationConfig",
    "RestConfig",
    "RestConfigProvider",
    "SingleStyle",
]


class _Auth(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)


class BearerAuth(_Auth):
    """A token that does not change."""

    type: Literal["bearer"]
    token: SecretStr = Field(description="The token.")


class ApiKeyAuth(_Auth):
    """A key in a header or in the query."""

    type: Literal["api_key"]
    api_key: SecretStr = Field(description="The key.")
    header: str = Field(default="X-API-Key", description="Header that it is sent in.")
    query_param: str | None = Field(default=None, description="Query parameter that it is sent in instead.")


class BasicAuth(_Auth):
    """A name and a password."""

    type: Literal["basic"]
    username: str = Field(description="The name.")
    password: SecretStr = Field(description="The password.")


class OAuthAuth(_Auth):
    """OAuth2: options of `OAuthProvider`, by their names."""

    type: Literal["oauth"]
    client_id: str = Field(description="Name of this program at the service.")
    client_secret: SecretStr | None = Field(default=None, description="Its secret, unless it is a public client.")
    flow: Literal["authorization_code", "device", "client_credentials"] = Field(
        default="authorization_code", description="How a login is had."
    )
    token_url: str = Field(default="", description="Where tokens are had; may be left out with an issuer.")
    auth_url: str = Field(default="", description="Where a person agrees in a browser.")
    device_url: str = Field(default="", description="Where the code for another device is had.")
    revocation_url: str = Field(default="", description="Where tokens are given back.")
    issuer: str = Field(default="", description="Server whose metadata names the addresses that are left out.")
    redirect_uri: str = Field(
        default="http://localhost:8080/callback", description="Where the browser is sent back to."
    )
    scope: str = Field(default="", description="What is asked for, with blanks between.")
    audience: str | None = Field(
        default=None, description="Whom the tokens are for, where the server asks for it."
    )
    resource: str | None = Field(default=None, description="What the tokens are for, as an address (RFC 8707).")
    allowed_origins: list[str] = Field(
        default_factory=list, description="Origins beside the issuer's that its metadata may name."
    )
    client_auth: Literal["post", "basic", "none", "private_key_jwt"] | None = Field(
        default=None, description="How the program proves itself; what fits, when it is left out."
    )
    private_key: str | None = Field(
        default=None, description="For `private_key_jwt`: the path of a file with the key."
    )
    key_id: str | None = Field(default=None, description="Name of that key, for servers that know several.")
    extra_auth_params: dict[str, str] = Field(
        default_factory=dict, description="Sent to `auth_url` in addition, such as `prompt: consent`."
    )
    extra_token_params: dict[str, str] = Field(
        default_factory=dict, description="Sent to `token_url` in addition."
    )
    credentials_file: str | None = Field(
        default=None,
        description="Where the login is stored; a person's is in ~/.quack, in a file named after the instance "
        "and told apart by server, client and scope.",
    )


AuthConfig = Annotated[BearerAuth | ApiKeyAuth | BasicAuth | OAuthAuth, Field(discriminator="type")]


class SingleStyle(BaseModel):
    """Lists are whole."""

    style: Literal["none"] = "none"


class LinkStyle(BaseModel):
    """The next page is named by a `Link` header."""

    style: Literal["link"]
    relation: str = Field(default="next", description="Relation of the link.")


class NextUrlStyle(BaseModel):
    """The next page is named by its address in the body."""

    style: Literal["next_url"]
    path: str = Field(default="next", description="Where it is, with dots between keys.")


class CursorStyle(BaseModel):
    """The next page is asked for by a cursor."""

    style: Literal["cursor"]
    param: str = Field(default="cursor", description="Query parameter that takes it.")
    path: str = Field(default="next_cursor", description="Where it is in the body, with dots between keys.")
    header: str | None = Field(default=None, description="Header that has it instead.")
    has_more: str | None = Field(default=None, description="Where the body says whether there is more.")
    size: int | None = Field(default=None, ge=1, description="Items to ask for on a page.")
    size_param: str = Field(default="limit", description="Query parameter for `size`.")


class PageStyle(BaseModel):
    """Pages are numbered."""

    style: Literal["page"]
    param: str = Field(default="page", description="Query parameter for the number.")
    start: int = Field(default=1, description="Number of the first page.")
    size: int | None = Field(default=None, ge=1, description="Items to ask for on a page.")
    size_param: str = Field(default="per_page", description="Query parameter for `size`.")
    total_pages: str | None = Field(default=None, description="Where the body counts the pages.")
    total: str | None = Field(default=None, description="Where the body counts the items of all pages.")


class OffsetStyle(BaseModel):
    """Pages begin at an offset."""

    style: Literal["offset"]
    param: str = Field(default="offset", description="Query parameter for the offset.")
    limit: int = Field(default=100, ge=1, description="Items to ask for on a page.")
    limit_param: str = Field(default="limit", description="Query parameter for `limit`.")
    total: str | None = Field(default=None, description="Where the body counts the items of all pages.")
    start: int = Field(default=0, description="First offset.")


PaginationConfig = Annotated[
    SingleStyle | LinkStyle | NextUrlStyle | CursorStyle | PageStyle | OffsetStyle, Field(discriminator="style")
]


class RestConfig(BaseModel):
    """Section of a `RestIntegration`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    base_url: str = Field(
        validation_alias=AliasChoices("base_url", "api_url"), description="Address that the paths are appended to."
    )
    timeout: float = Field(
        default=30.0,
        gt=0,
        validation_alias=AliasChoices("timeout", "timeout_seconds"),
        description="Seconds without a byte before an attempt has failed.",
    )
    attempts: int = Field(
        default=4,
        ge=1,
        validation_alias=AliasChoices("attempts", "max_retries"),
        description="Tries of one call, the first included.",
    )
    wait_initial: float = Field(
        default=0.5,
        ge=0,
        validation_alias=AliasChoices("wait_initial", "retry_delay"),
        description="Ceiling of the wait before the second attempt, in seconds.",
    )
    total_timeout: float | None = Field(
        default=60.0, gt=0, description="Seconds of one call with all its attempts; none without a limit."
    )
    auth: AuthConfig | None = Field(default=None, description="How to log in.")
    headers: dict[str, str] = Field(default_factory=dict, description="Headers of every request.")
    params: dict[str, str] = Field(default_factory=dict, description="Query parameters of every request.")
    resources: dict[str, str] = Field(
        default_factory=dict, description="Paths by name of a resource; one that is not named is its own path."
    )
    items: str | None = Field(
        default="items", description="Where a page has its items, with dots between keys; null is the whole body."
    )
    pagination: PaginationConfig = Field(default=SingleStyle(), description="How lists are parted into pages.")
    allowed_origins: tuple[str, ...] = Field(default=(), description="Further origins that credentials are for.")
    follow_redirects: bool = Field(default=False, description="Follow redirects.")
    max_concurrency: int = Field(default=100, ge=1, description="Requests in flight.")
    verify_tls: bool | str = Field(default=True, description="Check certificates; a path names the CA bundle.")
    proxy: str | None = Field(default=None, description="Address of the proxy that everything goes through.")

    @field_validator("base_url")
    @classmethod
    def _check_base(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an address that begins with http:// or https://")
        if parts.username is not None or parts.password is not None:
            raise ValueError("has a name or a password in it: write them under auth, with type: basic")
        if parts.query or parts.fragment:
            raise ValueError("has a query in it: write that under params")
        return value

    @field_validator("resources")
    @classmethod
    def _check_resources(cls, value: dict[str, str]) -> dict[str, str]:
        return {name: check_path(path) for name, path in value.items()}

    def retry_policy(self) -> RetryPolicy:
        """Return what it says of retries."""
        return RetryPolicy(attempts=self.attempts, timeout=self.total_timeout, wait_initial=self.wait_initial)


class RestConfigProvider(BaseConfigProvider):
    """Reads the section `rest` or `RestIntegration`; that of an instance or a subclass by its name.

    Args:
        log_level: Level of the provider's logger; None leaves it alone.
        section: Name of the section in place of those.
        defaults: What holds where the section says nothing.
    """

    config_model: ClassVar[type[BaseModel] | None] = RestConfig
    section_aliases: ClassVar[tuple[str, ...]] = ("rest",)

    def __init__(
        self,
        log_level: int | str | None = None,
        *,
        section: str | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(log_level, section=section)
        self._own_defaults = dict(defaults or {})

    @property
    def name(self) -> str:
        """Name of the section."""
        return "RestIntegration"

    async def get_default_config(self) -> dict[str, Any]:
        """Return what holds where the section says nothing."""
        return dict(self._own_defaults)
