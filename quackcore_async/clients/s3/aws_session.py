"""aioboto3's sessions and clients as the settings want them: what to import and to read first takes a thread."""

import base64
import functools
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final

from quackcore_async.clients.s3.connections import session_class
from quackcore_async.clients.s3.destination import Destination
from quackcore_async.clients.s3.loading import lasting
from quackcore_async.clients.s3.settings import S3Keys, S3Settings
from quackcore_async.errors import ConfigError
from quackcore_async.redaction import Secret
from quackcore_async.transport.endpoints import ENDPOINT_PATTERN

__all__ = ["destination_of", "open_session", "prepare_client", "tune"]

_DEFAULT_REGION: Final = "us-east-1"  # what S3-compatible services expect when nobody chose one
_STREAM_CONNECTIONS: Final = 64  # beyond `max_concurrency`, for the streams that callers hold open
_MODELS: Final = ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2")
_CONDITION: Final = "IfNoneMatch"  # of a copy: there is something, and it is kept
_REROUTING: Final = ("use_accelerate_endpoint", "use_dualstack_endpoint", "us_east_1_regional_endpoint")
"""Options of the AWS files' `s3` section that send requests elsewhere.

https://docs.aws.amazon.com/boto3/latest/guide/configuration.html
"""


def open_session(settings: S3Settings, keys: S3Keys | None) -> Any:  # noqa: ANN401 - aioboto3 is untyped
    """Return an aioboto3 session; imports aioboto3 and reads the AWS files: call it in a thread."""
    aioboto3, aiobotocore = _libraries()
    core = aiobotocore.session.AioSession()
    session = aioboto3.Session(
        botocore_session=core,
        profile_name=settings.profile,
        region_name=settings.region,
        **_key_arguments(keys),
    )
    core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
    return session


def destination_of(settings: S3Settings, session: Any, *, is_ours: bool) -> Destination:  # noqa: ANN401 - aioboto3 is untyped
    """Return where the clients of a session send their requests.

    Args:
        settings: Come before what the session says.
        session: An aioboto3 session.
        is_ours: Whether `open_session` made it; the AWS files count for those only.

    Raises:
        ConfigError: with code `endpoint`, if they go to what is no address of a service.
    """
    core = session._session  # noqa: SLF001 - where aioboto3 keeps botocore's
    endpoint = settings.endpoint_url or _configured_endpoint(core, with_files=is_ours)
    if endpoint is not None and re.fullmatch(ENDPOINT_PATTERN, endpoint) is None:
        raise ConfigError(
            "the endpoint of S3 is no address of http or https without a user: check `endpoint_url`",
            code="endpoint",
        )
    return Destination(
        region=settings.region or session.region_name or _DEFAULT_REGION,
        endpoint_url=endpoint,
        addressing_style="path" if settings.addressing_style == "auto" and endpoint else settings.addressing_style,
        is_rerouted=_is_rerouted(core),
    )


def prepare_client(
    settings: S3Settings,
    session: Any,  # noqa: ANN401 - aioboto3 is untyped
    destination: Destination,
) -> Callable[[], AbstractAsyncContextManager[Any]]:
    """Return what makes a client; reads botocore's description of S3: call it in a thread."""
    from aiobotocore.config import AioConfig

    _load_models(session)
    config = AioConfig(
        http_session_cls=session_class(),
        signature_version="s3v4",
        retries={"mode": "standard", "total_max_attempts": 1},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": destination.addressing_style},
        max_pool_connections=settings.max_concurrency + _STREAM_CONNECTIONS,
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.idle_timeout,
    )
    return partial(
        session.client,
        "s3",
        region_name=destination.region,
        endpoint_url=destination.endpoint_url,
        verify=None if settings.verify_tls is True else settings.verify_tls,
        config=config,
    )


def tune(raw: Any) -> None:  # noqa: ANN401 - an aioboto3 client is untyped
    """Drop the wait for `100 Continue`, and send what botocore, or an old one, leaves out."""
    from botocore.handlers import add_expect_header

    raw.meta.events.unregister("before-call.s3", add_expect_header)
    raw.meta.events.register("before-sign.s3.DeleteObjects", _add_content_md5)
    raw.meta.events.register("provide-client-params.s3.CopyObject", _take_condition)
    raw.meta.events.register("before-call.s3.CopyObject", _add_condition)


def _is_rerouted(core: Any) -> bool:  # noqa: ANN401 - botocore is untyped
    """Tell whether requests go elsewhere, or are signed otherwise, than region and endpoint alone say."""
    s3 = core.get_config_variable("s3") or {}
    return bool(
        "services" in core.get_scoped_config()  # with an endpoint for each service
        or core.get_config_variable("data_path")  # with rules of the machine's own
        or core.get_config_variable("use_fips_endpoint")
        or core.get_config_variable("use_dualstack_endpoint")
        or s3.get("payload_signing_enabled") is not None
        or any(s3.get(name) for name in _REROUTING)
    )


@functools.cache
def _libraries() -> tuple[Any, Any]:
    """Import what the rest stands on, half of all objects of the process."""
    with lasting():
        import aioboto3
        import aiobotocore.session

        return aioboto3, aiobotocore


@functools.cache
def _loader(data_path: str | None) -> Any:  # noqa: ANN401 - botocore is untyped
    """Return the one loader of a process: what it has read it keeps."""
    from botocore.loaders import create_loader

    return create_loader(data_path)


def _load_models(session: Any) -> None:  # noqa: ANN401 - aioboto3 is untyped
    """Read the description of S3, which takes longer than all the rest; a session of ours keeps it for all."""
    loader = session._session.get_component("data_loader")  # noqa: SLF001 - where aioboto3 keeps botocore's
    with lasting():
        for model in _MODELS:
            loader.load_service_model("s3", model)


def _configured_endpoint(core: Any, *, with_files: bool) -> str | None:  # noqa: ANN401 - botocore is untyped
    """Read the endpoint where the AWS tools do, in their order.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    if core.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    found = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if found or not with_files:
        return found
    profile: Mapping[str, Any] = core.get_scoped_config()
    services = core.full_config.get("services", {}).get(profile.get("services"), {})
    own: str | None = services.get("s3", {}).get("endpoint_url")
    return own or profile.get("endpoint_url")


def _key_arguments(keys: S3Keys | None) -> dict[str, str | None]:
    if keys is None:
        return {}
    return {
        "aws_access_key_id": keys.access_key_id,
        "aws_secret_access_key": keys.secret_access_key.reveal(),
        "aws_session_token": _reveal(keys.session_token),
    }


def _reveal(secret: Secret | None) -> str | None:
    return secret.reveal() if secret is not None else None


def _take_condition(params: dict[str, Any], model: Any, context: dict[str, Any], **_: object) -> None:  # noqa: ANN401 - botocore's model
    """Keep the condition of a copy from a botocore that does not know it, as 1.40.58 and older."""
    if _CONDITION in params and _CONDITION not in model.input_shape.members:
        context[_CONDITION] = params.pop(_CONDITION)


def _add_condition(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    """Send the condition of a copy that was taken away."""
    condition = context.pop(_CONDITION, None)
    if condition is not None:
        params["headers"]["If-None-Match"] = condition


def _add_content_md5(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's request
    """Add the header that S3-compatible services demand: RFC 1864."""
    body = request.data if isinstance(request.data, bytes) else str(request.data).encode()
    headers: Mapping[str, str] = request.headers
    if "Content-MD5" not in headers:
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        request.headers["Content-MD5"] = base64.b64encode(digest).decode()
