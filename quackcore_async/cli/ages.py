"""Ages as the command line writes them: `90s`, `30m`, `24h`, `7d`, `2w`."""

import re
from datetime import timedelta
from typing import Final

from quackcore_async.cli.usage import UsageFault

__all__ = ["parse_age"]

_AGE: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([smhdw])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_age(text: str) -> timedelta:
    """Read an age.

    Raises:
        UsageFault: if it is no number with a unit, or longer than time.
    """
    match = _AGE.fullmatch(text.strip().lower())
    try:
        if match is not None:
            return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
    except OverflowError:
        pass
    raise UsageFault(f"{text!r} is no age: write a number and s, m, h, d or w, such as 90s, 30m, 24h or 7d")
