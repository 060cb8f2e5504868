import re
from pathlib import Path

import pytest

from quackcore_async.cli.exits import EXIT_CODES, ExitCode, exit_code_of
from quackcore_async.errors import ErrorKind

DOCS = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


@pytest.mark.parametrize(
    ("kind", "code", "retryable", "expected"),
    [
        (ErrorKind.INVALID_INPUT, "usage", False, 2),
        (ErrorKind.INVALID_INPUT, "invalid_name", False, 1),
        (ErrorKind.NOT_FOUND, "folder_not_found", False, 3),
        (ErrorKind.MISCONFIGURED, "bucket_missing", False, 3),
        (ErrorKind.NOT_FOUND, "not_found", False, 4),
        (ErrorKind.TIMEOUT, "deadline", False, 5),
        (ErrorKind.RATE_LIMITED, "slow_down", True, 5),
        (ErrorKind.UNAVAILABLE, "connection", True, 5),
        (ErrorKind.UNAVAILABLE, "disk_full", False, 1),
        (ErrorKind.AUTH_REQUIRED, "missing_credentials", False, 6),
        (ErrorKind.PERMISSION_DENIED, "access_denied", False, 6),
        (ErrorKind.MISCONFIGURED, "config_invalid", False, 7),
        (ErrorKind.CONFLICT, "exists", False, 1),
        (ErrorKind.INTERNAL, "internal", False, 1),
    ],
)
def test_an_error_has_the_exit_code_of_its_kind(kind, code, retryable, expected):
    assert exit_code_of(kind, code, retryable=retryable) == expected


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_kind_of_error_is_a_failure(kind):
    assert exit_code_of(kind, "x", retryable=False) != ExitCode.OK


def test_every_exit_code_is_explained():
    assert set(EXIT_CODES) == set(ExitCode)


def test_the_documented_exit_codes_are_those_that_there_are():
    documented = {
        int(code) for code in re.findall(r"^\| (\d+) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert documented == {int(code) for code in ExitCode}
