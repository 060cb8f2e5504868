import itertools

import anyio

from quackcore_async.transfer.engine import Burst
from quackcore_async.transfer.inputs import LOOK_AHEAD
from quackcore_async.transfer.listing import TreePair
from quackcore_async.transfer.moves import TreeMoves
from quackcore_async.transfer.patterns import PatternFilter
from quackcore_async.transfer.planning import TransferPlan
from quackcore_async.transfer.progress import ProgressReporter
from quackcore_async.transfer.sides import LocalSide, StorageSide
from quackcore_async.transfer.tree_listing import LISTED_AHEAD
from tests.transfer.listed import Listed

PAGE = 100


class Endless(Listed):
    """Lists files for ever, the next one always larger than the one before."""

    listed = 0

    async def _tree_pages(self, folder):
        for first in itertools.count(0, PAGE):
            self.listed += PAGE
            yield [self.file(number) for number in range(first, first + PAGE)]

    def file(self, number):
        path = f"{number:012}"
        return {"name": path, "path": path, "size": number, "last_modified": None, "url": path}


async def test_of_an_endless_listing_so_much_is_planned_ahead_and_no_more_the_largest_first(tmp_path):
    storage, reporter = Endless(), ProgressReporter(None)
    source, target = StorageSide(storage, ""), LocalSide(tmp_path)
    moves = TreeMoves(source, target, compare="auto", dry_run=True)
    with TreePair(source, target, PatternFilter(), reporter, keep_extras=False) as trees:
        plan = TransferPlan(trees, moves, reporter, lambda count: None)
        async with anyio.create_task_group() as group:
            group.start_soon(trees.list_sides)
            group.start_soon(plan.look_ahead)
            sizes = []
            with anyio.fail_after(60):
                while len(sizes) < LOOK_AHEAD + 1:
                    sizes.append((await plan.next_job(Burst())).size)
                    await anyio.lowlevel.checkpoint()
                    assert storage.listed - len(sizes) <= LOOK_AHEAD + 2 * (LISTED_AHEAD + PAGE)
                    assert reporter.files_total <= storage.listed
            group.cancel_scope.cancel()
    assert sizes != sorted(sizes)
    assert len(set(sizes)) == len(sizes)
