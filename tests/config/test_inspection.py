"""What the command line and the registry ask."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from quackcore_async.config import BaseConfigProvider, config_schema, list_instances
from quackcore_async.errors import InvalidConfigError, MissingConfigError


class Inner(BaseModel):
    size: int = 1


class Outer(BaseModel):
    bucket_name: str
    inner: Inner = Inner()


class Provider(BaseConfigProvider):
    config_model = Outer

    @property
    def name(self) -> str:
        return "X"


async def test_instances_are_listed_in_the_order_of_the_file():
    path = Path("quack_config.yaml").absolute()
    path.write_text(
        "s3: {use: ignored}\nintegrations:\n  z: {use: s3, bucket_name: '${UNSET}'}\n  plain: {a: 1}\n  a: {use: local}\n"
    )
    instances = await list_instances()
    assert list(instances) == ["z", "a"]
    assert instances["z"].use == "s3"
    assert instances["z"].section == {"bucket_name": "${UNSET}"}
    assert (instances["z"].path, instances["z"].line) == (str(path), 3)


async def test_without_a_file_there_are_no_instances():
    assert await list_instances() == {}


async def test_a_given_file_that_is_missing_is_an_error():
    with pytest.raises(MissingConfigError, match=r"gone\.yaml"):
        await list_instances("gone.yaml")


async def test_instances_that_cannot_be_made_are_all_named():
    Path("c.yaml").write_text("integrations:\n  'a:b': {use: s3}\n  c: {use: 5}\n  d: {use: ''}\n  e: {use: s3}\n")
    with pytest.raises(InvalidConfigError) as caught:
        await list_instances("c.yaml")
    assert [error.partition(" ")[0] for error in caught.value.errors] == [
        "integrations.a:b",
        "integrations.c",
        "integrations.d",
    ]


def test_the_schema_of_a_section_refuses_unknown_keys():
    schema = config_schema(Provider)
    assert schema["required"] == ["bucket_name"]
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Inner"]["additionalProperties"] is False
    assert config_schema(Provider()) == schema


def test_the_schema_obeys_a_model_that_allows_unknown_keys():
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")
        a: int = 1

    assert config_schema(type("Allowing", (Provider,), {"config_model": Open}))["additionalProperties"] is True


def test_a_provider_without_a_model_takes_any_mapping():
    assert config_schema(type("Bare", (Provider,), {"config_model": None})) == {"type": "object"}


def test_importing_the_package_does_not_load_yaml():
    code = "import sys, quackcore_async.config; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
