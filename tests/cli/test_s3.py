"""`quack` against S3 services, as processes with nothing but the AWS environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import contents


@pytest.fixture
def forest() -> Path:
    """1500 small files in 50 folders, some of them empty, with times of their own."""
    root = Path("forest")
    for number in range(1500):
        path = root / f"folder {number % 50}" / f"ü {number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"{number}\n".encode() * (number % 97))
        os.utime(path, (1_600_000_000 + number, 1_600_000_000 + number))
    return root


def times(root: Path | str) -> dict[str, float]:
    return {
        path.relative_to(root).as_posix(): path.stat().st_mtime for path in Path(root).rglob("*") if path.is_file()
    }


def test_a_tree_goes_to_seaweedfs_and_back_and_a_second_run_moves_nothing(process, seaweed, forest):
    """SeaweedFS: a real store, whose listing comes in an order of its own."""
    url, environ = f"s3://{seaweed.bucket}/forest", seaweed.environ()
    up = process("sync", "--json", forest, url, **environ)
    assert (up.code, up.result["data"]["succeeded"]) == (0, 1500)
    again = process("sync", "--json", forest, url, **environ)
    assert (again.code, again.result["data"]["succeeded"], again.result["data"]["bytes"]) == (0, 0, 0)
    down = process("sync", "--json", url, "back", **environ)
    assert (down.code, down.result["data"]["succeeded"]) == (0, 1500)
    assert contents("back") == contents(forest)
    assert times("back") == times(forest)
    assert process("check", forest, url, **environ).code == 0


def test_the_commands_work_on_seaweedfs(quack, seaweed, tree, monkeypatch):
    """SeaweedFS: it checks the signature of each request."""
    for name, value in seaweed.environ().items():
        monkeypatch.setenv(name, value)
    bucket = f"s3://{seaweed.bucket}"
    assert quack("cp", "-r", tree, f"{bucket}/t").code == 0
    assert quack("cp", f"{bucket}/t/a.txt", f"{bucket}/copy.txt").code == 0
    listed = quack("ls", "-r", "--json", bucket).lines[:-1]
    assert {line["path"] for line in listed} == {"copy.txt", "t/a.txt", "t/sub/b.jpg", "t/sub/deep/ü c.txt"}
    assert quack("stat", "--json", f"{bucket}/copy.txt").lines[0]["content_type"] == "text/plain"
    assert quack("cp", "-r", f"{bucket}/t", "down").code == 0
    assert contents("down") == contents(tree)
    assert quack("mkdir", f"{bucket}/made").code == 0
    assert quack("ls", bucket).stdout.split()[-3:] == ["-", "-", "t/"]
    assert quack("rm", "-r", "-y", f"{bucket}/t", f"{bucket}/made").code == 0
    assert [line["path"] for line in quack("ls", "-r", "--json", bucket).lines[:-1]] == ["copy.txt"]


def test_what_is_missing_refused_or_out_of_reach_has_its_own_exit_code(quack, seaweed, monkeypatch):
    """SeaweedFS: missing keys and buckets, and signatures that are wrong."""
    for name, value in seaweed.environ().items():
        monkeypatch.setenv(name, value)
    bucket = f"s3://{seaweed.bucket}"
    Path("kept").write_bytes(b"kept")
    assert quack("cp", f"{bucket}/missing", "kept").code == 4
    assert Path("kept").read_bytes() == b"kept"
    assert quack("ls", f"{bucket}/missing/").code == 3
    missing_bucket = quack("ls", "s3://there-is-no-such-bucket")
    assert missing_bucket.code == 3
    assert "there-is-no-such-bucket" in missing_bucket.stderr
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert quack("ls", bucket).code == 6
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    nobody = quack("ls", bucket)
    assert nobody.code == 6
    assert "AWS_ACCESS_KEY_ID" in nobody.stderr


@pytest.mark.parametrize("key", ["../../escaped.txt", "/lead.txt", "a//b.txt"])
def test_a_key_that_would_lead_out_of_the_target_is_refused(quack, moto_server, monkeypatch, key):
    """moto: it keeps keys byte for byte, which SeaweedFS does not."""
    for name, value in moto_server.environ().items():
        monkeypatch.setenv(name, value)
    client = moto_server.raw_client()
    client.put_object(Bucket=moto_server.bucket, Key=f"t/{key}", Body=b"x")
    client.put_object(Bucket=moto_server.bucket, Key="t/good.txt", Body=b"good")
    client.close()
    done = quack("cp", "-r", f"s3://{moto_server.bucket}/t", "out/deep")
    assert done.code == 1
    assert contents(".") == {"out/deep/good.txt": b"good"}


def test_a_section_s3_says_how_to_connect(quack, seaweed):
    """SeaweedFS: the keys of the file are checked."""
    Path("quack_config.yaml").write_text(
        f"s3:\n  bucket_name: another-one\n  endpoint_url: {seaweed.url}\n  region: us-east-1\n"
        f"  access_key_id: {seaweed.access_key_id}\n  secret_access_key: {seaweed.secret_access_key}\n"
    )
    Path("a").write_bytes(b"a")
    assert quack("cp", "a", f"s3://{seaweed.bucket}/a").code == 0
    assert quack("ls", f"s3://{seaweed.bucket}").stdout.split()[-1] == "a"


def test_the_console_script_is_installed():
    script = Path(sys.executable).with_name("quack")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert "quackcore-async " in done.stdout
