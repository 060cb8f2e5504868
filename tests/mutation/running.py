"""pytest in a process that is forked for one run.

The parent has imported pytest and the heavy libraries, but nothing of the package that is mutated: what a child
imports of it comes from the child's copy, and importing the rest costs nothing.
"""

import contextlib
import gc
import importlib
import io
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkProcess
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.mutation.copies import Copy

OPTIONS = (
    *("-p", "no:randomly", "-p", "no:cacheprovider"),
    *("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"),  # it is preloaded
    *("--tb=short", "--hypothesis-seed=0", "-q"),
)


def preload(modules: Sequence[str]) -> None:
    """Import what children shall find imported: pytest with its plugins, and some modules.

    Raises:
        RuntimeError: if one of them has started a thread, as a child would not have it.
    """
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        pytest.main(["--markers", "--noconftest", "-c", os.devnull])  # loads its plugins
    for module in modules:
        importlib.import_module(module)
    if threading.active_count() > 1:
        raise RuntimeError("a preloaded module has started a thread: a forked process would be without it")
    gc.collect()
    gc.freeze()


@dataclass(eq=False)
class Run:
    """A child at work.

    Attributes:
        copy: Where it runs.
        process: The child.
        temporary: Folder for what its tests write.
        started: When it began, on the monotonic clock.
        deadline: When it is killed.
        timed_out: Whether that was necessary.
    """

    copy: Copy
    process: ForkProcess
    temporary: str
    started: float
    deadline: float
    timed_out: bool = False

    @property
    def seconds(self) -> float:
        """How long it has been at work."""
        return monotonic() - self.started

    def is_over(self) -> bool:
        """Tell whether it has ended, and end it when its time is up."""
        if self.process.is_alive() and monotonic() >= self.deadline:
            self.timed_out = True
            self.end()
        return not self.process.is_alive()

    def end(self) -> None:
        """Kill the child and all that it has started."""
        if self.process.pid is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                self.process.kill()
        self.process.join()

    def clean_up(self) -> None:
        """Remove what its tests have left."""
        shutil.rmtree(self.temporary, ignore_errors=True)

    def reported(self) -> Any:
        """Return what the plugin has written, None when it did not get so far."""
        try:
            return json.loads(self.copy.report.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None


def start(copy: Copy, arguments: Sequence[str], plugin: Callable[[Path], object], limit: float) -> Run:
    """Start pytest in a copy, for at most `limit` seconds.

    Args:
        copy: Where it runs.
        arguments: Test files, relative to the copy, and options.
        plugin: Makes a plugin of pytest from the path that it reports to, in the child.
        limit: Seconds after which it is killed.
    """
    copy.report.unlink(missing_ok=True)
    temporary = tempfile.mkdtemp(prefix="mutant-")
    options = (f"--rootdir={copy.tree}", f"--basetemp={temporary}", *arguments)
    process = multiprocessing.get_context("fork").Process(target=_child, args=(copy, options, plugin))
    now = monotonic()
    process.start()
    return Run(copy, process, temporary, now, now + limit)


def _child(copy: Copy, arguments: Sequence[str], plugin: Callable[[Path], object]) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _redirect(copy.log)
    _import_from(copy)
    code: int = pytest.ExitCode.INTERNAL_ERROR
    try:
        code = pytest.main([*OPTIONS, *arguments], plugins=[plugin(copy.report)])
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # threads that a mutant has left hanging are not waited for


def _redirect(log: Path) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


def _import_from(copy: Copy) -> None:
    """Let the package and its tests be imported from the copy, here and in processes that tests start."""
    os.chdir(copy.tree)
    root = copy.plan.root
    sys.path[:] = [str(copy.tree), *(entry for entry in sys.path if entry and Path(entry).resolve() != root)]
    for name in [name for name in sys.modules if name.partition(".")[0] in {"tests", copy.plan.package}]:
        del sys.modules[name]
    importlib.invalidate_caches()
    sys.pycache_prefix = str(copy.bytecode)
    sys.dont_write_bytecode = False
    os.environ["PYTHONPATH"] = str(copy.tree)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
