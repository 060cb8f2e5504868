"""The phases of a token's life, on two clocks."""

import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.auth.validity import Moment, Phase, expiry_of, lifetime_of, validity_of
from tests.auth.service import Clocks, Provider, Service

NOW = Moment(5000.0, 1_700_000_000.0)


def later(seconds: float) -> Moment:
    return Moment(NOW.monotonic + seconds, NOW.wall + seconds)


@pytest.mark.parametrize(
    ("after", "phase"),
    [
        (0, Phase.FRESH),
        (3299, Phase.FRESH),
        (3331, Phase.STALE),
        (3539, Phase.STALE),
        (3547, Phase.DUE),
        (3599, Phase.DUE),
        (3600, Phase.EXPIRED),
    ],
)
def test_an_hour_has_four_phases(after: float, phase: Phase):
    expires_at = int(NOW.wall) + 3600
    validity = validity_of(expires_at, obtained_at=NOW.wall, now=NOW, issued_now=True)
    assert validity.phase(later(after)) is phase


@given(st.integers(1, 10**9), st.floats(0, 10**9))
def test_the_phases_come_in_order_and_by_the_fractions(lifetime: int, after: float):
    validity = validity_of(int(NOW.wall) + lifetime, obtained_at=NOW.wall, now=NOW, issued_now=True)
    lives = min(lifetime, 10 * 365 * 86400)
    advisory, mandatory, end = (moment.monotonic - NOW.monotonic for moment in validity)
    assert advisory <= mandatory <= end == pytest.approx(lives)
    assert lives - advisory <= min(300, lives * 0.2) + 1e-3
    assert lives - mandatory <= min(60, lives * 0.1) + 1e-3
    assert (validity.phase(later(after)) is Phase.EXPIRED) == (after >= end)


def test_either_clock_ends_a_phase():
    validity = validity_of(int(NOW.wall) + 3600, obtained_at=NOW.wall, now=NOW)
    assert validity.phase(Moment(NOW.monotonic + 4000, NOW.wall)) is Phase.EXPIRED
    assert validity.phase(Moment(NOW.monotonic, NOW.wall + 4000)) is Phase.EXPIRED


def test_an_unknown_expiry_never_comes():
    assert validity_of(None, obtained_at=NOW.wall, now=NOW).phase(later(10**12)) is Phase.FRESH


def test_what_expired_long_ago_is_expired_unless_it_is_new():
    assert validity_of(1000, obtained_at=None, now=NOW).phase(NOW) is Phase.EXPIRED
    new = validity_of(1000, obtained_at=NOW.wall, now=NOW, issued_now=True)
    assert new.phase(later(9)) is Phase.FRESH
    assert new.phase(later(10)) is Phase.EXPIRED


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3600, 3600),
        ("3600", 3600),
        ("3600.0", 3600),
        (3600.9, 3600),
        (0, 0),
        (-5, -5),
        (10**30, 10 * 365 * 86400),
        (10**400, None),
        ("soon", None),
        ("", None),
        (True, None),
        (None, None),
        (math.nan, None),
        (math.inf, None),
        ([3600], None),
        ({}, None),
    ],
)
def test_a_lifetime_is_read_or_unknown(value: Any, expected: int | None):
    assert lifetime_of(value) == expected


def test_an_expiry_is_read_from_mappings_and_objects():
    class Thing:
        expires_at = "2030-01-01T00:00:00Z"

    assert expiry_of({"expiry": 5}) == 5
    assert expiry_of(Thing()) == 1893456000
    assert expiry_of({"expires_in": 100}) is None
    assert expiry_of({"expires_in": 100}, 1000.0) == 1100
    assert expiry_of(None) is None


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_fresh_token_costs_next_to_nothing():
    provider = Provider(Service(Clocks()))
    await provider.authenticate()

    async def bare() -> object:
        return provider

    async def cost_of(call: Any) -> float:
        begun = time.thread_time()
        for _ in range(20_000):
            await call()
        return (time.thread_time() - begun) / 20_000

    over = min([await cost_of(provider.get_credentials) - await cost_of(bare) for _ in range(5)])
    assert over < 3e-6
