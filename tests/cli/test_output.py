import io
import json
from datetime import UTC, datetime

import pytest

from quackcore_async.cli.exits import ExitCode
from quackcore_async.cli.output import SCHEMA_VERSION, Outcome, Output, printable
from quackcore_async.cli.settings import Settings
from quackcore_async.errors import QuackError, TimedOutError
from quackcore_async.redaction import Secret


def last_line(capsys) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_result_line_has_the_members_of_the_schema(capsys):
    Output(Settings(as_json=True), "cp").finish(Outcome(data={"total": 1}))
    assert last_line(capsys) == {
        "version": SCHEMA_VERSION,
        "type": "result",
        "command": "cp",
        "ok": True,
        "exit_code": 0,
        "data": {"total": 1},
        "error": None,
    }


def test_the_error_of_a_result_line_has_the_members_of_the_schema(capsys):
    error = TimedOutError("too late", retryable=True, retry_after=2.5, status_code=503, request_id="R1")
    code = Output(Settings(as_json=True, quiet=True), "cp").finish(Outcome(error=error))
    assert code == ExitCode.TEMPORARY
    assert last_line(capsys)["error"] == {
        "message": "too late",
        "kind": "timeout",
        "code": "deadline",
        "retryable": True,
        "retry_after": 2.5,
        "status_code": 503,
        "request_id": "R1",
    }


def test_a_time_is_iso_8601(capsys):
    Output(Settings(as_json=True), "ls").record("file", {"last_modified": datetime(2024, 1, 2, tzinfo=UTC)})
    assert last_line(capsys)["last_modified"] == "2024-01-02T00:00:00+00:00"


def test_without_json_the_text_is_on_stdout_and_the_summary_on_stderr(capsys):
    Output(Settings(), "check").finish(Outcome(data={"a": 1}, text=("one", "two"), summary="2 lines"))
    captured = capsys.readouterr()
    assert captured.out == "one\ntwo\n"
    assert captured.err == "2 lines\n"


def test_quiet_leaves_the_summary_out_and_not_the_error(capsys):
    Output(Settings(quiet=True), "cp").finish(Outcome(summary="1 failed", error=QuackError("no")))
    assert capsys.readouterr().err == "quack: no\n"


def test_a_secret_is_in_no_error(capsys):
    secret = Secret("hunter2hunter2")
    Output(Settings(as_json=True), "cp").finish(Outcome(error=QuackError("refused hunter2hunter2")))
    captured = capsys.readouterr()
    assert secret.reveal() not in captured.out + captured.err


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb", "a\x9bb", "a\x7fb"])
def test_control_characters_of_a_name_never_reach_standard_error(name, capsys):
    Output(Settings(), "cp").complain(name)
    assert not {letter for letter in capsys.readouterr().err.rstrip("\n") if not letter.isprintable()}


def test_a_long_line_is_not_broken(capsys):
    Output(Settings(), "cp").complain("x" * 500)
    assert capsys.readouterr().err == f"quack: {'x' * 500}\n"


def test_brackets_of_a_name_are_no_markup(capsys):
    Output(Settings(), "cp").complain("[red]a[/red] :duck:")
    assert capsys.readouterr().err == "quack: [red]a[/red] :duck:\n"


def test_printable_text_stays_as_it_is():
    assert printable("ü c 🦆.txt") == "ü c 🦆.txt"


def test_a_terminal_gets_escaped_names_and_a_pipe_gets_them_as_they_are(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, expected in ((Terminal(), "a\\x1bb\n"), (io.StringIO(), "a\x1bb\n")):
        monkeypatch.setattr("sys.stdout", stream)
        Output(Settings(), "ls").line("a\x1bb")
        assert stream.getvalue() == expected
