"""Nothing is lost, torn or left behind when one request in twenty to S3 goes wrong; `conftest.py` says how to run it long."""

import io
import time

import pytest
from boto3.s3.transfer import TransferConfig

from quackcore_async.concurrency import run_in_thread
from quackcore_async.testing import FaultProxy, History, Rule, Script, digest_of, state_of_folder
from tests.faults.bucket import make_bucket
from tests.faults.run import PART, judge, run_once, storage_of


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.timeout(300)
async def test_nothing_is_lost_over_s3(seaweed_process, tmp_path, fault_options, say):
    options = fault_options
    deadline = time.monotonic() + options.seconds
    first = {"seed": options.seed, "objects": options.objects}
    plain = await run_once(seaweed_process, tmp_path / "plain", **first, rate=0.0)
    judge(plain, plain.requests)
    assert plain.unfinished == []
    seed = options.seed
    while True:
        run = await run_once(
            seaweed_process, tmp_path / str(seed), seed=seed, objects=options.objects, rate=options.rate
        )
        say(f"{run}, {run.requests / plain.requests:.3f} times the {plain.requests} requests needed")
        judge(run, plain.requests)
        seed += 1
        if time.monotonic() >= deadline:
            break


@pytest.mark.timeout(300)
async def test_nothing_is_lost_over_aioboto3(seaweed_process, tmp_path, fault_options, say):
    objects = max(50, fault_options.objects // 20)
    run = await run_once(
        seaweed_process, tmp_path, seed=fault_options.seed, objects=objects, rate=0.1, engine="aioboto3"
    )
    say(str(run))
    judge(run)


class Replaced:
    """Somebody else puts another object of the same size in its place before this request is forwarded.

    Both are of several parts: their entity tags are no checksums, which would find a mix as well.
    """

    def __init__(self, endpoint, key, content):
        self._endpoint, self._key, self._content = endpoint, key, content

    async def apply(self, exchange):
        await run_in_thread(self._put)

    def _put(self):
        client = self._endpoint.raw_client()
        parts = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART)
        client.upload_fileobj(io.BytesIO(self._content), self._endpoint.bucket, self._key, Config=parts)
        client.close()


@pytest.mark.parametrize("nth", [2, 3])
async def test_a_file_that_is_replaced_while_it_is_downloaded_is_never_a_mix(seaweed_process, tmp_path, nth):
    bucket = await run_in_thread(make_bucket, seaweed_process, f"replaced-{nth}")
    old, new = (bytes([byte]) * (3 * PART) for byte in b"on")
    replaced = Replaced(bucket, "key", new)
    await run_in_thread(Replaced(bucket, "key", old)._put)
    history = History()
    with FaultProxy(bucket.url, Script(Rule(replaced, operation="GetObject", nth=nth))) as proxy:
        async with storage_of(bucket, proxy.url, "auto") as storage:
            history.exists("bucket", "key", digest_of(old))
            history.settle(history.write("replace", "bucket", "key", digest_of(new)), TimeoutError())
            operation = history.copy("download", ("bucket", "key"), ("down", "key"))
            (tmp_path / "down").mkdir()
            history.settle(operation, await storage.download_file("key", str(tmp_path / "down" / "key")))
    assert proxy.faulted == 1
    history.verify({"down": await state_of_folder(tmp_path / "down")})
