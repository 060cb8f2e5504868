"""Storages and folders of the transfer tests."""

import pytest

from quackcore_async.storage import LocalStorage, MemoryStorage
from tests.transfer.foreign import ForeignStorage


@pytest.fixture
def here(tmp_path_factory):
    """The local folder of a test."""
    return tmp_path_factory.mktemp("here")


@pytest.fixture
def there(tmp_path_factory):
    """Another one."""
    return tmp_path_factory.mktemp("there")


@pytest.fixture
def memory():
    return MemoryStorage(name="m")


@pytest.fixture
def foreign():
    return ForeignStorage()


@pytest.fixture(params=["local", "memory", "foreign"])
def storage(request, tmp_path_factory):
    if request.param == "local":
        return LocalStorage(root=tmp_path_factory.mktemp("root"))
    return MemoryStorage(name="m") if request.param == "memory" else ForeignStorage()
