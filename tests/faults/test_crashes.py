"""Killed at every file-system call: what was there, or what was to be there, whole; and a second run completes."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quackcore_async.storage.names import is_partial
from tests.faults.crashing import trace
from tests.faults.crashing.counting import WRITES
from tests.faults.crashing.harness import Crasher, crasher_running
from tests.servers.endpoint import S3Endpoint

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

KIB = 1024
OLD = b"old" * 10
SMALL = os.urandom(20 * KIB)
LARGE = os.urandom(2 * KIB * KIB + 5)
NEW_LOGIN = {"access_token": "new-" + "y" * 500, "refresh_token": "renewal-new", "expires_at": 4102444800}


@pytest.fixture(scope="module")
def crasher() -> Iterator[Crasher]:
    with crasher_running() as crasher:
        yield crasher


def put_login(path: Path, expires_at: int = 1000) -> None:
    for found in path.parent.iterdir():
        found.unlink()
    path.write_text(json.dumps({"access_token": "old", "refresh_token": "renewal-old", "expires_at": expires_at}))
    path.chmod(0o600)


def login_in(path: Path, how: str) -> str | None:
    """Return the refresh token that is stored; a file that is torn, or open to others, fails."""
    for found in path.parent.iterdir():
        assert stat.S_IMODE(found.stat().st_mode) & 0o077 == 0, f"{how}: {found.name} is open to others"
    if not path.exists():
        return None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, how
    try:
        return str(json.loads(path.read_text())["refresh_token"])
    except ValueError:
        pytest.fail(f"{how}: the file is torn: {path.read_bytes()!r}")


SAVING = {
    "store_login": ("renewal-old", {"login": NEW_LOGIN}, "renewal-new"),
    "authenticate": (None, {"renewal": "renewal-new"}, "renewal-new"),
    "refresh_login": ("renewal-old", {"renewal": "renewal-new"}, "renewal-new"),
    "save_login_again": ("renewal-old", {"renewal": "renewal-new"}, "renewal-old"),
    "delete_login": ("renewal-old", {}, None),
}


@pytest.mark.parametrize("operation", SAVING)
def test_a_login_is_old_or_new_and_private(crasher: Crasher, tmp_path: Path, operation: str):
    before, options, after = SAVING[operation]
    path = tmp_path / "logins" / "login.json"
    path.parent.mkdir(mode=0o700)
    arguments = {"path": str(path), **options}

    def prepare() -> None:
        put_login(path, 4102444800 if operation == "save_login_again" else 1000)
        if before is None:
            path.unlink()

    seen = set()
    for how in crasher.everywhere(operation, arguments, prepare):
        stored = login_in(path, how)
        assert stored in (before, after), how
        seen.add(stored)
        if operation != "delete_login":
            crasher.whole(operation, arguments)
            assert login_in(path, how) == after, how
            assert list(path.parent.glob("*.tmp")) == [], f"{how}: a temporary file is left for ever"
        elif path.exists():
            crasher.whole(operation, arguments)
            assert not path.exists(), how
    assert seen == {before, after}


def test_a_new_login_is_stored_before_anybody_sees_it(crasher: Crasher, tmp_path: Path):
    path = tmp_path / "logins" / "login.json"
    path.parent.mkdir(mode=0o700)
    put_login(path)
    answer = crasher.whole("watch_refresh", {"path": str(path), "renewal": "renewal-new"})
    assert answer["log"]
    assert answer["outcome"] == []
    assert login_in(path, "refreshed") == "renewal-new"


def check_durable(log: list[list[str]]) -> None:
    """A kill leaves what the system has in memory, a power cut does not: sync, take the name, sync the folder."""
    names = [name for name, _ in log]
    taking = max(index for index, name in enumerate(names) if name in ("replace", "rename", "link"))
    last_write = max(index for index, name in enumerate(names[:taking]) if name in WRITES)
    assert "fsync" in names[last_write:taking], f"taken before it is durable: {names}"
    assert "fsync" in names[taking:], f"the folder is not synced: {names}"


def test_what_takes_a_name_is_durable_before_and_the_name_after(
    crasher: Crasher, seaweed: S3Endpoint, tmp_path: Path
):
    login = tmp_path / "logins" / "login.json"
    login.parent.mkdir(mode=0o700)
    put_login(login)
    (tmp_path / "large").write_bytes(LARGE)
    client = seaweed.raw_client()
    client.put_object(Bucket=seaweed.bucket, Key="key", Body=LARGE * 4)
    client.close()
    local = {"root": str(tmp_path)}
    for operation, arguments in [
        ("store_login", {"path": str(login), "login": NEW_LOGIN}),
        ("use_local", {**local, "call": ["upload_file", str(tmp_path / "large"), "a"]}),
        ("use_local", {**local, "call": ["download_file", "large", str(tmp_path / "b")]}),
        ("use_local", {**local, "call": ["copy_file", "large", "c"], "options": {"overwrite": False}}),
        ("use_local", {**local, "call": ["write_stream", "d", str(tmp_path / "large")]}),
        ("use_s3", s3_arguments(seaweed, tmp_path / "e", "key")),
    ]:
        check_durable(crasher.whole(operation, arguments)["log"])


def test_a_login_that_is_no_login_is_never_lost(crasher: Crasher, tmp_path: Path):
    path = tmp_path / "logins" / "login.json"
    path.parent.mkdir(mode=0o700)

    def prepare() -> None:
        put_login(path)
        path.write_bytes(b"no JSON at all")

    for how in crasher.everywhere("load_login", {"path": str(path)}, prepare):
        crasher.whole("load_login", {"path": str(path)})
        assert any(found.read_bytes() == b"no JSON at all" for found in path.parent.iterdir()), how
        crasher.whole("store_login", {"path": str(path), "login": NEW_LOGIN})
        assert login_in(path, how) == "renewal-new", how


class Place:
    """A folder in which one name is old or new."""

    def __init__(self, target: Path, old: bytes | None, new: bytes) -> None:
        self.target = target
        self.old = old
        self.new = new

    def prepare(self) -> None:
        if self.target.parent.exists():
            for path in self.target.parent.iterdir():
                path.unlink()
        if self.old is not None:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            self.target.write_bytes(self.old)
        elif self.target.parent.exists():
            self.target.parent.rmdir()

    def content(self) -> bytes | None:
        return self.target.read_bytes() if self.target.exists() else None

    def check(self, how: str) -> None:
        assert self.content() in (self.old, self.new), f"{how}: {len(self.content() or b'')} bytes"
        folder = self.target.parent
        others = {path.name for path in folder.iterdir()} - {self.target.name} if folder.exists() else set()
        assert all(map(is_partial, others)), f"{how}: {others}"


def crash_everywhere(
    crasher: Crasher, operation: str, arguments: dict[str, Any], place: Place, *, every: int = 1
) -> None:
    """Kill it at each call, check what is left, and let a second run complete in spite of what is left."""
    seen = set()
    refused = arguments.get("options", {}).get("overwrite") is False
    for how in crasher.everywhere(operation, arguments, place.prepare, every=every):
        place.check(how)
        left = place.content()
        seen.add(left)
        outcome = crasher.whole(operation, arguments)["outcome"]
        assert outcome == ("exists" if refused and left is not None else "ok"), how
        assert place.content() == place.new, how
        place.check(how)
    assert every > 1 or seen == {place.old, place.new}


LOCAL = {
    "upload small": ("upload_file", OLD, "small", {}),
    "upload large": ("upload_file", OLD, "large", {}),
    "upload first": ("upload_file", None, "large", {}),
    "upload only where nothing is": ("upload_file", None, "large", {"overwrite": False}),
    "write bytes": ("write_bytes", OLD, "large", {}),
    "write a stream": ("write_stream", OLD, "large", {}),
    "write a stream only where nothing is": ("write_stream", None, "large", {"overwrite": False}),
}


@pytest.mark.parametrize("case", LOCAL)
def test_a_file_uploaded_to_a_folder_is_whole_or_absent(
    crasher: Crasher, tmp_path: Path, fault_full: bool, case: str
):
    method, old, source, options = LOCAL[case]
    content = {"small": SMALL, "large": LARGE}[source]
    (tmp_path / source).write_bytes(content)
    place = Place(tmp_path / "root" / "in" / "target", old, content)
    given = [tmp_path / source, "in/target"] if method == "upload_file" else ["in/target", tmp_path / source]
    call = [method, *map(str, given)]
    arguments = {"root": str(tmp_path / "root"), "call": call, "options": options}
    crash_everywhere(crasher, "use_local", arguments, place, every=1 if fault_full else 3)


@pytest.mark.parametrize("old", [OLD, None], ids=["over a file", "first"])
@pytest.mark.parametrize("source", ["small", "large"])
@pytest.mark.parametrize("method", ["download_file", "copy_file"])
def test_a_local_copy_is_whole_or_absent(
    crasher: Crasher, tmp_path: Path, fault_full: bool, method: str, source: str, old: bytes | None
):
    content = {"small": SMALL, "large": LARGE}[source]
    root = tmp_path / "root"
    root.mkdir()
    (root / source).write_bytes(content)
    place = Place(root / "out" / "target", old, content)
    target = str(place.target) if method == "download_file" else "out/target"
    options = {"overwrite": old is not None}
    arguments = {"root": str(root), "call": [method, source, target], "options": options}
    crash_everywhere(crasher, "use_local", arguments, place, every=1 if fault_full else 3)


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_moved_file_is_always_somewhere(crasher: Crasher, tmp_path: Path, overwrite: bool):
    root = tmp_path / "root"
    place = Place(root / "out" / "target", OLD if overwrite else None, SMALL)
    source = root / "source"

    def prepare() -> None:
        root.mkdir(exist_ok=True)
        place.prepare()
        source.write_bytes(SMALL)

    arguments = {
        "root": str(root),
        "call": ["move_file", "source", "out/target"],
        "options": {"overwrite": overwrite},
    }
    for how in crasher.everywhere("use_local", arguments, prepare):
        place.check(how)
        assert source.exists() or place.content() == SMALL, how
        if source.exists():
            assert crasher.whole("use_local", arguments)["outcome"] == "ok", how
        assert place.content() == SMALL, how
        assert not source.exists(), how


def s3_arguments(endpoint: S3Endpoint, target: Path, key: str, **options: Any) -> dict[str, Any]:
    config = {
        "bucket_name": endpoint.bucket,
        "endpoint_url": endpoint.url,
        "region": "us-east-1",
        "access_key_id": endpoint.access_key_id,
        "secret_access_key": endpoint.secret_access_key,
        "part_size": 5 * KIB * KIB,
    }
    return {"config": config, "call": ["download_file", key, str(target)], "options": options}


@pytest.mark.parametrize(("old", "overwrite"), [(OLD, True), (None, False)], ids=["over a file", "first"])
@pytest.mark.parametrize("size", [20 * KIB, 12 * KIB * KIB + 1], ids=["small", "in parts"])
def test_a_download_from_s3_is_whole_or_absent(
    crasher: Crasher,
    seaweed: S3Endpoint,
    tmp_path: Path,
    fault_full: bool,
    size: int,
    old: bytes | None,
    overwrite: bool,
):
    content = os.urandom(size)
    client = seaweed.raw_client()
    client.put_object(Bucket=seaweed.bucket, Key="key", Body=content)
    client.close()
    place = Place(tmp_path / "out" / "target", old, content)
    arguments = s3_arguments(seaweed, place.target, "key", overwrite=overwrite)
    crash_everywhere(crasher, "use_s3", arguments, place, every=1 if fault_full else 8)


def test_no_call_that_changes_files_happens_uncounted(tmp_path: Path, seaweed: S3Endpoint):
    if (
        shutil.which("strace") is None
        or subprocess.run([*trace.COMMAND, "/dev/null", "true"], check=False).returncode
    ):
        pytest.skip("there is no strace here, or it may not trace")
    login = tmp_path / "logins" / "login.json"
    login.parent.mkdir(mode=0o700)
    root = tmp_path / "root"
    root.mkdir()
    (root / "large").write_bytes(LARGE)
    client = seaweed.raw_client()
    client.put_object(Bucket=seaweed.bucket, Key="key", Body=LARGE * 3)
    client.close()
    local = {"root": str(root)}
    runs = [
        ("store_login", {"path": str(login), "login": NEW_LOGIN}),
        ("refresh_login", {"path": str(login), "renewal": "renewal-new"}),
        ("delete_login", {"path": str(login)}),
        ("use_local", {**local, "call": ["upload_file", str(root / "large"), "a/b"]}),
        ("use_local", {**local, "call": ["download_file", "large", str(tmp_path / "new" / "c")]}),
        ("use_local", {**local, "call": ["move_file", "a/b", "d"], "options": {"overwrite": False}}),
        ("use_local", {**local, "call": ["write_stream", "e", str(root / "large")]}),
        ("use_local", {**local, "call": ["copy_file", "large", "f"], "options": {"overwrite": False}}),
        ("use_s3", s3_arguments(seaweed, tmp_path / "out" / "target", "key")),
    ]
    expected: list[Any] = []
    with crasher_running(*trace.COMMAND, str(tmp_path / "trace")) as crasher:
        for operation, arguments in runs:
            crasher.run(operation, arguments, warm=True)
            (tmp_path / "root" / "a").mkdir(exist_ok=True)
            (tmp_path / "root" / "a" / "b").write_bytes(LARGE)
            for name in ("d", "f"):
                (root / name).unlink(missing_ok=True)
            put_login(login)
            expected += [None, trace.counted(crasher.whole(operation, arguments)["log"])]
    found = trace.seen(tmp_path / "trace")
    assert len(found) == len(expected)
    for (operation, _), ours, theirs in zip(runs, expected[1::2], found[1::2], strict=True):
        assert ours
        assert theirs == ours, operation
