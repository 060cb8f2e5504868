"""How credentials look in a request: which headers and query parameters they become."""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_plus, urlencode

import httpx

from quackcore_async.clients.http.secret_headers import check_headers, secrets_in
from quackcore_async.protocols import RequestSecrets
from quackcore_async.redaction import Secret, find_secrets

__all__ = ["NOTHING", "Presentation", "present"]


@dataclass(frozen=True, slots=True)
class Presentation:
    """What one state of the credentials puts into requests.

    Attributes:
        headers: Values by header name.
        query: What it appends to a query, encoded.
        generation: Which state of the credentials it is.
        source: The credentials that it was made of, when those never change.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: bytes = field(default=b"", repr=False)
    generation: int = 0
    source: object = field(default=None, repr=False)
    kept: tuple[Secret, ...] = field(default=(), repr=False)

    def sign_url(self, url: httpx.URL) -> httpx.URL:
        """Return `url` with the secret parameters in its query, in place of any of the same names."""
        if not self.query:
            return url
        if any(name in url.params for name in self.params):
            return url.copy_merge_params(self.params)
        return url.copy_with(query=b"&".join(filter(None, (url.query, self.query))))

    def unsign_location(self, location: str) -> str:
        """Return the target of a redirect without the secret parameters, which servers often take over into it."""
        address, mark, rest = location.partition("?")
        query, hash_mark, fragment = rest.partition("#")
        kept = [pair for pair in query.split("&") if unquote_plus(pair.partition("=")[0]) not in self.params]
        return f"{address}{mark if kept else ''}{'&'.join(kept)}{hash_mark}{fragment}"


NOTHING: Final = Presentation()


def present(
    credentials: object, generation: int, request_secrets: Callable[[object], RequestSecrets]
) -> Presentation:
    """Work out what credentials put into requests.

    Raises:
        TransportError: if they cannot be sent as they are, such as a token with a line break at its end.
    """
    secrets = request_secrets(credentials)
    headers, params = dict(secrets.headers), dict(secrets.params)
    check_headers(headers.items(), what="credential in the header")
    return Presentation(
        headers=headers,
        params=params,
        query=urlencode(params).encode("ascii"),
        generation=generation,
        source=credentials if _never_changes(credentials) else None,
        kept=(*secrets_in(headers, params), *find_secrets(credentials)),
    )


def _never_changes(credentials: object) -> bool:
    return isinstance(credentials, Mapping) and not isinstance(credentials, MutableMapping)
