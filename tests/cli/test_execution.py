"""How whatever happens in a command ends: an exit code and a sentence, and a traceback for those who ask."""

import logging

import pytest

from quackcore_async.cli import listing
from quackcore_async.cli.execution import execute
from quackcore_async.cli.output import Outcome, Output
from quackcore_async.cli.settings import Settings
from quackcore_async.errors import ErrorKind, QuackError
from quackcore_async.logging import get_logger
from quackcore_async.redaction import Secret


@pytest.fixture
def broken(monkeypatch):
    def explode(*_args, **_kwargs):
        raise ValueError("boom")

    monkeypatch.setattr(listing, "list_location", explode)


def test_an_unexpected_error_is_a_short_message(quack, broken):
    done = quack("ls")
    assert (done.code, done.stdout) == (1, "")
    assert (
        done.stderr
        == "quack: unexpected error: ValueError: boom; run again with -vv for the traceback, and report it\n"
    )


def test_an_unexpected_error_has_its_traceback_when_that_is_asked_for(quack, broken):
    done = quack("-vv", "ls")
    assert done.code == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.count("ValueError: boom") == 2


def test_an_expected_error_has_no_traceback(quack):
    assert "Traceback" not in quack("ls", "missing", "-v").stderr


def test_a_group_of_errors_is_the_worst_of_them(capsys):
    async def handler() -> Outcome:
        raise ExceptionGroup(
            "two", [QuackError("later", kind=ErrorKind.TIMEOUT, retryable=True), PermissionError(13, "no")]
        )

    assert execute(Output(Settings(), "test"), handler) == 6


@pytest.mark.parametrize(
    ("verbose", "shown"), [(0, {"warning"}), (1, {"warning", "info"}), (2, {"warning", "info", "debug"})]
)
def test_the_log_goes_to_standard_error_as_far_as_it_is_asked_for(verbose, shown, capsys):
    secret = Secret("hunter2hunter2")

    async def handler() -> Outcome:
        logger = get_logger("quackcore_async.test")
        for level in ("debug", "info", "warning"):
            getattr(logger, level)("%s %s", level, secret.reveal())
        return Outcome()

    assert execute(Output(Settings(verbose=verbose), "test"), handler) == 0
    lines = capsys.readouterr().err.splitlines()
    assert {line.split()[-2] for line in lines} == shown
    assert "hunter2" not in "".join(lines)


def test_the_log_is_left_as_it_was(capsys):
    async def handler() -> Outcome:
        return Outcome()

    logger = logging.getLogger("quackcore_async")
    before = logger.level, list(logger.handlers)
    execute(Output(Settings(verbose=2), "test"), handler)
    assert (logger.level, logger.handlers) == before
