"""What a set of cases has in common: the objects, the servers and the files that they work with."""

import contextlib
import inspect
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

from tests.faults.cancelling.attempts import Case

Cases = Case | dict[str, Case]


class Stage:
    """One set of cases: each of its methods is named as the coroutine that it makes cases of.

    Attributes:
        owners: Classes whose coroutines they are; none for functions.
        backends: Where they run.
        fixture: The test's fixture that is the server; None is none.
        most: Points that are tried of each case.
        closes_sockets: Whether the sockets of this process tell that all connections are closed.
    """

    owners: ClassVar[tuple[type, ...]] = ()
    backends: ClassVar[tuple[str, ...]] = ("asyncio", "trio")
    fixture: ClassVar[str | None] = None
    most: ClassVar[float] = math.inf
    closes_sockets: ClassVar[bool] = True

    def __init__(self, place: Path, server: Any) -> None:
        self.place = place
        self.server = server

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Have open what the cases work with."""
        yield

    def on_entering(self) -> Cases:
        """Cases of `__aenter__`."""
        raise NotImplementedError

    def on_leaving(self) -> Cases:
        """Cases of `__aexit__`."""
        raise NotImplementedError

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of its methods that make cases."""
        taken = set(dir(Stage)) - {"on_entering", "on_leaving"}
        own = [name for name, value in inspect.getmembers(cls, inspect.isfunction) if name not in taken]
        return [
            name
            for name in own
            if not name.startswith("_") and getattr(cls, name) is not getattr(Stage, name, None)
        ]

    def cases(self, name: str) -> dict[str, Case]:
        """Make the cases of one coroutine."""
        made = getattr(self, name)()
        return made if isinstance(made, dict) else {"": made}


def python_name(name: str) -> str:
    """Return the name of the coroutine that a method makes cases of."""
    return {"on_entering": "__aenter__", "on_leaving": "__aexit__"}.get(name, name)
