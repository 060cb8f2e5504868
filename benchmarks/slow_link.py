"""TCP relays over links that real ones are like: one that stops for a while, and one of a certain speed."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

__all__ = ["paced_relay", "stalling_relay"]

_BLOCK = 256 * 1024

Address = tuple[str, int]
Hold = Callable[[int, bool], None]
"""Told the bytes that are to go on, and whether they go up; returns when they may."""


@contextmanager
def stalling_relay(target: Address, *, after: int, seconds: float) -> Iterator[Address]:
    """Relay connections to `target`; once `after` bytes went up, nothing more goes up for `seconds`."""
    with _relay(target, _Stall(after, seconds).hold) as address:
        yield address


@contextmanager
def paced_relay(target: Address, *, bytes_per_second: float) -> Iterator[Address]:
    """Relay connections to `target`, which share so many bytes a second."""
    with _relay(target, _Pace(bytes_per_second).hold) as address:
        yield address


@contextmanager
def _relay(target: Address, hold: Hold) -> Iterator[Address]:
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, target, hold), daemon=True).start()
    try:
        yield listener.getsockname()[:2]
    finally:
        listener.close()


def _accept(listener: socket.socket, target: Address, hold: Hold) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:  # the listener was closed: the measurement is over
            return
        server = socket.create_connection(target)
        for source, goal, upward in ((client, server, True), (server, client, False)):
            threading.Thread(target=partial(_pump, source, goal, upward, hold), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, upward: bool, hold: Hold) -> None:
    try:
        while data := source.recv(_BLOCK):
            hold(len(data), upward)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # one side hung up: so does the other
        source.close()
        target.close()


class _Stall:
    def __init__(self, after: int, seconds: float) -> None:
        self._left = after
        self._seconds = seconds
        self._resumes: float | None = None
        self._lock = threading.Lock()

    def hold(self, count: int, upward: bool) -> None:
        if not upward:
            return
        with self._lock:
            if self._left <= 0 and self._resumes is None:
                self._resumes = time.monotonic() + self._seconds
            self._left -= count
            resumes = self._resumes
        if resumes is not None:
            time.sleep(max(0.0, resumes - time.monotonic()))


class _Pace:
    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._free = 0.0
        self._lock = threading.Lock()

    def hold(self, count: int, upward: bool) -> None:
        del upward
        with self._lock:
            self._free = free = max(self._free, time.monotonic()) + count / self._rate
        time.sleep(max(0.0, free - time.monotonic()))
