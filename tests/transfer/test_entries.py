"""What an entry takes from a listed file."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from quackcore_async.transfer.entries import Entry


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (None, None),
        (5.25, 5.25),
        (5, 5.0),
        (0, 0.0),
        (True, None),
        ("yesterday", None),
        (datetime(1970, 1, 1, 0, 1, tzinfo=UTC), 60.0),
        (datetime(1970, 1, 1, 0, 1), 60.0),  # noqa: DTZ001 - as some storages say it
        (datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), 0.0),
    ],
)
@pytest.mark.parametrize(("field", "attribute"), [("mtime", "mtime"), ("last_modified", "written")])
def test_times_are_taken_as_they_come(told, seconds, field, attribute):
    entry = Entry.of_listed("a", {"path": "a", field: told})
    assert getattr(entry, attribute) == seconds
    assert entry.age == seconds


def test_what_a_storage_does_not_say_is_nothing():
    assert Entry.of_listed("a", {"path": "x/a"}) == Entry(b"a", remote="x/a")
    assert Entry.of_listed("a", {"path": "x/a", "size": None, "etag": 5, "checksums": {}}) == Entry(
        b"a", remote="x/a"
    )


def test_an_entity_tag_loses_its_quotes_and_checksums_are_copied():
    checksums = {"crc32": "AAAA"}
    entry = Entry.of_listed("a", {"path": "a", "size": "7", "etag": '"x"', "checksums": checksums})
    assert (entry.size, entry.etag, entry.checksums) == (7, "x", checksums)
    assert entry.checksums is not checksums


def test_the_time_of_the_file_goes_before_that_of_writing():
    assert Entry(b"a", mtime=1.0, written=2.0).age == 1.0
    assert Entry(b"a", mtime=0.0, written=2.0).age == 0.0


@pytest.mark.parametrize("name", ["ü", "\udcff", "\ud800"])  # noqa: PT014 - two surrogates are not the same
def test_any_name_has_a_key(name):
    assert Entry.of_listed(name, {"path": name}).key
