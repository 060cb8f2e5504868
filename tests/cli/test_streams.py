"""Standard input and output: bytes that pass, in flat memory, whoever is at the other end."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

MIB = 1024**2
BLOCK = os.urandom(MIB)
SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
GROWTH = 180 * MIB  # what a transfer of any size may take beyond a small one


def feed(process: subprocess.Popen, mebibytes: int) -> None:
    with process.stdin as pipe:
        for _ in range(mebibytes):
            pipe.write(BLOCK)


def drained(process: subprocess.Popen) -> tuple[int, str]:
    """Read standard output to its end and return its length and digest."""
    digest, length = hashlib.sha256(), 0
    with process.stdout as pipe:
        while chunk := pipe.read(MIB):
            digest.update(chunk)
            length += len(chunk)
    return length, digest.hexdigest()


def ended(process: subprocess.Popen) -> tuple[int, int]:
    """Wait for the end and return the exit code and the peak of memory in bytes."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss * 1024


def digest_of(mebibytes: int) -> str:
    digest = hashlib.sha256()
    for _ in range(mebibytes):
        digest.update(BLOCK)
    return digest.hexdigest()


def test_standard_input_becomes_a_file(process):
    done = process("cp", "-", "out/file", stdin=b"\0\xff\n" * 1000)
    assert done.code == 0
    assert Path("out/file").read_bytes() == b"\0\xff\n" * 1000


def test_a_redirected_file_and_an_empty_one_are_standard_input_too(process):
    Path("in").write_bytes(b"from a file")
    with Path("in").open("rb") as stdin:
        assert process.start("cp", "-", "out", stdin=stdin, **SILENT).wait() == 0
    assert Path("out").read_bytes() == b"from a file"
    assert process.start("cp", "-", "empty", **SILENT).wait() == 0
    assert Path("empty").read_bytes() == b""


def test_a_file_goes_to_standard_output(process, tree):
    assert process("cp", tree / "a.txt", "-").stdout == "alpha"


@pytest.mark.parametrize(
    "arguments",
    [["-", "-"], ["-", "out/"], ["-", "a", "out/"], ["-r", "-", "out"], ["-n", "-", "out"], ["--json", "a", "-"]],
)
def test_what_makes_no_sense_of_a_stream_is_a_usage_error(quack, arguments):
    assert quack("cp", *arguments).code == 2
    assert list(Path().iterdir()) == []


def test_a_stream_is_no_place_to_list(quack):
    assert quack("ls", "-").code == 2


def test_no_overwrite_keeps_the_file_that_a_stream_would_replace(process):
    Path("out").write_bytes(b"kept")
    done = process("cp", "--no-overwrite", "-", "out", stdin=b"new")
    assert done.code == 1
    assert Path("out").read_bytes() == b"kept"


def test_a_reader_that_goes_away_is_no_error_to_talk_about(process):
    Path("big").write_bytes(BLOCK * 4)
    running = process.start("cat", "big")
    running.stdout.read(10)
    running.stdout.close()
    stderr = running.stderr.read()
    assert (running.wait(), stderr) == (141, b"")


def test_a_listing_whose_reader_goes_away_is_quiet(process):
    Path("many").mkdir()
    for number in range(2000):
        (Path("many") / f"{number:0100}").touch()
    running = process.start("ls", "many")
    running.stdout.close()
    stderr = running.stderr.read()
    assert (running.wait(), stderr) == (141, b"")


def test_a_full_disk_behind_standard_output_is_said(process, tree):
    for command in ("ls", "cat"):
        with Path("/dev/full").open("wb") as full:
            running = process.start(command, tree if command == "ls" else tree / "a.txt", stdout=full)
        assert running.wait() == 1
        assert b"No space left on device" in running.stderr.read()


def test_a_closed_standard_input_is_an_error_that_is_said(process):
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *process.command, "cp", "-", "out"],
        capture_output=True,
        env=process.environ(),
        check=False,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert not Path("out").exists()


def test_512_mib_through_standard_input_and_output_stay_flat_in_memory(process):
    small = process.start("cp", "-", "small", stdin=subprocess.PIPE)
    feed(small, 1)
    _, baseline = ended(small)
    running = process.start("cp", "-", "large", stdin=subprocess.PIPE)
    feed(running, 512)
    code, peak = ended(running)
    assert (code, Path("large").stat().st_size) == (0, 512 * MIB)
    assert peak - baseline < GROWTH / 4
    running = process.start("cat", "large")
    passed = drained(running)
    code, peak = ended(running)
    assert (code, passed) == (0, (512 * MIB, digest_of(512)))
    assert peak - baseline < GROWTH / 4


def test_a_large_stream_to_and_from_s3_stays_flat_in_memory(process, seaweed):
    url, environ = f"s3://{seaweed.bucket}/stream", seaweed.environ()
    small = process.start("cp", "-", url, stdin=subprocess.PIPE, environ=environ)
    feed(small, 1)
    code, baseline = ended(small)
    assert code == 0
    running = process.start("cp", "-", url, stdin=subprocess.PIPE, environ=environ)
    feed(running, 224)
    code, peak = ended(running)
    assert code == 0
    assert peak - baseline < GROWTH
    running = process.start("cp", url, "-", environ=environ)
    passed = drained(running)
    code, peak = ended(running)
    assert (code, passed) == (0, (224 * MIB, digest_of(224)))
    assert peak - baseline < GROWTH
