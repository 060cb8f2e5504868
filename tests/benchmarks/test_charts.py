"""The charts are whole SVG files that need nothing else, and that can be read in light and in dark."""

import re
from xml.etree import ElementTree as ET

import pytest

from benchmarks.peers.charts import BarChart, Chart, LineChart, Series

SVG = "{http://www.w3.org/2000/svg}"
BARS = BarChart("bars", "CPU <of> one", "µs", [("theirs & more", 400.0, False), ("ours", 100.0, True)])
LINES = LineChart(
    "lines",
    "Growth",
    "objects",
    "MiB",
    [Series("ours", [(100, 50.0), (10_000, 60.0)], is_ours=True), Series("theirs", [(100, 900.0)], is_ours=False)],
)
SINGLE = LineChart("single", "One point", "objects", "MiB", [Series("ours", [(100, 10.0)], is_ours=True)])


def texts(chart: Chart) -> list[str]:
    return [element.text or "" for element in ET.fromstring(chart.svg()).iter(f"{SVG}text")]


@pytest.mark.parametrize("chart", [BARS, LINES, SINGLE], ids=lambda chart: chart.name)
def test_a_chart_is_one_document_that_refers_to_nothing_and_knows_both_schemes(chart: Chart) -> None:
    text = chart.svg()
    ET.fromstring(text)
    assert "prefers-color-scheme: dark" in text
    assert re.findall(r"href|url\(|<script", text) == []


def test_bars_are_as_long_as_their_values_and_stand_the_shortest_first() -> None:
    bars = [
        element for element in ET.fromstring(BARS.svg()).iter(f"{SVG}rect") if element.get("class") != "ground"
    ]
    short, long = (float(bar.attrib["width"]) for bar in bars)
    assert long == pytest.approx(4 * short, abs=0.2)
    assert texts(BARS) == ["CPU <of> one", "ours", "100 µs", "theirs & more", "400 µs"]


def test_lines_have_names_axes_and_round_ticks_around_their_values() -> None:
    shown = texts(LINES)
    assert {"ours", "theirs", "objects", "MiB", "50", "1\u202f000", "10\u202f000"} <= set(shown)


def test_equal_ratios_are_equal_distances() -> None:
    series = [Series("ours", [(1, 10.0), (10, 100.0), (100, 1000.0)], is_ours=True)]
    root = ET.fromstring(LineChart("log", "Log", "n", "s", series).svg())
    (line,) = root.iter(f"{SVG}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    steps = [(right[0] - left[0], right[1] - left[1]) for left, right in zip(points, points[1:], strict=False)]
    assert steps[0] == pytest.approx(steps[1], abs=0.2)
    assert steps[0][0] > 0 > steps[0][1]


def test_nothing_is_drawn_outside_the_picture() -> None:
    for chart in (BARS, LINES, SINGLE):
        root = ET.fromstring(chart.svg())
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        for element in root.iter(f"{SVG}text"):
            assert 0 < float(element.attrib["x"]) < width
            assert 0 < float(element.attrib["y"]) < height
