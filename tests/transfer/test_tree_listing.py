import anyio
import pytest

from quackcore_async.errors import QuackError
from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.patterns import PatternFilter
from quackcore_async.transfer.progress import ProgressReporter
from quackcore_async.transfer.tree_listing import LISTED_AHEAD, TreeListing


class Batches:
    """A side that lists what it is given: batches of keys, a hidden folder with one of them, an error at the end."""

    def __init__(self, batches, error=None, *, hides_with=None):
        self.failures = []
        self.listed = 0
        self._batches = batches
        self._error = error
        self._hides_with = hides_with

    async def batches(self, patterns, *, must_exist):
        for keys in self._batches:
            self.listed += len(keys)
            if self._hides_with in keys:
                self.failures.append(QuackError("a folder cannot be read"))
            yield [Entry(key) for key in keys]
        if self._error is not None:
            raise self._error


async def listed(side, *, must_exist=True, **options):
    listing = TreeListing(side, **options)
    await listing.list_side(PatternFilter(), must_exist=must_exist)
    return listing


async def taken_from(listing):
    keys = []
    with anyio.fail_after(10):
        while batch := await listing.take():
            keys += [entry.key for entry in batch]
    return keys


async def test_what_comes_in_order_is_taken_each_path_once():
    listing = await listed(Batches([[b"a", b"b"], [], [b"b", b"b", b"c/"], [b"c/", b"d"]]))
    assert await taken_from(listing) == [b"a", b"b", b"c/", b"d"]
    assert (listing.in_order, listing.is_over, listing.failure) == (True, True, None)
    assert (listing.files, listing.offered) == (3, 4)


def test_a_batch_that_is_in_order_but_begins_too_early_is_an_inversion():
    listing = TreeListing(Batches([]))
    assert listing._split([Entry(b"m")]) == ([Entry(b"m")], [])
    batch = [Entry(b"a"), Entry(b"z")]
    assert listing._split(batch) == ([], batch)
    assert not listing.in_order


def test_a_batch_that_begins_with_the_last_path_again_does_not_tell_it_twice():
    listing = TreeListing(Batches([]))
    assert listing._split([Entry(b"m")]) == ([Entry(b"m")], [])
    assert listing._split([Entry(b"m"), Entry(b"z")]) == ([Entry(b"z")], [])
    assert listing.in_order


@pytest.mark.parametrize("batches", [[[b"a", b"c", b"b", b"d"]], [[b"a", b"c"], [b"b", b"d"]]])
async def test_nothing_is_taken_from_the_first_inversion_on_and_all_of_it_is_written(batches):
    listing = await listed(Batches(batches))
    assert await taken_from(listing) == [b"a", b"c"]
    assert (listing.in_order, listing.is_over) == (False, True)
    await listing.drain()
    assert [entry.key for entry in listing.written] == [b"a", b"b", b"c", b"d"]
    assert (listing.offered, listing.files) == (2, 4)
    listing.written.close()


async def test_a_failure_is_kept_with_what_came_before_it():
    listing = await listed(Batches([[b"a"]], QuackError("broke off")))
    assert await taken_from(listing) == [b"a"]
    assert "broke off" in str(listing.failure)


async def test_who_waits_for_more_is_told_that_there_is_none():
    listing = TreeListing(Batches([]))
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(taken_from, listing)
            await anyio.wait_all_tasks_blocked()
            await listing.list_side(PatternFilter(), must_exist=True)
    assert listing.is_over


async def test_a_cancellation_is_no_failure_of_the_listing():
    class Waiting(Batches):
        async def batches(self, patterns, *, must_exist):
            yield [Entry(b"a")]
            await anyio.sleep_forever()

    listing = TreeListing(Waiting([]))
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: listing.list_side(PatternFilter(), must_exist=True))
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught
    assert listing.failure is None


async def test_what_a_target_does_not_show_ends_its_listing():
    batches = [[b"a"], [b"b"], [b"c"]]
    for must_exist, keys in ((False, [b"a"]), (True, [b"a", b"b", b"c"])):
        listing = await listed(Batches(batches, hides_with=b"b"), must_exist=must_exist)
        assert await taken_from(listing) == keys
        assert "cannot be read" in str(listing.failure)


async def test_files_are_counted_and_folders_remembered_when_that_is_wanted():
    reporter = ProgressReporter(None)
    batches = [[b"a", b"b/"], [b"c", b"d/"]]
    listing = await listed(Batches(batches), reporter=reporter, keep_folders=True)
    await listing.drain()
    assert (reporter.files_total, listing.empty_folders) == (2, {b"b/", b"d/"})
    listing.written.close()
    forgetful = await listed(Batches(batches))
    await forgetful.drain()
    assert forgetful.empty_folders == set()
    forgetful.written.close()


async def test_a_listing_runs_ahead_by_so_much_and_no_more():
    side = Batches([[b"%08d" % (10 * number + digit) for digit in range(10)] for number in range(LISTED_AHEAD)])
    listing = TreeListing(side)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: listing.list_side(PatternFilter(), must_exist=True))
        await anyio.wait_all_tasks_blocked()
        assert LISTED_AHEAD <= side.listed < LISTED_AHEAD + 10
        taken = len(await listing.take())
        await anyio.wait_all_tasks_blocked()
        assert LISTED_AHEAD <= side.listed - taken < LISTED_AHEAD + 10
        group.cancel_scope.cancel()
    listing.written.close()
