"""Where requests go: as aioboto3 itself would send them, however the client is configured."""

import aioboto3
import aiobotocore.session
import anyio
import botocore.loaders
import pytest
from aiobotocore.config import AioConfig
from botocore.exceptions import EndpointResolutionError
from yarl import URL

from quackcore_async.clients.s3 import S3Client, S3Keys, S3Settings, upload_bytes
from quackcore_async.clients.s3.aws_session import _loader
from quackcore_async.clients.s3.destination import Destination
from quackcore_async.clients.s3.lean.places import Places, find_place, plain_place
from quackcore_async.redaction import Secret
from tests.clients.s3.lean.conftest import engine_of

ENDPOINT = "http://127.0.0.1:9000"


class _Captured(Exception):
    pass


def make_session(token=None):
    core = aiobotocore.session.AioSession()
    core.register_component("data_loader", _loader(None))
    return aioboto3.Session(
        "AKIDEXAMPLE1", "secretexample1", token, region_name="us-west-2", botocore_session=core
    )


async def whereabouts(bucket, *, region="us-east-1", endpoint_url=None, token=None, fips=None, dual=None, **s3):
    """Return the place of a bucket, and the request that aioboto3 would send to put the key `k` there."""
    config = AioConfig(
        signature_version="s3v4",
        retries={"total_max_attempts": 1},
        use_fips_endpoint=fips,
        use_dualstack_endpoint=dual,
        s3=s3,
    )
    session = make_session(token)
    captured = []

    def capture(request, **_):
        captured.append(request)
        raise _Captured

    async with session.client("s3", region_name=region, endpoint_url=endpoint_url, config=config) as raw:
        place = await find_place(raw, bucket)
        raw.meta.events.register("before-send.s3", capture)
        with pytest.raises(_Captured):
            await raw.put_object(Bucket=bucket, Key="k", Body=b"")
    return place, captured[0]


EVERYWHERE = [
    {},
    {"region": "eu-west-3"},
    {"region": "cn-north-1"},
    {"region": "us-gov-west-1"},
    {"region": "aws-global"},
    {"endpoint_url": ENDPOINT},
    {"endpoint_url": "http://localhost:80"},
    {"endpoint_url": "https://s3.example.org:443/"},
    {"endpoint_url": "https://s3.example.org:8443"},
    {"endpoint_url": "https://S3.Example.org"},
    {"endpoint_url": "http://example.org/prefix/s3"},
    {"endpoint_url": "http://[::1]:9000"},
    {"endpoint_url": "https://account.r2.cloudflarestorage.com", "region": "auto"},
    {"dual": True, "region": "eu-west-3"},
    {"fips": True, "region": "us-east-2"},
    {"fips": True, "dual": True, "region": "us-east-2"},
    {"us_east_1_regional_endpoint": "legacy"},
    {"token": "session/token+="},
]
CASES = [{"addressing_style": style, **more} for style in ("path", "virtual", "auto") for more in EVERYWHERE]
ACCELERATED = [
    {"use_accelerate_endpoint": True, "region": "eu-west-3"},
    {"use_accelerate_endpoint": True, "dual": True, "region": "eu-west-3"},
]


def named(case):
    return "-".join(f"{name}={value}" for name, value in case.items())


async def check(bucket, case):
    place, request = await whereabouts(bucket, **case)
    sent = request.url.replace(":443/", "/").replace(":80/", "/")
    assert f"{place.origin}{place.path}k" == str(URL(sent))
    assert place.host == sent.split("/")[2].lower()
    scope = request.headers["Authorization"].decode().split("Credential=")[1].split(",")[0].split("/")
    assert (place.region, place.secure) == (scope[2], request.url.startswith("https:"))


@pytest.mark.parametrize("case", CASES + ACCELERATED, ids=named)
async def test_a_request_goes_where_aioboto3_would_send_it(case):
    await check("bucket", case)


@pytest.mark.parametrize("bucket", ["dotted.bucket.name", "Upper_Case", "ap-abc123-s3alias"])
@pytest.mark.parametrize("style", ["path", "virtual", "auto"])
@pytest.mark.parametrize(
    "more", [{"region": "eu-west-3"}, {"endpoint_url": ENDPOINT}, {"endpoint_url": "https://e.org"}], ids=named
)
async def test_buckets_with_odd_names_too(bucket, style, more):
    await check(bucket, {"addressing_style": style, **more})


@pytest.mark.parametrize(
    "bucket",
    [
        "arn:aws:s3:us-west-2:123456789012:accesspoint/mine",
        "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap",
        "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-01ac5d28a6a232904/accesspoint/mine",
        "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/mine",
        "bucket--usw2-az1--x-s3",
        "point--usw2-az1--xa-s3",
        "mine-o0000000000000000000000000000000000000000000000000000000000000000--op-s3",
    ],
)
async def test_what_is_no_plain_bucket_has_no_place(bucket):
    session = make_session()
    async with session.client("s3", config=AioConfig(signature_version="s3v4")) as raw:
        try:
            assert await find_place(raw, bucket) is None
        except EndpointResolutionError:
            assert "--op-s3" in bucket  # refused by botocore's rules for a name of the wrong length


async def test_a_proxy_in_the_environment_leaves_no_place_and_an_exception_to_it_does(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    session = make_session()
    async with session.client("s3", endpoint_url="http://s3.example.org") as raw:
        assert await find_place(raw, "bucket") is None
        monkeypatch.setenv("NO_PROXY", "example.org")
        assert await find_place(raw, "bucket") is not None


async def test_another_signature_leaves_no_place():
    session = make_session()
    async with session.client("s3", config=AioConfig(signature_version="s3")) as raw:
        assert await find_place(raw, "bucket") is None


async def test_finding_a_place_leaves_no_hook_and_other_requests_alone():
    session = make_session()
    async with session.client("s3", endpoint_url="http://127.0.0.1:9") as raw:
        before = len(raw.meta.events._emitter._handlers.prefix_search("before-send.s3.HeadObject"))
        await find_place(raw, "bucket")
        assert len(raw.meta.events._emitter._handlers.prefix_search("before-send.s3.HeadObject")) == before


async def test_a_bucket_is_reached_by_its_virtual_host(seaweed, resolve_to_loopback):
    url = seaweed.url.replace("127.0.0.1", "localhost")
    async with S3Client(seaweed.settings(endpoint_url=url, addressing_style="virtual", engine="lean")) as client:
        for key in ("key", "/lead", "a+b c%20 \N{DUCK}"):
            await upload_bytes(client, b"1", seaweed.address(key))
            assert (await client.head(seaweed.address(key))).size == 1
        assert len((await client.list_page(seaweed.bucket)).objects) == 3
        assert await client.delete_batch(seaweed.bucket, ["key"]) == []
        assert (await client.list_page(seaweed.bucket, "key")).objects == []


async def test_the_first_requests_ask_for_the_place_once(scripted_s3, scripted, monkeypatch):
    asked = []
    find = Places.find

    async def counted(places, bucket):
        asked.append(bucket)
        return await find(places, bucket)

    monkeypatch.setattr(Places, "find", counted)
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(scripted.delete, scripted_s3.endpoint.address(f"key{number}"))
    assert asked == ["scripted"]


def aws_regions():
    partitions = botocore.loaders.create_loader().load_data("partitions")["partitions"]
    return [
        region
        for partition in partitions
        for region in partition["regions"]
        if Destination(region, None).is_plain and region != "aws-global"
    ]


PLAIN = [
    *[{"region": region, "addressing_style": style} for region in aws_regions() for style in ("auto", "path")],
    {"region": "us-west-2", "addressing_style": "virtual"},
    *[
        {"endpoint_url": url, "addressing_style": "path"}
        for url in (ENDPOINT, "http://localhost:80", "https://s3.example.org:443/", "https://S3.Example.org")
    ],
]


def test_all_regions_of_the_first_partition_are_plain():
    assert len(aws_regions()) > 30
    assert {"us-east-1", "eu-west-3", "ap-southeast-2", "mx-central-1"} <= set(aws_regions())


@pytest.mark.parametrize("case", PLAIN, ids=named)
async def test_a_plain_place_is_the_one_that_aioboto3_finds(case):
    destination = Destination(**{"region": "us-east-1", "endpoint_url": None, **case})
    async with make_session().client(
        "s3",
        region_name=destination.region,
        endpoint_url=destination.endpoint_url,
        config=AioConfig(signature_version="s3v4", s3={"addressing_style": destination.addressing_style}),
    ) as raw:
        for bucket in ("bucket", "a-b.c9", "a" * 63):
            place = plain_place(destination, bucket)
            assert place is not None or ("." in bucket and destination.addressing_style != "path")
            assert place in {None, await find_place(raw, bucket)}


@pytest.mark.parametrize(
    "destination",
    [
        Destination("cn-north-1", None),
        Destination("us-gov-west-1", None),
        Destination("eusc-de-east-1", None),
        Destination("aws-global", None),
        Destination("us-west-2", None, is_rerouted=True),
        Destination("us-west-2", "http://example.org/prefix", "path"),
        Destination("us-west-2", "http://user@example.org", "path"),
        Destination("us-west-2", "http://[::1]:9000", "path"),
        Destination("us-west-2", "https://s3.us-west-2.amazonaws.com", "path"),
        Destination("us-west-2", ENDPOINT, "virtual"),
    ],
    ids=str,
)
def test_what_is_not_beyond_doubt_is_left_to_aioboto3(destination):
    assert plain_place(destination, "bucket") is None


@pytest.mark.parametrize(
    "bucket", ["Upper_Case", "ab", "ap-abc123-s3alias", "b--usw2-az1--x-s3", "arn:aws:s3:::b"]
)
def test_so_are_buckets_with_odd_names(bucket):
    assert plain_place(Destination("us-west-2", None, "path"), bucket) is None


@pytest.mark.parametrize(
    "variable",
    [
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
        {"AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "regional"},
        {"AWS_CONFIG_FILE": "[default]\ns3 =\n  use_accelerate_endpoint = true\n"},
        {"AWS_CONFIG_FILE": "[default]\nservices = mine\n[services mine]\ns3 =\n  endpoint_url = http://h:9\n"},
    ],
    ids=str,
)
async def test_aws_settings_that_reroute_requests_are_followed(variable, monkeypatch, tmp_path):
    (tmp_path / "config").write_text(variable.pop("AWS_CONFIG_FILE", ""))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    keys = S3Keys("AKIDEXAMPLE1", Secret("secretexample1"))
    async with S3Client(S3Settings(region="us-east-1", keys=keys)) as client:
        assert client.destination.is_rerouted
        place = await engine_of(client)._where.find("bucket")
        assert place.host != "bucket.s3.amazonaws.com"


async def test_a_plain_client_opens_no_aioboto3_client_until_something_needs_it(seaweed):
    async with S3Client(seaweed.settings(engine="lean")) as client:
        await upload_bytes(client, b"1", seaweed.address("key"))
        assert (await client.list_page(seaweed.bucket, "")).objects
        raw = client.requester.connected.raw
        assert raw._raw is None
        assert "X-Amz-Signature" in await client.presign(seaweed.address("key"))
        assert raw._raw is not None
    assert raw._raw is None
