"""A TCP relay whose way to the server stops for a while in the middle of a transfer."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["stalling_relay"]

_BLOCK = 256 * 1024


@contextmanager
def stalling_relay(target: tuple[str, int], *, after: int, seconds: float) -> Iterator[tuple[str, int]]:
    """Relay connections to `target`; once `after` bytes went up, nothing more is read for `seconds`."""
    relay = _Relay(target, after, seconds)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=relay.accept, args=(listener,), daemon=True).start()
    try:
        yield listener.getsockname()[:2]
    finally:
        listener.close()


class _Relay:
    def __init__(self, target: tuple[str, int], after: int, seconds: float) -> None:
        self._target = target
        self._after = after
        self._seconds = seconds
        self._sent = 0
        self._resumes: float | None = None
        self._lock = threading.Lock()

    def accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # the listener was closed: the measurement is over
                return
            server = socket.create_connection(self._target)
            threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, upward: bool) -> None:
        try:
            while data := source.recv(_BLOCK):
                target.sendall(data)
                if upward:
                    self._stall(len(data))
            target.shutdown(socket.SHUT_WR)
        except OSError:  # one side hung up: so does the other
            source.close()
            target.close()

    def _stall(self, sent: int) -> None:
        with self._lock:
            self._sent += sent
            if self._sent >= self._after and self._resumes is None:
                self._resumes = time.monotonic() + self._seconds
            resumes = self._resumes
        if resumes is not None:
            time.sleep(max(0.0, resumes - time.monotonic()))
