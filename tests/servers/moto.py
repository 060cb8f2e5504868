"""moto's server: keeps keys byte for byte, lists in byte order, answers for missing buckets; checks no signature."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.endpoint import S3Endpoint


@contextmanager
def moto_server_running() -> Iterator[S3Endpoint]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3Endpoint(f"http://{host}:{port}")
    finally:
        server.stop()
