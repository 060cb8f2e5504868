"""What the tests of the lean engine share."""

import socket

import pytest


def engine_of(client):
    """Return the engine that an open client sends by now."""
    return client.requester._source.current.engine


def connections_of(client):
    """Return how many connections a client has, and how many of them wait for a request."""
    pool = engine_of(client)._pool
    return len(pool._all), sum(map(len, pool._idle.values()))


@pytest.fixture
def resolve_to_loopback(monkeypatch):
    """Let every host name be this machine: `bucket.localhost` is no name everywhere."""
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _host, *args, **options: look_up("127.0.0.1", *args, **options)
    )
