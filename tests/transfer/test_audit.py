import os

from quackcore_async.transfer import check
from tests.transfer.foreign import make_tree, read_tree


async def test_every_difference_is_named_and_nothing_is_changed(here, there):
    make_tree(here, {"same": b"1", "missing": b"2", "other": b"33"})
    make_tree(there, {"same": b"1", "extra": b"2", "other": b"3"})
    before = read_tree(here), read_tree(there)
    report = (await check(here, there, checksum=True)).unwrap()
    assert [(difference.path, difference.kind) for difference in report.differences] == [
        ("extra", "extra"),
        ("missing", "missing"),
        ("other", "different"),
    ]
    assert (report.same, report.identical) == (1, False)
    assert (read_tree(here), read_tree(there)) == before
    assert report.to_dict()["identical"] is False


async def test_what_the_listings_show_to_be_equal_is_counted_as_same(here, there):
    make_tree(here, {"a": b"1", "b": b"2", "c": b"33"})
    make_tree(there, {"a": b"1", "b": b"2", "c": b"3"})
    report = (await check(here, there, size_only=True)).unwrap()
    assert (report.same, report.different) == (2, 1)


async def test_trees_without_differences_are_identical(here, memory):
    make_tree(here, {"a": b"x"})
    await memory.write_bytes("p/a", b"x")
    assert (await check(here, (memory, "p"), checksum=True)).unwrap().identical


async def test_patterns_choose_what_is_compared(here, there):
    make_tree(here, {"a.jpg": b"", "b.txt": b""})
    make_tree(there, {"a.jpg": b""})
    assert (await check(here, there, exclude=["*.txt"])).unwrap().identical


async def test_a_file_that_cannot_be_compared_is_told_apart(foreign, here):
    make_tree(here, {"a": b"x"})
    foreign.files = {"a": b"y"}
    report = (await check(here, (foreign, ""), checksum=True)).unwrap()
    assert (report.unknown, report.differences[0].kind) == (1, "unknown")
    assert "foreign cannot open a stream" in report.differences[0].reason


async def test_a_missing_source_is_a_failure(here, there):
    assert not (await check(here / "gone", there)).success


async def test_a_report_keeps_1000_differences_and_counts_all(here, there):
    make_tree(here, {f"f{number}": b"" for number in range(1100)})
    report = (await check(here, there)).unwrap()
    assert (report.missing, len(report.differences)) == (1100, 1000)


async def test_progress_goes_from_the_listing_to_the_end(here, there):
    make_tree(here, {"a": b"x", "b": b"x"})
    events = []
    await check(here, there, progress=events.append)
    assert (events[0].phase, events[-1].phase) == ("listing", "done")
    assert (events[-1].files_done, events[-1].files_total) == (2, 2)


async def test_every_file_is_counted_as_done_whatever_became_of_it(here, there):
    make_tree(here, {"same": b"1", "missing": b"2", "other": b"33", "older": b"4"})
    make_tree(there, {"same": b"1", "other": b"3", "older": b"4"})
    for folder, time in ((here, 2_000_000_000), (there, 1_000_000_000)):
        os.utime(folder / "older", (time, time))
    events = []
    report = (await check(here, there, progress=events.append)).unwrap()
    assert (events[-1].files_done, events[-1].files_total) == (4, 4)
    assert 0 < report.elapsed < 60
    assert {difference.path: difference.reason for difference in report.differences} == {
        "missing": None,
        "other": "2 and 1 bytes",
        "older": "the target is older",
    }
