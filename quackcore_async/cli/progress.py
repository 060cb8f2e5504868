"""A progress bar on standard error, where that is a terminal."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from quackcore_async.cli.output import Output, printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from quackcore_async.transfer import TransferProgress

__all__ = ["progress_bar"]

_REDRAW_SECONDS: Final = 0.1
_LABEL_WIDTH: Final = 32


@contextmanager
def progress_bar(out: Output, title: str) -> "Iterator[Callable[[TransferProgress], None] | None]":
    """Show a bar while the block runs, and yield the callback that moves it; None where no bar is to be seen."""
    if out.settings.quiet or not out.console.is_terminal or os.environ.get("TERM") == "dumb":
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[files]}", markup=False),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=out.console, transient=True) as progress:
        yield _Bar(progress, progress.add_task(title, total=None, files=""))


class _Bar:
    """Draws events, a few times a second at most; what it shows only grows."""

    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self._progress = progress
        self._task = task
        self._drawn = 0.0
        self._bytes = 0

    def __call__(self, event: "TransferProgress") -> None:
        now = time.monotonic()
        self._bytes = max(self._bytes, event.bytes_done)
        if now - self._drawn < _REDRAW_SECONDS and event.phase != "done":
            return
        self._drawn = now
        single = event.files_total == 1 and event.item_size is not None
        self._progress.update(
            self._task,
            completed=self._bytes,
            total=event.item_size if single else None,
            files=f"{event.files_done}/{event.files_total} files",
            description=_shortened(printable(event.item)) if event.item else event.phase,
        )


def _shortened(text: str) -> str:
    return text if len(text) <= _LABEL_WIDTH else f"...{text[3 - _LABEL_WIDTH :]}"
