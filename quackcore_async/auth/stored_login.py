"""A login as a store keeps it: the credentials, and what is known about them."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from quackcore_async.auth.credentials import Credentials
from quackcore_async.errors import ErrorKind, QuackError

__all__ = [
    "GUIDE_KEYS",
    "CredentialStoreError",
    "ForeignDataError",
    "StoredLogin",
    "is_login",
    "login_key",
    "store_key",
]

FORMAT: Final = 1

GUIDE_KEYS: Final = frozenset({"token", "access_token", "refresh_token", "expiry", "expires_at"})
"""What a login in a format of the guide has at least one of."""

_LATEST: Final = 99  # whatever else is there was not written by a later version
_ABOUT: Final = ("v", "generation", "obtained_at", "revoked_at")
_TEXTS: Final = ("token", "access_token", "refresh_token", "token_type")
_LONGEST_NAME: Final = 64
_LONGEST_HINT: Final = 32


class CredentialStoreError(QuackError):
    """Raised when a store refuses, cannot be reached, or holds what is no login."""

    default_kind = ErrorKind.MISCONFIGURED
    default_code = "store"


class ForeignDataError(CredentialStoreError):
    """Raised when other data than a login is in the place of one: nothing of ours goes over it."""


class StoredLogin(NamedTuple):
    """One stored login.

    Attributes:
        credentials: The login itself. Fields that this version does not know are in its `extra` and stay.
        generation: How often the store was written: who has a lower one has an older login.
        obtained_at: When it was asked for, in epoch seconds; None in a file of another program.
        revoked_at: When the service refused to renew it, in epoch seconds; None while it holds.
    """

    credentials: Credentials
    generation: int = 0
    obtained_at: float | None = None
    revoked_at: float | None = None

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> "StoredLogin":
        """Read what a store holds: this package's format, or either of the guide's.

        Raises:
            CredentialStoreError: if it was written by a later version, or a field is no text where text belongs.
        """
        version = data.get("v", FORMAT)
        if version != FORMAT or isinstance(version, bool):
            shown = (
                f"format {version}" if type(version) is int and 0 <= version <= _LATEST else "an unknown format"
            )
            raise CredentialStoreError(
                f"the stored login has {shown}, this version reads {FORMAT}: install a later one"
            )
        for name in _TEXTS:
            if not isinstance(data.get(name), str | None):
                raise CredentialStoreError(f"the stored login is broken: {name} is no text")
        generation = data.get("generation")
        return cls(
            Credentials.from_mapping({key: value for key, value in data.items() if key not in _ABOUT}),
            generation if isinstance(generation, int) else 0,
            _seconds(data.get("obtained_at")),
            _seconds(data.get("revoked_at")),
        )

    def to_mapping(self) -> dict[str, Any]:
        """Return everything in the clear, to be stored."""
        about = {"generation": self.generation, "obtained_at": self.obtained_at, "revoked_at": self.revoked_at}
        known = {key: value for key, value in about.items() if value is not None}
        rest = {key: value for key, value in self.credentials.to_mapping().items() if key not in _ABOUT}
        return {"v": FORMAT, **known, **rest}

    def is_empty(self) -> bool:
        """Tell whether there is nothing to log in with."""
        return not (self.credentials.token or self.credentials.refresh_token or self.credentials.extra)


def is_login(data: Mapping[str, Any]) -> bool:
    """Tell whether a mapping is a login, of this package or in a format of the guide, and no other data."""
    return "v" in data or not GUIDE_KEYS.isdisjoint(data)


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def store_key(name: str) -> str:
    """Return the key under which a provider's login is kept: safe as a file name on every system.

    Names that differ only in case get different keys.

    Raises:
        QuackError: if the name has other characters than letters, digits, `.`, `_` and `-`, begins with one of
            these three, or is longer than 64 characters.
    """
    lowered = name.lower()
    letters = lowered.replace(".", "").replace("_", "").replace("-", "")
    if not (lowered.isascii() and letters.isalnum() and lowered[0].isalnum() and len(name) <= _LONGEST_NAME):
        raise QuackError(
            f"{name[:_LONGEST_NAME]!r} cannot be the key of a stored login: pass a store_key, or a name of at "
            f"most {_LONGEST_NAME} letters, digits, '.', '_' and '-', a letter or digit first",
            kind=ErrorKind.INVALID_INPUT,
            code="invalid_name",
        )
    if lowered == name:
        return name
    from hashlib import sha256

    return f"{lowered}-{sha256(name.encode()).hexdigest()[:8]}"


def login_key(name: str, *, server: str, client_id: str, scope: str) -> str:
    """Return a key that no other login has: not that of another server, client, scope or name.

    Args:
        name: Begins the key, as far as a file can be called so, for people who look into the folder.
        server: Issuer or token endpoint.
        client_id: Name of the client there.
        scope: What is asked for, in words divided by blanks.
    """
    from hashlib import sha256

    identity = "\0".join((name, server, client_id, *sorted(scope.split())))
    hint = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower())
    return f"{hint[:_LONGEST_HINT].strip('-') or 'login'}-{sha256(identity.encode()).hexdigest()[:16]}"
