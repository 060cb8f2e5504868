"""Storages and folders of the storage tests."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from quackcore_async.storage import LocalStorage, MemoryStorage

NOBODY = 65534


@pytest.fixture
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("local")


@pytest.fixture
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("root")


@pytest.fixture
def local(root):
    return LocalStorage(root=root)


@pytest.fixture(params=["local", "memory"])
def storage(request, root):
    return MemoryStorage(name="m") if request.param == "memory" else LocalStorage(root=root)


@pytest.fixture
def unprivileged():
    """A folder of everybody, and a user to whom permission bits mean something."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o777)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield place
    finally:
        os.seteuid(user)
        for path in place.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(place)
