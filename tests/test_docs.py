"""Everything that the documentation shows is run, parsed or looked up.

The blocks of a page run in order and share their names, in an empty home and a working folder of their own that has
a copy of `docs/` and a folder `photos/`, each unless the page makes it. Blocks of a page that use `await` share an
event loop. A block with a `title` is written to that file. `s3://archive` is a bucket of a local server, and where a
page reads `OAUTH_ISSUER` there is an authorization server, in which everybody agrees at once.
"""

import ast
import contextlib
import doctest
import inspect
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import types
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

import quackcore_async
from quackcore_async import (
    BaseAuthProvider,
    BaseConfigProvider,
    BaseIntegrationService,
    OAuthProvider,
    RestIntegration,
)
from quackcore_async.config.strict_yaml import parse_yaml
from tests.doc_pages import LANGUAGES, ROOT, Block, anchors_of, blocks_of, links_of, pages, prose_of, rows_of

BUCKET = "archive"
PAGES = pages()
MIGRATING = ROOT / "docs" / "migrating.md"
KINDS = {"class", "coroutine", "plain", "property", "attribute", "value", "module", "async iterator"}
STATUS = "\x1e"  # a character that no command prints: it ends the output of one

page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)


@page
def test_code_blocks_have_a_known_language(page: Path) -> None:
    assert [(block.label, block.language) for block in blocks_of(page) if block.language not in LANGUAGES] == []


@page
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in links_of(page) if not _leads_somewhere(page, link)] == []


@page
def test_a_line_holds_one_sentence(page: Path) -> None:
    plain = re.sub(r"`[^`]*`", "x", prose_of(page))
    lines = [line for line in plain.splitlines() if not line.startswith("|")]
    assert [line for line in lines if re.search(r"[a-z)][.?!] [A-Z]", line)] == []


@page
@pytest.mark.slow
def test_code_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request) -> None:
    blocks = list(blocks_of(page))
    if any("s3://" in block.text or "S3Storage" in block.text for block in blocks if block.is_run):
        endpoint = request.getfixturevalue("seaweed_process")
        _make_bucket(endpoint)
        for name, value in endpoint.environ().items():
            monkeypatch.setenv(name, value)
    if any("OAUTH_ISSUER" in block.text for block in blocks if block.is_run):
        server = request.getfixturevalue("authorization_server")
        monkeypatch.setenv("OAUTH_ISSUER", server.issuer)
        monkeypatch.setenv("OAUTH_CLIENT_ID", server.client_id)
        monkeypatch.setenv("OAUTH_CLIENT_SECRET", server.client_secret)
    folder = Path.cwd()
    if not _makes(blocks, "docs"):
        shutil.copytree(ROOT / "docs", folder / "docs")
    if not _makes(blocks, "photos"):
        _make_photos(folder / "photos")
    with start_blocking_portal() as portal:
        runner = PageRunner(page, folder, portal, monkeypatch)
        for block in blocks:
            runner.run(block)


def test_a_marked_block_says_why_it_is_not_run() -> None:
    marked = [block for path in PAGES for block in blocks_of(path) if not block.is_run]
    assert [block.label for block in marked if not re.search("installs|measures", block.marks["not run"])] == []


class PageRunner:
    """Runs the blocks of one page.

    Args:
        page: The page.
        folder: Where it runs.
        portal: The event loop of its blocks that use `await`.
        monkeypatch: Undoes what the page leaves in this process.
    """

    def __init__(self, page: Path, folder: Path, portal: BlockingPortal, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._portal = portal
        self._monkeypatch = monkeypatch
        self._module = types.ModuleType(f"page_{page.stem}")
        self._printed = ""
        monkeypatch.setitem(sys.modules, self._module.__name__, self._module)
        monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.setenv("COLUMNS", "100")
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the pytest of a page has what the page needs
        monkeypatch.setenv("PYTEST_ADDOPTS", "-p anyio.pytest_plugin")
        monkeypatch.syspath_prepend(folder)

    def run(self, block: Block) -> None:
        """Write, run or parse a block."""
        if not block.is_run:
            return
        title = block.attributes.get("title")
        if title == "output":
            assert _matches(block.text, self._printed), f"{block.label}: it printed\n{self._printed}"
            return
        if title is not None:
            self._write(title, block)
        getattr(self, f"_{block.language}")(block, is_file=title is not None)

    def _write(self, title: str, block: Block) -> None:
        path = self._folder / title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        if path.name == "pyproject.toml":
            _register(path, self._folder)

    def _python(self, block: Block, *, is_file: bool) -> None:
        padded = "\n" * (block.line - 1) + block.text  # tracebacks show the lines of the page
        if is_file:
            compile(padded, str(block.page), "exec")
            return
        code = compile(padded, str(block.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        run = partial(eval, code, vars(self._module))
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            if code.co_flags & inspect.CO_COROUTINE:
                self._portal.call(run)
            else:
                run()
        self._printed = printed.getvalue()

    def _console(self, block: Block, *, is_file: bool) -> None:
        assert not is_file
        commands = list(block.commands())
        script = "\n".join(f"{command}\nprintf '{STATUS}%s{STATUS}' $?" for command, _ in commands)
        ran = subprocess.run(
            ["bash", "-uo", "pipefail", "-c", script],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        *parts, rest = ran.stdout.split(STATUS)
        assert not rest, f"{block.label}: the shell ended early: {rest}"
        outcomes = list(zip(parts[::2], parts[1::2], strict=True))
        assert len(outcomes) == len(commands), f"{block.label}: the shell ended early: {ran.stdout}"
        expected = block.marks.get("exits", "0")
        for (command, shown), (output, status) in zip(commands, outcomes, strict=True):
            assert status == expected, f"{block.label}: `{command}` exited with {status}:\n{output}"
            assert not shown or _matches(shown, output), f"{block.label}: `{command}` printed\n{output}"

    def _yaml(self, block: Block, *, is_file: bool) -> None:
        del is_file
        assert parse_yaml(block.text, block.label).data is not None

    def _toml(self, block: Block, *, is_file: bool) -> None:
        del is_file
        assert tomllib.loads(block.text)

    def _json(self, block: Block, *, is_file: bool) -> None:
        del is_file
        for line in block.text.splitlines() if block.text.count("\n{") else [block.text]:
            json.loads(line)

    def _text(self, block: Block, *, is_file: bool) -> None:
        """Leave a drawing alone."""


def _matches(shown: str, printed: str) -> bool:
    """Tell whether a page shows what was printed; `...` stands for anything."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(shown.strip() + "\n", printed.strip() + "\n", flags)


def _register(pyproject: Path, site: Path) -> None:
    """Do what `pip install -e` does: put the metadata of a project on the path."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    lines = []
    for group, entries in project.get("entry-points", {}).items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _makes(blocks: list[Block], folder: str) -> bool:
    return any(f"mkdir {folder}" in block.text for block in blocks)


def _make_photos(folder: Path) -> None:
    for name, size in {"cat.jpg": 40_000, "dog.jpg": 70_000, "2024/lake.jpg": 9_000_000, "notes.txt": 120}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))


def _make_bucket(endpoint) -> None:
    """Make the bucket of the pages, or empty it of what another page has left."""
    client = endpoint.raw_client()
    if BUCKET in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
        for listed in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            client.delete_object(Bucket=BUCKET, Key=listed["Key"])
    else:
        client.create_bucket(Bucket=BUCKET)
    client.close()


def _leads_somewhere(page: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme:
        return parts.scheme == "https"
    target = (page.parent / parts.path).resolve() if parts.path else page
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    return not parts.fragment or parts.fragment in anchors_of(target)


def _table() -> Iterator[tuple[str, str]]:
    """Yield each asynchronous name of the migration tables, with what the tables say that it is."""
    for cells in rows_of(MIGRATING, "sync guide"):
        _, names, kind = cells[:3]
        for name in re.findall(r"`([^`]+)`", names):
            yield name, kind


class _Provider(BaseAuthProvider):
    name = "provider"


class _Configuration(BaseConfigProvider):
    name = "configuration"


class _Service(BaseIntegrationService):
    name = "service"


def _find(dotted: str) -> tuple[object, bool]:
    """Return what a dotted name below the package stands for, and whether only an instance has it."""
    instances = {
        "BaseAuthProvider": _Provider,
        "BaseConfigProvider": _Configuration,
        "BaseIntegrationService": _Service,
        "OAuthProvider": partial(OAuthProvider, "client", issuer="https://login.example"),
        "RestIntegration": RestIntegration,
    }
    found: object = quackcore_async
    for part in dotted.split("."):
        if inspect.ismodule(found) and not hasattr(found, part):
            found = import_module(f"{found.__name__}.{part}")
        elif isinstance(found, type) and part in getattr(found, "model_fields", {}):
            return found.model_fields[part], True
        elif isinstance(found, type) and inspect.getattr_static(found, part, None) is None:
            return vars(instances[found.__name__]())[part], True
        else:
            found = inspect.getattr_static(found, part) if isinstance(found, type) else getattr(found, part)
    return found, False


def _kind_of(dotted: str) -> str:
    found, on_instance = _find(dotted)
    function = getattr(found, "__func__", found)
    checks = {
        "attribute": on_instance or inspect.ismemberdescriptor(found),
        "module": inspect.ismodule(found),
        "class": isinstance(found, type),
        "property": isinstance(found, property),
        "async iterator": inspect.isasyncgenfunction(function),
        "coroutine": inspect.iscoroutinefunction(function),
        "plain": callable(function),
    }
    return next((kind for kind, holds in checks.items() if holds), "value")


@pytest.mark.parametrize(("name", "kind"), list(_table()))
def test_names_of_the_migration_tables_are_what_they_say(name: str, kind: str) -> None:
    assert kind in KINDS
    assert _kind_of(name) == kind


GUIDE_NAMES = """
    AuthProviderProtocol AuthResult BaseAuthProvider BaseConfigProvider BaseIntegrationService ConfigProviderProtocol
    ConfigResult IntegrationProtocol IntegrationResult LOG_LEVELS LogLevel StorageIntegrationProtocol registry
    name version initialize is_available authenticate refresh_credentials get_credentials save_credentials
    load_config validate_config get_default_config upload_file download_file list_files create_folder
    logger config config_path auth_provider config_provider authenticated credentials_file _initialized
    _ensure_initialized _extract_config _resolve_path _ensure_credentials_directory DEFAULT_CONFIG_LOCATIONS
    success_result error_result success message error content token expiry credentials_path validation_errors
    get_integration get_integration_by_type is_registered list_integrations register discover_integrations
    load_integration_module IntegrationRegistry
    OAuthProvider client_id client_secret auth_url token_url redirect_uri scope access_token refresh_token token_expiry
    ExampleServiceClient set_token _make_request api_request_with_retry timeout max_retries retry_delay client
    list_resources get_resource create_resource update_resource delete_resource S3Integration
""".split()  # noqa: SIM905 - it reads as the list that it is


@pytest.mark.parametrize("name", GUIDE_NAMES)
def test_migration_tables_have_every_name_of_the_sync_guide(name: str) -> None:
    old = " ".join(cells[0] for cells in rows_of(MIGRATING, "sync guide"))
    assert re.search(rf"(?<!\w){re.escape(name)}(?!\w)", old)
