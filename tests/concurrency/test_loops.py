"""To which loop and process something belongs."""

import asyncio
import os

import anyio
import anyio.to_thread
import pytest

from quackcore_async.concurrency import LoopBinding


async def test_it_is_here_and_alive_where_it_was_made():
    binding = LoopBinding.current()
    assert binding.is_here()
    assert binding.is_alive()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_it_is_dead_once_its_loop_has_ended(backend: str):
    async def make() -> LoopBinding:
        return LoopBinding.current()

    async def look(binding: LoopBinding) -> tuple[bool, bool]:
        return binding.is_here(), binding.is_alive()

    binding = anyio.run(make, backend=backend)
    assert anyio.run(look, binding, backend=backend) == (False, False)


async def test_it_is_alive_but_not_here_in_another_loop():
    binding = LoopBinding.current()

    async def look() -> tuple[bool, bool]:
        return binding.is_here(), binding.is_alive()

    assert await anyio.to_thread.run_sync(lambda: asyncio.run(look())) == (False, True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_leaves_it_behind():
    async def fork() -> int:
        binding = LoopBinding.current()
        child = os.fork()
        if child == 0:
            os._exit(0 if not binding.is_here() and not binding.is_alive() else 1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert asyncio.run(fork()) == 0
