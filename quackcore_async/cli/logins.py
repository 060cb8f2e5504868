"""What `auth` does: the logins of configured integrations, begun, looked at, renewed and ended."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from quackcore_async.auth import BaseAuthProvider, LoginStatus, OAuthProvider
from quackcore_async.auth.oauth.listener import is_listened_to
from quackcore_async.cli.exits import ExitCode
from quackcore_async.cli.output import Outcome, Output
from quackcore_async.cli.usage import UsageFault
from quackcore_async.concurrency import run_in_daemon
from quackcore_async.config import list_instances
from quackcore_async.errors import AuthError, CredentialsMissingError, QuackError
from quackcore_async.protocols import AuthProviderProtocol
from quackcore_async.registry import IntegrationRegistry
from quackcore_async.results import AuthResult

__all__ = ["log_in", "log_out", "renew", "show_status"]


async def log_in(out: Output, name: str, *, device: bool, browser: bool) -> Outcome:
    """Log an integration in, with the person at this terminal where one is needed.

    Raises:
        UsageFault: if there is no such integration, or it has no login.
        QuackError: if the login fails.
    """
    provider = await _provider_of(name)
    if isinstance(provider, OAuthProvider):
        _prepare(out, provider, device=device, browser=browser)
    elif device:
        raise UsageFault(f"{name} does not log in with OAuth: it has no device flow")
    return await _ended(name, provider, await provider.authenticate(), "logged in")


async def renew(name: str) -> Outcome:
    """Renew the login of an integration.

    Raises:
        UsageFault: if there is no such integration, or it has no login.
        QuackError: if the service refuses, or cannot be reached.
    """
    provider = await _provider_of(name)
    result = await provider.refresh_credentials()
    if result.error_info is not None and result.error_info.code == CredentialsMissingError.default_code:
        raise CredentialsMissingError(f"{name} is not logged in: run `quack auth login {name}`")
    return await _ended(name, provider, result, "renewed")


async def log_out(out: Output, name: str) -> Outcome:
    """End the login of an integration, at the service too where it can be told.

    Raises:
        UsageFault: if there is no such integration, or nothing here could end its login.
        QuackError: if the stored login cannot be deleted.
    """
    provider = await _provider_of(name)
    if not isinstance(provider, BaseAuthProvider):
        raise UsageFault(f"{name} keeps its login by itself: it cannot be ended from here")
    result = await provider.logout()
    result.unwrap()
    revoked = bool((result.content or {}).get("revoked"))
    if provider.can_revoke and not revoked:
        out.note(result.message or "")
    return Outcome(data={"name": name, "revoked": revoked}, summary=f"{name}: logged out")


async def show_status(out: Output, name: str | None) -> Outcome:
    """Tell how the login of one integration stands, or of all that have one; no service is asked.

    One that cannot be told is a complaint, and the others are told all the same.

    Raises:
        UsageFault: if there is no such integration, or it has no login.
        QuackError: if the configuration cannot be read.
    """
    rows: list[Mapping[str, Any]] = []
    lines: list[str] = []
    failures: list[QuackError] = []
    for label, integration in (await _configured(name)).items():
        try:
            provider = await _load(integration)
            status = None if provider is None else await _status_of(provider)
        except QuackError as error:
            failures.append(_told_of(label, error))
            continue
        if provider is None or status is None:
            continue
        rows.append({"name": label, "provider": provider.name, "usable": status.is_usable, **asdict(status)})
        lines.append(f"{label:<20}{provider.name:<16}{_phrase(status)}")
    if name is not None and not rows and not failures:
        raise UsageFault(f"{name} has no login of its own")
    for failure in failures[:-1]:
        out.complain(str(failure))
    summary = "" if rows or failures else "no configured integration has a login"
    data = {"logins": rows, "failed": [str(failure) for failure in failures]}
    if failures:
        return Outcome(data=data, text=tuple(lines), error=failures[-1])
    code = ExitCode.OK if all(row["usable"] for row in rows) else ExitCode.ACCESS
    return Outcome(data=data, text=tuple(lines), summary=summary, code=code)


async def _status_of(provider: AuthProviderProtocol) -> LoginStatus:
    if isinstance(provider, BaseAuthProvider):
        return await provider.status()
    return LoginStatus("valid" if getattr(provider, "authenticated", None) is True else "unknown")


def _phrase(status: LoginStatus) -> str:
    moment = _moment(status.expires_at)
    renewable = "renewed when it is used" if status.renewable else "log in again when it ends"
    return {
        "valid": f"logged in, until {moment}; {renewable}" if moment else "logged in",
        "expired": f"expired {moment}; " + ("renewed when it is used" if status.renewable else "log in again"),
        "missing": "logs in by itself when it is used" if status.renewable else "not logged in",
        "refused": "the service has called it off; "
        + ("logs in by itself when it is used" if status.renewable else "log in again"),
        "unknown": "unknown: its provider tells only by logging in",
    }[status.state]


def _moment(expires_at: int | None) -> str:
    return (
        ""
        if expires_at is None
        else datetime.fromtimestamp(expires_at, UTC).isoformat(sep=" ", timespec="minutes")
    )


async def _ended(name: str, provider: AuthProviderProtocol, result: AuthResult, what: str) -> Outcome:
    """Return how a login or a renewal went; its token is shown nowhere."""
    result.unwrap()
    data: dict[str, Any] = {"name": name, "provider": provider.name, "expires_at": result.expiry}
    data["kept_in"] = result.credentials_path
    lost = isinstance(provider, BaseAuthProvider) and not (await provider.status()).kept_in
    if lost and isinstance(provider, OAuthProvider) and provider.interactive:
        error = AuthError(
            f"{name} is {what}, but the login ends with this command: give its `auth` a `credentials_file`",
            code="not_stored",
        )
        return Outcome(data=data, error=error)
    moment = _moment(result.expiry)
    return Outcome(data=data, summary=f"{name}: {what}" + (f", until {moment}" if moment else ""))


def _prepare(out: Output, provider: OAuthProvider, *, device: bool, browser: bool) -> None:
    if device:
        provider.flow = "device"
    elif provider.flow == "authorization_code":
        comes_back_here = is_listened_to(provider.redirect_uri)
        if not comes_back_here and not sys.stdin.isatty():
            raise UsageFault(
                "redirect_uri is not on this machine, so the address that the browser ends at has to be pasted: "
                "run this in a terminal, or use --device"
            )

        async def ask_here(url: str) -> str | None:
            return await _ask_here(out, url)

        if not (browser and comes_back_here):
            provider.authorization_handler = ask_here


async def _ask_here(out: Output, url: str) -> str | None:
    """Show the address; take the one that the browser ends at, where there is a terminal to paste it into."""
    out.console.print(f"Open this address to log in:\n{url}", soft_wrap=True)
    if not sys.stdin.isatty():
        return None
    out.console.print(
        "If the browser does not come back here, paste the address that it ends at, and press Enter:"
    )
    return (await run_in_daemon(sys.stdin.readline)).strip() or None


async def _configured(name: str | None = None) -> dict[str, object]:
    """Make one of the integrations, whatever is wrong with the others, or all of them."""
    names = None if name is None else (name,)
    made: dict[str, object] = {
        integration.name: integration for integration in await IntegrationRegistry().configure(names=names)
    }
    if name is None or name in made:
        return made if name is None else {name: made[name]}
    known = ", ".join(await list_instances()) or "none (`quack config path -v` shows where it was looked)"
    raise UsageFault(f"{name!r} is not configured: configured are {known}")


async def _provider_of(name: str) -> AuthProviderProtocol:
    integrations = await _configured(name)
    try:
        provider = await _load(integrations[name])
    except QuackError as error:
        raise _told_of(name, error) from error
    if provider is None:
        raise UsageFault(f"{name} has no login of its own")
    return provider


async def _load(integration: object) -> AuthProviderProtocol | None:
    """Return what logs an integration in, None when nothing does.

    Raises:
        QuackError: if its configuration cannot be used.
    """
    load = getattr(integration, "load_auth_provider", None)
    provider: AuthProviderProtocol | None = (
        getattr(integration, "auth_provider", None) if load is None else await load()
    )
    return provider


def _told_of(name: str, error: QuackError) -> QuackError:
    """Return an error that says which of the integrations it is about."""
    return QuackError(f"{name}: {error}", kind=error.kind, code=error.code, retryable=error.retryable)
