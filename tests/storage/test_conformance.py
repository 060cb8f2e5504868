"""The reference storages do everything that the conformance suite asks."""

import pytest

from quackcore_async.storage import MemoryStorage
from quackcore_async.testing.conformance import STORAGE_CHECKS, check_storage


@pytest.mark.parametrize("check", STORAGE_CHECKS, ids=lambda check: check.__name__)
async def test_conforms(storage, check, folder):
    await check(storage, folder)


async def test_all_checks_run_in_one_call(folder):
    await check_storage(MemoryStorage(), folder)


async def test_nothing_is_left_behind(storage, folder):
    await check_storage(storage, folder)
    assert (await storage.list_files(recursive=False)).unwrap() == []


@pytest.mark.parametrize("check", STORAGE_CHECKS, ids=lambda check: check.__name__)
async def test_conforms_where_no_call_is_relative_to_an_open_directory(local, check, folder, monkeypatch):
    monkeypatch.setattr("quackcore_async.storage.folders._HAS_DIR_FD", False)
    await check(local, folder)
