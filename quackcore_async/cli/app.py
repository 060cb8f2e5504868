"""`quack`: the program, its commands, and how it ends.

Only typer and what is light is imported here and in the modules of the commands, so that help comes at once; each
command loads its machinery when it runs.
"""

import inspect
import os
import signal
import sys
import threading
from collections.abc import Sequence
from itertools import takewhile
from types import FrameType
from typing import Annotated, Any, NoReturn, Protocol, runtime_checkable

import typer

from quackcore_async.cli.commands import about, auth, cleanup, configuration, copying, listing, removing, syncing
from quackcore_async.cli.exits import EXIT_CODES, ExitCode
from quackcore_async.cli.output import Outcome, Output
from quackcore_async.cli.settings import SHARED_OPTIONS, Settings
from quackcore_async.cli.usage import UsageFault

__all__ = ["app", "main", "run"]

_LOCATIONS = {
    "PATH, file:///PATH": "a file or folder of this machine",
    "s3://BUCKET/KEY": "an object; without configuration the AWS environment is used",
    "gs://BUCKET/NAME, az://CONTAINER/NAME": "the same at Google and Azure, with the extra obstore",
    "NAME:PATH": "a place in a storage that the configuration names",
    "-": "standard input or output",
}


def _table(title: str, rows: dict[str, str]) -> str:
    """Return a paragraph that help prints as it is."""
    width = max(map(len, rows)) + 2
    return "\n".join(("\b", f"{title}:", *(f"  {name:<{width}}{meaning}" for name, meaning in rows.items())))


_EPILOG = "\n\n".join(
    (
        _table("Locations", _LOCATIONS),
        _table("Exit codes", {str(int(code)): meaning for code, meaning in EXIT_CODES.items()}),
    )
)


@runtime_checkable
class _UsageComplaint(Protocol):
    """What typer raises for a command line that it cannot read."""

    exit_code: int

    def format_message(self) -> str: ...

    def show(self) -> None: ...


def main() -> NoReturn:
    """Run the program: the entry point of `quack` and of `python -m quackcore_async`."""
    signal.signal(signal.SIGTERM, _terminate)
    _leave(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        return int(app(list(arguments), prog_name="quack", standalone_mode=False) or 0)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as exc:
        if not isinstance(exc, _UsageComplaint):
            raise
        return _refuse(exc, arguments)


def _terminate(_signum: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(ExitCode.TERMINATED)


def _refuse(complaint: _UsageComplaint, arguments: Sequence[str]) -> int:
    """Show what is wrong with the command line, and say it in JSON too when that was asked for."""
    complaint.show()
    if "--json" in takewhile(lambda argument: argument != "--", arguments):
        out = Output(Settings(as_json=True), "quack")
        out.record_result(Outcome(error=UsageFault(complaint.format_message())))
    return complaint.exit_code


def _leave(code: int) -> NoReturn:
    """End the process, without waiting for a thread that writes where nobody reads any more."""
    if threading.active_count() > 1:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    sys.exit(code)


def _before_command(context: typer.Context, **shared: Any) -> None:
    shared.pop("version")
    context.obj = Settings().overlaid(shared)


def _show_version(wanted: bool) -> None:
    if wanted:
        for line in about.version_lines():
            typer.echo(line)
        raise typer.Exit


def _make_app() -> typer.Typer:
    made = typer.Typer(
        name="quack",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    option = typer.Option(
        "--version", help="Show the versions and exit.", is_eager=True, callback=_show_version, show_default=False
    )
    version = inspect.Parameter(
        "version", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, option]
    )
    _before_command.__signature__ = inspect.Signature([context, version, *SHARED_OPTIONS])  # type: ignore[attr-defined]
    made.callback(
        help="Copy, sync and look after files in storages: this machine, S3, and what the configuration names.",
        epilog=_EPILOG,
    )(_before_command)
    for module in (copying, syncing, listing, removing, cleanup, configuration, auth, about):
        module.add_to(made)
    return made


app = _make_app()
