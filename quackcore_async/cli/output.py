"""What a command writes: data on standard output, everything else on standard error."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from quackcore_async.cli.exits import ExitCode, exit_code_of
from quackcore_async.cli.settings import Settings
from quackcore_async.errors import QuackError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["SCHEMA_VERSION", "Outcome", "Output", "discard_stdout", "printable"]

SCHEMA_VERSION: Final = 1
"""Version of the JSON lines; it rises when a member is renamed, removed, or means something else."""

_CONTROL: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


def printable(text: str) -> str:
    """Return a text whose control characters are escaped: a name must not steer a terminal."""
    return text.translate(_CONTROL)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command came to.

    Attributes:
        data: The `data` of the last JSON line.
        text: Lines for people, written on standard output in place of JSON.
        summary: A line for people on standard error; `--quiet` leaves it out.
        error: Why it failed.
        code: The exit code; None takes it from the error.
    """

    data: Mapping[str, Any] | None = None
    text: tuple[str, ...] = ()
    summary: str = ""
    error: QuackError | None = None
    code: ExitCode | None = None

    @property
    def exit_code(self) -> ExitCode:
        """The exit code."""
        if self.code is not None:
            return self.code
        if self.error is None:
            return ExitCode.OK
        return exit_code_of(self.error.kind, self.error.code, retryable=self.error.retryable)


@dataclass(slots=True)
class Output:
    """Standard output and standard error of one command.

    Attributes:
        settings: Whether JSON or text is wanted, and how much.
        command: Name of the command, for the last JSON line.
    """

    settings: Settings
    command: str
    _console: "Console | None" = field(default=None, repr=False)

    @property
    def console(self) -> "Console":
        """Standard error, as rich knows it: it heeds `NO_COLOR`, `FORCE_COLOR` and `TERM=dumb`."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        return self._console

    def line(self, text: str) -> None:
        """Write a line of data for people; on a terminal its control characters are escaped."""
        _write_line(printable(text) if sys.stdout.isatty() else text)

    def record(self, kind: str, members: Mapping[str, Any]) -> None:
        """Write a JSON line."""
        import json

        line = {"version": SCHEMA_VERSION, "type": kind, **members}
        _write_line(json.dumps(line, default=_plain, allow_nan=False))

    def note(self, text: str, style: str | None = None) -> None:
        """Write a line on standard error that `--quiet` leaves out."""
        if text and not self.settings.quiet:
            self._say(text, style)

    def complain(self, text: str) -> None:
        """Write a line on standard error that says what is wrong."""
        self._say(f"quack: {text}", "red")

    def trace(self, text: str) -> None:
        """Write a traceback on standard error."""
        with suppress(OSError):
            sys.stderr.write(text)

    def finish(self, outcome: Outcome) -> ExitCode:
        """Write what a command came to, and return its exit code."""
        if self.settings.as_json:
            self.record_result(outcome)
        else:
            for line in outcome.text:
                self.line(line)
        sys.stdout.flush()
        self.note(outcome.summary)
        if outcome.error is not None:
            self.complain(_message_of(outcome.error))
        return outcome.exit_code

    def record_result(self, outcome: Outcome) -> None:
        """Write the last JSON line, which every command has."""
        code = outcome.exit_code
        members = {"command": self.command, "ok": code is ExitCode.OK, "exit_code": int(code)}
        self.record("result", {**members, "data": outcome.data, "error": _error_members(outcome.error)})

    def _say(self, text: str, style: str | None) -> None:
        with suppress(OSError):  # standard error may be closed: the exit code still says what happened
            self.console.print(printable(text), style=style)


def discard_stdout() -> None:
    """Let what is still buffered for standard output go nowhere, so that the end of Python does not complain."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _write_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _message_of(error: QuackError) -> str:
    from quackcore_async.redaction import scrub

    return scrub(str(error))


def _plain(value: object) -> Any:  # noqa: ANN401 - what JSON has for it
    from datetime import datetime

    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def _error_members(error: QuackError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {
        "message": _message_of(error),
        "kind": str(error.kind),
        "code": error.code,
        "retryable": error.retryable,
        "retry_after": error.retry_after,
        "status_code": error.status_code,
        "request_id": error.request_id,
    }
