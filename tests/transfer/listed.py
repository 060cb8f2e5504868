"""A storage that lists as a test tells it."""

from dataclasses import replace

import anyio
import anyio.lowlevel

from quackcore_async.storage import MemoryStorage


class Listed(MemoryStorage):
    """Files in memory, listed in an order of the test's, in small pages, up to where it is to wait or to fail.

    Args:
        order: Paths in the order of the listing; those it does not name come first. None lists in order.
        promises: Keep the promise of `MemoryStorage` to list in order, whether true or not.
        pause: Awaited before the file that comes after the first `after`.
        after: Files that are listed before `pause`.
        page: Files that are listed at a time; what waits for them gets its turn in between.
    """

    def __init__(self, order=None, *, promises=False, pause=None, after=1, page=1):
        super().__init__(name="listed")
        self.order = order
        self.promises = promises
        self.pause = pause
        self.after = after
        self.page = page
        self.listings = 0
        self.open_listings = 0

    @property
    def capabilities(self):
        return replace(super().capabilities, ordered_listing=self.promises)

    async def put(self, files):
        """Write files, given as path -> content, and return the storage."""
        for path, content in files.items():
            (await self.write_bytes(path, content)).unwrap()
        return self

    def content(self):
        """Return all files as path -> content."""
        return {path: stored.data for path, stored in self._files.items() if not path.endswith("/")}

    async def _tree_pages(self, folder):
        self.listings += 1
        self.open_listings += 1
        try:
            files = [file async for page in super()._tree_pages(folder) for file in page]
            if self.order is not None:
                files.sort(key=lambda file: self.order.index(file["path"]) if file["path"] in self.order else -1)
            if self.pause is not None:
                yield files[: self.after]
                files = files[self.after :]
                await self.pause()
            for start in range(0, len(files), self.page):
                yield files[start : start + self.page]
                await anyio.lowlevel.checkpoint()
        finally:
            self.open_listings -= 1
