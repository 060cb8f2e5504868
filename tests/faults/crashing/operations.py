"""What is killed: each operation prepares, installs the counter, and does one thing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quackcore_async.auth import BaseAuthProvider, Credentials
from quackcore_async.auth.stores import FileStore
from quackcore_async.errors import QuackError
from quackcore_async.storage import LocalStorage, S3Storage
from quackcore_async.transfer import download_many, sync, upload_many
from tests.faults.cancelling.s3 import small_parts
from tests.faults.crashing.counting import Counter

Arguments = Mapping[str, Any]
FOREVER = 4102444800  # 2100-01-01


class Provider(BaseAuthProvider):
    """Renews a login without a service; the new refresh token says which run it was."""

    name = "example"

    def __init__(self, path: str, renewal: str) -> None:
        super().__init__(path)
        self._renewal = renewal

    async def _authenticate(self) -> Credentials:
        return self._issue()

    async def _refresh(self, credentials: Credentials) -> Credentials:
        return self._issue()

    def _issue(self) -> Credentials:
        return Credentials("new-" + "x" * 50, refresh_token=self._renewal, expires_at=FOREVER)


async def store_login(counter: Counter, arguments: Arguments) -> None:
    store = FileStore(arguments["path"])
    counter.install()
    async with store.lock():
        await store.save("", arguments["login"])


async def delete_login(counter: Counter, arguments: Arguments) -> None:
    store = FileStore(arguments["path"])
    counter.install()
    await store.delete("")


async def load_login(counter: Counter, arguments: Arguments) -> str | None:
    store = FileStore(arguments["path"])
    counter.install()
    try:
        found = await store.load("")
    except QuackError as error:
        return str(error)
    return json.dumps(dict(found or {}))


async def authenticate(counter: Counter, arguments: Arguments) -> str | None:
    provider = Provider(arguments["path"], arguments["renewal"])
    counter.install()
    return (await provider.authenticate()).unwrap()  # type: ignore[no-any-return]


async def refresh_login(counter: Counter, arguments: Arguments) -> str | None:
    provider = Provider(arguments["path"], arguments["renewal"])
    counter.install()
    await provider.refresh_credentials()
    return await provider.get_token()


async def watch_refresh(counter: Counter, arguments: Arguments) -> list[str]:
    """Refresh a login; return what was stored whenever a newer one than that was to be seen."""
    provider = Provider(arguments["path"], arguments["renewal"])
    path = Path(arguments["path"])
    early: list[str] = []

    def watch() -> None:
        stored = json.loads(path.read_text())["refresh_token"]
        seen = provider._credentials
        if seen is not None and seen.refresh_token == arguments["renewal"] != stored:
            early.append(stored)

    counter.watch = watch
    counter.install()
    await provider.refresh_credentials()
    watch()
    return early


async def save_login_again(counter: Counter, arguments: Arguments) -> bool:
    provider = Provider(arguments["path"], arguments["renewal"])
    counter.install()
    await provider.get_credentials()
    return await provider.save_credentials()


async def use_local(counter: Counter, arguments: Arguments) -> str:
    """Call one method of a `LocalStorage`."""
    storage = LocalStorage(root=arguments["root"])
    await storage.initialize()
    counter.install()
    return await _call(storage, arguments)


async def use_s3(counter: Counter, arguments: Arguments) -> str:
    """Call one method of an `S3Storage`."""
    async with S3Storage(config=arguments["config"]) as storage:
        counter.install()
        return await _call(storage, arguments)


async def move_many(counter: Counter, arguments: Arguments) -> dict[str, int]:
    """Move a whole tree in small parts, counting the turns of the event loop too."""
    here = Path(arguments["folder"])
    prefix = arguments["prefix"]
    with small_parts():
        async with S3Storage(config=arguments["config"]) as storage:
            return await _move_many(storage, here, prefix, arguments["verb"], counter)


async def _move_many(storage: S3Storage, here: Path, prefix: str, verb: str, counter: Counter) -> dict[str, int]:
    files = [file async for file in storage.iter_files(prefix)] if verb == "download_many" else []
    counter.install()
    counter.count_turns()
    match verb:
        case "upload_many":
            paths = [path for path in here.rglob("*") if path.is_file()]
            items = [(str(path), f"{prefix}/{path.relative_to(here).as_posix()}") for path in paths]
            result = await upload_many(storage, items, overwrite="if_changed")
        case "download_many":
            pairs = [(file["path"], file["path"].removeprefix(f"{prefix}/")) for file in files]
            result = await download_many(storage, pairs, target=here, overwrite="if_changed")
        case "sync up":
            result = await sync(here, (storage, prefix))
        case _:
            result = await sync((storage, prefix), here)
    report = result.content
    assert report is not None
    return {"moved": report.succeeded, "failed": report.failed, "skipped": report.skipped}


async def _call(storage: Any, arguments: Arguments) -> str:
    given = list(arguments["call"])
    options = arguments.get("options", {})
    if given[0] == "write_stream":
        given[2] = _chunks(given[2])
    elif given[0] == "write_bytes":
        given[2] = Path(given[2]).read_bytes()
    result = await getattr(storage, given[0])(*given[1:], **options)
    return "ok" if result.success else str(result.error_info.code)


async def _chunks(path: str) -> Any:
    data = Path(path).read_bytes()
    for start in range(0, len(data), 300_000):
        yield data[start : start + 300_000]
