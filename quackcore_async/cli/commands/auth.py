"""`quack auth`: logging configured integrations in and out."""

from typing import Annotated

import typer

from quackcore_async.cli.command import command
from quackcore_async.cli.output import Outcome, Output

__all__ = ["add_to"]

_LOGIN = (
    "Log an integration in. A browser is opened, or with --device a code is shown to enter on another device. "
    "What comes of it is stored where the integration finds it; it is never shown."
)
_STATUS = (
    "Show how the logins stand, without asking the services. The exit code is 6 when one of them is of no use "
    "without a person."
)
_REFRESH = "Renew a login at the service, however valid it looks."
_LOGOUT = "End a login: at the service, where it can be told, and here."

Name = Annotated[str, typer.Argument(metavar="NAME", help="A configured integration.", show_default=False)]
AnyName = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="A configured integration; all without it.", show_default=False),
]
Device = Annotated[
    bool, typer.Option("--device", help="Show a code to enter on another device.", show_default=False)
]
NoBrowser = Annotated[
    bool,
    typer.Option("--no-browser", help="Only show the address; take the answer pasted, too.", show_default=False),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    auth = typer.Typer(
        name="auth", help="Log configured integrations in and out.", no_args_is_help=True, rich_markup_mode=None
    )
    command(auth, "login", _LOGIN, examples=("quack auth login crm", "quack auth login crm --device"))(_login)
    command(auth, "status", _STATUS)(_status)
    command(auth, "refresh", _REFRESH)(_refresh)
    command(auth, "logout", _LOGOUT)(_logout)
    app.add_typer(auth)


async def _login(out: Output, name: Name, *, device: Device = False, no_browser: NoBrowser = False) -> Outcome:
    from quackcore_async.cli.logins import log_in

    return await log_in(out, name, device=device, browser=not no_browser)


async def _status(out: Output, name: AnyName = None) -> Outcome:
    from quackcore_async.cli.logins import show_status

    return await show_status(out, name)


async def _refresh(_out: Output, name: Name) -> Outcome:
    from quackcore_async.cli.logins import renew

    return await renew(name)


async def _logout(out: Output, name: Name) -> Outcome:
    from quackcore_async.cli.logins import log_out

    return await log_out(out, name)
