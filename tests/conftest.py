"""What every test gets."""

import os

import pytest
from hypothesis import settings

settings.register_profile("shared machine", deadline=None)  # it may stand still for seconds
settings.load_profile("shared machine")

pytest_plugins = ("tests.servers.fixtures",)


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch, tmp_path):
    """Take away this machine: no QUACK_, AWS_, AZURE_ or GOOGLE_ variables, an empty home, an empty working directory."""
    for variable in os.environ:
        if variable.startswith(("QUACK_", "QUACKCORE_", "AWS_", "AZURE_", "GOOGLE_", "XDG_")):
            monkeypatch.delenv(variable)
    home = tmp_path / "home"
    work = tmp_path / "work"
    home.mkdir()
    work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(work)
