"""Keep secret values out of everything that a person or a log may read."""

import os
import re
import threading
import weakref
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, NoReturn, Self, SupportsIndex
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "Secret", "find_secrets", "is_secret_name", "mask_mapping", "scrub"]

MASK: Final = "***"
_MIN_SCRUBBED_LENGTH: Final = 6  # shorter values occur by chance in ordinary words
_FEW: Final = 32  # so many secrets are looked for one by one, which is quick in long texts

_SCHEMES: Final = r"basic|bearer|digest|negotiate|token|apikey|aws4-hmac-sha256"
_QUERY_SECRETS: Final = (
    r"access_token|refresh_token|id_token|client_secret|client_assertion|api[_-]?key|apikey|password|passwd|"
    r"secret|token|code|code_verifier|sig|signature|x-amz-signature|x-amz-security-token|x-amz-credential"
)


# Compiled when first asked for: that takes longer than the rest of importing this module and the errors.
@cache
def _secret_names() -> re.Pattern[str]:
    return re.compile(
        r"pass(wd|word|phrase)?$|pwd$|secret|token$|api_?key|access_?key$|private_?key|account_?key|"
        r"session_?key|encryption_?key|credential(s)?$|authorization$|signature$|(^|_)auth$|cookie$|dsn$",
        re.IGNORECASE,
    )


@cache
def _section_names() -> re.Pattern[str]:
    return re.compile(r"(^|_)(auth|credentials?)$", re.IGNORECASE)


@cache
def _shapes() -> tuple[tuple[re.Pattern[str], str], ...]:
    return (
        (re.compile(r"(?<=://)[^/@\s\"']+@"), f"{MASK}@"),
        (re.compile(rf"(?i)([?&#](?:{_QUERY_SECRETS})=)[^&\s\"'<>#]+"), rf"\g<1>{MASK}"),
        (
            re.compile(rf"(?i)(\bauthorization[\"']?\s*[:=]\s*[\"']?(?:(?:{_SCHEMES})\s+)?)[^\s\"',;]+"),
            rf"\g<1>{MASK}",
        ),
        (re.compile(r"(?i)\b(bearer\s+)(?=[^\s\"',;]*\d)[A-Za-z0-9._~+/=-]{12,}"), rf"\g<1>{MASK}"),
        (
            re.compile(
                r"(?i)([\"'](?:access_token|refresh_token|id_token|client_secret|password|api_?key|secret)[\"']"
                r"\s*:\s*)([\"']).*?\2"
            ),
            rf"\g<1>\g<2>{MASK}\g<2>",
        ),
    )


class Secret:
    """A string that shows itself only when asked by `reveal`.

    While it is alive its value is also removed from every text that passes through `scrub`.
    It cannot be pickled, and `repr`, `str` and `format` show a mask.
    """

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        _live.add(self)

    def reveal(self) -> str:
        """Return the value in the clear."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str, /) -> str:
        return MASK

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any], /) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        raise TypeError("a Secret cannot be pickled: it would be written in the clear")


class _Entry(weakref.ref[Secret]):
    """A secret that may die, and the forms in which its value is looked for."""

    __slots__ = ("forms",)

    forms: tuple[str, ...]


class _LiveSecrets:
    """Finds the secrets that a text tells in a time that does not depend on how many there are.

    They are looked up by how they end: many begin alike. A secret is indexed when a text is next looked at, as
    most die before. The collector may end one at any moment, also in the middle of this, and run a finalizer that
    logs: that text is looked through for each value in turn.
    """

    def __init__(self) -> None:
        self.is_busy = False
        self._born: dict[int, _Entry] = {}
        self._dead: dict[int, _Entry] = {}
        self._indexed: dict[int, _Entry] = {}
        self._by_end: dict[str, dict[str, set[int]]] = {}  # forms by their ends, each with whose it is

    def add(self, secret: Secret) -> None:
        entry = _Entry(secret, self._note_death)
        entry.forms = ()
        self._born[id(entry)] = entry

    def told_by(self, text: str) -> list[str]:
        """Return the values that occur in a text, as they occur, the longest first."""
        if self.is_busy:
            entries = [*self._born.values(), *self._indexed.values()]
            secrets = [secret for entry in entries if (secret := entry()) is not None]
            forms = {form for secret in secrets for form in _forms_of(secret.reveal()) if form in text}
        else:
            self.is_busy = True
            try:
                self._catch_up()
                forms = self._look_up(text)
            finally:
                self.is_busy = False
        return sorted(forms, key=len, reverse=True)

    def _look_up(self, text: str) -> set[str]:
        if len(self._indexed) <= _FEW:
            return {form for entry in list(self._indexed.values()) for form in entry.forms if form in text}
        length = _MIN_SCRUBBED_LENGTH
        return {
            form
            for end in range(length, len(text) + 1)
            for form in self._by_end.get(text[end - length : end], ())
            if text.endswith(form, 0, end)
        }

    def _note_death(self, entry: weakref.ref[Secret]) -> None:
        if self._born.pop(id(entry), None) is None and isinstance(entry, _Entry):
            self._dead[id(entry)] = entry

    def _catch_up(self) -> None:
        for entry in list(self._born.values()):
            secret = entry()
            if secret is not None:
                self._index(entry, _forms_of(secret.reveal()))
            del secret
            self._born.pop(id(entry), None)
            if entry() is None:
                self._drop(entry)
        for entry in list(self._dead.values()):
            self._drop(entry)
            self._dead.pop(id(entry), None)

    def _index(self, entry: _Entry, forms: tuple[str, ...]) -> None:
        entry.forms = forms
        for form in forms:
            end = form[-_MIN_SCRUBBED_LENGTH:]
            self._by_end.setdefault(end, {}).setdefault(form, set()).add(id(entry))
        self._indexed[id(entry)] = entry

    def _drop(self, entry: _Entry) -> None:
        for form in entry.forms:
            end = form[-_MIN_SCRUBBED_LENGTH:]
            forms = self._by_end.get(end, {})
            owners = forms.get(form, set())
            owners.discard(id(entry))
            if not owners:
                forms.pop(form, None)
            if not forms:
                self._by_end.pop(end, None)
        self._indexed.pop(id(entry), None)


def _forms_of(value: str) -> tuple[str, ...]:
    """Return how a value may be written in a text; nothing for one that occurs by chance."""
    if len(value) < _MIN_SCRUBBED_LENGTH:
        return ()
    return tuple({value: None, quote(value): None, quote(value, safe=""): None, quote_plus(value): None})


_live = _LiveSecrets()
_lock = threading.RLock()  # the collector may run a finalizer that logs while it is held


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - a thread that held it does not live on in a forked child
    _lock = threading.RLock()
    _live.is_busy = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def is_secret_name(name: str) -> bool:
    """Tell whether a key of this name usually holds a secret (`password`, `api_key`, `token`, ...)."""
    return _secret_names().search(name.replace("-", "_")) is not None


def find_secrets(*values: object) -> tuple[Secret, ...]:
    """Return the values under secret names in mappings and lists, at any depth: keep them while they matter."""
    found = {text for value in values for text in _secret_texts(value, "")}
    return tuple(Secret(text) for text in found if text)


def _secret_texts(value: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - any configuration value
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secret_texts(item, str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secret_texts(item, name)
    elif hasattr(value, "get_secret_value"):  # pydantic's `SecretStr` and `SecretBytes`
        yield str(value.get_secret_value())
    elif value is not None and not isinstance(value, bool) and is_secret_name(name):
        yield str(value)


def scrub(text: str) -> str:
    """Return `text` without the value of any live `Secret` and without what has the shape of one.

    Recognised by shape: credentials in URLs, secret query parameters, authorization headers, bearer
    tokens and secret members of JSON objects.
    """
    with _lock:
        told = _live.told_by(text)
    for value in told:
        text = text.replace(value, MASK)
    for pattern, replacement in _shapes():
        text = pattern.sub(replacement, text)
    return text


def mask_mapping(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of `data` for people to read: values under secret names are masked, at any depth.

    So is all that lies below a secret name, but for sections (`auth`, `credentials`), which hold other things too.
    """
    return {key: _masked(key, value) for key, value in data.items()}


def _masked(key: object, value: Any, *, below_secret: bool = False) -> Any:  # noqa: ANN401 - any configuration value
    named = isinstance(key, str) and is_secret_name(key)
    if isinstance(value, Mapping):
        below = below_secret or (named and not _section_names().search(str(key)))
        return {inner: _masked(inner, item, below_secret=below) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(key, item, below_secret=below_secret) for item in value]
    if value not in (None, "") and (named or below_secret):
        return MASK
    return scrub(value) if isinstance(value, str) else value
