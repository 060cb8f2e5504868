"""`quack`: as a process of its own, as people start it, and within the test's process, which is quicker."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from quackcore_async.cli.app import run

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Finished:
    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def result(self) -> dict:
        """The last JSON line."""
        return self.lines[-1]


class Process:
    """Starts `quack`. Byte code is kept for the session, as it is in an installation."""

    command = (sys.executable, "-m", "quackcore_async")

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._started: list[subprocess.Popen] = []

    def environ(self, **changes: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        extra = {
            "PYTHONPATH": str(ROOT),
            "PYTHONPYCACHEPREFIX": str(self._cache),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return {**kept, **extra, **changes}

    def __call__(self, *arguments: object, stdin: bytes = b"", **environ: str) -> Finished:
        done = subprocess.run(
            [*self.command, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env=self.environ(**environ),
            check=False,
            timeout=60,
        )
        return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: object, **options) -> subprocess.Popen:
        environ = self.environ(**options.pop("environ", {}))
        started = subprocess.Popen(
            [*self.command, *map(str, arguments)],
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
            env=environ,
        )
        self._started.append(started)
        return started

    def clean_up(self) -> None:
        for started in self._started:
            if started.returncode is None:
                started.kill()
                started.wait()
            for pipe in (started.stdin, started.stdout, started.stderr):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture
def process(bytecode, clean_environ) -> Iterator[Process]:
    """`quack` as a process."""
    starter = Process(bytecode)
    yield starter
    starter.clean_up()


@pytest.fixture
def quack(capfd, monkeypatch, clean_environ):
    """`quack` within this process: a whole command line, from its arguments to its exit code."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def run_quack(*arguments: object) -> Finished:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Finished(code, captured.out, captured.err)

    return run_quack


@pytest.fixture
def tree() -> Path:
    """A folder `tree` in the working directory: three files, a folder without any, a name that is not ASCII."""
    root = Path("tree")
    for name, content in {"a.txt": b"alpha", "sub/b.jpg": b"bravo!", "sub/deep/ü c.txt": b"charlie"}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / "empty").mkdir()
    return root


def contents(root: Path | str) -> dict[str, bytes]:
    """Return the files below a folder by relative path."""
    root = Path(root)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
