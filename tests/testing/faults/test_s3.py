"""The faults of S3 as S3 words them, against stores that check signatures or not."""

import xml.etree.ElementTree as ET

import pytest
from botocore.exceptions import ClientError

from quackcore_async.testing.faults import (
    ErrorIn200,
    ExpiredToken,
    FaultProxy,
    InOrder,
    LoopingListing,
    LostAnswer,
    Rule,
    Script,
    SlowDown,
)
from tests.servers.faulty import answer


@pytest.fixture(params=["seaweed", "moto_server"])
def endpoint(request):
    return request.getfixturevalue(request.param)


def one_try(endpoint, url):
    """A boto3 client that goes by the proxy and sends everything once."""
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=endpoint.access_key_id,
        aws_secret_access_key=endpoint.secret_access_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def test_signed_requests_pass_and_their_operations_are_told(endpoint):
    with FaultProxy(endpoint.url) as proxy:
        client = one_try(endpoint, proxy.url)
        place = {"Bucket": endpoint.bucket, "Key": "a key+%/ü"}
        client.put_object(**place, Body=bytes(100_000))
        assert client.get_object(**place)["Body"].read() == bytes(100_000)
        assert client.head_object(**place)["ContentLength"] == 100_000
        client.copy_object(Bucket=endpoint.bucket, Key="copy", CopySource=place)
        upload = client.create_multipart_upload(**place)["UploadId"]
        part = client.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"part")
        client.list_parts(**place, UploadId=upload)
        done = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=done)
        client.abort_multipart_upload(**place, UploadId=client.create_multipart_upload(**place)["UploadId"])
        assert client.list_objects_v2(Bucket=endpoint.bucket)["KeyCount"] == 2
        client.list_multipart_uploads(Bucket=endpoint.bucket)
        client.delete_object(**place)
        client.delete_objects(Bucket=endpoint.bucket, Delete={"Objects": [{"Key": "copy"}]})
        client.head_bucket(Bucket=endpoint.bucket)
        client.close()
    assert [request.operation for request in proxy.requests()] == [
        "PutObject", "GetObject", "HeadObject", "CopyObject", "CreateMultipartUpload", "UploadPart", "ListParts",
        "CompleteMultipartUpload", "CreateMultipartUpload", "AbortMultipartUpload", "ListObjectsV2",
        "ListMultipartUploads", "DeleteObject", "DeleteObjects", "HeadBucket",
    ]  # fmt: skip
    assert proxy.requests()[0].key == "a key+%/ü"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [(SlowDown(), 503, "SlowDown"), (ExpiredToken(), 400, "ExpiredToken")],
)
def test_an_error_of_s3_is_read_as_one(moto_server, fault, status, code):
    with FaultProxy(moto_server.url, InOrder(fault)) as proxy:
        client = one_try(moto_server, proxy.url)
        with pytest.raises(ClientError) as caught:
            client.put_object(Bucket=moto_server.bucket, Key="key", Body=b"body")
        client.close()
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert caught.value.response["ResponseMetadata"]["RequestId"] == "FAULT1"


def test_s3_can_say_when_to_come_back(behind):
    assert behind.ask(fault=SlowDown(retry_after=7)).header("retry-after") == "7"


@pytest.mark.parametrize("applied", [False, True])
def test_an_error_comes_inside_a_200(moto_server, applied):
    plan = Script(Rule(ErrorIn200(applied=applied), operation="CopyObject"))
    with FaultProxy(moto_server.url, plan) as proxy:
        client = one_try(moto_server, proxy.url)
        client.put_object(Bucket=moto_server.bucket, Key="key", Body=b"body")
        with pytest.raises(ClientError, match="InternalError"):
            client.copy_object(Bucket=moto_server.bucket, Key="copy", CopySource=f"{moto_server.bucket}/key")
        found = client.list_objects_v2(Bucket=moto_server.bucket)["KeyCount"]
        client.close()
    assert found == 1 + applied
    assert proxy.record[1].status == 200


def test_a_lost_answer_to_a_write_leaves_the_object(seaweed):
    with FaultProxy(seaweed.url, InOrder(LostAnswer())) as proxy:
        client = one_try(seaweed, proxy.url)
        with pytest.raises(Exception, match="Connection"):
            client.put_object(Bucket=seaweed.bucket, Key="key", Body=b"body")
        assert client.get_object(Bucket=seaweed.bucket, Key="key")["Body"].read() == b"body"
        client.close()


def test_a_listing_loops(moto_server):
    with FaultProxy(moto_server.url, Script(Rule(LoopingListing(), operation="ListObjectsV2"))) as proxy:
        client = one_try(moto_server, proxy.url)
        for key in ("a", "b", "c"):
            client.put_object(Bucket=moto_server.bucket, Key=key)
        options = {"Bucket": moto_server.bucket, "MaxKeys": 2}
        pages = [client.list_objects_v2(**options)]
        for _ in range(3):
            token = pages[-1]["NextContinuationToken"]
            pages.append(client.list_objects_v2(**options, ContinuationToken=token))
        client.close()
    assert {page["NextContinuationToken"] for page in pages} == {"the-same-again"}
    assert [[entry["Key"] for entry in page["Contents"]] for page in pages] == [["a", "b"]] * 4
    assert all(page["IsTruncated"] for page in pages)


def test_a_looping_listing_passes_an_error_on(behind):
    behind.server.script(answer(404, b"<Error/>"))
    seen = behind.ask(b"GET /bucket HTTP/1.1\r\nHost: x\r\n\r\n", LoopingListing())
    assert (seen.status, seen.body) == (404, b"<Error/>")


def test_the_xml_of_an_error_is_well_formed(behind):
    error = ET.fromstring(behind.ask(fault=ExpiredToken()).body)
    assert [child.tag for child in error] == ["Code", "Message", "RequestId"]
