"""What interrupted transfers have left is found by its age and removed, unless somebody is at it."""

import errno
import math
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from quackcore_async.storage import LocalStorage, MemoryStorage, S3Storage
from quackcore_async.storage.locks import try_lock
from quackcore_async.storage.partial import PartialFile
from quackcore_async.storage.upload_journal import UploadJournal, journaled_uploads, uploads_folder
from tests.servers.interruptions import Failing, Gate
from tests.servers.scripted import Answer, error_answer

DAY = timedelta(days=1)
PART = ".0123456789abcdef.quack-part"
MIB = 1024**2


def leave(folder, name=PART, *, age=2 * DAY, content=b"half"):
    """Leave an unfinished file of that age."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    then = time.time() - age.total_seconds()
    os.utime(path, (then, then))
    return path


async def clean(storage, folder=None, **options):
    return (await storage.cleanup(folder, **options)).unwrap()


async def test_old_unfinished_files_are_removed_and_all_else_stays(local, root):
    paths = [leave(root), leave(root / "a" / "b")]
    young = leave(root / "c", age=timedelta(hours=1))
    others = [
        leave(root, "file"),
        leave(root, ".hidden"),
        leave(root, ".x.quack-part"),
        leave(root, "a.quack-part"),
    ]
    outcomes = await clean(local)
    assert sorted((found.path, found.status, found.size) for found in outcomes) == [
        (PART, "removed", 4),
        (f"a/b/{PART}", "removed", 4),
    ]
    assert not any(path.exists() for path in paths)
    assert all(path.exists() for path in (young, *others))


async def test_a_dry_run_changes_nothing(local, root):
    path = leave(root)
    assert [found.status for found in await clean(local, dry_run=True)] == ["would_remove"]
    assert path.exists()


async def test_only_the_folder_is_cleaned_up(local, root):
    inside, outside = leave(root / "a"), leave(root / "b")
    assert len(await clean(local, "a")) == 1
    assert (inside.exists(), outside.exists()) == (False, True)


async def test_the_age_can_be_given_in_seconds(local, root):
    leave(root, age=timedelta(seconds=100))
    assert await clean(local, older_than=200) == []
    assert len(await clean(local, older_than=50)) == 1


async def test_a_negative_age_is_refused(local):
    assert (await local.cleanup(older_than=-1)).error_info.code == "bad_argument"


async def test_a_folder_that_is_not_there_has_nothing_unfinished(local):
    assert await clean(local, "missing") == []


async def test_links_are_not_followed(local, root, folder):
    precious = leave(folder)
    (root / PART).symlink_to(precious)
    (root / "linked").symlink_to(folder)
    assert await clean(local) == []
    assert precious.exists()


WRITER = """
import sys
from quackcore_async.storage import LocalStorage
from quackcore_async.storage.tree import Tree

part = Tree(sys.argv[1]).partial("file", overwrite=True)
part.open()
print("ready", flush=True)
sys.stdin.read()
"""


async def test_what_another_process_writes_is_left_alone_whatever_its_age(local, root):
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, root], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        try:
            assert writer.stdout.readline() == b"ready\n"
            (name,) = os.listdir(root)
            os.utime(root / name, (0, 0))
            assert [found.status for found in await clean(local)] == ["in_use"]
            assert (root / name).exists()
        finally:
            writer.kill()
            writer.wait()
    assert [found.status for found in await clean(local)] == ["removed"]


@pytest.mark.parametrize("meanwhile", ["went on", "was replaced", "became a file"])
async def test_what_somebody_was_at_since_it_was_looked_at_is_left_alone(local, root, monkeypatch, meanwhile):
    path = leave(root)
    locked = []

    def lock_late(fd):
        if not locked:
            if meanwhile == "went on":
                os.utime(path)
            else:
                path.rename(root / "whole")
                if meanwhile == "was replaced":
                    path.write_bytes(b"new")
        locked.append(fd)
        return try_lock(fd)

    monkeypatch.setattr("quackcore_async.storage.tree_cleanup.try_lock", lock_late)
    assert await clean(local) == []
    assert (len(locked), path.exists()) == (1, meanwhile != "became a file")


async def test_an_age_that_nothing_has_finds_nothing(local, root):
    path = leave(root)
    for age in (timedelta.max, 1e11):
        assert await clean(local, older_than=age) == []
    assert path.exists()


@pytest.mark.parametrize("age", [math.nan, math.inf, 1e300])
async def test_an_age_that_is_none_is_refused(local, age):
    assert (await local.cleanup(older_than=age)).error_info.code == "bad_argument"


async def test_what_this_process_writes_is_left_alone(local, root):
    with local_part(root) as part:
        (name,) = os.listdir(root)
        os.utime(root / name, (0, 0))
        assert [found.status for found in await clean(local)] == ["in_use"]
        part.write(b"whole")
        part.commit()
    assert (root / "file").read_bytes() == b"whole"


def local_part(root) -> PartialFile:
    from quackcore_async.storage.tree import Tree

    return Tree(str(root)).partial("file", overwrite=True)


async def test_a_folder_that_cannot_be_read_is_an_outcome_and_the_rest_is_done(unprivileged):
    locked = unprivileged / "locked"
    locked.mkdir()
    path = leave(unprivileged / "open")
    locked.chmod(0)
    storage = LocalStorage(root=unprivileged)
    found = {found.path: found.status for found in await clean(storage)}
    assert found == {"locked/": "failed", f"open/{PART}": "removed"}
    assert not path.exists()


async def test_a_storage_that_cannot_tell_says_so():
    storage = MemoryStorage(name="m")
    assert not storage.capabilities.cleanup
    assert (await storage.cleanup()).error_info.kind == "unsupported"


def refuse(path, **_):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)


class TestUploads:
    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    @pytest.fixture(autouse=True)
    def home(self, tmp_path, monkeypatch):
        monkeypatch.setenv("QUACK_HOME", str(tmp_path / "home"))

    @pytest.fixture
    def config_of(self):
        def config(endpoint, **changes):
            own = {
                "bucket_name": endpoint.bucket,
                "endpoint_url": endpoint.url,
                "region": "us-east-1",
                "access_key_id": endpoint.access_key_id,
                "secret_access_key": endpoint.secret_access_key,
                "transfer_concurrency": 1,
            }
            return own | changes

        return config

    @pytest.mark.parametrize("server", ["seaweed", "moto_server"])
    async def test_unfinished_uploads_of_a_real_store_are_aborted(self, request, config_of, server):
        store = request.getfixturevalue(server)
        raw = store.raw_client()
        for key in ("a/one", "a/two", "b/three"):
            upload = raw.create_multipart_upload(Bucket=store.bucket, Key=key)["UploadId"]
            raw.upload_part(Bucket=store.bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x" * 100)
        async with S3Storage(config=config_of(store)) as storage:
            assert await clean(storage) == [], "they are too young"
            planned = await clean(storage, older_than=-0.0, dry_run=True)
            removed = await clean(storage, "a", older_than=0)
        left = [upload["Key"] for upload in raw.list_multipart_uploads(Bucket=store.bucket).get("Uploads", [])]
        raw.close()
        assert sorted((found.path, found.status, found.size) for found in planned) == [
            ("a/one", "would_remove", 100),
            ("a/two", "would_remove", 100),
            ("b/three", "would_remove", 100),
        ]
        assert sorted(found.url for found in removed) == [f"s3://{store.bucket}/a/{n}" for n in ("one", "two")]
        assert left == ["b/three"]

    async def test_paths_are_those_of_the_storage_below_its_prefix(self, scripted_s3, config_of):
        self.begin(scripted_s3, "upload1", "pre/fix/key")
        self.begin(scripted_s3, "upload2", "other/key")
        async with S3Storage(config=config_of(scripted_s3.endpoint, prefix="pre")) as storage:
            (found,) = await clean(storage, "fix")
        assert (found.path, found.url, found.status) == ("fix/key", "s3://scripted/pre/fix/key", "removed")
        assert list(scripted_s3.uploads) == ["upload2"]

    def begin(self, server, name, key):
        server.uploads[name] = {1: b"x"}
        server.described[name] = (key, {})

    async def test_an_upload_that_got_a_part_of_late_is_left_alone(self, scripted_s3, config_of):
        from datetime import UTC, datetime

        self.begin(scripted_s3, "upload1", "key")
        now = datetime.now(UTC).isoformat()
        part = f"<Part><PartNumber>1</PartNumber><ETag>e</ETag><Size>1</Size><LastModified>{now}</LastModified></Part>"
        answer = Answer(
            200, {"Content-Type": "application/xml"}, f"<ListPartsResult>{part}</ListPartsResult>".encode()
        )
        scripted_s3.script = lambda request: answer if request.operation == "ListParts" else None
        async with S3Storage(config=config_of(scripted_s3.endpoint)) as storage:
            assert await clean(storage) == []
        assert list(scripted_s3.uploads) == ["upload1"]

    async def test_an_upload_that_cannot_be_aborted_is_an_outcome_and_the_rest_is_done(
        self, scripted_s3, config_of
    ):
        self.begin(scripted_s3, "upload1", "one")
        self.begin(scripted_s3, "upload2", "two")

        def script(request):
            if request.operation == "AbortMultipartUpload" and request.key == "one":
                return error_answer(403, "AccessDenied")
            return None

        scripted_s3.script = script
        async with S3Storage(config=config_of(scripted_s3.endpoint)) as storage:
            one, two = await clean(storage)
        assert (one.path, one.status, two.path, two.status) == ("one", "failed", "two", "removed")
        assert "AccessDenied" in one.error

    async def test_an_interrupted_upload_goes_with_its_journal_unless_somebody_is_at_it(
        self, scripted_s3, config_of, tmp_path
    ):
        config = config_of(scripted_s3.endpoint)
        source = tmp_path / "source"
        source.write_bytes(os.urandom(20 * MIB))
        Failing(scripted_s3, "UploadPart", 1)
        async with S3Storage(config=config) as storage:
            assert not (await storage.upload_file(str(source), "key", resume=True)).success
            scripted_s3.script = lambda request: None
            journal = UploadJournal((scripted_s3.endpoint.url, "scripted", "key"), str(source))
            assert journal.open()
            assert [found.status for found in await clean(storage)] == ["in_use"]
            assert [found.status for found in await clean(storage, dry_run=True)] == ["in_use"]
            journal.close()
            assert len(os.listdir(uploads_folder())) == 1
            assert [found.status for found in await clean(storage)] == ["removed"]
        assert (scripted_s3.uploads, os.listdir(uploads_folder())) == ({}, [])

    async def test_an_upload_that_began_anew_meanwhile_keeps_its_journal(self, scripted_s3, config_of, tmp_path):
        journal = UploadJournal((scripted_s3.endpoint.url, "scripted", "key"), str(tmp_path / "source"))
        self.begin(scripted_s3, "upload1", "key")

        def begin(upload_id):
            assert journal.open()
            journal.begin("fingerprint", upload_id, "token")
            journal.close()

        begin("upload1")
        begun = []

        def script(request):
            if request.operation == "ListParts" and not begun:
                begun.append("upload2")
                begin("upload2")

        scripted_s3.script = script
        async with S3Storage(config=config_of(scripted_s3.endpoint)) as storage:
            await clean(storage)
        assert [found.upload_id for found in journaled_uploads()] == begun

    async def test_a_journal_that_cannot_be_removed_hinders_nothing(
        self, scripted_s3, config_of, tmp_path, monkeypatch, caplog
    ):
        config = config_of(scripted_s3.endpoint)
        source = tmp_path / "source"
        source.write_bytes(os.urandom(20 * MIB))
        Failing(scripted_s3, "UploadPart", 1)
        async with S3Storage(config=config) as storage:
            assert not (await storage.upload_file(str(source), "one", resume=True)).success
            scripted_s3.script = lambda request: None
            self.begin(scripted_s3, "upload2", "two")
            monkeypatch.setattr("quackcore_async.storage.upload_journal.os.unlink", refuse)
            assert [found.status for found in await clean(storage)] == ["removed", "removed"]
            (name,) = os.listdir(uploads_folder())
            os.utime(Path(uploads_folder()) / name, (0, 0))
            assert await clean(storage) == []
        assert scripted_s3.uploads == {}
        assert "cannot be removed" in caplog.text

    @pytest.mark.parametrize("resume", [False, True])
    async def test_what_the_storage_itself_uploads_is_left_alone(self, scripted_s3, config_of, tmp_path, resume):
        source = tmp_path / "source"
        source.write_bytes(os.urandom(20 * MIB))
        gate = Gate(scripted_s3, "UploadPart", 1)
        results = []

        async def upload(storage):
            results.append(await storage.upload_file(str(source), "key", resume=resume))

        async with S3Storage(config=config_of(scripted_s3.endpoint)) as storage:
            async with anyio.create_task_group() as group:
                group.start_soon(upload, storage)
                await anyio.to_thread.run_sync(gate.holds.wait)
                found = await clean(storage, older_than=0)
                gate.open()
            assert [outcome.status for outcome in found] == ["in_use"]
            assert (results[0].success, scripted_s3.objects["key"][0]) == (True, source.read_bytes())

    async def test_old_journals_of_uploads_that_are_gone_go_too(self, scripted_s3, config_of):
        old, young = (
            UploadJournal((scripted_s3.endpoint.url, "scripted", "key"), name) for name in ("/old", "/young")
        )
        for journal in (old, young):
            assert journal.open()
            journal.begin("fingerprint", "gone", "token")
        os.utime(old._path, (0, 0))
        for journal in (old, young):
            journal.close()
        async with S3Storage(config=config_of(scripted_s3.endpoint)) as storage:
            assert await clean(storage) == []
        assert os.listdir(uploads_folder()) == [Path(young._path).name]

    async def test_all_pages_of_the_uploads_are_read_though_the_service_names_no_marker(
        self, scripted_s3, config_of
    ):
        for number in range(5):
            self.begin(scripted_s3, f"upload{number}", f"key{number}")

        def script(request):
            if request.operation != "ListMultipartUploads":
                return None
            after = request.query.get("key-marker", "")
            keys = [f"key{number}" for number in range(5) if f"key{number}" > after]
            rows = "".join(
                f"<Upload><Key>{key}</Key><UploadId>upload{key[3:]}</UploadId>"
                "<Initiated>2020-01-01T00:00:00.000Z</Initiated></Upload>"
                for key in keys[:2]
            )
            more = str(len(keys) > 2).lower()
            body = (
                f"<ListMultipartUploadsResult><IsTruncated>{more}</IsTruncated>{rows}</ListMultipartUploadsResult>"
            )
            return Answer(200, {"Content-Type": "application/xml"}, body.encode())

        scripted_s3.script = script
        async with S3Storage(config=config_of(scripted_s3.endpoint)) as storage:
            assert [found.path for found in await clean(storage)] == [f"key{number}" for number in range(5)]
        assert scripted_s3.uploads == {}
