"""`--resume` of `cp` and `sync` after a kill -9, and `quack cleanup` of what nobody goes on with."""

import os
import pty
import subprocess
import time
from pathlib import Path

import pytest

from quackcore_async.storage.resumable import resumable_name
from tests.cli.conftest import contents
from tests.servers.interruptions import Gate, kill_when

MIB = 1024**2
PART = 8 * MIB  # that of the defaults
SIZE = 5 * PART
PARTS = 5


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("QUACK_HOME", str(tmp_path / "home"))


@pytest.fixture
def content():
    return os.urandom(SIZE)


def journal_lines():
    folder = Path(os.environ["QUACK_HOME"]) / "uploads"
    return sum(path.read_bytes().count(b"\n") for path in folder.iterdir()) if folder.exists() else 0


def range_lines(folder="."):
    path = Path(folder) / resumable_name("big")
    return path.read_bytes()[SIZE:].count(b"\n") if path.exists() else 0


@pytest.mark.parametrize("command", ["cp", "sync"])
def test_a_killed_upload_of_a_large_file_goes_on(process, scripted_s3, content, command):
    Path("out").mkdir()
    Path("out/big").write_bytes(content)
    arguments = {
        "cp": ("cp", "--resume", "out/big", "s3://scripted/big"),
        "sync": ("sync", "--resume", "out", "s3://scripted"),
    }[command]
    gate = Gate(scripted_s3, "UploadPart", 2)
    running = process.start(*arguments, environ=scripted_s3.endpoint.environ())
    kill_when(running, lambda: journal_lines() >= 3, "2 parts")
    held = {r.query["partNumber"] for r in scripted_s3.requests if r.operation == "UploadPart"}
    gate.open()
    done = process(*arguments, **scripted_s3.endpoint.environ())
    assert done.code == 0, done.stderr
    assert scripted_s3.objects["big"][0] == content
    sent = {r.query["partNumber"] for r in scripted_s3.requests if r.operation == "UploadPart"}
    assert len(held) >= 2
    assert len(sent) <= PARTS - 2
    assert scripted_s3.count("CreateMultipartUpload") == 0
    assert journal_lines() == 0


@pytest.mark.parametrize("command", ["cp", "sync"])
def test_a_killed_download_of_a_large_file_goes_on(process, scripted_s3, content, command):
    scripted_s3.put("big", content)
    arguments = {
        "cp": ("cp", "--resume", "s3://scripted/big", "out/"),
        "sync": ("sync", "--resume", "s3://scripted", "out"),
    }[command]
    gate = Gate(scripted_s3, "GetObject", 3)
    running = process.start(*arguments, environ=scripted_s3.endpoint.environ())
    kill_when(running, lambda: range_lines("out") == 4, "3 ranges")
    gate.open()
    done = process(*arguments, **scripted_s3.endpoint.environ())
    assert done.code == 0, done.stderr
    assert contents("out") == {"big": content}
    asked = {request.headers["range"] for request in scripted_s3.requests if request.operation == "GetObject"}
    assert len(asked) == PARTS - 3


@pytest.mark.parametrize("command", ["cp", "sync"])
def test_a_killed_run_over_many_files_moves_only_what_is_missing(process, scripted_s3, command):
    Path("out").mkdir()
    for number in range(100):
        Path(f"out/file{number}").write_bytes(b"%d" % number)
    arguments = {
        "cp": ("cp", "-r", "--resume", "out", "s3://scripted/"),
        "sync": ("sync", "out", "s3://scripted"),
    }[command]
    gate = Gate(scripted_s3, "PutObject", 40)
    running = process.start(*arguments, environ=scripted_s3.endpoint.environ())
    kill_when(running, lambda: len(scripted_s3.objects) == 40, "40 files")
    there = set(scripted_s3.objects)
    scripted_s3.script = lambda request: None
    scripted_s3.requests.clear()
    done = process(*arguments, **scripted_s3.endpoint.environ())
    sent = {request.key for request in scripted_s3.requests if request.operation == "PutObject"}
    gate.open()
    assert done.code == 0, done.stderr
    assert sent == {f"file{number}" for number in range(100)} - there


def test_without_resume_an_interrupted_download_leaves_nothing(process, scripted_s3, content):
    import signal

    from tests.servers.ports import wait_until

    scripted_s3.put("big", content)
    gate = Gate(scripted_s3, "GetObject", 3)
    Path("out").mkdir()
    running = process.start("cp", "s3://scripted/big", "out/big", environ=scripted_s3.endpoint.environ())
    wait_until(lambda: any(Path("out").iterdir()), seconds=30, what="cp", alive=lambda: running.poll() is None)
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=30) == 143
    gate.open()
    assert list(Path("out").iterdir()) == []


def test_with_resume_an_interrupted_download_is_kept(process, scripted_s3, content):
    import signal

    from tests.servers.ports import wait_until

    scripted_s3.put("big", content)
    gate = Gate(scripted_s3, "GetObject", 3)
    running = process.start("cp", "--resume", "s3://scripted/big", ".", environ=scripted_s3.endpoint.environ())
    wait_until(lambda: range_lines() == 4, seconds=30, what="cp", alive=lambda: running.poll() is None)
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=30) == 130
    gate.open()
    assert range_lines() == 4


def begin(server, name, key):
    server.uploads[name] = {1: b"x" * 10}
    server.described[name] = (key, {})


def leave_file(folder, *, hours):
    path = Path(folder) / ".0123456789abcdef.quack-part"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    then = time.time() - hours * 3600
    os.utime(path, (then, then))
    return path


def test_cleanup_aborts_unfinished_uploads_below_a_location(quack, scripted_s3, monkeypatch):
    for name, value in scripted_s3.endpoint.environ().items():
        monkeypatch.setenv(name, value)
    begin(scripted_s3, "upload1", "a/one")
    begin(scripted_s3, "upload2", "b/two")
    planned = quack("cleanup", "--dry-run", "s3://scripted/a")
    assert (planned.code, len(scripted_s3.uploads)) == (0, 2)
    assert planned.stdout.startswith("would remove upload s3://scripted/a/one (10 bytes, last touched 2020-01-01")
    done = quack("cleanup", "--yes", "s3://scripted/a")
    assert done.code == 0
    assert list(scripted_s3.uploads) == ["upload2"]


def test_cleanup_removes_old_unfinished_files(quack):
    old, young = leave_file("out/a", hours=30), leave_file("out", hours=1)
    assert quack("cleanup", "--yes", "out").code == 0
    assert (old.exists(), young.exists()) == (False, True)
    done = quack("cleanup", "--yes", "--older-than", "30m", "out")
    assert done.stdout.startswith(f"removed file {young.absolute()} (4 bytes")
    assert not young.exists()


def test_cleanup_in_json_has_a_line_for_each_and_the_figures(quack):
    path = leave_file("out", hours=30)
    done = quack("cleanup", "--json", "--yes", "out")
    line, result = done.lines
    assert (line["type"], line["status"], line["kind"], line["location"]) == (
        "unfinished",
        "removed",
        "file",
        str(path.absolute()),
    )
    assert result["data"] == {
        "dry_run": False,
        "removed": 1,
        "would_remove": 0,
        "in_use": 0,
        "failed": 0,
        "bytes": 4,
    }


def test_cleanup_of_nothing_says_so(quack):
    Path("out").mkdir()
    done = quack("cleanup", "out")
    assert (done.code, done.stdout, done.stderr.strip()) == (0, "", "nothing is unfinished")


def test_cleanup_asks_and_without_a_terminal_refuses(quack):
    path = leave_file("out", hours=30)
    done = quack("cleanup", "out")
    assert (done.code, "add --yes to clean up" in done.stderr) == (2, True)
    assert path.exists()


@pytest.mark.parametrize(("answer", "code", "left"), [(b"n\n", 1, True), (b"y\n", 0, False)])
def test_cleanup_does_what_the_answer_says(process, answer, code, left):
    path = leave_file("out", hours=30)
    ours, theirs = pty.openpty()
    running = process.start("cleanup", "out", stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(ours, 1000)
    assert b"Remove these 1?" in said
    os.write(ours, answer)
    assert running.wait(timeout=30) == code
    os.close(ours)
    assert path.exists() == left


@pytest.mark.parametrize("age", ["", "24", "h", "-1h", "1y", "1e5d", "999999999w"])
def test_cleanup_refuses_an_age_that_is_none(quack, age):
    done = quack("cleanup", "--older-than", age, "--yes", ".")
    assert (done.code, "is no age" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("24h", 86400), ("1.5d", 129600), ("2W", 1209600), ("0s", 0)]
)
def test_ages(text, seconds):
    from quackcore_async.cli.ages import parse_age

    assert parse_age(text).total_seconds() == seconds


def test_cleanup_of_an_item_that_fails_is_an_error(quack, scripted_s3, monkeypatch):
    from tests.servers.scripted import error_answer

    for name, value in scripted_s3.endpoint.environ().items():
        monkeypatch.setenv(name, value)
    begin(scripted_s3, "upload1", "one")
    scripted_s3.script = lambda request: (
        error_answer(403, "AccessDenied") if request.operation == "AbortMultipartUpload" else None
    )
    done = quack("cleanup", "--yes", "s3://scripted")
    assert (done.code, "could not remove s3://scripted/one" in done.stderr) == (1, True)
