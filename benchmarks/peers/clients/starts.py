"""Makes S3 clients, which is all that is measured: what they import was loaded before."""

import importlib
import json
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from benchmarks.peers.clients.ours import config
from benchmarks.peers.work import Work
from benchmarks.probe import Probe


async def our_clients(probe: Probe, *, bucket: str, engine: str, count: int, modules: str) -> None:
    from quackcore_async.clients.s3 import S3Client
    from quackcore_async.storage.s3_config import S3Config

    load(modules)
    section = config(Work(bucket, "", variant=engine))
    async with AsyncExitStack() as stack:
        with probe:
            for _ in range(count):
                await stack.enter_async_context(S3Client(S3Config.model_validate(section).settings()))
    write_down(modules)


async def our_storages(probe: Probe, *, bucket: str, engine: str, count: int, modules: str) -> None:
    from quackcore_async import S3Storage

    load(modules)
    section = config(Work(bucket, "", variant=engine))
    async with AsyncExitStack() as stack:
        with probe:
            for _ in range(count):
                await stack.enter_async_context(S3Storage(config=section))
    write_down(modules)


async def own_sessions(probe: Probe, *, bucket: str, engine: str, count: int, modules: str) -> None:  # noqa: ARG001
    import aioboto3

    load(modules)
    async with AsyncExitStack() as stack:
        with probe:
            for _ in range(count):
                await stack.enter_async_context(aioboto3.Session().client("s3"))
    write_down(modules)


async def one_session(probe: Probe, *, bucket: str, engine: str, count: int, modules: str) -> None:  # noqa: ARG001
    import aioboto3

    load(modules)
    session: Any = aioboto3.Session()
    async with AsyncExitStack() as stack:
        with probe:
            for _ in range(count):
                await stack.enter_async_context(session.client("s3"))
    write_down(modules)


def load(modules: str) -> None:
    """Import what an earlier run wrote down, if there was one."""
    path = Path(modules)
    if path.exists():
        for name in json.loads(path.read_text(encoding="utf-8")):
            with suppress(ImportError):
                importlib.import_module(name)


def write_down(modules: str) -> None:
    """Write down what is imported by now."""
    names = [name for name, module in sys.modules.items() if module is not None and name != "__main__"]
    Path(modules).write_text(json.dumps(names), encoding="utf-8")
