"""`BaseConfigProvider`: from the files to a checked section, or to a result that says what is wrong."""

import gc
import logging
import pickle
import threading
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from quackcore_async.config import BaseConfigProvider, document, using_config_file
from quackcore_async.errors import ErrorKind, InvalidConfigError, MissingConfigError
from quackcore_async.protocols import ConfigProviderProtocol, contract_violations
from quackcore_async.redaction import scrub


class Plain(BaseConfigProvider):
    @property
    def name(self) -> str:
        return "ExampleService"

    async def get_default_config(self) -> dict[str, Any]:
        return {"api_url": "https://api.example.com", "limits": {"calls": 5, "seconds": 1}, "tags": ["a", "b"]}


class Bucket(BaseModel):
    bucket_name: str
    region: str | None = None
    port: int = 443
    secret_key: SecretStr | None = None


class Modelled(BaseConfigProvider):
    config_model = Bucket
    section_aliases = ("s3",)

    @property
    def name(self) -> str:
        return "S3Storage"


def write(text: str, path: str = "quack_config.yaml") -> str:
    target = Path(path).expanduser().absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return str(target)


def test_it_fulfils_the_protocol():
    provider = Plain()
    assert isinstance(provider, ConfigProviderProtocol)
    assert list(contract_violations(provider, ConfigProviderProtocol)) == []
    with pytest.raises(TypeError, match="name"):
        BaseConfigProvider()


def test_the_logger_is_named_after_the_class_and_keeps_its_level():
    logger = Plain().logger
    assert logger.name == f"{__name__}.Plain"
    assert logger.level == logging.NOTSET
    assert Plain("DEBUG").logger.level == logging.DEBUG
    logger.setLevel(logging.NOTSET)


async def test_the_section_is_merged_deeply_over_the_defaults_and_lists_replace():
    path = write("example_service:\n  limits: {calls: 9}\n  tags: [c]\n  extra: {x: 1}\n")
    result = await Plain().load_config()
    assert result.content == {
        "api_url": "https://api.example.com",
        "limits": {"calls": 9, "seconds": 1},
        "tags": ["c"],
        "extra": {"x": 1},
    }
    assert result.config_path == path
    assert path in result.message
    assert "example_service" in result.message


async def test_a_loaded_config_shares_nothing_with_the_defaults():
    shared = {"limits": {"calls": 5}, "tags": ["a"]}

    class Sharing(Plain):
        async def get_default_config(self):
            return shared

    content = (await Sharing().load_config()).unwrap()
    content["limits"]["calls"] = 0
    content["tags"].append("b")
    assert shared == {"limits": {"calls": 5}, "tags": ["a"]}


async def test_without_a_file_the_defaults_hold_and_the_message_says_where_it_looked():
    result = await Plain().load_config()
    assert result.success
    assert result.config_path is None
    for place in (
        "QUACK_EXAMPLESERVICE_CONFIG (not set)",
        str(Path.cwd() / "quack_config.yaml"),
        ".quack/config.yaml",
    ):
        assert place in result.message


@pytest.mark.parametrize("text", ["", "# nothing", "other: {}", "integrations:\n"])
async def test_without_a_section_the_defaults_hold_and_the_message_says_so(text):
    path = write(text)
    result = await Plain().load_config()
    assert result.unwrap()["limits"] == {"calls": 5, "seconds": 1}
    assert f"{path} has none of the sections" in result.message


@pytest.mark.parametrize("text", [None, "other: {}"])
async def test_that_the_defaults_are_used_is_logged_with_where_it_looked(text, caplog):
    if text is not None:
        write(text)
    with caplog.at_level(logging.INFO):
        result = await Plain().load_config()
    assert ("INFO", result.message) in [(record.levelname, record.getMessage()) for record in caplog.records]
    assert "looked in" in result.message


async def test_without_valid_defaults_every_place_is_listed():
    result = await Modelled().load_config()
    assert not result.success
    assert result.error_info.code == "config_missing"
    assert result.error_info.kind is ErrorKind.MISCONFIGURED
    assert result.validation_errors == ["bucket_name: required, and missing (default)"]
    for place in (
        "QUACK_S3STORAGE_CONFIG",
        "QUACK_INTEGRATION_CONFIG",
        "integration_config.yaml",
        ".quack/config.yaml",
    ):
        assert place in result.error
    with pytest.raises(MissingConfigError):
        result.unwrap()


async def test_a_misspelt_section_is_pointed_at():
    write("s3storge: {bucket_name: archive}")
    assert "did you mean 's3storge'?" in (await Modelled().load_config()).error


@pytest.mark.parametrize("text", ["exampleservice:", "exampleservice: ~", "exampleservice: {}"])
async def test_a_null_section_is_an_empty_one(text):
    write(text)
    result = await Plain().load_config()
    assert result.unwrap()["tags"] == ["a", "b"]
    assert "section exampleservice" in result.message


@pytest.mark.parametrize("value", ["5", "[1]", "text", "false", "0", "[]", "''"])
async def test_a_section_that_is_no_mapping_is_an_error(value):
    path = write(f"x: 1\nexampleservice: {value}")
    result = await Plain().load_config()
    assert result.error_info.code == "config_invalid"
    assert f"({path}:2)" in result.error


async def test_two_spellings_in_one_file_are_an_error_with_the_path():
    path = write("exampleservice: {}\nintegrations:\n  example_service: {}\n")
    result = await Plain().load_config()
    assert path in result.error
    assert "exampleservice and integrations.example_service" in result.error


@pytest.mark.parametrize("section", ["s3", "s3storage", "s3_storage", "s3-storage", "S3Storage"])
async def test_aliases_are_accepted_beside_the_name(section):
    write(f"integrations:\n  {section}: {{bucket_name: archive}}")
    assert (await Modelled().load_config()).unwrap()["bucket_name"] == "archive"


async def test_an_instance_reads_its_own_section_and_variable(monkeypatch):
    text = "s3: {bucket_name: main}\nintegrations:\n  backups: {use: s3, bucket_name: copies}\n"
    write(text)
    assert (await Modelled().load_config()).unwrap()["bucket_name"] == "main"
    assert (await Modelled(section="backups").load_config()).unwrap()["bucket_name"] == "copies"
    monkeypatch.setenv("QUACK_BACKUPS_CONFIG", write("backups: {bucket_name: elsewhere}", "other.yaml"))
    assert (await Modelled(section="backups").load_config()).unwrap()["bucket_name"] == "elsewhere"


async def test_an_instance_named_like_the_section_but_of_another_kind_is_not_read():
    write("integrations:\n  s3: {use: memory, bucket_name: wrong}\n")
    assert not (await Modelled().load_config()).success


async def test_a_variable_goes_before_the_given_path_and_says_so(monkeypatch, caplog):
    monkeypatch.setenv("QUACK_INTEGRATION_CONFIG", write("exampleservice: {a: 1}", "shared.yaml"))
    given = write("exampleservice: {a: 2}", "given.yaml")
    result = await Plain().load_config(given)
    assert result.unwrap()["a"] == 1
    assert f"{given} is not read" in result.message
    assert f"{given} is not read" in caplog.text


async def test_the_command_lines_file_goes_before_everything(monkeypatch):
    monkeypatch.setenv("QUACK_EXAMPLESERVICE_CONFIG", write("exampleservice: {a: 1}", "own.yaml"))
    with using_config_file(write("exampleservice: {a: 3}", "forced.yaml")):
        assert (await Plain().load_config("given.yaml")).unwrap()["a"] == 3


@pytest.mark.parametrize("variable", ["QUACK_EXAMPLESERVICE_CONFIG", "QUACK_INTEGRATION_CONFIG", None])
async def test_a_named_file_that_is_missing_is_never_skipped(monkeypatch, variable):
    write("exampleservice: {a: 1}")
    if variable:
        monkeypatch.setenv(variable, "gone.yaml")
    result = await Plain().load_config(None if variable else "gone.yaml")
    assert result.error_info.code == "config_missing"
    assert f"gone.yaml (from {variable or 'config_path'})" in result.error


async def test_an_unset_variable_is_an_error_in_the_section_that_is_asked_for_only():
    path = write("other:\n  key: ${NOT_SET_ANYWHERE}\nexampleservice:\n  nested:\n    key: ${UNSET_HERE}\n")
    result = await Plain().load_config()
    assert result.error_info.code == "config_missing"
    [complaint] = result.validation_errors
    assert complaint.startswith("exampleservice.nested.key: the environment variable UNSET_HERE is not set")
    assert complaint.endswith(f"(UNSET_HERE in {path}:5)")
    assert "NOT_SET_ANYWHERE" not in result.error


async def test_a_malformed_reference_is_an_error_with_its_place():
    path = write("exampleservice:\n  a: 1\n  key: ${oops\n")
    result = await Plain().load_config()
    assert result.validation_errors[0].startswith("exampleservice.key: a reference that cannot be read")
    assert result.validation_errors[0].endswith(f"({path}:3)")


async def test_variables_are_typed_by_the_model(monkeypatch):
    monkeypatch.setenv("BUCKET", "007")
    monkeypatch.setenv("PORT", "8080")
    write("s3: {bucket_name: '${BUCKET}', port: '${PORT}'}")
    content = (await Modelled().load_config()).unwrap()
    assert (content["bucket_name"], content["port"]) == ("007", 8080)


async def test_complaints_name_key_expectation_and_place(monkeypatch):
    monkeypatch.setenv("PORT", "hunter2secret")
    path = write("integrations:\n  s3:\n    buckt_name: x\n    region: NO\n    port: ${PORT}\n")
    result = await Modelled().load_config()
    assert result.error_info.code == "config_invalid"
    assert set(result.validation_errors) == {
        f"integrations.s3.bucket_name: required, and missing (not in {path})",
        f"integrations.s3.buckt_name: unknown key, did you mean 'bucket_name'? ({path}:3)",
        f"integrations.s3.region: expected a valid string, found true or false: put it in quotes ({path}:4)",
        f"integrations.s3.port: expected a valid integer, unable to parse string as an integer (PORT in {path}:5)",
    }
    assert "hunter2secret" not in result.error
    assert "hunter2secret" not in repr(result)
    assert result.exception.__context__ is None


async def test_an_error_of_the_yaml_is_a_result():
    path = write("a: 1\na: 2\n")
    result = await Plain().load_config()
    assert f"{path}, line 2, column 1" in result.error


async def test_a_bare_false_still_gives_a_reason():
    class Refusing(Plain):
        async def validate_config(self, config):
            return False

    result = await Refusing().load_config()
    assert not result.success
    assert result.validation_errors == ["Refusing.validate_config refused it and logged no reason"]


async def test_what_an_override_logs_becomes_the_reason():
    class Explaining(Plain):
        async def validate_config(self, config):
            self.logger.error("calls must be %s", "positive")
            return False

    provider = Explaining()
    assert (await provider.load_config()).validation_errors == ["calls must be positive"]
    assert provider.logger.handlers == []


async def test_an_override_that_raises_is_a_result_that_names_it(caplog):
    class Crashing(Plain):
        async def validate_config(self, config):
            return config["tags"].startswith("http")

    result = await Crashing().load_config()
    assert result.error_info.code == "config_invalid"
    assert result.validation_errors[0].startswith("Crashing.validate_config raised AttributeError")


@pytest.mark.parametrize("method", ["validate_config", "get_default_config", "load_config"])
async def test_a_plain_function_for_a_coroutine_is_named(method):
    broken = type("Broken", (Plain,), {method: _plain(method)})
    result = await broken().load_config()
    assert result.error_info.code == "contract"
    assert f"Broken.{method} is a plain function" in result.error


def _plain(name: str):
    def method(self, config=None):
        return True

    method.__name__ = name
    return method


async def test_an_exception_of_an_overridden_load_config_is_a_result():
    class Crashing(Plain):
        async def load_config(self, config_path=None):
            raise RuntimeError("no luck")

    assert "no luck" in (await Crashing().load_config()).error


async def test_defaults_that_are_no_mapping_break_the_contract():
    class Listing(Plain):
        async def get_default_config(self):
            return [1]

    assert (await Listing().load_config()).error_info.code == "contract"


async def test_collected_errors_become_the_validation_errors():
    class Rules(Modelled):
        def collect_validation_errors(self, config):
            return ["port: even numbers only"] if config["port"] % 2 else []

    write("s3: {bucket_name: archive}")
    provider = Rules()
    assert (await provider.load_config()).validation_errors == ["port: even numbers only"]
    assert not await provider.validate_config({"bucket_name": "archive"})
    assert await provider.validate_config({"bucket_name": "archive", "port": 2})
    assert not await provider.validate_config({"port": 2})


async def test_a_coroutine_for_collected_errors_breaks_the_contract():
    class Rules(Plain):
        async def collect_validation_errors(self, config):
            return []

    result = await Rules().load_config()
    assert result.error_info.code == "contract"
    assert "plain `def`" in result.error


async def test_secret_values_are_scrubbed_from_texts_while_the_provider_lives(monkeypatch):
    monkeypatch.setenv("UPSTREAM_PASSWORD", "from-the-variable")
    write(
        "exampleservice:\n  api_key: plain-in-file\n  accounts: [{password: 12345678}]\n"
        "  url: 'https://host/${UPSTREAM_PASSWORD}'\n  harmless: ordinary-value\n"
    )
    provider = Plain()
    await provider.load_config()
    text = "plain-in-file 12345678 from-the-variable ordinary-value"
    assert scrub(text) == "*** *** *** ordinary-value"
    del provider
    gc.collect()
    assert scrub(text) == text


async def test_secrets_typed_by_the_model_stay_secret():
    class Hidden(BaseModel):
        model_config = ConfigDict(extra="forbid")
        passcode: SecretStr

    class Hiding(Plain):
        config_model = Hidden

        async def get_default_config(self):
            return {}

    write("exampleservice: {passcode: hunter2secret}")
    provider = Hiding()
    result = await provider.load_config()
    assert result.unwrap()["passcode"].get_secret_value() == "hunter2secret"
    assert scrub("hunter2secret") == "***"
    assert "hunter2secret" not in repr(result)


async def test_the_disk_is_read_in_a_worker_thread():
    threads = []

    class Watching(Plain):
        def _extract_config(self, config_data):
            threads.append(threading.current_thread())
            return super()._extract_config(config_data)

    write("exampleservice: {}")
    await Watching().load_config()
    assert threads != [threading.main_thread()]
    assert len(threads) == 1


async def test_a_file_that_changes_while_it_is_read_is_one_snapshot(monkeypatch):
    path = write("# a comment\nintegrations:\n  s3: {bucket_name: archive, region: NO}\n")
    reads = []

    def read_and_replace(name, _read=document._read):
        reads.append(name)
        content = _read(name)
        write("s3: {bucket_name: another-bucket, port: x}\n")
        return content

    monkeypatch.setattr(document, "_read", read_and_replace)
    [complaint] = (await Modelled().load_config()).validation_errors
    assert complaint.startswith("integrations.s3.region")
    assert complaint.endswith(f"({path}:3)")
    assert len(reads) == 1


async def test_an_extraction_may_look_elsewhere():
    class Deep(Plain):
        def _extract_config(self, config_data):
            return config_data["services"]["first"]

    write("services:\n  first: {a: '${UNSET_HERE}'}\n")
    result = await Deep().load_config()
    assert result.validation_errors[0].startswith("ExampleService.a: the environment variable UNSET_HERE")


async def test_where_each_value_came_from(monkeypatch):
    monkeypatch.setenv("HOST", "h")
    path = write("example_service:\n  api_url: https://${HOST}\n  limits:\n    calls: 9\n")
    traced = await Plain().trace_config()
    assert {key: str(origin) for key, origin in traced.origins.items()} == {
        "api_url": f"HOST in {path}:2",
        "limits.calls": f"{path}:4",
        "limits.seconds": "default",
        "tags": "default",
    }
    assert traced.origins["api_url"].kind == "variable"
    assert traced.section == "example_service"
    assert traced.search.chosen.path == path
    assert "https://h" not in repr(traced)


async def test_tracing_raises_what_loading_returns():
    write("s3: {port: x}")
    with pytest.raises(InvalidConfigError) as caught:
        await Modelled().trace_config()
    assert len(caught.value.errors) == 2


async def test_a_config_made_by_the_program_is_merged_checked_and_typed():
    provider = Modelled()
    assert (await provider.check_config({"bucket_name": "archive", "port": "1"}))["port"] == 1
    assert (await Plain().check_config({"limits": {"calls": 1}}))["limits"] == {"calls": 1, "seconds": 1}
    with pytest.raises(
        InvalidConfigError, match="given to S3Storage is wrong: bucket_name: required, and missing"
    ):
        await provider.check_config({})


def test_paths_are_resolved_from_home_and_working_directory():
    assert Plain()._resolve_path("~/a") == str(Path.home() / "a")
    assert Plain()._resolve_path("a") == str(Path.cwd() / "a")


async def test_a_failed_result_can_be_pickled_without_the_values():
    write("s3: {port: hunter2secret}")
    result = await Modelled().load_config()
    assert b"hunter2secret" not in pickle.dumps(result.exception)


async def test_reasons_of_providers_that_are_checked_at_the_same_time_stay_apart():
    both_here = anyio.Event()
    arrived = []

    class Rendezvous(Plain):
        async def validate_config(self, config):
            arrived.append(self)
            if len(arrived) == 2:
                both_here.set()
            await both_here.wait()
            self.logger.error("reason of %s", self.section)
            return False

    results = {}

    async def load(section: str) -> None:
        results[section] = await Rendezvous(section=section).load_config()

    async with anyio.create_task_group() as group:
        group.start_soon(load, "first")
        group.start_soon(load, "second")
    assert results["first"].validation_errors == ["reason of first"]
    assert results["second"].validation_errors == ["reason of second"]


async def test_a_coroutine_that_takes_the_section_is_named():
    class Wrong(BaseConfigProvider):
        name = "wrong"

        async def _extract_config(self, config_data: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
            return config_data

    Path("quack_config.yaml").write_text("wrong: {a: 1}\n")
    result = await Wrong().load_config()
    assert "Wrong._extract_config must be a plain `def`" in (result.error or "")
