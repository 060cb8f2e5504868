"""Importing the package, and asking for help, loads no heavy library."""

import json
import subprocess
import sys

import pytest

HEAVY = {"aioboto3", "aiohttp", "botocore", "httpx", "rich", "tenacity", "typer", "yaml"}

GUIDE_IMPORT = (
    "from quackcore_async import BaseIntegrationService, BaseConfigProvider, BaseAuthProvider, "
    "IntegrationResult, registry"
)
HELP = """
import runpy
sys.argv = ["quack", "--help"]
try:
    with contextlib.redirect_stdout(io.StringIO()):
        runpy.run_module("quackcore_async", run_name="__main__")
except SystemExit as stop:
    assert not stop.code, stop.code
"""


def loaded_by(statement: str) -> set[str]:
    """Run a statement in an interpreter of its own and return the modules that it loaded."""
    script = f"import contextlib, io, json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("statement", ["import quackcore_async", GUIDE_IMPORT])
def test_import_loads_no_heavy_library(statement: str) -> None:
    assert loaded_by(statement) & HEAVY == set()


def test_import_alone_loads_none_of_its_modules() -> None:
    own = {name for name in loaded_by("import quackcore_async") if name.startswith("quackcore_async.")}
    assert own == set()


def test_help_loads_neither_botocore_nor_httpx() -> None:
    assert loaded_by(HELP) & {"aioboto3", "aiohttp", "botocore", "httpx"} == set()


@pytest.mark.parametrize("package", ["clients", "rest"])
def test_packages_of_clients_load_no_http_library(package: str) -> None:
    assert loaded_by(f"import quackcore_async.{package}") & {"aiohttp", "botocore", "httpx"} == set()


def test_the_probe_sees_a_heavy_library() -> None:
    assert "yaml" in loaded_by("import yaml")
