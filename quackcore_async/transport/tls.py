"""TLS contexts, of which a process needs few and pays dearly for each."""

import os
import ssl
import threading
from pathlib import Path
from typing import Final

from quackcore_async.concurrency import run_in_thread

__all__ = ["Verification", "tls_context"]

Verification = bool | str | os.PathLike[str] | ssl.SSLContext
"""True for the usual authorities, a path for one's own, a context for everything else, False for none at all."""

_contexts: Final[dict[tuple[object, ...], ssl.SSLContext]] = {}
_making: Final = threading.Lock()


async def tls_context(verify: Verification) -> ssl.SSLContext:
    """Return the context for a way of verification, made once per process and off the event loop.

    Reading the authorities takes 20 ms and more, which ten clients had better not pay ten times.

    Args:
        verify: True reads `SSL_CERT_FILE` and `SSL_CERT_DIR`, and without them the authorities of certifi.

    Raises:
        OSError: if the authorities cannot be read.
        ssl.SSLError: if a file of authorities holds none.
    """
    if isinstance(verify, ssl.SSLContext):
        return verify
    key = _key(verify)
    context = _contexts.get(key)
    return context if context is not None else await run_in_thread(_made_once, key, verify)


def _key(verify: bool | str | os.PathLike[str]) -> tuple[object, ...]:
    if verify is True:
        return (True, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    return (verify if isinstance(verify, bool) else os.fspath(verify),)


def _made_once(key: tuple[object, ...], verify: bool | str | os.PathLike[str]) -> ssl.SSLContext:
    with _making:
        context = _contexts.get(key)
        if context is None:
            context = _contexts[key] = _make(verify)
        return context


def _make(verify: bool | str | os.PathLike[str]) -> ssl.SSLContext:
    import httpx

    if isinstance(verify, bool):
        context = httpx.create_ssl_context(verify=verify)
    else:
        path = Path(verify).expanduser()
        folder = path.is_dir()
        context = ssl.create_default_context(
            cafile=None if folder else str(path), capath=str(path) if folder else None
        )
    context.set_alpn_protocols(["http/1.1"])
    return context
