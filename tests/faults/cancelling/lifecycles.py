"""Integrations that start and close, registries of them, and their configuration."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import anyio
import anyio.lowlevel
from pydantic import BaseModel

from quackcore_async import BaseConfigProvider, BaseIntegrationService, IntegrationRegistry
from tests.auth.service import Clocks, Provider, Service
from tests.faults.cancelling.attempts import Case
from tests.faults.cancelling.stage import Cases, Stage

YAML = """
example:
  root: there
integrations:
  one:
    use: local
    root: somewhere
"""
MODULE = """
from quackcore_async import MemoryStorage

def create_integration():
    return MemoryStorage(name="plugin")
"""


class Model(BaseModel):
    root: str = "here"


class Config(BaseConfigProvider):
    config_model: ClassVar[type[BaseModel] | None] = Model

    @property
    def name(self) -> str:
        return "example"


class Resource:
    """Something open, which takes its time to close."""

    open: ClassVar[int] = 0

    async def __aenter__(self) -> Self:
        await anyio.lowlevel.checkpoint()
        Resource.open += 1
        return self

    async def __aexit__(self, *_exc: object) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()
        Resource.open -= 1


class Example(BaseIntegrationService):
    """Loads its configuration, logs in, and opens two things, one on the stack and one on an attribute."""

    def __init__(self, name: str, place: Path) -> None:
        clocks = Clocks()
        login = Provider(Service(clocks), credentials_file=str(place / f"{name}.json"))
        super().__init__(Config(), login, str(place / "config.yaml"))
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    async def _setup(self) -> None:
        await self._exit_stack.enter_async_context(Resource())
        await anyio.lowlevel.checkpoint()
        await self._exit_stack.enter_async_context(Resource())


def left() -> list[str]:
    return ["open resources"] if Resource.open else []


class Configurations(Stage):
    owners = (BaseConfigProvider,)

    def __init__(self, place: Path, server: Any) -> None:
        super().__init__(place, server)
        self.path = str(place / "config.yaml")
        Path(self.path).write_text(YAML)

    def load_config(self) -> Cases:
        return Case(lambda: Config().load_config(self.path))

    def trace_config(self) -> Cases:
        return Case(lambda: Config().trace_config(self.path))

    def check_config(self) -> Cases:
        return Case(lambda: Config().check_config({"root": "x"}))

    def validate_config(self) -> Cases:
        return Case(lambda: Config().validate_config({"root": "x"}))

    def get_default_config(self) -> Cases:
        return Case(lambda: Config().get_default_config())


class Services(Stage):
    owners = (BaseIntegrationService,)

    def __init__(self, place: Path, server: Any) -> None:
        super().__init__(place, server)
        (place / "config.yaml").write_text(YAML)

    def _lives(self, act: Callable[[Example], Awaitable[object]]) -> Cases:
        made: list[Example] = []

        async def first() -> object:
            made[:] = [Example("example", self.place)]
            result = await act(made[0])  # which leaves nothing open when it is cancelled
            await made[0].aclose()
            return result

        async def second() -> object:
            result = await made[0].initialize()
            assert await made[0].is_available()
            await made[0].aclose()
            assert not left()
            return result

        return Case(first, left=left, again=second)

    def initialize(self) -> Cases:
        return self._lives(lambda example: example.initialize())

    def aclose(self) -> Cases:
        async def close(example: Example) -> None:
            await example.initialize()
            await example.aclose()

        return self._lives(close)

    def is_available(self) -> Cases:
        return self._lives(lambda example: example.is_available())

    def load_auth_provider(self) -> Cases:
        return self._lives(lambda example: example.load_auth_provider())

    def on_entering(self) -> Cases:
        return self._lives(self._live)

    def on_leaving(self) -> Cases:
        return self._lives(self._live)

    @staticmethod
    async def _live(example: Example) -> None:
        async with example:
            await anyio.lowlevel.checkpoint()


class Registries(Stage):
    owners = (IntegrationRegistry,)

    def __init__(self, place: Path, server: Any) -> None:
        super().__init__(place, server)
        (place / "config.yaml").write_text(YAML)
        (place / "cancelled_plugin.py").write_text(MODULE)

    def _lives(self, act: Callable[[IntegrationRegistry], Awaitable[object]]) -> Cases:
        made: list[IntegrationRegistry] = []

        async def first() -> object:
            registry = IntegrationRegistry()
            made[:] = [registry]
            for name in ("one", "two", "three"):
                registry.register(Example(name, self.place))
            try:
                return await act(registry)
            finally:
                await registry.aclose()

        async def second() -> object:
            results = await made[0].initialize_all(["one", "two", "three"])
            assert all(result.success for result in results.values()), results
            await made[0].aclose()
            assert not left()
            return None

        return Case(first, left=left, again=second)

    def initialize_all(self) -> Cases:
        return self._lives(lambda registry: registry.initialize_all())

    def aclose(self) -> Cases:
        async def close(registry: IntegrationRegistry) -> None:
            await registry.initialize_all()
            await registry.aclose()

        return self._lives(close)

    def configure(self) -> Cases:
        async def configure(registry: IntegrationRegistry) -> object:
            registry.unregister("one")
            made = await registry.configure(str(self.place / "config.yaml"))
            registry.unregister("one")
            registry.register(Example("one", self.place))
            return made

        return Case(lambda: configure(IntegrationRegistry()))

    def discover_integrations(self) -> Cases:
        return self._lives(lambda registry: registry.discover_integrations())

    def load_integration_module(self) -> Cases:
        async def load(registry: IntegrationRegistry) -> object:
            sys.path.insert(0, str(self.place))
            try:
                return await registry.load_integration_module("cancelled_plugin")
            finally:
                sys.path.remove(str(self.place))
                sys.modules.pop("cancelled_plugin", None)

        return self._lives(load)

    def on_entering(self) -> Cases:
        return self._lives(self._live)

    def on_leaving(self) -> Cases:
        return self._lives(self._live)

    @staticmethod
    async def _live(registry: IntegrationRegistry) -> None:
        async with registry:
            await registry.initialize_all()
