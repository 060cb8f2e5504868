"""Answers are read whole, decoded, up to a limit that a bomb cannot get past."""

import gzip
import os
import resource
import zlib

import anyio.lowlevel
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.errors import TransportError
from quackcore_async.transport import Wire, read_capped
from quackcore_async.transport.decompression import STEP_BYTES, decompressor_for
from tests.servers import faulty
from tests.servers.faulty import FaultyServer, answer
from tests.transport.conftest import a_request

TEXT = b"to be or not to be, that is the question " * 100


def name_of(value: object) -> str:
    """Name a case by its coding: gzip has the time in it, and workers must find the same names."""
    return value if isinstance(value, str) else ""


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def packed(data: bytes) -> bytes:
    """The same bytes at any time: test names are made of them, and have to be the same in all processes."""
    return gzip.compress(data, mtime=0)


class Body(httpx.AsyncByteStream):
    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.closed = False

    def __aiter__(self):
        return self

    async def __anext__(self) -> bytes:
        if not self.pieces:
            raise StopAsyncIteration
        return self.pieces.pop(0)

    async def aclose(self) -> None:
        self.closed = True


def response(*pieces: bytes, **headers: str) -> httpx.Response:
    return httpx.Response(
        200, stream=Body(*pieces), headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (None, TEXT),
        ("identity", TEXT),
        ("gzip", packed(TEXT)),
        ("x-gzip", packed(TEXT)),
        ("GZIP", packed(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
        ("gzip, gzip", packed(packed(TEXT))),
        ("deflate, gzip", packed(zlib.compress(TEXT))),
        ("gzip", packed(TEXT[:1000]) + packed(TEXT[1000:])),
        ("gzip", packed(TEXT) + b"\0" * 100),
        ("unheard-of", TEXT),
    ],
    ids=name_of,
)
@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_it_is_decoded(coding: str | None, body: bytes, size: int) -> None:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    answered = response(*pieces, **({} if coding is None else {"content_encoding": coding}))
    assert await read_capped(answered) == TEXT
    assert answered.content == TEXT
    assert answered.is_closed


@given(st.binary(max_size=5000), st.integers(1, 700), st.sampled_from(["gzip", "deflate"]))
def test_whatever_was_packed_is_unpacked(data: bytes, size: int, coding: str) -> None:
    body = gzip.compress(data) if coding == "gzip" else zlib.compress(data)
    decompressor = decompressor_for([coding])
    assert decompressor is not None
    out = b"".join(
        piece for start in range(0, len(body), size) for piece in decompressor.unpack(body[start : start + size])
    )
    decompressor.finish()
    assert out == data


async def test_others_run_while_much_is_unpacked() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(count)
        await anyio.lowlevel.checkpoint()
        before = turns
        await read_capped(response(packed(bytes(40 * STEP_BYTES)), content_encoding="gzip"))
        assert turns - before >= 20
        group.cancel_scope.cancel()


def test_a_step_puts_out_no_more_than_its_bound() -> None:
    decompressor = decompressor_for(["gzip"])
    assert decompressor is not None
    sizes = [len(piece) for piece in decompressor.unpack(gzip.compress(bytes(10_000_000)))]
    assert max(sizes) <= STEP_BYTES
    assert sum(sizes) == 10_000_000


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "body", [b"no such thing", packed(TEXT)[:-9], zlib.compress(TEXT)[:-9]], ids=["other", "gzip", "zlib"]
)
async def test_what_is_not_what_it_says_is_refused(coding: str, body: bytes) -> None:
    answered = response(body, content_encoding=coding)
    with pytest.raises(TransportError) as caught:
        await read_capped(answered)
    assert (caught.value.code, caught.value.kind, caught.value.retryable) == ("decode", "corrupted", False)
    assert answered.is_closed


async def test_an_empty_body_is_empty_whatever_its_coding() -> None:
    assert await read_capped(response(content_encoding="gzip")) == b""


async def test_codings_without_end_are_refused() -> None:
    with pytest.raises(TransportError, match="encoded 1000 times"):
        await read_capped(response(b"x", content_encoding=", ".join(["gzip"] * 1000)))


@pytest.mark.filterwarnings(
    "ignore:Async generator:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("coding", [None, "unheard-of", "br"])
async def test_the_limit_is_exact(coding: str | None) -> None:
    headers = {} if coding is None else {"content_encoding": coding}
    assert await read_capped(response(b"12345", **headers), 5) == b"12345"
    answered = response(b"12345", b"6", b"7", **headers)
    with pytest.raises(TransportError) as caught:
        await read_capped(answered, 5)
    assert caught.value.code == "too_large"
    assert answered.is_closed


async def test_a_declared_length_beyond_the_limit_is_not_begun() -> None:
    answered = response(b"x", content_length="1000000")
    with pytest.raises(TransportError):
        await read_capped(answered, 10)
    assert answered.stream.pieces == [b"x"]


async def test_one_that_was_read_already_is_measured() -> None:
    answered = httpx.Response(200, content=b"12345")
    assert await read_capped(answered, 5) == b"12345"
    with pytest.raises(TransportError):
        await read_capped(answered, 4)


@pytest.mark.filterwarnings(
    "ignore:Async generator:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("step", [faulty.gzip_bomb(), faulty.endless(os.urandom(65536))], ids=["bomb", "endless"])
async def test_memory_does_not_grow_much_beyond_the_limit(wire: Wire, server: FaultyServer, step) -> None:
    server.script(answer(), step, answer(body=b"fine"))
    await read_capped(await wire.handle_async_request(a_request(url=server.url)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TransportError):
        await read_capped(await wire.handle_async_request(a_request(url=server.url)), 1_000_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kilobytes
    assert await read_capped(await wire.handle_async_request(a_request(url=server.url))) == b"fine"


async def test_a_page_instead_of_an_answer_is_read_as_it_is(wire: Wire, server: FaultyServer) -> None:
    server.script(faulty.html())
    answered = await wire.handle_async_request(a_request(url=server.url))
    assert b"log in" in await read_capped(answered)
