"""A bulk transfer killed anywhere: no file is torn, and a second run moves what is missing and nothing else."""

import hashlib
import os
import random
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from quackcore_async.storage.names import is_partial
from tests.faults.cancelling.s3 import PART, s3_config_of
from tests.faults.conftest import FaultOptions
from tests.faults.crashing.harness import Crasher, crasher_running
from tests.servers.endpoint import S3Endpoint

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

FILES = 40
LARGE = 2 * PART + 1
FEW, MANY = 2, 200  # kills of each verb


@pytest.fixture(scope="module")
def crasher() -> Iterator[Crasher]:
    with crasher_running() as crasher:
        yield crasher


@pytest.fixture
def kills(request: pytest.FixtureRequest, fault_full: bool) -> int:
    given: int | None = request.config.getoption("--fault-kills", default=None)
    return given or (MANY if fault_full else FEW)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some small files, empty ones among them, and one that goes in parts."""
    folder = tmp_path_factory.mktemp("tree")
    choose = random.Random(1)
    for number in range(FILES):
        path = folder / f"{number % 7}" / f"{number:03}.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(choose.randbytes(number % 3 * choose.randrange(3000)))
    (folder / "large").write_bytes(choose.randbytes(LARGE))
    return folder


def hashes_of(folder: Path) -> dict[str, str]:
    """Return the hash of each file below a folder that is no partial file."""
    return {
        path.relative_to(folder).as_posix(): hashlib.md5(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not is_partial(path.name)
    }


def hashes_in(client: Any, bucket: str, prefix: str) -> dict[str, str]:
    """Return the hash of each object below a prefix; one that was made of parts is read."""
    found: dict[str, str] = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for item in page.get("Contents", []):
            digest = item["ETag"].strip('"')
            if "-" in digest:
                digest = hashlib.md5(client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()).hexdigest()
            found[item["Key"].removeprefix(f"{prefix}/")] = digest
    return found


def check_part_of(found: Mapping[str, str], wanted: Mapping[str, str], how: str) -> None:
    torn = [name for name, digest in found.items() if wanted.get(name) != digest]
    assert torn == [], f"{how}: {torn}"


@pytest.mark.parametrize("verb", ["upload_many", "sync up", "download_many", "sync down"])
def test_a_bulk_transfer_killed_anywhere_is_completed_by_a_second_run(
    crasher: Crasher,
    seaweed: S3Endpoint,
    tree: Path,
    tmp_path: Path,
    fault_options: FaultOptions,
    kills: int,
    verb: str,
):
    client = seaweed.raw_client()
    wanted = hashes_of(tree)
    up = verb in ("upload_many", "sync up")
    config = s3_config_of(seaweed)

    def arguments(run: object) -> dict[str, Any]:
        folder = tree if up else tmp_path / f"run-{run}"
        folder.mkdir(exist_ok=True)
        return {"config": config, "verb": verb, "folder": str(folder), "prefix": f"run-{run}" if up else "all"}

    if not up:
        given = {"config": config, "verb": "sync up", "folder": str(tree), "prefix": "all"}
        assert crasher.whole("move_many", given)["outcome"]["moved"] == len(wanted)
    crasher.run("move_many", arguments("warm"), warm=True)
    whole = crasher.whole("move_many", arguments("whole"))
    assert whole["outcome"] == {"moved": len(wanted), "failed": 0, "skipped": 0}
    seed = fault_options.seed
    choose = random.Random(f"{seed} {verb}")
    everywhere = range(1, len(whole["log"]) + 1)
    points = [
        point for _ in range(-(-kills // len(everywhere))) for point in choose.sample(everywhere, len(everywhere))
    ]
    del points[kills:]
    sys.stdout.write(f"{verb}: seed {seed}, points {points} of {len(whole['log'])}\n")
    for run, point in enumerate(points):
        given = arguments(run)
        folder, prefix = Path(given["folder"]), given["prefix"]
        answer = crasher.run("move_many", given, point=point)
        how = f"seed {seed}, killed at point {point}"
        assert answer["status"] in (-signal.SIGKILL, 0), how
        done = hashes_in(client, seaweed.bucket, prefix) if up else hashes_of(folder)
        check_part_of(done, wanted, how)
        outcome = crasher.whole("move_many", given)["outcome"]
        assert outcome["failed"] == 0, how
        assert outcome["moved"] + outcome["skipped"] == len(wanted), how
        # A request that was under way may have arrived at the service after we looked.
        assert outcome["moved"] <= len(wanted) - len(done), how
        assert up or outcome["moved"] == len(wanted) - len(done), how
        assert (hashes_in(client, seaweed.bucket, prefix) if up else hashes_of(folder)) == wanted, how
    client.close()
