"""What is really in a bucket, read with boto3 past the proxy."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from quackcore_async.testing import ActualState, digest_of
from tests.servers.endpoint import S3Endpoint

READERS = 4


def make_bucket(endpoint: S3Endpoint, name: str) -> S3Endpoint:
    """Make a bucket whose name is the same in each run, since faults are drawn from names, and empty."""
    there = endpoint.with_bucket(name)
    client = endpoint.raw_client()
    if any(bucket["Name"] == name for bucket in client.list_buckets()["Buckets"]):
        empty_bucket(there)
    else:
        client.create_bucket(Bucket=name)
    client.close()
    return there


def state_of_bucket(endpoint: S3Endpoint) -> ActualState:
    client = endpoint.raw_client()
    keys = _keys(client, endpoint.bucket)

    def read(key):
        return key, digest_of(client.get_object(Bucket=endpoint.bucket, Key=key)["Body"].read())

    with ThreadPoolExecutor(READERS) as pool:
        contents = dict(pool.map(read, keys))
    uploads = client.list_multipart_uploads(Bucket=endpoint.bucket).get("Uploads", [])
    client.close()
    return ActualState(contents, tuple(f"upload {upload['UploadId']} of {upload['Key']}" for upload in uploads))


def empty_bucket(endpoint: S3Endpoint) -> None:
    client = endpoint.raw_client()
    for key in _keys(client, endpoint.bucket):
        client.delete_object(Bucket=endpoint.bucket, Key=key)
    for upload in client.list_multipart_uploads(Bucket=endpoint.bucket).get("Uploads", []):
        client.abort_multipart_upload(Bucket=endpoint.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    client.close()


def _keys(client, bucket):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [entry["Key"] for entry in chain.from_iterable(page.get("Contents", []) for page in pages)]
