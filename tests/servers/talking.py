"""A server in the loop of the test, which says what a coroutine of the test says.

async def refuse(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 403 Forbidden\\r\\ncontent-length: 0\\r\\n\\r\\n")
    await reader.read()

async with talking(refuse) as server:
    ...  # server.port, server.connections
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


@dataclass
class Talking:
    """Where it listens, and how many connections it has taken."""

    host: str
    port: int
    connections: int = 0


@contextlib.asynccontextmanager
async def talking(talk: Talk, *, host: str = "127.0.0.1", **options: Any) -> AsyncIterator[Talking]:
    """Hold each connection's conversation by `talk`, and abort the connection at its end."""
    tasks: set[asyncio.Task[Any]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        listening.connections += 1
        try:
            await talk(reader, writer)
        except (OSError, EOFError):
            pass  # the client went away
        except RuntimeError:  # uvloop's word for that
            if not writer.transport.is_closing():
                raise
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(converse, host, 0, limit=2**20, **options)
    listening = Talking(host, server.sockets[0].getsockname()[1])
    try:
        yield listening
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
