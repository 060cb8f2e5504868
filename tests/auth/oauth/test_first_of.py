"""Several ways to one answer."""

import anyio
import pytest

from quackcore_async.auth.oauth.first_of import first_of


async def nothing() -> str | None:
    return None


async def at_once() -> str | None:
    return "at once"


async def never() -> str | None:
    await anyio.sleep_forever()
    return None


async def failing() -> str | None:
    raise ValueError("it broke")


async def test_the_first_answer_decides():
    assert await first_of(never, nothing, at_once) == "at once"


async def test_none_is_no_answer():
    assert await first_of(nothing, nothing) is None


async def test_the_first_failure_decides_and_comes_out_as_it_is():
    with pytest.raises(ValueError, match="it broke"):
        await first_of(never, failing)
