"""The comparison with the peers: ratios, bars, who takes part, and the section of the documentation."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.peers.charts import BarChart
from benchmarks.peers.clients import programs
from benchmarks.peers.comparison import Bar, Measure, compare
from benchmarks.peers.contestants import Contestant, few, line_up
from benchmarks.peers.page import BEGIN, END, with_section, write
from benchmarks.peers.race import Results, WorkUndoneError, check, race
from benchmarks.peers.work import Work
from benchmarks.probe import Figures, Probe
from benchmarks.report import MIB, Table

OURS = Contestant("ours (lean)", "ours", "lean")
PEER = Contestant("peer", "peer")
SECONDS = Measure("s", lambda seconds: f"{seconds:.1f}")


def figures(cpu: float, wall: float = 1.0, peak: int = 0) -> Figures:
    return Figures(wall, cpu, 0, peak)


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    results = Results({OURS: [figures(1), figures(9), figures(2)], PEER: [figures(2), figures(10), figures(8)]})
    row = compare("title", results, SECONDS, SECONDS).rows[1]
    assert row[5] == "0.50"


def test_a_rate_is_higher_where_it_took_less_time() -> None:
    results = Results({OURS: [figures(1, wall=2.0)], PEER: [figures(1, wall=4.0)]})
    assert compare("title", results, SECONDS, SECONDS).rows[1][6] == "2.00"


@pytest.mark.parametrize(
    ("bar", "met"),
    [
        (Bar("peer", "cpu", 0.5), True),
        (Bar("peer", "cpu", 0.4), False),
        (Bar("peer", "rate", 1.0), True),
        (Bar("peer", "rate", 1.1), False),
    ],
)
def test_a_bar_is_missed_on_the_wrong_side_of_it(bar: Bar, met: bool) -> None:
    results = Results({OURS: [figures(1)], PEER: [figures(2)]})
    table = compare("title", results, SECONDS, SECONDS, [bar])
    assert (table.notes[-1] == "ours (lean) meets all bars.") is met
    assert f"(bar {bar.limit:g})" in "".join(table.rows[1])


def test_memory_above_its_bar_is_missed() -> None:
    results = Results({OURS: [figures(1, peak=90 * MIB), figures(1, peak=110 * MIB)]})
    notes = compare("title", results, SECONDS, SECONDS, peak_bar=100 * MIB).notes
    assert notes[-1] == "Missed by ours (lean): peak memory is 110 MiB, not 100 MiB."


def test_the_order_of_a_round_turns_round_in_the_next() -> None:
    order: list[str] = []

    def entry(name: str) -> Figures:
        order.append(name)
        return figures(1)

    race({OURS: lambda: entry("ours"), PEER: lambda: entry("peer")}, 3)
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer"]


@pytest.mark.parametrize("error", [subprocess.CalledProcessError(3, "x"), WorkUndoneError("two are missing")])
def test_one_that_fails_is_named_and_the_others_go_on(error: Exception) -> None:
    def fail() -> Figures:
        raise error

    results = race({OURS: lambda: figures(1), PEER: fail}, 2)
    assert list(results.runs) == [OURS]
    assert len(results.runs[OURS]) == 2
    assert len(results.failures) == 1
    assert results.failures[0].startswith("peer failed: ")


def test_work_is_done_only_when_every_object_is_there_with_its_size() -> None:
    work = Work("bucket", "p", count=2, size=5)
    check([("p/000001.bin", 5), ("p/000000.bin", 5)], work, "here")
    for found in ([("p/000000.bin", 5)], [("p/000000.bin", 5), ("p/000001.bin", 4)]):
        with pytest.raises(WorkUndoneError):
            check(found, work, "here")


def test_an_engine_that_the_configuration_refuses_is_named_as_left_out() -> None:
    contestants, left_out = line_up(["aioboto3", "no such engine"])
    assert contestants[0].name == "ours (aioboto3)"
    assert [line for line in left_out if "no such engine" in line] != []
    assert [each for each in contestants if each.variant == "no such engine"] == []


def test_a_peer_that_is_not_installed_is_named_as_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.peers.contestants._is_there", lambda name: name != "obstore")
    contestants, left_out = line_up(["aioboto3"])
    assert "obstore is left out: obstore is not installed." in left_out
    assert "obstore" not in {each.name for each in contestants}
    assert "s5cmd" in {each.name for each in contestants}


def test_few_are_the_first_of_ours_and_those_that_are_named() -> None:
    second = Contestant("ours (other)", "ours", "other")
    third = Contestant("third", "peer")
    assert few([OURS, second, PEER, third], "third") == [OURS, third]


def test_the_section_goes_to_the_end_at_first_and_to_its_place_later() -> None:
    first = with_section("# Page\n\nText.\n", "one")
    assert first == f"# Page\n\nText.\n\n{BEGIN}\n\none\n\n{END}\n"
    assert with_section(f"{first}\nMore.\n", "two") == f"# Page\n\nText.\n\n{BEGIN}\n\ntwo\n\n{END}\n\nMore.\n"


def test_tables_and_charts_are_written(tmp_path: Path) -> None:
    (tmp_path / "benchmarks.md").write_text("# Benchmarks\n")
    chart = BarChart("cpu", "CPU", "µs", [("ours", 1.0, True)])
    write([Table("Title", ["a"], [["1"]], ["A note."])], [chart], ["x is left out."], tmp_path)
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    for part in ("![CPU](charts/cpu.svg)", "### Title", "| 1 |", "A note.", "x is left out."):
        assert part in text
    assert (tmp_path / "charts" / "cpu.svg").read_text(encoding="utf-8") == chart.svg()


def test_of_a_program_its_own_cpu_memory_and_lines_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    probe = Probe()
    work = "import sys; x = bytearray(60_000_000); sum(range(3_000_000)); print('a'); sys.stdout.write('b\\n')"
    assert programs.run(probe, [sys.executable, "-c", work]) == 2
    assert probe.figures.cpu > 0.02
    assert 55 * MIB < probe.figures.peak < 150 * MIB


def test_a_program_that_fails_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(RuntimeError, match="ended with 3"):
        programs.run(Probe(), [sys.executable, "-c", "raise SystemExit(3)"])


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_lag_is_the_longest_that_the_loop_was_held(anyio_backend: str) -> None:
    probe = Probe(lag=True)
    with probe:
        await asyncio.sleep(0.01)
        time.sleep(0.1)  # noqa: ASYNC251 - the loop is to be held
        await asyncio.sleep(0.01)
    assert 0.09 < probe.figures.lag < 5
