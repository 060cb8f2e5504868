"""Free ports on the loopback interface, and waiting until somebody answers there."""

import contextlib
import socket
import time
from collections.abc import Callable


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]


def wait_until(
    ready: Callable[[], bool], *, seconds: float, what: str, alive: Callable[[], bool] = lambda: True
) -> None:
    """Poll a server that is starting in another process: nothing can announce that it is ready."""
    end = time.monotonic() + seconds
    while not ready():
        if not alive():
            raise RuntimeError(f"{what} ended while it was starting")
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not answer within {seconds} seconds")
        time.sleep(0.05)
