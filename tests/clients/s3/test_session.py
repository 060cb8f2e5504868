"""How a client is opened, mostly against SeaweedFS, which refuses what is not signed by its key."""

import asyncio
import os

import anyio
import anyio.lowlevel
import pytest

from quackcore_async.clients.s3 import S3Client, S3Keys, S3Settings, upload_bytes
from quackcore_async.clients.s3.destination import Destination
from quackcore_async.clients.s3.raw_client import RawClient
from quackcore_async.clients.s3.session import ClientSource, OpenClient
from quackcore_async.errors import CredentialsMissingError, ErrorKind, LifecycleError, QuackError
from quackcore_async.redaction import Secret


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_on_trio_the_client_says_that_it_needs_asyncio(anyio_backend):
    with pytest.raises(LifecycleError, match="asyncio") as caught:
        async with S3Client():
            pass
    assert (caught.value.kind, caught.value.code) == (ErrorKind.UNSUPPORTED, "unsupported_backend")


async def test_a_client_that_is_not_open_says_so():
    client = S3Client(S3Settings())
    with pytest.raises(LifecycleError) as caught:
        await client.head_bucket("bucket")
    assert caught.value.code == "closed"
    await client.aclose()


async def test_a_closed_client_says_so_and_opens_again(seaweed):
    client = S3Client(seaweed.settings())
    async with client:
        await client.head_bucket(seaweed.bucket)
    with pytest.raises(LifecycleError):
        await client.head_bucket(seaweed.bucket)
    async with client:
        await client.head_bucket(seaweed.bucket)


async def test_keys_endpoint_and_region_come_from_the_aws_environment(seaweed, monkeypatch):
    for name, value in seaweed.environ().items():
        monkeypatch.setenv(name, value)
    async with S3Client() as client:
        await client.head_bucket(seaweed.bucket)


async def test_keys_and_endpoint_come_from_a_profile(seaweed, monkeypatch, tmp_path):
    credentials = tmp_path / "credentials"
    credentials.write_text(
        f"[mine]\naws_access_key_id={seaweed.access_key_id}\naws_secret_access_key={seaweed.secret_access_key}\n"
    )
    config = tmp_path / "config"
    config.write_text(f"[profile mine]\nendpoint_url={seaweed.url}\nregion=us-east-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    async with S3Client(S3Settings(profile="mine")) as client:
        await client.head_bucket(seaweed.bucket)


async def test_an_unknown_profile_is_a_misconfiguration():
    with pytest.raises(QuackError, match="nobody") as caught:
        async with S3Client(S3Settings(profile="nobody")):
            pass
    assert caught.value.kind is ErrorKind.MISCONFIGURED


async def test_no_credentials_anywhere_name_the_variables(seaweed, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    async with S3Client(S3Settings(endpoint_url=seaweed.url, region="us-east-1")) as client:
        with pytest.raises(CredentialsMissingError, match="AWS_ACCESS_KEY_ID"):
            await client.head_bucket(seaweed.bucket)


@pytest.mark.parametrize(
    "url",
    [
        "not a url",
        "http://",
        "ftp://s3.test",
        "file:///etc/passwd",
        "s3.test",
        "http://localhost@evil.test",
        "https://user:S3CR3T@s3.test",
        "https://s3.test\\@evil.test",
        "https://s3.test?x=1",
        "https://s3.test/ x",
    ],
)
@pytest.mark.parametrize("source", ["settings", "environment"])
async def test_an_endpoint_that_is_no_url_is_a_misconfiguration(url, source, monkeypatch):
    keys = S3Keys("AKIDEXAMPLE1", Secret("secretexample1"))
    if source == "environment":
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    with pytest.raises(QuackError) as caught:
        async with S3Client(S3Settings(endpoint_url=url if source == "settings" else None, keys=keys)):
            pass
    assert (caught.value.kind, caught.value.code) == (ErrorKind.MISCONFIGURED, "endpoint")
    assert "S3CR3T" not in str(caught.value)


async def test_a_service_that_nobody_runs_is_unavailable_and_names_its_address(impatient):
    keys = S3Keys("AKIDEXAMPLE1", Secret("secretexample1"))
    async with S3Client(S3Settings(endpoint_url="http://127.0.0.1:9", keys=keys), retry=impatient) as client:
        with pytest.raises(QuackError, match=r"127\.0\.0\.1:9") as caught:
            await client.head_bucket("bucket")
    assert (caught.value.kind, caught.value.code, caught.value.attempts) == (
        ErrorKind.UNAVAILABLE,
        "connection",
        4,
    )
    assert not caught.value.indeterminate


async def test_tls_to_a_plain_port_is_one_attempt_and_a_misconfiguration(seaweed, impatient):
    settings = seaweed.settings(endpoint_url=seaweed.url.replace("http:", "https:"))
    async with S3Client(settings, retry=impatient) as client:
        with pytest.raises(QuackError) as caught:
            await client.head_bucket(seaweed.bucket)
    assert (caught.value.code, caught.value.attempts) == ("tls", 1)


async def test_a_client_of_the_caller_is_used_and_stays_open(seaweed):
    import aioboto3

    session = aioboto3.Session(seaweed.access_key_id, seaweed.secret_access_key, region_name="us-east-1")
    async with session.client("s3", endpoint_url=seaweed.url) as raw:
        async with S3Client(client=raw) as client:
            await upload_bytes(client, b"1", seaweed.address("key"))
        assert (await raw.head_object(Bucket=seaweed.bucket, Key="key"))["ContentLength"] == 1


async def test_a_session_of_the_caller_is_used(seaweed):
    import aioboto3

    session = aioboto3.Session(seaweed.access_key_id, seaweed.secret_access_key, region_name="us-east-1")
    async with S3Client(S3Settings(endpoint_url=seaweed.url), session=session) as client:
        await client.head_bucket(seaweed.bucket)


async def test_another_event_loop_is_told_so_and_does_not_hang(seaweed):
    async def use(client):
        await client.head_bucket(seaweed.bucket)

    async with S3Client(seaweed.settings()) as client:
        with pytest.raises(LifecycleError) as caught:
            await asyncio.to_thread(asyncio.run, use(client))
    assert caught.value.code == "wrong_loop"


def test_loops_one_after_the_other_work(seaweed):
    client = S3Client(seaweed.settings())

    async def use():
        async with client:
            await client.head_bucket(seaweed.bucket)

    asyncio.run(use())
    asyncio.run(use())


async def test_opening_does_not_block_the_event_loop(seaweed):
    longest = 0.0
    loop = asyncio.get_running_loop()

    async def watch():
        nonlocal longest
        while True:
            before = loop.time()
            await asyncio.sleep(0)
            longest = max(longest, loop.time() - before)

    watcher = asyncio.create_task(watch())
    async with S3Client(seaweed.settings()):
        pass
    watcher.cancel()
    assert longest < 0.5


@pytest.mark.parametrize("engine", ["lean", "aioboto3"])
async def test_a_body_that_is_being_read_outlives_the_renewal_of_credentials(seaweed, engine):
    keys = S3Keys(seaweed.access_key_id, Secret(seaweed.secret_access_key))
    content = os.urandom(3_000_000)

    async def provide():
        return keys

    settings = seaweed.settings(keys=None, keys_provider=provide, engine=engine)
    async with S3Client(settings) as client:
        await upload_bytes(client, content, seaweed.address("key"))
        requester = client.requester
        answer = await requester.send("get_object", "read", {"Bucket": seaweed.bucket, "Key": "key"})
        body, old = answer["Body"], requester.connected
        read = await body.read(1000)
        assert await requester._source.renew(old)
        await client.head_bucket(seaweed.bucket)
        assert old.in_flight == 1
        while piece := await body.read(1_000_000):
            read += piece
        assert read == content
        body.close()
        await client.head_bucket(seaweed.bucket)
        assert not requester._source.has_retired


@pytest.mark.parametrize("engine", ["lean", "aioboto3"])
async def test_who_reads_a_body_hears_that_the_client_was_closed(seaweed, engine):
    client = S3Client(seaweed.settings(engine=engine))
    async with client:
        await upload_bytes(client, os.urandom(30_000_000), seaweed.address("key"))
        answer = await client.requester.send("get_object", "read", {"Bucket": seaweed.bucket, "Key": "key"})
        await answer["Body"].read(1000)
    try:
        with anyio.fail_after(10), pytest.raises(Exception, match="closed|broke"):  # noqa: PT011 - each has its own
            await read_to_the_end(answer["Body"])
    finally:
        answer["Body"].close()


class FakeEngine:
    """Says whether it was closed, and may fail at that or take long."""

    hashes_bodies = False

    def __init__(self, close=anyio.lowlevel.checkpoint):
        self.is_closed = False
        self._close = close

    async def aclose(self):
        self.is_closed = True
        await self._close()


def open_client(engine):
    return OpenClient(RawClient.given(None), engine, Destination("us-east-1", None), None)


async def fail():
    raise OSError("it does not close")


async def test_a_client_that_fails_to_close_keeps_no_other_open():
    engines = [FakeEngine(fail), FakeEngine(), FakeEngine()]
    source = ClientSource(S3Settings())
    source._retired = [open_client(engine) for engine in engines[:2]]
    source._current = open_client(engines[2])
    with pytest.raises(OSError, match="does not close"):
        await source.aclose()
    assert [engine.is_closed for engine in engines] == [True] * 3


@pytest.mark.parametrize("verb", ["aclose", "close_idle"])
async def test_a_task_that_is_cancelled_while_it_closes_clients_closes_them_all(verb):
    begun, going_on = asyncio.Event(), asyncio.Event()

    async def take_long():
        begun.set()
        await going_on.wait()

    engines = [FakeEngine(take_long), FakeEngine()]
    source = ClientSource(S3Settings())
    source._retired = [open_client(engine) for engine in engines]
    task = asyncio.ensure_future(getattr(source, verb)())
    await begun.wait()
    task.cancel()
    await anyio.lowlevel.checkpoint()
    going_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [engine.is_closed for engine in engines] == [True] * 2


async def test_a_client_that_was_made_while_its_source_closed_is_closed_too(monkeypatch):
    old, new = FakeEngine(), FakeEngine()
    source = ClientSource(S3Settings())
    expired = source._current = open_client(old)

    async def make():
        await source.aclose()
        return open_client(new)

    monkeypatch.setattr(source, "_make", make)
    assert not await source.renew(expired)
    assert (old.is_closed, new.is_closed) == (True, True)
    with pytest.raises(LifecycleError):
        source.current  # noqa: B018 - it raises


async def read_to_the_end(body):
    while await body.read(1_000_000):
        pass


def test_settings_show_no_secret():
    settings = S3Settings(keys=S3Keys("AKIDEXAMPLE1", Secret("very secret"), Secret("token value")))
    assert "very secret" not in repr(settings)
    assert "token value" not in repr(settings)


@pytest.mark.parametrize(
    "change",
    [
        {"max_concurrency": 0},
        {"min_concurrency": 0},
        {"part_size": 0},
        {"idle_timeout": 0.0},
        {"max_bandwidth": 0},
        {"max_bandwidth": float("inf")},
    ],
)
def test_settings_that_cannot_work_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        S3Settings(**change)
