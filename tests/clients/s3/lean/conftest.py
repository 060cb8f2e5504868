"""What the tests of the lean engine share."""

import aiohttp
import pytest


def engine_of(client):
    """Return the engine that an open client sends by now."""
    return client.requester._source.current.engine


@pytest.fixture
def resolve_to_loopback():
    """Return what lets every host name of a client be this machine: `bucket.localhost` is no name everywhere."""

    class Loopback(aiohttp.abc.AbstractResolver):
        async def resolve(self, host, port=0, family=0):
            return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}]

        async def close(self):
            pass

    def resolve(client):
        engine_of(client)._session.connector._resolver = Loopback()

    return resolve
