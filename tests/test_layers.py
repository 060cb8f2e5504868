"""Imports point from later layers to earlier ones, and foreign libraries are met at their gates only."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import quackcore_async

PACKAGE = "quackcore_async"
ROOT = Path(quackcore_async.__file__).parent

LAYERS = """
    exports redaction errors results protocols logging retry concurrency transport config auth clients
    service rest storage transfer discovery registry testing cli __init__ __main__
""".split()  # noqa: SIM905 - it reads as the order that it is

# The module, or the folder, in which alone a foreign library may be imported.
GATES = {
    "aioboto3": ("clients.s3",),
    "aiobotocore": ("clients.s3",),
    "aiohttp": ("clients.s3", "transport"),
    "asyncio": ("clients.s3",),
    "boto3": ("clients.s3",),
    "botocore": ("clients.s3",),
    "httpcore": ("transport",),
    "httpx": ("transport", "clients.http"),
    "httpx_aiohttp": ("transport",),
    "importlib.metadata": ("__init__", "discovery"),
    "obstore": ("clients.objectstore",),
    "rich": ("cli",),
    "tenacity": ("retry",),
    "typer": ("cli",),
    "yaml": ("config",),
}

STRANGERS = {"config", "auth", "clients"}  # they never meet: `service` passes values between them


def module_name(path: Path) -> str:
    """Name a file relative to the package: `storage.local`, a folder by itself, the root `__init__`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if len(parts) > 1 and parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join(parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def imported_names(source: str) -> Iterator[str]:
    """Yield what a source imports, dotted: in functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            argument = node.args[0]
            if isinstance(argument, ast.Constant):
                yield str(argument.value)


def own_target(name: str, modules: dict[str, Path]) -> str | None:
    """Return the module of this package that an imported name comes from, None for a foreign one."""
    if name != PACKAGE and not name.startswith(f"{PACKAGE}."):
        return None
    tail = name.removeprefix(PACKAGE).lstrip(".")
    while tail and tail not in modules:
        tail = tail.rpartition(".")[0]
    return tail or "__init__"


def own_imports(module: str) -> set[str]:
    source = MODULES[module].read_text(encoding="utf-8")
    return {target for name in imported_names(source) if (target := own_target(name, MODULES)) is not None}


def layer(module: str) -> str:
    return module.partition(".")[0]


def within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def upward(importer: str, imported: str) -> bool:
    """Tell whether an import goes from an earlier layer to a later one; inside of a layer anything may be."""
    return layer(importer) != layer(imported) and LAYERS.index(layer(importer)) < LAYERS.index(layer(imported))


@pytest.mark.parametrize("module", MODULES)
def test_every_module_belongs_to_a_layer(module: str) -> None:
    assert layer(module) in LAYERS


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_to_earlier_layers(module: str) -> None:
    assert [target for target in sorted(own_imports(module)) if upward(module, target)] == []


@pytest.mark.parametrize("module", MODULES)
def test_config_auth_and_clients_do_not_import_each_other(module: str) -> None:
    others = STRANGERS - {layer(module)} if layer(module) in STRANGERS else set()
    assert [target for target in sorted(own_imports(module)) if layer(target) in others] == []


@pytest.mark.parametrize("module", MODULES)
def test_foreign_libraries_are_imported_at_their_gates_only(module: str) -> None:
    source = MODULES[module].read_text(encoding="utf-8")
    trespasses = [
        (library, name)
        for name in imported_names(source)
        for library, gates in GATES.items()
        if within(name, (library,)) and not within(module, gates)
    ]
    assert trespasses == []


@pytest.mark.parametrize("module", MODULES)
def test_private_names_stay_in_their_file_or_folder(module: str) -> None:
    folder = MODULES[module].parent
    strangers = [
        name
        for name in imported_names(MODULES[module].read_text(encoding="utf-8"))
        if (target := own_target(name, MODULES)) is not None
        and name.rpartition(".")[2].startswith("_")
        and not name.endswith("__")
        and MODULES[target].parent != folder
    ]
    assert strangers == []


def test_no_file_imports_itself_by_way_of_others() -> None:
    graph = {module: own_imports(module) - {module} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize(
    "source",
    [
        "from quackcore_async.registry import register",
        "from quackcore_async import registry",
        "import quackcore_async.registry as r",
        "def f():\n    from quackcore_async.registry import register",
        "if TYPE_CHECKING:\n    from quackcore_async.registry import register",
        "import_module('quackcore_async.registry')",
        "from quackcore_async import QuackError",
    ],
)
def test_the_check_sees_an_upward_import(source: str) -> None:
    modules = {"registry": ROOT, "results": ROOT}
    targets = [own_target(name, modules) for name in imported_names(source)]
    assert [target for target in targets if target and upward("results", target)]


@pytest.mark.parametrize("library", ["tarfile", "zipfile", "shutil.unpack_archive"])
def test_nothing_unpacks_an_archive(library):
    """Whose members could lead anywhere: what is not there needs no guard."""
    assert not [path for path in ROOT.rglob("*.py") if library in path.read_text(encoding="utf-8")]
