import copy
import inspect
import pickle
import re

import pytest

from quackcore_async import errors
from quackcore_async.errors import (
    ConfigError,
    ContractError,
    DuplicateIntegrationError,
    ErrorKind,
    IntegrationNotFoundError,
    InvalidConfigError,
    QuackError,
    ResponseError,
)

ERROR_TYPES = [
    value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, QuackError)
]


def drawn_tree() -> dict[str, str]:
    """Read the parent of each error from the drawing in the module's docstring."""
    parents: dict[str, str] = {}
    branch: list[str] = []
    for found in re.finditer(r"^ {4}([│├└─ ]*)(\w+Error)\b", str(errors.__doc__), re.MULTILINE):
        depth = len(found[1]) // 4
        del branch[depth:]
        if branch:
            parents[found[2]] = branch[-1]
        branch.append(found[2])
    return parents


def test_the_drawn_tree_is_the_real_one() -> None:
    real = {cls.__name__: cls.__bases__[0].__name__ for cls in ERROR_TYPES if cls is not QuackError}
    assert drawn_tree() == real


@pytest.mark.parametrize("error_type", ERROR_TYPES)
def test_every_error_is_exported_and_says_when_it_is_raised(error_type: type[QuackError]) -> None:
    assert error_type.__name__ in errors.__all__
    assert error_type is QuackError or str(error_type.__doc__).startswith("Raised when")


@pytest.mark.parametrize("error_type", ERROR_TYPES)
def test_class_decides_kind_and_code_where_nothing_else_is_said(error_type: type[QuackError]) -> None:
    error = error_type("it failed")
    assert (error.kind, error.code) == (error_type.default_kind, error_type.default_code)
    assert not error.retryable
    assert not error.indeterminate


def test_kind_and_code_of_one_error_can_be_given() -> None:
    error = ResponseError(
        "slow down", kind=ErrorKind.RATE_LIMITED, code="slow_down", status_code=503, retry_after=2.0
    )
    assert (error.kind, error.code, error.status_code, error.retry_after) == (
        "rate_limited",
        "slow_down",
        503,
        2.0,
    )


@pytest.mark.parametrize("error_type", ERROR_TYPES)
def test_errors_survive_pickling_and_copying(error_type: type[QuackError]) -> None:
    error = error_type("it failed", code="special")
    error.attempts = 3
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is error_type
        assert str(twin) == "it failed"
        assert (twin.code, twin.attempts) == ("special", 3)


def test_invalid_config_keeps_every_complaint() -> None:
    error = InvalidConfigError("2 values are wrong", (line for line in ("a: not a number", "b: unknown")))
    assert error.errors == ("a: not a number", "b: unknown")
    assert isinstance(error, ConfigError)


@pytest.mark.parametrize(
    ("error_type", "builtin"),
    [(ContractError, TypeError), (DuplicateIntegrationError, ValueError), (IntegrationNotFoundError, LookupError)],
)
def test_errors_of_usage_are_the_builtin_ones_too(error_type: type[QuackError], builtin: type[Exception]) -> None:
    assert issubclass(error_type, builtin)
