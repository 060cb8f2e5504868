import anyio
import pytest

from quackcore_async.concurrency import comes_from_outside, own_error
from quackcore_async.errors import QuackError


class Odd(BaseException):
    """What is no `Exception` and no exit."""


@pytest.mark.parametrize("exc", [ValueError(), SystemExit(2), Odd(), BaseExceptionGroup("g", [SystemExit(2)])])
async def test_what_foreign_code_does_is_its_own(exc: BaseException) -> None:
    assert not comes_from_outside(exc)


@pytest.mark.parametrize("exc", [KeyboardInterrupt(), BaseExceptionGroup("g", [Odd(), KeyboardInterrupt()])])
async def test_an_interrupt_comes_from_outside(exc: BaseException) -> None:
    assert comes_from_outside(exc)


async def test_a_cancelled_scope_comes_from_outside() -> None:
    seen: list[bool] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await anyio.sleep(0)
        except anyio.get_cancelled_exc_class() as exc:
            seen.append(comes_from_outside(exc))
            raise
    assert seen == [True]


async def test_it_becomes_an_ordinary_error_that_names_the_code() -> None:
    error = own_error("plugin", BaseExceptionGroup("g", [SystemExit(2)]))
    assert isinstance(error, QuackError)
    assert str(error) == "plugin called sys.exit(2)"
    assert error.code == "system_exit"
    assert str(own_error("plugin", Odd("x"))) == "plugin raised Odd: x"
    plain = ValueError("kept")
    assert own_error("plugin", plain) is plain
