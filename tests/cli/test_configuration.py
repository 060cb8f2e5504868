"""What comes from a configuration file: storages by name, and the commands that look at it."""

import json
from pathlib import Path

import pytest

from quackcore_async import discovery
from tests.cli.conftest import contents

CONFIG = """\
local:
  root: files
integrations:
  archive:
    use: s3
    bucket_name: my-archive
    access_key_id: AKIDEXAMPLE
    secret_access_key: ${QUACK_TEST_SECRET}
  scratch:
    use: local
    root: ./scratch
"""


@pytest.fixture
def configured(monkeypatch):
    monkeypatch.setenv("QUACK_TEST_SECRET", "hunter2-hunter2")
    Path("quack_config.yaml").write_text(CONFIG)
    for root in ("files", "scratch"):
        Path(root).mkdir()


def test_a_configured_storage_is_reached_by_its_name(quack, tree, configured):
    assert quack("cp", tree / "a.txt", "scratch:sub/").code == 0
    assert contents("scratch") == {"sub/a.txt": b"alpha"}
    assert quack("ls", "-r", "scratch:").stdout.split()[-1] == "sub/a.txt"
    assert quack("stat", "scratch:sub/a.txt", "--json").lines[0]["path"] == "sub/a.txt"
    assert quack("cp", "scratch:sub/a.txt", "back.txt").code == 0
    assert Path("back.txt").read_bytes() == b"alpha"


def test_a_top_level_section_is_a_storage_too(quack, tree, configured):
    assert quack("sync", tree, "local:copy").code == 0
    assert contents("files/copy") == contents(tree)


def test_files_go_from_one_storage_to_another(quack, tree, configured):
    quack("sync", tree, "scratch:")
    assert quack("cp", "-r", "scratch:", "local:all").code == 0
    assert contents("files/all") == contents(tree)
    assert quack("cp", "scratch:a.txt", "scratch:b.txt").code == 0
    assert Path("scratch/b.txt").read_bytes() == b"alpha"
    assert (
        quack("cp", "--no-overwrite", "scratch:sub/b.jpg", "scratch:b.txt", "--json").result["data"]["skipped"]
        == 1
    )
    assert quack("cp", "--if-changed", "scratch:a.txt", "local:all/a.txt", "--json").result["data"]["skipped"] == 1
    assert quack("cp", "-n", "scratch:a.txt", "local:new").stdout == "would copy scratch:a.txt -> local:new\n"
    assert not Path("files/new").exists()


def test_a_storage_within_itself_is_refused_and_a_missing_folder_of_it_is_exit_3(quack, tree, configured):
    quack("sync", tree, "scratch:")
    assert quack("cp", "-r", "scratch:sub", "scratch:sub/deeper").code == 1
    assert quack("cp", "-r", "scratch:nothing", "out").code == 3
    assert quack("rm", "-r", "-y", "scratch:nothing").code == 3


def test_a_whole_storage_can_be_emptied_and_not_made(quack, tree, configured):
    quack("sync", tree, "scratch:")
    assert quack("rm", "-y", "scratch:").code == 2
    assert quack("rm", "-r", "-y", "scratch:").code == 0
    assert list(Path("scratch").iterdir()) == []
    assert quack("mkdir", "scratch:").code == 2


def test_a_name_that_is_not_configured_is_exit_7_and_the_message_names_those_that_are(quack, configured):
    done = quack("ls", "scrach:")
    assert done.code == 7
    assert "archive, scratch" in done.stderr
    assert "./scrach:" in done.stderr


def test_config_goes_before_every_other_file(quack, tree, configured, monkeypatch):
    Path("other.yaml").write_text("integrations: {scratch: {use: local, root: elsewhere}}")
    monkeypatch.setenv("QUACK_INTEGRATION_CONFIG", "quack_config.yaml")
    assert quack("cp", tree / "a.txt", "scratch:", "--config", "other.yaml").code == 0
    assert contents("elsewhere") == {"a.txt": b"alpha"}
    missing = quack("ls", "scratch:", "--config", "missing.yaml")
    assert missing.code == 7
    assert "missing.yaml (from --config)" in missing.stderr


def test_config_path_tells_the_file_and_where_it_was_looked(quack, configured):
    done = quack("config", "path", "-v")
    assert done.stdout == f"{Path('quack_config.yaml').absolute()}\n"
    assert "QUACK_INTEGRATION_CONFIG (not set)" in done.stderr
    places = quack("config", "path", "--json").result["data"]["places"]
    assert [place["exists"] for place in places if place["source"] == "default"].count(True) == 1


def test_config_path_without_a_file_is_exit_4(quack):
    done = quack("config", "path")
    assert (done.code, done.stdout) == (4, "")
    assert "quack_config.yaml" in done.stderr


def test_config_show_tells_the_source_of_each_value_and_no_secret(quack, configured):
    done = quack("config", "show")
    assert done.code == 0
    assert "hunter2" not in done.stdout + done.stderr
    assert f'  bucket_name: "my-archive"  # {Path("quack_config.yaml").absolute()}:6' in done.stdout
    assert '  secret_access_key: "***"  # QUACK_TEST_SECRET in ' in done.stdout
    sections = quack("config", "show", "--json").result["data"]["sections"]
    assert set(sections) == {"archive", "scratch", "local"}
    assert sections["archive"]["part_size"]["origin"] == "default"
    assert set(quack("config", "show", "scratch", "--json").result["data"]["sections"]) == {"scratch"}
    assert quack("config", "show", "nonsense").code == 2


def test_config_show_masks_a_value_that_comes_from_a_secret_variable_whatever_its_key_and_length(
    quack, monkeypatch
):
    monkeypatch.setenv("QUACK_TEST_SECRET", "s3c")
    Path("quack_config.yaml").write_text("integrations: {odd: {use: local, root: './${QUACK_TEST_SECRET}'}}")
    done = quack("config", "show", "odd")
    assert done.code == 0
    assert "s3c" not in done.stdout


def test_config_show_of_nothing_says_where_to_look(quack):
    done = quack("config", "show")
    assert (done.code, done.stdout) == (0, "")
    assert "nothing is configured" in done.stderr


def test_config_validate_lists_everything_that_is_wrong(quack, configured):
    assert quack("config", "validate").code == 0
    Path("bad.yaml").write_text(
        "integrations:\n  a: {use: local, rot: x}\n  b: {use: s3, bucket_name: my-b, part_size: 1}\n"
    )
    done = quack("config", "validate", "--config", "bad.yaml")
    assert done.code == 7
    assert "did you mean" in done.stderr
    assert "part_size" in done.stderr
    sections = quack("config", "validate", "--config", "bad.yaml", "--json").result["data"]["sections"]
    assert [(section["name"], len(section["errors"])) for section in sections] == [("a", 2), ("b", 1)]


def test_a_file_that_is_no_yaml_is_exit_7(quack):
    Path("quack_config.yaml").write_text("a: [")
    done = quack("config", "validate")
    assert done.code == 7
    assert "quack_config.yaml" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["s3"], ["local"], ["rest"]])
def test_config_schema_is_a_json_schema(quack, arguments):
    done = quack("config", "schema", *arguments)
    schema = json.loads(done.stdout)
    assert schema["type"] == "object"
    assert schema == quack("config", "schema", *arguments, "--json").result["data"]["schema"]
    assert quack("config", "schema", "nonsense").code == 2


def test_integrations_list_tells_what_is_built_in_installed_and_configured(quack, configured, monkeypatch):
    entry = discovery.EntryPointInfo("ducks", "ducks.pond:Pond", "quackcore_async.integrations", "ducks", "1.2")
    monkeypatch.setattr(discovery, "list_entry_points", lambda: (entry,))
    data = quack("integrations", "list", "--json").result["data"]
    assert {item["name"] for item in data["built_in"]} == {"azure", "gcs", "local", "memory", "rest", "s3"}
    assert data["entry_points"][0]["distribution"] == "ducks"
    assert [(item["name"], item["use"]) for item in data["instances"]] == [("archive", "s3"), ("scratch", "local")]
    assert "ducks.pond:Pond of ducks 1.2" in quack("integrations", "list").stdout
