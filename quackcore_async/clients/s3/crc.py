"""Cyclic redundancy checks: computed by compiled code where there is any, and put together from parts."""

import functools
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final

__all__ = ["CRCS", "Crc", "CrcFunction", "crc_function"]

CrcFunction = Callable[[bytes | memoryview, int], int]
"""Continues a checksum: `function(data, checksum of what came before)`, which is 0 at the start."""

_BYTE_POWER: Final = 3  # a byte moves a remainder on by x to the power of 2 to the power of 3


@dataclass(frozen=True, slots=True)
class Crc:
    """One check: reflected, and with all bits inverted before and after.

    Attributes:
        name: As `ObjectInfo.checksums` spells it.
        width: Bits.
        polynomial: Without its highest term, reflected: the highest bit stands for 1.
    """

    name: str
    width: int
    polynomial: int

    @property
    def size(self) -> int:
        """Bytes of a value."""
        return self.width // 8

    def combine(self, first: int, second: int, length: int) -> int:
        """Return the checksum of A followed by B, without a byte of either.

        Inverting before and after cancels out: the checksum of A, moved on over the length of B, is added to
        that of B.

        Args:
            first: Checksum of A.
            second: Checksum of B.
            length: Bytes of B.
        """
        return _multiply(self, first, _shift(self, length)) ^ second


CRCS: Final[Mapping[str, Crc]] = {
    crc.name: crc
    for crc in (
        Crc("crc64nvme", 64, 0x9A6C9329AC4BC9B5),
        Crc("crc32c", 32, 0x82F63B78),
        Crc("crc32", 32, 0xEDB88320),
    )
}
"""The checks of S3 by name, the fastest first: https://reveng.sourceforge.io/crc-catalogue/all.htm"""

_SOURCES: Final = {
    "crc64nvme": (("awscrt.checksums", "crc64nvme"),),
    "crc32c": (("awscrt.checksums", "crc32c"), ("google_crc32c", "extend")),
}


@functools.cache
def crc_function(name: str) -> CrcFunction | None:
    """Return the compiled code for a check, None where none is installed: the extra `checksums` brings it.

    The first call may load a library, which takes tens of milliseconds: make it in a worker thread.
    """
    if name == "crc32":
        return zlib.crc32
    for module, attribute in _SOURCES[name]:
        try:
            function: CrcFunction = getattr(import_module(module), attribute)
        except (ImportError, AttributeError):  # absent, broken, or too old to know this check
            continue
        return _initial_first(function) if module == "google_crc32c" else function
    return None


def _initial_first(function: Callable[..., int]) -> CrcFunction:
    return lambda data, before: function(before, bytes(data))  # it takes nothing that can be written to


def _multiply(crc: Crc, a: int, b: int) -> int:
    """Multiply two remainders: addition is XOR, and what reaches the polynomial's degree is reduced by it."""
    product = 0
    polynomial = crc.polynomial
    bit = 1 << (crc.width - 1)
    while a:
        if a & bit:
            product ^= b
            a ^= bit
        bit >>= 1
        b = b >> 1 ^ polynomial if b & 1 else b >> 1
    return product


@functools.lru_cache(maxsize=256)
def _shift(crc: Crc, length: int) -> int:
    """Return what moves a remainder on over `length` bytes: x to the power of their bits."""
    result = 1 << (crc.width - 1)
    power = _BYTE_POWER
    while length:
        if length & 1:
            result = _multiply(crc, result, _square_power(crc, power))
        length >>= 1
        power += 1
    return result


@functools.cache
def _square_power(crc: Crc, exponent: int) -> int:
    """Return x to the power of 2 to the power of `exponent`."""
    if exponent == 0:
        return 1 << (crc.width - 2)
    half = _square_power(crc, exponent - 1)
    return _multiply(crc, half, half)
