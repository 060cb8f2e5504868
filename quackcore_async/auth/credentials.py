"""`Credentials`: one login, frozen, that shows its secrets only when asked by name."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn, Self, SupportsIndex

from quackcore_async.redaction import MASK, Secret, is_secret_name, mask_mapping
from quackcore_async.results import parse_expiry

__all__ = ["Credentials"]

_TOKEN_KEYS: Final = ("token", "access_token")
_EXPIRY_KEYS: Final = ("expires_at", "expiry")
_FIELDS: Final = (*_TOKEN_KEYS, "refresh_token", *_EXPIRY_KEYS, "token_type", "scopes")


def _scopes(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


class _Extra(dict[str, Any]):
    """The rest of an answer, in which there may be more secrets: it shows itself masked and cannot be pickled."""

    def __repr__(self) -> str:
        return repr(mask_mapping(self))

    def __copy__(self) -> Self:
        return type(self)(self)

    def __deepcopy__(self, memo: dict[int, Any], /) -> Self:
        return type(self)(copy.deepcopy(dict(self), memo))

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        raise TypeError("what belongs to Credentials cannot be pickled: it would be written in the clear")


class Credentials(Mapping[str, Any]):
    """What a login came to. It reads as a mapping too: `credentials["access_token"]`.

    `token` and `access_token` are the same thing, and so are `expires_at` and `expiry`. Secrets are masked in
    `repr` and scrubbed from log records; pickling raises `TypeError`.

    Args:
        token: The access token or key.
        refresh_token: What renews it.
        expires_at: When it expires, in epoch seconds or any form that a service gives; None is unknown.
        token_type: How it is presented.
        scopes: What it may do.
        extra: The rest of the service's answer; what it has under the names of the other fields is left away.
    """

    __slots__ = ("__weakref__", "_refresh_token", "_token", "expires_at", "extra", "scopes", "token_type")

    expires_at: int | None
    extra: Mapping[str, Any]
    scopes: tuple[str, ...]
    token_type: str

    def __init__(
        self,
        token: str | None,
        *,
        refresh_token: str | None = None,
        expires_at: object = None,
        token_type: str = "Bearer",  # noqa: S107 - the name of a scheme (RFC 6750), not a secret
        scopes: tuple[str, ...] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        fields = {
            "_token": Secret(token) if token else None,
            "_refresh_token": Secret(refresh_token) if refresh_token else None,
            "expires_at": parse_expiry(expires_at),
            "token_type": token_type,
            "scopes": tuple(scopes),
            "extra": _Extra({key: value for key, value in (extra or {}).items() if key not in _FIELDS}),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Read a stored login: this package's format, or either of the guide's (`token` or `access_token`)."""
        rest = dict(data)
        tokens = [rest.pop(key, None) for key in _TOKEN_KEYS]
        moments = [rest.pop(key, None) for key in _EXPIRY_KEYS]
        scopes = [*_scopes(rest.pop("scope", None)), *_scopes(rest.pop("scopes", None))]
        refresh_token = rest.pop("refresh_token", None)
        return cls(
            next((token for token in tokens if isinstance(token, str) and token), None),
            refresh_token=refresh_token if isinstance(refresh_token, str) else None,
            expires_at=next((moment for moment in moments if moment), None),
            token_type=str(rest.pop("token_type", None) or "Bearer"),
            scopes=tuple(dict.fromkeys(scopes)),
            extra=rest,
        )

    @property
    def token(self) -> str | None:
        """The access token, in the clear."""
        secret: Secret | None = self._token  # type: ignore[attr-defined]
        return secret.reveal() if secret else None

    @property
    def access_token(self) -> str | None:
        """The access token, in the clear: the name that OAuth gives it."""
        return self.token

    @property
    def refresh_token(self) -> str | None:
        """What renews the token, in the clear."""
        secret: Secret | None = self._refresh_token  # type: ignore[attr-defined]
        return secret.reveal() if secret else None

    def to_mapping(self) -> dict[str, Any]:
        """Return everything in the clear, to be stored."""
        data = dict(self.extra)
        known = {
            "access_token": self.token,
            "refresh_token": self.refresh_token,
            "expires_at": self.expires_at,
            "token_type": self.token_type,
            "scopes": list(self.scopes) or None,
        }
        data.update((key, value) for key, value in known.items() if value is not None)
        return data

    def replaced(self, **changes: Any) -> Self:
        """Return these credentials with some fields changed, named as in the constructor."""
        fields = {
            "token": self.token,
            "refresh_token": self.refresh_token,
            "expires_at": self.expires_at,
            "token_type": self.token_type,
            "scopes": self.scopes,
            "extra": self.extra,
        }
        return type(self)(**{**fields, **changes})

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - the members differ in type
        if key in _TOKEN_KEYS:
            return self.token
        if key in _EXPIRY_KEYS:
            return self.expires_at
        if key in ("refresh_token", "token_type", "scopes"):
            return getattr(self, key)
        return self.extra[key]

    def __iter__(self) -> Iterator[str]:
        yield from _FIELDS
        yield from self.extra

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"Credentials are frozen: make new ones instead of setting {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Credentials are frozen: {name} stays")

    def __repr__(self) -> str:
        extra = {key: MASK if is_secret_name(key) else type(value).__name__ for key, value in self.extra.items()}
        token, refresh_token = (MASK if secret else None for secret in (self.token, self.refresh_token))
        return (
            f"Credentials(token={token}, refresh_token={refresh_token}, expires_at={self.expires_at}, "
            f"token_type={self.token_type!r}, scopes={self.scopes}, extra={extra})"
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any], /) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        raise TypeError("Credentials cannot be pickled: they would be written in the clear")
