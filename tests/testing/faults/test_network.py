"""Each fault of the network is what a client sees."""

import pytest

from quackcore_async.testing.faults import Bandwidth, HangUp, InOrder, Latency, LostAnswer, Reset, Slices, Stall
from tests.servers.faulty import answer
from tests.testing.faults.conftest import get, put
from tests.testing.faults.test_proxy import chunked

ENDS = [(Reset, "reset"), (HangUp, "closed")]


def test_latency_waits_and_lets_through(behind):
    behind.server.script(answer(body=b"late"))
    assert behind.ask(fault=Latency(1.5)).body == b"late"
    assert behind.waits == [1.5]


def test_jitter_is_added_and_is_the_same_for_the_same_seed(behind):
    for _ in range(2):
        behind.proxy.forget()
        behind.ask(fault=Latency(1, jitter=2))
    assert behind.waits[0] == behind.waits[1]
    assert 1 < behind.waits[0] < 3


def test_bandwidth_waits_for_as_long_as_the_bytes_take_in_both_directions(behind):
    behind.server.script(answer(body=bytes(3000)))
    assert len(behind.ask(put(bytes(2000)), Bandwidth(1000)).body) == 3000
    assert sum(behind.waits) == pytest.approx(5.0)


def test_slices_come_one_by_one(behind):
    behind.server.script(answer(body=b"abcdef"))
    assert behind.ask(fault=Slices(2, pause=0.1)).body == b"abcdef"
    assert behind.waits == [0.1] * 3


def test_slices_of_a_chunked_answer_are_chunks(behind):
    behind.server.script(chunked(b"abcd"))
    assert behind.ask(fault=Slices(2)).body == b"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"


def test_a_stall_in_the_headers_sends_nothing_and_stays_open(behind):
    seen = behind.ask(fault=Stall())
    assert (seen.raw, seen.end) == (b"", "open")
    assert len(behind.server.requests) == 1


def test_a_stall_in_the_body_sends_so_much_and_stays_open(behind):
    behind.server.script(answer(body=b"abcdef"))
    seen = behind.ask(fault=Stall(after=2))
    assert (seen.header("content-length"), seen.body, seen.end) == ("6", b"ab", "open")


@pytest.mark.parametrize(("fault", "end"), ENDS)
def test_the_connection_ends_before_the_answer_and_the_request_has_happened(behind, fault, end):
    seen = behind.ask(put(b"body"), fault())
    assert (seen.raw, seen.end) == (b"", end)
    assert behind.server.bodies() == [b"body"]


@pytest.mark.parametrize(("fault", "end"), ENDS)
@pytest.mark.parametrize("after", [0, 3])
def test_the_connection_ends_in_the_body_of_the_answer(behind, fault, end, after):
    behind.server.script(answer(body=b"abcdef"))
    seen = behind.ask(fault=fault(after=after))
    assert (seen.header("content-length"), seen.body, seen.end) == ("6", b"abcdef"[:after], end)


@pytest.mark.parametrize(("fault", "end"), ENDS)
def test_the_connection_ends_behind_an_answer_that_is_shorter(behind, fault, end):
    behind.server.script(chunked(b"abc"))
    seen = behind.ask(fault=fault(after=100))
    assert (seen.body, seen.end) == (b"3\r\nabc\r\n0\r\n\r\n", end)


@pytest.mark.parametrize(("fault", "end"), ENDS)
def test_the_connection_ends_in_the_request_and_nothing_is_forwarded(behind, fault, end):
    seen = behind.ask(put(b"abcdef"), fault(after=3, during="request"))
    assert (seen.raw, seen.end) == (b"", end)
    assert behind.server.requests == []


@pytest.mark.parametrize(("how", "end"), [("reset", "reset"), ("hang_up", "closed"), ("stall", "open")])
def test_an_answer_is_lost_and_its_request_has_happened(behind, how, end):
    seen = behind.ask(put(b"body"), LostAnswer(how))
    assert (seen.raw, seen.end) == (b"", end)
    assert behind.server.bodies() == [b"body"]
    assert [(kept.forwarded, kept.status) for kept in behind.proxy.record] == [(True, None)]


def test_faults_apply_one_after_the_other(behind):
    class Plan:
        seed = 0

        def faults_for(self, request):
            return Latency(1), Slices(1), Reset(after=2), Latency(9)

    behind.proxy.plan = Plan()
    behind.server.script(answer(body=b"abc"))
    assert behind.ask().body == b"ab"
    assert behind.waits == [1.0]


def test_a_connection_serves_the_next_request_after_a_slow_one(behind):
    behind.proxy.plan = InOrder(Latency(1), Slices(1))
    line = behind.line()
    assert [line.ask(get()).status for _ in range(3)] == [200] * 3
    assert behind.server.connections == 1
