"""Discovery by entry point and by module, over distributions that lie on the disk as installed."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from quackcore_async.discovery import list_entry_points
from quackcore_async.errors import DiscoveryError
from quackcore_async.registry import IntegrationRegistry

GOOD = """
    from quackcore_async import BaseIntegrationService

    made = []

    class Weather(BaseIntegrationService):
        name = "Weather"

        def __init__(self):
            super().__init__()
            made.append(self)

    def create_integration():
        return Weather()
"""


class Site:
    """A folder on `sys.path` into which distributions are laid."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def module(self, name: str, source: str) -> None:
        (self.folder / f"{name}.py").write_text(textwrap.dedent(source))

    def distribution(self, name: str, **groups: dict[str, str]) -> None:
        info = self.folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        sections = [
            f"[{group.replace('__', '.').replace('_DASH_', '-')}]\n"
            + "".join(f"{key} = {value}\n" for key, value in entries.items())
            for group, entries in groups.items()
        ]
        (info / "entry_points.txt").write_text("\n".join(sections))


OWN = "quackcore_async__integrations"
GUIDE = "quackcore__integrations"
DASHED = "quack_DASH_core__integrations"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(folder) in str(sys.modules[name].__file__):
            del sys.modules[name]


def test_listing_imports_nothing(site: Site):
    site.module("weather_plugin", "raise RuntimeError('imported')")
    site.distribution("weather", **{OWN: {"weather": "weather_plugin:create_integration"}})
    (entry,) = [item for item in list_entry_points() if item.distribution == "weather"]
    assert (entry.name, entry.version, entry.group) == ("weather", "1.0", "quackcore_async.integrations")
    assert "weather_plugin" not in sys.modules


@pytest.mark.parametrize("group", [OWN, GUIDE, DASHED])
async def test_each_spelling_of_the_group_is_read(site: Site, group: str):
    site.module("weather_plugin", GOOD)
    site.distribution("weather", **{group: {"weather": "weather_plugin:create_integration"}})
    registry = IntegrationRegistry()
    discovered = await registry.discover_integrations()
    assert len(discovered) == 1
    assert registry.get_integration("weather") is discovered[0]


async def test_one_integration_under_several_groups_is_loaded_once(site: Site):
    site.module("weather_plugin", GOOD)
    value = {"weather": "weather_plugin:create_integration"}
    site.distribution("weather", **{OWN: value, GUIDE: value, DASHED: value})
    discovered = await IntegrationRegistry().discover_integrations()
    assert len(discovered) == 1
    assert len(sys.modules["weather_plugin"].made) == 1


async def test_discovery_without_a_timeout_has_no_limit(site: Site):
    site.module("weather_plugin", GOOD)
    site.distribution("weather", **{OWN: {"weather": "weather_plugin:Weather"}})
    discovered = await IntegrationRegistry().discover_integrations(timeout=None)
    assert [item.name for item in discovered] == ["Weather"]


async def test_discovery_is_idempotent(site: Site):
    site.module("weather_plugin", GOOD)
    site.distribution("weather", **{OWN: {"weather": "weather_plugin:Weather"}})
    registry = IntegrationRegistry()
    first = await registry.discover_integrations()
    second = await registry.discover_integrations()
    assert list(first) == list(second)
    assert registry.list_integrations() == ["Weather"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import sys; sys.exit(4)", "sys.exit(4)"),
        ("raise RuntimeError('broken at import')", "broken at import"),
        ("import no_such_module_anywhere", "no_such_module_anywhere"),
        ("other = 1", "create_integration"),
        ("def create_integration(): return None", "NoneType"),
        ("def create_integration(): raise ValueError('no key')", "no key"),
        ("create_integration = 42", "int"),
        ("async def create_integration(): raise SystemExit(5)", "sys.exit(5)"),
        ("import asyncio\nraise asyncio.CancelledError()", "CancelledError"),
    ],
)
async def test_a_broken_plugin_is_a_reason_and_the_others_load(site: Site, source: str, reason: str):
    site.module("bad_plugin", source)
    site.module("weather_plugin", GOOD)
    site.distribution("bad", **{OWN: {"bad": "bad_plugin:create_integration"}})
    site.distribution("weather", **{OWN: {"weather": "weather_plugin:create_integration"}})
    discovered = await IntegrationRegistry().discover_integrations()
    assert [item.name for item in discovered] == ["Weather"]
    assert reason in discovered.failed["bad"]


async def test_a_sync_integration_is_skipped_with_the_reason(site: Site):
    site.module(
        "sync_plugin",
        """
        class Old:
            name = "Old"
            version = "1"
            def initialize(self): ...
            def is_available(self): ...
        """,
    )
    site.distribution("sync", **{DASHED: {"old": "sync_plugin:Old"}})
    discovered = await IntegrationRegistry().discover_integrations()
    assert len(discovered) == 0
    assert "Old.initialize is a plain function" in discovered.skipped["old"]


async def test_a_factory_may_be_a_coroutine_or_return_a_class(site: Site):
    site.module(
        "weather_plugin",
        GOOD + "\n    async def later():\n        return Weather()\n\n    def kind():\n        return Weather\n",
    )
    site.distribution("weather", **{OWN: {"later": "weather_plugin:later", "kind": "weather_plugin:kind"}})
    discovered = await IntegrationRegistry().discover_integrations()
    assert not discovered.failed
    assert [item.name for item in discovered] == ["Weather"]


async def test_two_classes_of_one_name_are_a_failure_that_names_both(site: Site):
    site.module("weather_plugin", GOOD)
    site.module("other_plugin", GOOD)
    site.distribution("weather", **{OWN: {"weather": "weather_plugin:create_integration"}})
    site.distribution("zother", **{OWN: {"other": "other_plugin:create_integration"}})
    discovered = await IntegrationRegistry().discover_integrations()
    assert len(discovered) == 1
    (reason,) = discovered.failed.values()
    assert "weather_plugin" in reason
    assert "other_plugin" in reason


def late_and_early(site: Site, *names: str) -> None:
    """Lay down two plugins of these names, the first of which is loaded only once the second is."""
    site.module("gate", "import threading\nopened = threading.Event()")
    late = "    import gate\n    assert gate.opened.wait(10)\n"
    early = """
    import gate

    async def create_integration():
        weather = Weather()
        gate.opened.set()
        return weather
"""
    for module, source, name in zip(("late", "early"), (late + GOOD, GOOD + early), names, strict=True):
        site.module(module, source.replace('name = "Weather"', f'name = "{name}"'))
    entries = {module: f"{module}:create_integration" for module in ("late", "early")}
    site.distribution("both", **{OWN: entries})


async def test_the_order_of_registration_is_that_of_the_list_however_long_imports_take(site: Site):
    late_and_early(site, "Late", "Early")
    registry = IntegrationRegistry()
    discovered = await registry.discover_integrations()
    assert [item.name for item in discovered] == registry.list_integrations() == ["Late", "Early"]


async def test_the_first_in_the_list_gets_a_name_that_two_want_however_long_imports_take(site: Site):
    late_and_early(site, "Weather", "weather")
    discovered = await IntegrationRegistry().discover_integrations()
    assert [type(item).__module__ for item in discovered] == ["late"]
    assert list(discovered.failed) == ["early"]


async def test_an_import_that_hangs_is_given_up(site: Site):
    site.module("slow_plugin", "import threading\nthreading.Event().wait(1)")
    site.distribution("slow", **{OWN: {"slow": "slow_plugin:create_integration"}})
    with anyio.fail_after(10):
        discovered = await IntegrationRegistry().discover_integrations(timeout=0.05)
    assert "0.05 seconds" in discovered.failed["slow"]


async def test_a_module_gives_what_its_factory_makes(site: Site):
    site.module("weather_plugin", GOOD)
    registry = IntegrationRegistry()
    loaded = await registry.load_integration_module("weather_plugin")
    again = await registry.load_integration_module("weather_plugin")
    assert [item.name for item in loaded] == ["Weather"]
    assert list(again) == list(loaded)


async def test_a_module_without_a_factory_gives_its_concrete_classes(site: Site):
    site.module(
        "several",
        """
        from abc import abstractmethod
        from quackcore_async import BaseIntegrationService, BaseConfigProvider, IntegrationProtocol

        class Base(BaseIntegrationService):
            @abstractmethod
            def part(self): ...

        class One(Base):
            name = "One"
            def part(self): ...

        class Needy(BaseIntegrationService):
            name = "Needy"
            def __init__(self, key):
                super().__init__()

        class Config(BaseConfigProvider):
            name = "One"
        """,
    )
    loaded = await IntegrationRegistry().load_integration_module("several")
    assert [item.name for item in loaded] == ["One"]
    assert "several.Needy" in loaded.failed


async def test_what_a_module_registers_while_it_is_imported_is_returned(site: Site):
    site.module(
        "eager",
        GOOD + "\n    from quackcore_async import registry\n    registry.register(create_integration())\n",
    )
    from quackcore_async import registry

    try:
        loaded = await registry.load_integration_module("eager")
        assert list(loaded) == [registry.get_integration("Weather")]
        assert registry.list_integrations().count("Weather") == 1
    finally:
        registry.unregister("Weather")


@pytest.mark.parametrize("source", ["raise RuntimeError('no')", "import sys; sys.exit()", "1/0"])
async def test_a_module_that_cannot_be_imported_raises(site: Site, source: str):
    site.module("broken", source)
    with pytest.raises(DiscoveryError, match="broken"):
        await IntegrationRegistry().load_integration_module("broken")


async def test_a_module_that_is_not_there_raises():
    with pytest.raises(DiscoveryError, match="no_such_module"):
        await IntegrationRegistry().load_integration_module("no_such_module")


async def test_a_malformed_list_of_entry_points_hides_no_other_distribution(site: Site):
    site.module("weather", GOOD)
    site.distribution("good", **{OWN: {"weather": "weather:create_integration"}})
    site.distribution("broken")
    (site.folder / "broken-1.0.dist-info" / "entry_points.txt").write_text("[console_scripts]\nno equals sign\n")
    report = await IntegrationRegistry().discover_integrations()
    assert [integration.name for integration in report] == ["Weather"]


async def test_a_distribution_without_metadata_is_listed_as_unknown(site: Site):
    site.distribution("bare", **{OWN: {"weather": "nowhere:create"}})
    (site.folder / "bare-1.0.dist-info" / "METADATA").write_text("")
    report = await IntegrationRegistry().discover_integrations()
    assert "of unknown" in report.failed["weather"]


async def test_two_failures_of_one_name_are_both_told(site: Site):
    site.distribution("one", **{OWN: {"weather": "nowhere_one:create"}})
    site.distribution("two", **{OWN: {"weather": "nowhere_two:create"}})
    report = await IntegrationRegistry().discover_integrations()
    assert len(report.failed) == 2
    assert {"nowhere_one", "nowhere_two"} <= {
        word.strip("'") for text in report.failed.values() for word in text.split()
    }


async def test_a_name_that_exits_is_a_reason(site: Site):
    source = GOOD.replace(
        'name = "Weather"', "@property\n        def name(self):\n            raise SystemExit(5)"
    )
    site.module("weather", source)
    site.distribution("bad", **{OWN: {"weather": "weather:create_integration"}})
    report = await IntegrationRegistry().discover_integrations()
    assert "called sys.exit(5)" in report.failed["weather"]


def test_an_import_that_hangs_does_not_keep_the_process(site: Site):
    site.module("hanging", "import threading\nthreading.Event().wait()\n")
    site.distribution("bad", **{OWN: {"hanging": "hanging:create"}})
    program = (
        "import anyio; from quackcore_async import registry;"
        "print(anyio.run(lambda: registry.discover_integrations(timeout=0.1)).failed)"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site.folder), *sys.path])}
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, env=environ, check=True
    )
    assert "did not load within" in ended.stdout
