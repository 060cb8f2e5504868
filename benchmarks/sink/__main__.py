"""`python -m benchmarks.sink KEEP_BELOW`: serve on a free port of loopback, and print the port."""

import asyncio
import sys

from benchmarks.sink.connection import Connection
from benchmarks.sink.service import Service


async def serve(keep_below: int) -> None:
    """Answer requests on a free port, which is printed."""
    loop = asyncio.get_running_loop()
    service = Service(keep_below)
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    while True:
        await asyncio.sleep(1)
        service.tick()


def main() -> None:
    """Run on uvloop where it is installed: it halves what the sink costs."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(int(sys.argv[1])))
    else:
        uvloop.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
