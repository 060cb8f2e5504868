"""A storage as an author writes it by the guide: four methods, and nothing beyond them."""

from fnmatch import fnmatchcase
from pathlib import Path

import anyio

from quackcore_async.results import IntegrationResult


class ForeignStorage:
    """Files in memory. It writes downloads in place, lists in no order, and can be told to wait or to fail."""

    def __init__(self):
        self.name = "foreign"
        self.version = "1"
        self.files = {}
        self.active = 0
        self.most_active = 0
        self.started = []
        self.gate = None
        self.broken = set()

    async def initialize(self):
        return IntegrationResult.success_result()

    async def is_available(self):
        return True

    async def upload_file(self, file_path, remote_path=None):
        name = remote_path or Path(file_path).name
        failure = await self._enter(name)
        if failure is not None:
            return failure
        try:
            self.files[name] = Path(file_path).read_bytes()
        except OSError as exc:
            return IntegrationResult.error_result(str(exc))
        return IntegrationResult.success_result(name)

    async def download_file(self, remote_id, local_path=None):
        with Path(local_path).open("wb") as file:
            failure = await self._enter(remote_id)
            if failure is not None:
                return failure
            file.write(self.files[remote_id])
        return IntegrationResult.success_result(local_path)

    async def list_files(self, remote_path=None, pattern=None):
        names = [name for name in self.files if name.startswith(remote_path or "")]
        return IntegrationResult.success_result(
            [
                {
                    "name": Path(name).name,
                    "path": name,
                    "size": len(self.files[name]),
                    "last_modified": None,
                    "url": "",
                }
                for name in sorted(names, reverse=True)
                if pattern is None or fnmatchcase(name, pattern)
            ]
        )

    async def create_folder(self, folder_name, parent_path=None):
        return IntegrationResult.success_result(folder_name)

    async def _enter(self, name):
        self.started.append(name)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            if self.gate is not None:
                await self.gate.wait()
            await anyio.lowlevel.checkpoint()
        finally:
            self.active -= 1
        if name in self.broken or name not in self.files and name.startswith("missing"):
            return IntegrationResult.error_result(f"{name} is broken")
        return None


def make_tree(root, files):
    """Write files, given as relative path -> content, below a folder."""
    for name, content in files.items():
        path = Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Path(root)


def read_tree(root):
    """Read all files below a folder, hidden ones too: relative path -> content."""
    root = Path(root)
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
