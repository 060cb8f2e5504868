"""Expiries in every form that services and files give them."""

from datetime import UTC, datetime
from typing import Final

__all__ = ["parse_expiry"]

_MILLISECONDS_FROM: Final = 1e11  # as seconds this is the year 5138: such an expiry is in milliseconds
_LATEST_EPOCH: Final = 253402300799  # 9999-12-31T23:59:59Z, the last second that datetime can show


def parse_expiry(value: object) -> int | None:
    """Read an expiry as whole epoch seconds, whatever form a service or a file gives it.

    Taken are seconds (int, float or text), milliseconds (anything over 1e11), ISO 8601 text and
    `datetime` (without a zone: UTC). Everything else, booleans and non-finite numbers included, is
    None: unknown.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, str):
        text = value.strip()
        try:
            value = float(text)
        except ValueError:
            try:
                return parse_expiry(datetime.fromisoformat(text))
            except ValueError:
                return None
    if isinstance(value, int | float):
        seconds = value // 1000 if abs(value) > _MILLISECONDS_FROM else value
        if seconds != seconds or abs(seconds) > _LATEST_EPOCH:  # noqa: PLR0124 - only NaN differs from itself
            return None
        return int(seconds)
    return None
