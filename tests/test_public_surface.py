"""What is public, where it can be imported from, and which shape the protocols have."""

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import quackcore_async
from quackcore_async import protocols, results

ROOT = Path(quackcore_async.__file__).parent
PUBLIC_MODULES = [
    f"quackcore_async.{path.stem}"
    for path in sorted(ROOT.iterdir())
    if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").is_file())
]

GUIDE_NAMES = [
    "AuthProviderProtocol",
    "AuthResult",
    "BaseAuthProvider",
    "BaseConfigProvider",
    "BaseIntegrationService",
    "ConfigProviderProtocol",
    "ConfigResult",
    "IntegrationProtocol",
    "IntegrationResult",
    "StorageIntegrationProtocol",
    "registry",
]


def exported_by(module: ModuleType) -> list[str]:
    """Return a module's `__all__`; only one that holds nothing but its docstring may go without."""
    if len(definitions(module).body) == 1:
        return []
    return list(module.__all__)


def definitions(module: ModuleType) -> ast.Module:
    return ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))


def names_under_type_checking(tree: ast.Module) -> set[str]:
    (block,) = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    names: set[str] = set()
    for node in block.body:
        if isinstance(node, ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.AnnAssign):
            names.add(ast.unparse(node.target))
    return names


def parameters(function: object) -> list[str]:
    assert inspect.isfunction(function)
    return list(inspect.signature(function).parameters)[1:]


@pytest.mark.parametrize("name", quackcore_async.__all__)
def test_root_name_loads(name: str) -> None:
    value = getattr(quackcore_async, name)
    assert getattr(value, "__name__", name).rpartition(".")[2] == name


def test_root_names_are_typed_as_they_are_exported() -> None:
    assert names_under_type_checking(definitions(quackcore_async)) == set(quackcore_async.__all__)


@pytest.mark.parametrize("package", ["auth", "config", "protocols"])
def test_lazy_names_of_a_package_are_typed_as_they_are_exported(package: str) -> None:
    module = importlib.import_module(f"quackcore_async.{package}")
    imported = {
        alias.name
        for node in ast.walk(definitions(module))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(module.__all__) <= imported
    assert set(module.__all__) <= set(dir(module))


def test_root_all_is_sorted_and_listed_by_dir() -> None:
    assert set(quackcore_async.__all__) <= set(dir(quackcore_async))
    assert len(set(quackcore_async.__all__)) == len(quackcore_async.__all__)


@pytest.mark.parametrize("name", GUIDE_NAMES)
def test_name_of_the_specification_is_exported_by_the_root(name: str) -> None:
    assert name in quackcore_async.__all__


def test_unknown_root_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = quackcore_async.nonsense


def test_registry_is_the_module() -> None:
    assert inspect.ismodule(quackcore_async.registry)
    assert quackcore_async.registry is importlib.import_module("quackcore_async.registry")


@pytest.mark.parametrize("name", [name for name in GUIDE_NAMES if name.endswith("Protocol")])
def test_protocols_come_from_their_module(name: str) -> None:
    assert getattr(protocols, name) is getattr(quackcore_async, name)


@pytest.mark.parametrize("name", [name for name in GUIDE_NAMES if name.endswith("Result")])
def test_results_come_from_their_module(name: str) -> None:
    assert getattr(results, name) is getattr(quackcore_async, name)


@pytest.mark.parametrize("module_name", PUBLIC_MODULES)
def test_all_lists_what_the_module_defines(module_name: str) -> None:
    module = importlib.import_module(module_name)
    exported = exported_by(module)
    assert len(set(exported)) == len(exported)
    for name in exported:
        assert not name.startswith("_")
        value = getattr(module, name)
        home = getattr(value, "__module__", None)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert home is not None
            assert f"{home}.".startswith(f"{module_name}."), f"{name} comes from {home}"


@pytest.mark.parametrize("module_name", PUBLIC_MODULES)
def test_public_module_is_documented(module_name: str) -> None:
    module = importlib.import_module(module_name)
    undocumented = [
        name
        for name in exported_by(module)
        if (inspect.isclass(value := getattr(module, name)) or inspect.isfunction(value)) and not value.__doc__
    ]
    assert module.__doc__
    assert undocumented == []


@pytest.mark.parametrize(
    ("protocol", "method", "expected"),
    [
        ("IntegrationProtocol", "initialize", []),
        ("IntegrationProtocol", "is_available", []),
        ("AuthProviderProtocol", "authenticate", []),
        ("AuthProviderProtocol", "refresh_credentials", []),
        ("AuthProviderProtocol", "get_credentials", []),
        ("AuthProviderProtocol", "save_credentials", []),
        ("ConfigProviderProtocol", "load_config", ["config_path"]),
        ("ConfigProviderProtocol", "validate_config", ["config"]),
        ("ConfigProviderProtocol", "get_default_config", []),
        ("StorageIntegrationProtocol", "upload_file", ["file_path", "remote_path"]),
        ("StorageIntegrationProtocol", "download_file", ["remote_id", "local_path"]),
        ("StorageIntegrationProtocol", "list_files", ["remote_path", "pattern"]),
        ("StorageIntegrationProtocol", "create_folder", ["folder_name", "parent_path"]),
    ],
)
def test_protocol_method_is_a_coroutine_with_these_parameters(
    protocol: str, method: str, expected: list[str]
) -> None:
    function = getattr(getattr(protocols, protocol), method)
    assert inspect.iscoroutinefunction(function)
    assert parameters(function) == expected


@pytest.mark.parametrize(
    ("protocol", "name"),
    [
        ("IntegrationProtocol", "name"),
        ("IntegrationProtocol", "version"),
        ("AuthProviderProtocol", "name"),
        ("ConfigProviderProtocol", "name"),
    ],
)
def test_protocol_property_stays_a_property(protocol: str, name: str) -> None:
    assert isinstance(getattr(protocols, protocol).__dict__[name], property)


def test_version_is_the_distribution_s() -> None:
    assert quackcore_async.__version__[0].isdigit()
