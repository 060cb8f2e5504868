"""What an import makes is old at once, and the collector goes on as it was."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from quackcore_async.clients.s3.loading import lasting


class Knot:
    """An object that only the collector gets rid of."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _collector_on() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.collect()
    gc.enable()
    yield
    if not was_enabled:
        gc.disable()


def full_passes() -> int:
    return int(gc.get_stats()[2]["collections"])


def make(count: int) -> list[Knot]:
    return [Knot() for _ in range(count)]


def test_neither_the_making_nor_what_comes_after_sets_off_a_full_pass() -> None:
    crowd = len(gc.get_objects())  # as many again: a quarter would do
    before = full_passes()
    with lasting():
        kept = make(crowd)
    for _ in range(4000):
        make(100)
    assert full_passes() == before
    assert len(kept) == crowd


def test_garbage_that_is_made_in_it_goes_with_the_next_full_pass() -> None:
    with lasting():
        gone = weakref.ref(Knot())
    assert gone() is not None
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_the_program_has_it(enabled: bool) -> None:
    if not enabled:
        gc.disable()
    with lasting():
        assert not gc.isenabled()
        with lasting():
            pass
        assert not gc.isenabled()
    assert gc.isenabled() is enabled


def test_an_import_that_fails_leaves_the_collector_on() -> None:
    with pytest.raises(ModuleNotFoundError), lasting():
        import no_such_module  # noqa: F401
    assert gc.isenabled()


def test_what_the_interpreter_has_frozen_is_no_obstacle() -> None:
    frozen = len(gc.get_objects(generation=2))
    with lasting():
        kept = make(1000)
    assert len(gc.get_objects(generation=2)) >= frozen + len(kept)


def test_what_the_program_has_frozen_stays_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with lasting():
            make(10)
        assert gc.get_freeze_count() >= frozen - 100  # frozen objects may go when nobody refers to them
    finally:
        gc.unfreeze()
