"""Instances that a configuration file lists."""

from pathlib import Path

import pytest

from quackcore_async.errors import DuplicateIntegrationError, InvalidConfigError
from quackcore_async.registry import IntegrationRegistry
from quackcore_async.storage import LocalStorage, MemoryStorage, S3Storage


def configured(text: str) -> None:
    Path("quack_config.yaml").write_text(text)


async def test_each_instance_reads_its_own_section(tmp_path: Path):
    configured(
        f"""
integrations:
  backups:
    use: local
    root: {tmp_path / "backups"}
  scratch:
    use: memory
  archive:
    use: s3
    bucket_name: my-archive
  local:
    root: /elsewhere
"""
    )
    registry = IntegrationRegistry()
    made = await registry.configure()
    assert [type(item) for item in made] == [LocalStorage, MemoryStorage, S3Storage]
    assert registry.list_integrations() == ["backups", "scratch", "archive"]
    async with registry:
        results = await registry.initialize_all(["backups", "scratch"])
        assert {name: result.success for name, result in results.items()} == {"backups": True, "scratch": True}
        written = await registry.get_integration("backups").write_bytes("a.txt", b"a")
    assert written.content == (tmp_path / "backups" / "a.txt").as_uri()


async def test_some_can_be_chosen_and_the_others_are_not_made():
    configured("integrations:\n  good: {use: memory}\n  bad: {use: no-such-thing}\n")
    registry = IntegrationRegistry()
    assert [item.name for item in await registry.configure(names=["GOOD"])] == ["good"]


async def test_a_bad_instance_is_named_and_none_is_registered():
    configured("integrations:\n  good: {use: memory}\n  bad: {use: no-such-thing}\n")
    registry = IntegrationRegistry()
    with pytest.raises(InvalidConfigError, match=r"quack_config\.yaml:3: instance 'bad'.*no-such-thing.*local"):
        await registry.configure()
    assert registry.list_integrations() == []


async def test_a_name_that_is_taken_is_refused_with_both_origins():
    configured("integrations:\n  scratch: {use: memory}\n")
    registry = IntegrationRegistry()
    registry.register(MemoryStorage(name="Scratch"))
    with pytest.raises(DuplicateIntegrationError, match="quack_config"):
        await registry.configure()


async def test_without_a_file_there_are_none():
    assert await IntegrationRegistry().configure() == []
