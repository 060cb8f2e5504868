"""Loading obstore and making its stores, off the event loop. The one module that imports it."""

import mimetypes
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal

import anyio.lowlevel

from quackcore_async.clients.objectstore.failures import configuration_error
from quackcore_async.clients.objectstore.settings import ObjectStoreSettings
from quackcore_async.errors import ErrorKind, LifecycleError, QuackError
from quackcore_async.redaction import Secret
from quackcore_async.retry import RetryPolicy

__all__ = ["Use", "load_obstore", "open_store", "require_asyncio"]

_SLOWEST: Final = 64 * 1024  # bytes a second below which a request that carries data counts as stuck
_PATIENCE: Final = timedelta(minutes=4)  # obstore renews no credentials between the tries of one request
_NO_DEADLINE: Final = timedelta(days=365)  # obstore's own is 30 seconds, which ends every long transfer
_STORES: Final = {"gcs": "GCSStore", "azure": "AzureStore", "s3": "S3Store"}


Use = Literal["plain", "sending", "patient"]
"""What a store is for.

- `plain` never tries again by itself: our retry policy does.
- `sending` is the same, with the time that sending up to `multipart_threshold` bytes may take: obstore's idle
  time-out runs while the data is on its way.
- `patient` tries the requests of a multipart upload, and the pages of a listing, as often as the policy says,
  since obstore lets nobody else repeat a single one of them.
"""


def require_asyncio() -> None:
    """Refuse every event loop but asyncio's: the futures of obstore are asyncio's.

    Raises:
        LifecycleError: with code `unsupported_backend`, on trio.
    """
    if not hasattr(anyio.lowlevel.current_token().native_token, "call_soon_threadsafe"):
        raise LifecycleError(
            "this storage needs asyncio: obstore does not run on this event loop; start the program with asyncio",
            code="unsupported_backend",
        )


def load_obstore() -> Any:  # noqa: ANN401 - the module is optional, so it has no type here
    """Import obstore, and read the system's table of media types, which uploads look at; it blocks.

    Raises:
        QuackError: with code `missing_extra`, if it is not installed.
    """
    try:
        import obstore
        import obstore.store
    except ImportError as exc:
        raise QuackError(
            "this storage needs obstore, which is not installed: install quackcore-async[obstore]",
            kind=ErrorKind.MISCONFIGURED,
            code="missing_extra",
        ) from exc
    if not mimetypes.inited:
        mimetypes.init()
    return obstore


def open_store(obstore: Any, settings: ObjectStoreSettings, retry: RetryPolicy, bucket: str, use: Use) -> Any:  # noqa: ANN401
    """Make a store of a bucket; it reads files and certificates, so it belongs in a worker thread.

    Raises:
        QuackError: if obstore cannot use the settings.
    """
    make = getattr(obstore.store, _STORES[settings.service])
    options = {name: _plain(value) for name, value in settings.options.items() if value is not None}
    if settings.credential_provider is not None:
        options["credential_provider"] = settings.credential_provider
    retry_config = _retry_config(retry) if use == "patient" else _NO_RETRIES
    client_options = _client_options(settings, 0 if use == "plain" else settings.largest_request)
    try:
        return make(bucket, client_options=client_options, retry_config=retry_config, **options)
    except Exception as exc:
        raise configuration_error(exc, f"open {bucket}") from exc


_NO_RETRIES: Final = {"max_retries": 0, "retry_timeout": _PATIENCE}


def _retry_config(policy: RetryPolicy) -> Mapping[str, Any]:
    return {
        "max_retries": policy.attempts - 1,
        "retry_timeout": _PATIENCE,
        "backoff": {
            "init_backoff": timedelta(seconds=policy.wait_initial),
            "max_backoff": timedelta(seconds=policy.wait_max),
            "base": policy.wait_exp_base,
        },
    }


def _client_options(settings: ObjectStoreSettings, body: int) -> Mapping[str, Any]:
    options: dict[str, Any] = {
        "allow_http": settings.allow_http,
        "connect_timeout": timedelta(seconds=settings.connect_timeout),
        "read_timeout": timedelta(seconds=settings.idle_timeout + body / _SLOWEST),
        "timeout": _NO_DEADLINE,
    }
    if settings.verify_tls is False:
        options["allow_invalid_certificates"] = True
    elif isinstance(settings.verify_tls, str):
        options["root_certificate"] = Path(settings.verify_tls).expanduser().read_bytes()
    return options


def _plain(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else value
