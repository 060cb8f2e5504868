"""The signed assertion that a client with a private key authenticates with (RFC 7523), by way of joserfc."""

import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from quackcore_async.concurrency import run_in_thread
from quackcore_async.errors import ConfigError, InvalidConfigError
from quackcore_async.redaction import Secret

if TYPE_CHECKING:
    from joserfc.jwk import Key

__all__ = ["ALGORITHMS", "ASSERTION_LIFETIME_SECONDS", "SigningKey", "signed_assertion"]

ASSERTION_LIFETIME_SECONDS: Final = 60
"""How long an assertion holds: long enough for one request and clocks that differ a little."""

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""Signatures with a private key (https://www.rfc-editor.org/rfc/rfc7518#section-3.1, RFC 8037, RFC 9864).

`none` and those with a shared secret (`HS256`, ...) are not among them.
"""

_CURVE_ALGORITHMS: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}
_MAX_KEY_BYTES: Final = 64 * 1024
_OPEN_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
)


class SigningKey:
    """A private key: PEM text, a JWK as a mapping, or the path of a file with one of both.

    The file is read when it is first needed; like every store of secrets it has to be a regular file of one's own
    that nobody else can read.

    Args:
        source: The key.
        key_id: `kid` in the header of assertions, for servers that know several keys.
        algorithm: One of `ALGORITHMS`; None takes what fits the key: RS256, ES256, ES384, ES512 or EdDSA.

    Raises:
        InvalidConfigError: if the algorithm is not one of these.
    """

    def __init__(self, source: object, *, key_id: str | None = None, algorithm: str | None = None) -> None:
        if algorithm is not None and algorithm not in ALGORITHMS:
            raise InvalidConfigError(f"signing_alg is none of {', '.join(sorted(ALGORITHMS))}")
        self.key_id = key_id
        self.algorithm = algorithm
        self._path = Path(source) if isinstance(source, os.PathLike) else None
        self._text = None if self._path else Secret(_text_of(source))

    def __repr__(self) -> str:
        return f"SigningKey(key_id={self.key_id!r}, algorithm={self.algorithm!r})"

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the signed token; it blocks.

        Raises:
            ConfigError: if joserfc is not installed, or the key is no private key of a known kind.
        """
        try:
            from joserfc import jwt
            from joserfc.errors import JoseError
        except ModuleNotFoundError:
            raise ConfigError(
                "private_key_jwt needs joserfc: pip install 'quackcore-async[jwt]'", code="missing_extra"
            ) from None
        key = self._loaded()
        algorithm = self.algorithm or _algorithm_of(key)
        header = {"alg": algorithm} | ({"kid": self.key_id} if self.key_id else {})
        try:
            return jwt.encode(header, claims, key, algorithms=[algorithm])
        except (JoseError, ValueError, TypeError):
            raise InvalidConfigError(f"the private key cannot sign with {algorithm}") from None

    def _loaded(self) -> "Key":
        from joserfc.errors import JoseError
        from joserfc.jwk import OctKey, import_key

        text = self._text.reveal() if self._text else _read_private(self._path)
        try:
            key = import_key(json.loads(text)) if text.lstrip().startswith("{") else _import_pem(text)
        except (JoseError, ValueError, TypeError, KeyError):
            raise InvalidConfigError("the private key is neither a PEM nor a JWK that can be read") from None
        if isinstance(key, OctKey) or not key.is_private:
            raise InvalidConfigError(
                "the private key is no private key: a public or a shared one cannot sign here"
            )
        return key


async def signed_assertion(key: SigningKey, client_id: str, audience: str, now: float) -> Secret:
    """Return an assertion for one request.

    Args:
        key: What signs it.
        client_id: Issuer and subject.
        audience: Address of the token endpoint.
        now: The time in epoch seconds.
    """
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": secrets.token_urlsafe(32),
        "iat": int(now),
        "exp": int(now) + ASSERTION_LIFETIME_SECONDS,
    }
    return Secret(await run_in_thread(key.sign, claims))


def _import_pem(text: str) -> "Key":
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    for kind in (RSAKey, ECKey, OKPKey):
        try:
            return kind.import_key(text)
        except (JoseError, ValueError, TypeError):
            continue
    raise ValueError("no key of a known kind")


def _algorithm_of(key: "Key") -> str:
    if key.key_type == "RSA":
        return "RS256"
    try:
        return _CURVE_ALGORITHMS[str(key.as_dict()["crv"])]
    except KeyError:
        raise InvalidConfigError("the private key's curve has no signature here: pass signing_alg") from None


def _text_of(source: object) -> str:
    if isinstance(source, Secret):
        return source.reveal()
    if hasattr(source, "get_secret_value"):
        source = source.get_secret_value()
    if isinstance(source, Mapping):
        return json.dumps(dict(source))
    if isinstance(source, bytes):
        source = source.decode("utf-8", "replace")
    if not isinstance(source, str) or not source.strip():
        raise InvalidConfigError("private_key is neither text, nor a mapping, nor a path")
    return source


def _read_private(path: Path | None) -> str:
    if path is None:
        raise InvalidConfigError("private_key is missing")
    try:
        with os.fdopen(os.open(path, _OPEN_FLAGS), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                raise InvalidConfigError(f"{path} is not a regular file with one name")
            if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
                raise InvalidConfigError(f"{path} belongs to another user")
            if os.name == "posix" and status.st_mode & 0o077:
                raise InvalidConfigError(f"{path} can be read by others: run `chmod 600 {path}`")
            return file.read(_MAX_KEY_BYTES).decode("utf-8", "replace")
    except OSError as exc:
        raise InvalidConfigError(f"cannot read the private key {path}: {exc.strerror}") from exc
