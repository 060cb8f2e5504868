import logging
import subprocess
import sys

import pytest

from quackcore_async.logging import LOG_LEVELS, LogLevel, SecretFilter, get_logger, resolve_level
from quackcore_async.redaction import MASK, Secret

PASSWORD = "correct-horse-battery"


@pytest.fixture
def secret():
    return Secret(PASSWORD)


@pytest.fixture
def logger(request):
    return get_logger(f"quackcore_async.test.{request.node.name}")


def test_levels_are_those_of_the_standard_library() -> None:
    assert {level.value: number for level, number in LOG_LEVELS.items()} == {
        name: getattr(logging, name) for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    }
    assert LOG_LEVELS["INFO"] == logging.INFO


@pytest.mark.parametrize("level", [LogLevel.INFO, "INFO", "info", 20])
def test_level_is_taken_by_name_and_by_number(level) -> None:
    assert resolve_level(level) == logging.INFO


def test_no_level_stays_none() -> None:
    assert resolve_level(None) is None


@pytest.mark.parametrize("level", ["LOUD", "", True])
def test_unknown_level_is_named_with_the_known_ones(level) -> None:
    with pytest.raises(ValueError, match=r"unknown log level .*DEBUG, INFO"):
        resolve_level(level)


def test_none_leaves_the_level_of_a_logger_alone(logger) -> None:
    logger.setLevel(logging.ERROR)
    assert get_logger(logger.name).level == logging.ERROR
    assert get_logger(logger.name, "DEBUG").level == logging.DEBUG


def test_filter_is_added_once(logger) -> None:
    get_logger(logger.name)
    assert len([item for item in logger.filters if isinstance(item, SecretFilter)]) == 1


def test_secret_in_the_arguments_is_scrubbed(logger, secret, caplog) -> None:
    logger.warning("login with %s failed", PASSWORD)
    assert caplog.messages == [f"login with {MASK} failed"]


def test_secret_in_a_traceback_is_scrubbed(logger, secret, caplog) -> None:
    try:
        raise ValueError(f"bad password {PASSWORD}")
    except ValueError:
        logger.exception("login failed")
    assert "ValueError: bad password ***" in caplog.text
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    ("message", "arguments"),
    [("%d apples", ("many",)), ("%s %s", ("one",)), ("%(name)s", ({"other": 1},))],
)
def test_wrong_log_call_does_not_break_the_program(logger, caplog, message, arguments) -> None:
    logger.warning(message, *arguments)
    assert caplog.messages == [message]


def test_argument_that_cannot_be_shown_does_not_break_the_program(logger, caplog) -> None:
    class Unshowable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    logger.warning("%s", Unshowable())
    assert len(caplog.messages) == 1


def test_filter_on_a_handler_covers_other_libraries(secret, caplog) -> None:
    caplog.handler.addFilter(quiet := SecretFilter())
    try:
        logging.getLogger("some.library").warning("sent %s", PASSWORD)
    finally:
        caplog.handler.removeFilter(quiet)
    assert caplog.messages == [f"sent {MASK}"]


def test_package_is_silent_until_the_program_sets_logging_up() -> None:
    script = "from quackcore_async.logging import get_logger; get_logger('quackcore_async.x').error('boo')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
