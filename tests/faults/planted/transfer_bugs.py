"""Bugs of bulk transfers and of sync: outcomes, targets, deletions."""

from tests.faults.planted.bug import Bug

BULK = "transfer/test_bulk.py"
MIRROR = "transfer/test_mirror.py"

BUGS = (
    Bug(
        "an item that failed is reported as done",
        "transfer/engine.py",
        "        status=TransferStatus.FAILED,\n        source=job.source,\n",
        "        status=TransferStatus.OK,\n        source=job.source,\n",
        ("faults/test_memory.py", BULK),
    ),
    Bug(
        "an item that was given up has no outcome",
        "transfer/engine.py",
        "                burst.add(job, outcome or _cancelled(job))\n",
        "                if outcome is not None:\n                    burst.add(job, outcome)\n",
        (BULK,),
        only="fail_fast",
    ),
    Bug(
        "after a failure that is to end all the next items are begun",
        "transfer/engine.py",
        "        self.stopped = True\n        for scope",
        "        for scope",
        (BULK, "transfer/test_streams.py"),
        only="fail_fast",
    ),
    Bug(
        "two items write to one target",
        "transfer/claims.py",
        "        if self._is_taken(digest):\n",
        "        if False:\n",
        (BULK,),
        only="of_two_items",
    ),
    Bug(
        "a file takes the place of a folder that others need",
        "transfer/claims.py",
        "        if any(self._is_taken(folder) for folder in folders):\n",
        "        if False:\n",
        (BULK,),
        only="beside_its_own_folder",
    ),
    Bug(
        "a remote name leads out of the target folder",
        "transfer/naming.py",
        '    return tuple(check_component(part) for part in path.split("/"))\n',
        '    return tuple(path.split("/"))\n',
        (BULK, "transfer/test_naming.py"),
        only="leads",
    ),
    Bug(
        "a link in the target folder is followed",
        "transfer/naming.py",
        '    if stat.S_ISLNK(mode):\n        raise ConflictError(f"{folder} is a symbolic link',
        '    if False:\n        raise ConflictError(f"{folder} is a symbolic link',
        (BULK, "transfer/test_naming.py"),
        only="link",
    ),
    Bug(
        "sync deletes on the strength of a listing that broke off",
        "transfer/listing.py",
        "self.is_whole = self.is_in_order and self.source.failure is None and self.target.failure is None\n",
        "self.is_whole = self.is_in_order\n",
        (MIRROR, "faults/test_self_cancellations.py"),
        only="never_deletes or deletes_nothing",
    ),
    Bug(
        "sync begins to delete although a listing broke off",
        "transfer/mirror.py",
        "        if not trees.is_whole:\n            return",
        "        if False:\n            return",
        (MIRROR, "faults/test_self_cancellations.py"),
        only="never_deletes or deletes_nothing",
        why_not_found="what is to be deleted is not told either as long as the listings are not whole",
    ),
    Bug(
        "sync deletes everything when the source is empty",
        "transfer/mirror.py",
        "        if not trees.source.files:\n",
        "        if False:\n",
        (MIRROR,),
        only="has_no_file",
    ),
    Bug(
        "what a listing could not say is not reported",
        "transfer/mirror.py",
        "            self._failures += [tree.failure for tree in (trees.source, trees.target) if tree.failure is not None]\n",
        "            pass\n",
        (MIRROR, "transfer/test_flow.py"),
        only="breaks_off or cannot_be_read or missing",
    ),
)
