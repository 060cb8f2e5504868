"""Where a test's S3 service is and how to log in there."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from quackcore_async.clients.s3 import S3Address, S3Keys, S3Settings
from quackcore_async.redaction import Secret


@dataclass(frozen=True)
class S3Endpoint:
    """A running S3 service, and a bucket in it that belongs to one test."""

    engine: ClassVar[str] = "auto"
    """What sends the requests of clients with these settings, unless they say so themselves."""

    url: str
    access_key_id: str = "AKIDEXAMPLE1"
    secret_access_key: str = "secretexample1"
    bucket: str = ""

    def with_bucket(self, name: str) -> "S3Endpoint":
        return replace(self, bucket=name)

    def address(self, key: str) -> S3Address:
        return S3Address(self.bucket, key)

    def settings(self, **changes: Any) -> S3Settings:
        keys = S3Keys(self.access_key_id, Secret(self.secret_access_key))
        own = {"region": "us-east-1", "endpoint_url": self.url, "keys": keys, "engine": self.engine}
        return S3Settings(**{**own, **changes})

    def environ(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
        }

    def raw_client(self) -> Any:
        """Return a plain boto3 client, to look at the service past the code under test."""
        import boto3
        from botocore.config import Config

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )
