"""Decompression in steps of bounded output, so that a bomb is noticed before it goes off."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from quackcore_async.errors import ErrorKind, TransportError

__all__ = ["STEP_BYTES", "Decompressor", "decompressor_for"]

STEP_BYTES: Final = 256 * 1024
"""Most that one step puts out, however small its input: a kilobyte of gzip can hold a megabyte."""

_MOST_CODINGS: Final = 4
_GZIP_BITS: Final = zlib.MAX_WBITS | 16
_FRAME_HEAD: Final = 2
_OF_HTTPX: Final = frozenset({"br", "zstd"})


class Decompressor(Protocol):
    """Undoes one coding."""

    def unpack(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next piece of input comes to.

        Raises:
            TransportError: if it is not in this coding.
        """
        ...

    def finish(self) -> None:
        """Check that the input ended where it should.

        Raises:
            TransportError: if it ended in the middle.
        """
        ...


def decompressor_for(codings: Sequence[str]) -> Decompressor | None:
    """Return what undoes a `Content-Encoding` (RFC 9110 section 8.4), None where only httpx may know how.

    A coding that nobody knows is taken for none, as httpx does.

    Raises:
        TransportError: if so many codings are stacked that it must be an attack.
    """
    names = [name for coding in codings if (name := coding.strip().lower()) not in {"", "identity"}]
    if len(names) > _MOST_CODINGS:
        raise _wrong(f"it is encoded {len(names)} times")
    stack: list[Decompressor] = []
    for name in reversed(names):
        if name in {"gzip", "x-gzip"}:
            stack.append(_Inflation(_GZIP_BITS))
        elif name == "deflate":
            stack.append(_Inflation(None))
        elif name in _OF_HTTPX:
            return None
    return _Stack(stack)


class _Stack:
    """Undoes codings one after the other; none at all leaves the body as it is."""

    def __init__(self, codings: Sequence[Decompressor]) -> None:
        self._codings = codings

    def unpack(self, data: bytes) -> Iterator[bytes]:
        pieces = iter((data,))
        for coding in self._codings:
            pieces = _through(coding, pieces)
        return pieces

    def finish(self) -> None:
        for coding in self._codings:
            coding.finish()


def _through(coding: Decompressor, pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield from coding.unpack(piece)


class _Inflation:
    """Undoes gzip, of one or of several members, and deflate, with or without its frame."""

    def __init__(self, bits: int | None) -> None:
        self._bits = bits
        self._head = b""
        self._zlib = zlib.decompressobj() if bits is None else zlib.decompressobj(bits)
        self._begun = False

    def unpack(self, data: bytes) -> Iterator[bytes]:
        if self._bits is None:
            self._head += data
            if len(self._head) < _FRAME_HEAD:
                return
            self._bits = zlib.MAX_WBITS if _has_frame(self._head) else -zlib.MAX_WBITS
            self._zlib = zlib.decompressobj(self._bits)
            data = self._head
        while data:
            if self._zlib.eof:  # another member; what is no member is padding
                if self._bits != _GZIP_BITS or not data.startswith(b"\x1f"):
                    return
                self._zlib = zlib.decompressobj(self._bits)
            yield from self._unpack_member(data)
            data = self._zlib.unused_data

    def _unpack_member(self, data: bytes) -> Iterator[bytes]:
        self._begun = True
        while True:
            try:
                piece = self._zlib.decompress(data, STEP_BYTES)
            except zlib.error as exc:
                raise _wrong(str(exc)) from None
            if piece:
                yield piece
            data = self._zlib.unconsumed_tail
            if self._zlib.eof or (not data and len(piece) < STEP_BYTES):
                return

    def finish(self) -> None:
        if (self._begun and not self._zlib.eof) or (self._head and not self._begun):
            raise _wrong("it ends in the middle")


def _has_frame(head: bytes) -> bool:
    """Tell whether a deflate body has its frame (RFC 1950 section 2.2), which many servers leave out."""
    return head[0] & 0x0F == zlib.DEFLATED and int.from_bytes(head[:_FRAME_HEAD]) % 31 == 0


def _wrong(reason: str) -> TransportError:
    return TransportError(
        f"the body is not what its Content-Encoding says: {reason}", kind=ErrorKind.CORRUPTED, code="decode"
    )
