"""`RequestBuilder`: makes requests of what callers say, with their secrets kept apart from them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import httpx

from quackcore_async.clients.http.bodies import FactoryBody, sendable
from quackcore_async.clients.http.call import CALL, Call, call_of
from quackcore_async.clients.http.options import (
    CLIENT_AUTH,
    BodyOptions,
    HeaderOptions,
    Params,
    check_options,
)
from quackcore_async.clients.http.origins import checked_url, origin_of, parsed_url, shown_url
from quackcore_async.clients.http.secret_headers import (
    HiddenHeaders,
    check_headers,
    is_secret_header,
    secrets_in,
)
from quackcore_async.errors import ErrorKind, TransportError
from quackcore_async.redaction import Secret

__all__ = ["RequestBuilder"]

_BODIES: Final = ("data", "files", "json")
_NO_SECRETS: Final = HiddenHeaders()
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class RequestBuilder:
    """Makes the requests of one client.

    Args:
        base_url: What relative addresses are appended to.
        headers: Headers of every request; the caller may go on changing them.
        params: Query parameters of every request that has none of the same name.
    """

    def __init__(
        self, base_url: httpx.URL, headers: HeaderOptions | None = None, params: Params | None = None
    ) -> None:
        if base_url.query or base_url.fragment:
            raise TransportError(
                f"the base address {shown_url(base_url)} has a query or a fragment, to which nothing can be "
                "appended: give the query as params=",
                kind=ErrorKind.INVALID_INPUT,
                code="url",
            )
        self._base = str(base_url).rstrip("/")
        self._params = _query(params)
        pairs = list(_pairs(headers))
        check_headers(pairs)
        self.headers = httpx.Headers(pairs)
        self._seen: list[tuple[bytes, bytes]] = []
        self._plain: list[tuple[str, str]] = []
        self._secret = HiddenHeaders()
        self._kept: tuple[Secret, ...] = ()

    def build(
        self, http: httpx.AsyncClient, method: str, url: httpx.URL | str, options: BodyOptions
    ) -> httpx.Request:
        """Make a request whose own headers hold no secrets: its `Call` has them.

        Raises:
            TransportError: if the address, a header or the body cannot be sent, or the body would block.
            TypeError: if an option is unknown.
        """
        if not options:
            return self._build_plain(http, method, url)
        check_options(options)
        own = list(_pairs(options.get("headers")))
        if own:
            check_headers(own)
        key = options.get("idempotency_key")
        if key is not None:
            check_headers([("Idempotency-Key", key)])
            own.append(("Idempotency-Key", key))
        plain, secret = _split(own)
        self._settle()
        address, content = self._address(url, options.get("params")), _content(options)
        try:
            request = http.build_request(
                method,
                address,
                headers=_merged(self._plain, plain),
                content=content,
                timeout=options.get("timeout", httpx.USE_CLIENT_DEFAULT),
                extensions=_extensions(options),
                **{name: cast("Any", options)[name] for name in _BODIES if name in options},
            )
        except (TypeError, ValueError) as exc:  # such as of what JSON cannot hold
            raise TransportError(
                f"{method} {shown_url(address)} cannot be made: {exc}", kind=ErrorKind.INVALID_INPUT, code="body"
            ) from exc
        factory = options.get("body_factory")
        if factory is not None:
            request.stream = FactoryBody(factory)
        self._attach(request, secret, authenticate=options.get("auth", CLIENT_AUTH) is not None)
        return request

    def _build_plain(self, http: httpx.AsyncClient, method: str, url: httpx.URL | str) -> httpx.Request:
        """Make a request of an address alone, as most are."""
        self._settle()
        request = http.build_request(method, self._address(url, None), headers=self._plain)
        self._attach(request, _NO_SECRETS, authenticate=True)
        return request

    def adopt(self, request: httpx.Request) -> httpx.Request:
        """Return a request that was made elsewhere as one of this client's; the original stays as it is."""
        if call_of(request) is not None:
            return request
        plain, secret = _split(list(request.headers.multi_items()))
        adopted = httpx.Request(
            request.method, request.url, headers=plain, stream=request.stream, extensions=request.extensions
        )
        if isinstance(request.stream, httpx.ByteStream):
            adopted.read()
        self._settle()
        self._attach(adopted, secret, authenticate=True)
        return adopted

    def _address(self, url: httpx.URL | str, params: Params | None) -> httpx.URL:
        """Return the whole address; parameters are added to its query, where httpx would put them in its place."""
        if isinstance(url, httpx.URL) and url.is_relative_url:
            url = str(url)
        if isinstance(url, str) and self._base and _ABSOLUTE.match(url) is None:
            url = f"{self._base}/{url.lstrip('/')}" if url else self._base
        url = parsed_url(url)
        if not params and not self._params:
            return url
        try:
            return url.copy_merge_params(self._params.merge(url.params).merge(_query(params)))
        except UnicodeError:
            raise TransportError(
                "a query parameter has characters that are no text in it", kind=ErrorKind.INVALID_INPUT, code="url"
            ) from None

    def _attach(self, request: httpx.Request, secret: Mapping[str, str], *, authenticate: bool) -> None:
        url = checked_url(request.url)
        kept = secrets_in(secret, {}) if secret else ()
        request.extensions[CALL] = Call(origin_of(url), self._secret, secret, kept, authenticate)

    def _settle(self) -> None:
        """Look through the client's headers again when somebody changed them."""
        raw = self.headers.raw
        if raw != self._seen:
            pairs = self.headers.multi_items()
            check_headers(pairs)
            self._plain, self._secret = _split(pairs)
            self._kept = secrets_in(self._secret, {})
            self._seen = raw


def _pairs(headers: HeaderOptions | None) -> Iterator[tuple[str, str]]:
    if headers is None:
        return
    items = headers.multi_items() if isinstance(headers, httpx.Headers) else headers
    for name, value in items.items() if isinstance(items, Mapping) else items:
        yield _text(name), _text(value)


def _text(value: Any) -> str:  # noqa: ANN401 - httpx takes bytes too
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise TransportError(
        f"headers are made of text, not of {type(value).__name__}", kind=ErrorKind.INVALID_INPUT, code="header"
    )


def _split(pairs: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], HiddenHeaders]:
    """Part headers into plain ones and such as hold secrets."""
    secret = HiddenHeaders((name, value) for name, value in pairs if is_secret_header(name))
    return ([pair for pair in pairs if pair[0] not in secret], secret) if secret else (pairs, secret)


def _query(params: Params | None) -> httpx.QueryParams:
    return httpx.QueryParams(cast("Any", params))


def _merged(client: list[tuple[str, str]], own: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if not client or not own:
        return client or own
    given = {name.lower() for name, _ in own}
    return [pair for pair in client if pair[0].lower() not in given] + own


def _content(options: BodyOptions) -> Any:  # noqa: ANN401 - what httpx takes
    content = options.get("content")
    factory = options.get("body_factory")
    if factory is None:
        return None if content is None else sendable(content)
    if content is not None:
        raise TransportError("give content= or body_factory=, not both", kind=ErrorKind.INVALID_INPUT, code="body")
    return FactoryBody(factory)


def _extensions(options: BodyOptions) -> dict[str, Any]:
    """Return what the retries below are told of this request."""
    extensions = dict(options.get("extensions") or {})
    for option, name in (("idempotent", "idempotent"), ("retry", "retry_policy")):
        value = cast("Any", options).get(option)
        if value is not None:
            extensions[name] = value
    return extensions
