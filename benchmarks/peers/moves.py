"""Has the same objects moved by every contestant, up or down."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.peers.contestants import Contestant
from benchmarks.peers.files import write_files
from benchmarks.peers.race import Results, race, runner
from benchmarks.peers.work import Work
from benchmarks.sink import Sink

__all__ = ["DIRECTIONS", "Place"]

DIRECTIONS = ("upload", "download")


class Place:
    """A service and a folder.

    Args:
        environment: By which clients find the service.
        folder: Where files go; it has room for two times the largest work.
        sink: The service, if it is the sink: it makes up what is downloaded, and is asked what was uploaded.
            Elsewhere an upload has to come first.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path, sink: Sink | None = None) -> None:
        self._environment = environment
        self._folder = folder
        self._sink = sink
        self._written: Path | None = None

    def move(
        self,
        contestants: Sequence[Contestant],
        direction: str,
        work: Work,
        rounds: int,
        *,
        lag: bool = False,
    ) -> Results:
        """Have the objects moved by each of them, in turn."""
        if direction == "upload":
            work = replace(work, folder=str(self._source(work)))
        else:
            work = replace(work, folder=str(self._folder / "target"))
            if self._sink is not None:
                self._sink.clear()
                self._sink.invent(work.keys(), work.size)
        run_one = partial(
            runner, function=direction, work=work, environment=self._environment, sink=self._sink, lag=lag
        )
        return race({each: run_one(each) for each in contestants}, rounds)

    def _source(self, work: Work) -> Path:
        """Return the folder of the files, of which there is one at a time."""
        folder = self._folder / f"source-{work.count}-{work.size}"
        if folder != self._written:
            if self._written is not None:
                shutil.rmtree(self._written)
            write_files(folder, work.count, work.size)
            self._written = folder
        return folder
