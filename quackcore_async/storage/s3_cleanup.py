"""Aborting the multipart uploads that nobody will complete."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from quackcore_async.clients.s3 import S3Address, S3Client
from quackcore_async.clients.s3.objects import IncompleteUpload
from quackcore_async.concurrency import for_each, run_in_thread, shielded
from quackcore_async.errors import ErrorKind, QuackError
from quackcore_async.protocols import CleanupOutcome
from quackcore_async.storage.upload_journal import (
    JournaledUpload,
    claim_journal,
    journaled_uploads,
    remove_journal,
)

__all__ = ["UploadCleanup"]


class UploadCleanup:
    """One clean-up of a bucket.

    Args:
        client: The service.
        before: An upload that began, or got a part, since then is left alone.
        dry_run: Change nothing.
    """

    def __init__(self, client: S3Client, before: datetime, *, dry_run: bool) -> None:
        self._client = client
        self._before = before
        self._dry_run = dry_run
        self._journals: dict[str, JournaledUpload] = {}

    async def run(self, place: S3Address, name: Callable[[str], tuple[str, str]]) -> list[CleanupOutcome]:
        """Abort the uploads to keys that begin as `place` does.

        Args:
            place: The bucket, and the beginning of the keys.
            name: Returns path and address of a key.

        Raises:
            QuackError: if the uploads cannot be listed.
        """
        uploads = await self._client.list_multipart_uploads(place.bucket, place.key)
        here = [self._client.destination.address, place.bucket]
        journals = await run_in_thread(lambda: [found for found in journaled_uploads() if found.place[:2] == here])
        self._journals = {found.upload_id: found for found in journals}
        outcomes: dict[int, CleanupOutcome] = {}

        async def look(index: int, upload: IncompleteUpload) -> None:
            path, url = name(upload.key)
            found = CleanupOutcome("upload", path, url, "removed", upload.initiated, upload_id=upload.upload_id)
            outcome = await self._settle(S3Address(place.bucket, upload.key), found)
            if outcome is not None:
                outcomes[index] = outcome

        old = [upload for upload in uploads if upload.initiated is None or upload.initiated < self._before]
        await for_each(look, old, max_concurrency=self._client.settings.max_concurrency)
        if not self._dry_run:
            known = {upload.upload_id for upload in uploads}
            gone = [found for found in journals if found.upload_id not in known and _is_below(found, place)]
            await run_in_thread(self._forget, gone)
        return [outcomes[index] for index in sorted(outcomes)]

    async def _settle(self, address: S3Address, found: CleanupOutcome) -> CleanupOutcome | None:
        try:
            parts = await self._client.list_parts(address, str(found.upload_id))
            times = [time for time in (found.modified, *(part.modified for part in parts)) if time is not None]
            found = replace(found, modified=max(times, default=None), size=sum(part.size for part in parts))
            if found.modified is None or found.modified >= self._before:
                return None  # somebody is at it, or nobody knows how old it is
            return await self._abort(address, found)
        except QuackError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return None  # it was completed or aborted meanwhile
            return replace(found, status="failed", error=str(error))

    async def _abort(self, address: S3Address, found: CleanupOutcome) -> CleanupOutcome:
        journal = self._journals.get(str(found.upload_id))
        if found.upload_id in self._client.uploads or (journal is not None and journal.in_use):
            return replace(found, status="in_use")
        if self._dry_run:
            return replace(found, status="would_remove")
        claim = _Claim(journal)
        try:
            if not await run_in_thread(claim.take):
                return replace(found, status="in_use")
            await self._client.abort_multipart(address, str(found.upload_id))
            await run_in_thread(claim.forget)
        finally:
            await shielded(partial(run_in_thread, claim.release))
        return found

    def _forget(self, journals: list[JournaledUpload]) -> None:
        """Remove old journals of uploads that the service does not have any more."""
        for journal in journals:
            if journal.modified < self._before.timestamp():
                claim = _Claim(journal)
                if claim.take():
                    claim.forget()
                claim.release()


class _Claim:
    """Keeps others from taking an upload up while it is aborted. Blocking."""

    def __init__(self, journal: JournaledUpload | None) -> None:
        self._journal = journal
        self._fd = -1

    def take(self) -> bool:
        """Take it; False when somebody is at it."""
        if self._journal is None:
            return True
        self._fd = claim_journal(self._journal)
        return self._fd >= 0

    def forget(self) -> None:
        """Remove its journal."""
        if self._journal is not None:
            remove_journal(self._journal.path)

    def release(self) -> None:
        """Let go of it; idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _is_below(journal: JournaledUpload, place: S3Address) -> bool:
    return journal.place[2].startswith(place.key)
