"""Importing the package, and asking for help, loads no heavy library and nothing that is only needed later."""

import importlib.util
import subprocess
import sys

import pytest

HEAVY = {"aioboto3", "aiohttp", "botocore", "httpx", "rich", "tenacity", "typer", "yaml"}

# What the import of the base classes does without, because a later call loads it.
LATER = {
    "anyio",
    "quackcore_async.auth.events",
    "quackcore_async.auth.operations",
    "quackcore_async.auth.login",
    "quackcore_async.auth.paths",
    "quackcore_async.auth.stored_login",
    "quackcore_async.auth.stores",
    "quackcore_async.concurrency",
    "quackcore_async.config.document",
    "quackcore_async.config.inspection",
    "quackcore_async.config.interpolation",
    "quackcore_async.config.locations",
    "quackcore_async.config.origins",
    "quackcore_async.config.reasons",
    "quackcore_async.config.sections",
    "quackcore_async.config.source",
    "quackcore_async.config.tracing",
    "quackcore_async.config.validation",
    "quackcore_async.discovery",
    "quackcore_async.protocols.storage",
    "quackcore_async.protocols.values",
    "quackcore_async.registry.bringup",
    "quackcore_async.registry.instances",
    "quackcore_async.retry",
    "quackcore_async.service.lifecycle",
    "quackcore_async.service.resources",
    "quackcore_async.storage",
    "quackcore_async.transfer",
}

GUIDE_IMPORT = (
    "from quackcore_async import BaseIntegrationService, BaseConfigProvider, BaseAuthProvider, "
    "IntegrationResult, registry"
)
HELP = """
import contextlib, io, runpy, sys
sys.argv = ["quack", "--help"]
try:
    with contextlib.redirect_stdout(io.StringIO()):
        runpy.run_module("quackcore_async", run_name="__main__")
except SystemExit as stop:
    assert not stop.code, stop.code
"""


def loaded_by(statement: str) -> set[str]:
    """Run a statement in an interpreter of its own and return the modules that it loaded."""
    script = f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines())


@pytest.mark.parametrize("statement", ["import quackcore_async", GUIDE_IMPORT])
def test_import_loads_no_heavy_library(statement: str) -> None:
    assert loaded_by(statement) & HEAVY == set()


def test_import_alone_loads_only_what_exports_lazily() -> None:
    own = {name for name in loaded_by("import quackcore_async") if name.startswith("quackcore_async.")}
    assert own == {"quackcore_async.exports"}


def test_import_of_the_base_classes_loads_nothing_that_a_later_call_does() -> None:
    assert loaded_by(GUIDE_IMPORT) & LATER == set()


@pytest.mark.parametrize("module", sorted(LATER))
def test_what_is_loaded_later_is_still_there(module: str) -> None:
    assert importlib.util.find_spec(module) is not None


def test_help_loads_neither_botocore_nor_httpx() -> None:
    assert loaded_by(HELP) & {"aioboto3", "aiohttp", "botocore", "httpx"} == set()


@pytest.mark.parametrize("package", ["clients", "rest"])
def test_packages_of_clients_load_no_http_library(package: str) -> None:
    assert loaded_by(f"import quackcore_async.{package}") & {"aiohttp", "botocore", "httpx"} == set()


def test_the_probe_sees_a_heavy_library() -> None:
    assert "yaml" in loaded_by("import yaml")
