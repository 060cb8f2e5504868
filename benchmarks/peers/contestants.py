"""Who takes part: the engines of this package that it has, and those of its peers that are installed."""

import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.peers.clients import aioboto, ours, programs

__all__ = ["ENGINES", "Contestant", "few", "line_up"]

ENGINES = ("lean", "obstore", "aioboto3")


@dataclass(frozen=True, slots=True)
class Contestant:
    """A client, and how it is driven.

    Attributes:
        name: What tables call it.
        module: Module of `benchmarks.peers.clients` that drives it.
        variant: Which way of that module.
        backend: Its event loop; None where it has none.
        needs: Modules or programs that have to be there.
        lists: Whether it takes part in listing.
    """

    name: str
    module: str
    variant: str = ""
    backend: str | None = "asyncio"
    needs: tuple[str, ...] = ()
    lists: bool = True

    @property
    def is_ours(self) -> bool:
        return self.module == "ours"

    def missing(self) -> str | None:
        """Return what it needs and is not there."""
        needs = (*self.needs, *(("uvloop",) if self.backend == "uvloop" else ()))
        return next((name for name in needs if not _is_there(name)), None)


_S5CMD = Contestant("s5cmd", "programs", programs.S5CMD, None, (programs.S5CMD,))
_RCLONE = Contestant("rclone", "programs", programs.RCLONE, None, (programs.RCLONE,))
PEERS = (
    Contestant("aioboto3 files, gathered", "aioboto", aioboto.FILES),
    Contestant("aioboto3 requests, limited", "aioboto", aioboto.REQUESTS, lists=False),
    Contestant("boto3 transfer manager", "boto", backend=None, needs=("boto3",), lists=False),
    _S5CMD,
    _RCLONE,
    Contestant("obstore", "object_store_rs", needs=("obstore",)),
    Contestant("obstore, uvloop", "object_store_rs", backend="uvloop", needs=("obstore",)),
    Contestant("opendal", "opendal_rs", needs=("opendal",)),
    Contestant("s3fs", "s3_filesystem", needs=("s3fs",), lists=False),
    Contestant("minio, threads", "minio_threads", backend=None, needs=("minio",), lists=False),
)


def line_up(engines: Iterable[str]) -> tuple[list[Contestant], list[str]]:
    """Return those that take part, ours first, and a line for each one that is left out.

    The first engine that there is bears the name `ours` in tables, and is the one that the bars are for.
    """
    chosen: list[Contestant] = []
    left_out: list[str] = []
    for engine in engines:
        if not ours.supports(engine):
            left_out.append(f"ours on {engine} is left out: the configuration has no such engine here.")
            continue
        name = f"ours ({engine})"
        chosen.append(Contestant(name, "ours", engine))
        if engine == "lean":
            chosen.append(Contestant(f"ours ({engine}), uvloop", "ours", engine, "uvloop"))
    for each in (*chosen, *PEERS):
        missing = each.missing()
        if missing is not None:
            left_out.append(f"{each.name} is left out: {missing} is not installed.")
        elif not each.is_ours:
            chosen.append(each)
    return [each for each in chosen if each.missing() is None], left_out


def few(contestants: Sequence[Contestant], *names: str) -> list[Contestant]:
    """Return the first of ours, and the peers of these names."""
    first = next((each for each in contestants if each.is_ours), None)
    return [each for each in contestants if each is first or each.name in names]


def _is_there(name: str) -> bool:
    if name in {programs.S5CMD, programs.RCLONE}:
        return programs.find(name) is not None
    return importlib.util.find_spec(name) is not None
