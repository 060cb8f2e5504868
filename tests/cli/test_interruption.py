"""Ctrl-C, SIGTERM and time-outs in the middle of a transfer: cleaned up, and said by the exit code."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import contents
from tests.servers.ports import wait_until
from tests.servers.scripted import Answer

MIB = 1024**2
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


def feed(process: subprocess.Popen, mebibytes: int) -> None:
    """Write to its standard input: more than a pipe holds, so that it must be reading."""
    process.stdin.write(b"x" * mebibytes * MIB)
    process.stdin.flush()


def under_way(process: subprocess.Popen, ready: Callable[[], bool]) -> None:
    wait_until(ready, seconds=30, what="the transfer", alive=lambda: process.poll() is None)


def finish(process: subprocess.Popen, seconds: float = 30) -> tuple[int, str]:
    code = process.wait(timeout=seconds)
    return code, process.stderr.read().decode()


@pytest.mark.parametrize(("signum", "code"), SIGNALS)
def test_a_signal_while_a_stream_is_written_leaves_the_file_as_it_was(process, signum, code):
    Path("out").write_bytes(b"before")
    running = process.start("cp", "-", "out", stdin=subprocess.PIPE)
    feed(running, 4)
    running.send_signal(signum)
    ended, stderr = finish(running)
    assert ended == code
    assert stderr.splitlines() == [
        "cleaning up; once more to quit at once",
        f"quack: interrupted by {signal.Signals(signum).name}",
    ]
    assert contents(".") == {"out": b"before"}


def test_an_interruption_is_a_result_in_json(process):
    running = process.start("cp", "--json", "-", "out", stdin=subprocess.PIPE)
    feed(running, 4)
    running.send_signal(signal.SIGINT)
    assert finish(running)[0] == 130
    result = json.loads(running.stdout.read())
    assert (result["exit_code"], result["error"]["code"]) == (130, "interrupted")


@pytest.mark.parametrize(("signum", "code"), SIGNALS)
def test_a_signal_during_an_upload_leaves_no_multipart_upload(process, seaweed, signum, code):
    """SeaweedFS: a real store, which keeps the parts of an upload that nobody aborts."""
    client = seaweed.raw_client()

    def uploads() -> list:
        return client.list_multipart_uploads(Bucket=seaweed.bucket).get("Uploads", [])

    running = process.start(
        "cp", "-", f"s3://{seaweed.bucket}/key", stdin=subprocess.PIPE, environ=seaweed.environ()
    )
    feed(running, 40)
    under_way(running, lambda: bool(uploads()))
    running.send_signal(signum)
    ended, stderr = finish(running)
    left, objects = uploads(), client.list_objects_v2(Bucket=seaweed.bucket).get("Contents", [])
    client.close()
    assert (ended, left, objects) == (code, [], [])
    assert "Traceback" not in stderr


@pytest.fixture
def stalling(scripted_s3):
    """A server that falls silent in the middle of the first answer to an operation."""

    def stall(operation: str, *, cut: int) -> None:
        def script(request):
            return Answer(cut=cut, stall=True) if request.operation == operation else None

        scripted_s3.script = script

    scripted_s3.stall = stall
    return scripted_s3


def test_a_signal_during_a_download_leaves_no_partial_file(process, stalling):
    """Scripted: a real server cannot be made to stop at a byte."""
    body = b"y" * MIB

    def script(request):
        if request.operation != "GetObject":
            return None
        return Answer(
            headers={"ETag": '"e"', "Content-Length": str(len(body))}, body=body, cut=MIB // 2, stall=True
        )

    stalling.put("key", body, '"e"')
    stalling.script = script
    Path("out").mkdir()
    running = process.start("cp", f"s3://{stalling.bucket}/key", "out/key", environ=stalling.endpoint.environ())
    under_way(running, lambda: stalling.count("GetObject") > 0)
    running.send_signal(signal.SIGTERM)
    assert finish(running)[0] == 143
    assert list(Path("out").iterdir()) == []


def test_a_second_ctrl_c_quits_at_once(process, stalling):
    """Scripted: the clean-up itself is made to hang."""
    running = process.start(
        "cp", "-", f"s3://{stalling.bucket}/key", stdin=subprocess.PIPE, environ=stalling.endpoint.environ()
    )
    stalling.stall("AbortMultipartUpload", cut=0)
    feed(running, 24)
    under_way(running, lambda: stalling.count("UploadPart") > 0)
    running.send_signal(signal.SIGINT)
    under_way(running, lambda: stalling.count("AbortMultipartUpload") > 0)
    running.send_signal(signal.SIGINT)
    assert finish(running, seconds=3)[0] == 130


def test_a_time_out_is_exit_5_and_cleans_up(process):
    running = process.start("cp", "--timeout", "0.5", "-", "out", stdin=subprocess.PIPE)
    code, stderr = finish(running)
    assert code == 5
    assert "not done within 0.5 seconds" in stderr
    assert contents(".") == {}


def test_a_reader_that_reads_nothing_does_not_keep_it_from_ending(process):
    Path("big").write_bytes(b"z" * 4 * MIB)
    running = process.start("cat", "big")
    assert running.stdout.read(1) == b"z"
    running.send_signal(signal.SIGINT)
    assert finish(running)[0] == 130
