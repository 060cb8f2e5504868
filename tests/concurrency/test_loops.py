"""To which loop and process something belongs."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

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


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_it_has_ended_once_its_loop_is_closed(backend: str):
    async def make() -> tuple[LoopBinding, bool]:
        binding = LoopBinding.current()
        return binding, binding.has_ended()

    binding, ended_inside = anyio.run(make, backend=backend)
    assert not ended_inside
    assert binding.has_ended()


def test_a_loop_that_only_rests_has_not_ended():
    async def make() -> LoopBinding:
        return LoopBinding.current()

    loop = asyncio.new_event_loop()
    binding = loop.run_until_complete(make())
    assert not binding.has_ended()
    loop.close()
    assert binding.has_ended()


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


def test_it_is_still_here_when_its_loop_goes_on_in_another_thread():
    async def make() -> LoopBinding:
        return LoopBinding.current()

    async def look(binding: LoopBinding) -> bool:
        return binding.is_here()

    loop = asyncio.new_event_loop()
    binding = loop.run_until_complete(make())
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(lambda: loop.run_until_complete(look(binding))).result()
    loop.close()


def test_it_is_not_here_in_a_loop_that_follows_in_the_same_thread():
    async def make() -> LoopBinding:
        return LoopBinding.current()

    async def look(binding: LoopBinding) -> bool:
        return binding.is_here()

    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    binding = first.run_until_complete(make())
    assert not second.run_until_complete(look(binding))
    first.close()
    second.close()
