"""`quack` against Google's and Azure's storage, by address and by a configured instance."""

import json
from pathlib import Path

from tests.cli.conftest import contents
from tests.servers.azurite import ACCOUNT, KEY
from tests.servers.gcs import TOKEN


def write_config(sections):
    Path("quack.yaml").write_text(json.dumps(sections), encoding="utf-8")
    return "--config", "quack.yaml"


def test_gs_addresses_are_those_of_the_section(quack, gcs_server, tree):
    config = write_config({"gcs": {"bucket_name": "another", "endpoint_url": gcs_server.url, "token": TOKEN}})
    bucket = f"gs://{gcs_server.make_bucket()}"
    assert quack(*config, "cp", "-r", tree, f"{bucket}/t").code == 0
    listed = quack(*config, "ls", "-r", "--json", bucket).lines[:-1]
    assert {line["path"] for line in listed} == {"t/a.txt", "t/sub/b.jpg", "t/sub/deep/ü c.txt"}
    assert quack(*config, "sync", f"{bucket}/t", "down").code == 0
    assert contents("down") == contents(tree)
    assert quack(*config, "rm", "-r", "-y", f"{bucket}/t").code == 0
    assert quack(*config, "ls", "-r", "--json", bucket).lines[:-1] == []


def test_az_addresses_and_instances_reach_azure(quack, azurite, tree):
    account = {"endpoint_url": azurite.url, "account_name": ACCOUNT, "account_key": KEY}
    archive = {"use": "azure", "container_name": azurite.container, "prefix": "archive", **account}
    config = write_config({"azure": account | {"container_name": "x"}, "integrations": {"archive": archive}})
    assert quack(*config, "sync", tree, "archive:2024").code == 0
    container = f"az://{azurite.container}"
    listed = quack(*config, "ls", "-r", "--json", container).lines[:-1]
    assert {line["path"].removeprefix("archive/2024/") for line in listed} == set(contents(tree))
    assert quack(*config, "cat", f"{container}/archive/2024/a.txt").stdout == contents(tree)["a.txt"].decode()
    assert quack(*config, "config", "validate").code == 0
