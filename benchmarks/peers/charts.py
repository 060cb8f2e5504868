"""Charts as SVG files that need nothing: no script, no font, light and dark by the reader's own setting."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

__all__ = ["BarChart", "Chart", "LineChart", "Series"]

_WIDTH = 760
_FONT = "-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
_STYLE = f"""<style>
text {{ font: 13px {_FONT}; fill: #1f2328; }}
.title {{ font-size: 15px; font-weight: 600; }}
.quiet {{ fill: #59636e; }}
.ground {{ fill: #ffffff; }}
.grid {{ stroke: #d8dee4; stroke-width: 1; }}
.line {{ fill: none; stroke-width: 2.5; }}
.own {{ font-weight: 600; }}
.f0 {{ fill: #bc4c00; }} .f1 {{ fill: #8c959f; }} .f2 {{ fill: #0969da; }} .f3 {{ fill: #1a7f37; }}
.s0 {{ stroke: #bc4c00; }} .s2 {{ stroke: #0969da; }} .s3 {{ stroke: #1a7f37; }} .s4 {{ stroke: #8250df; }}
.f4 {{ fill: #8250df; }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #e6edf3; }}
.quiet {{ fill: #9198a1; }}
.ground {{ fill: #0d1117; }}
.grid {{ stroke: #30363d; }}
.f0 {{ fill: #f0883e; }} .f1 {{ fill: #656c76; }} .f2 {{ fill: #58a6ff; }} .f3 {{ fill: #3fb950; }}
.s0 {{ stroke: #f0883e; }} .s2 {{ stroke: #58a6ff; }} .s3 {{ stroke: #3fb950; }} .s4 {{ stroke: #bc8cff; }}
.f4 {{ fill: #bc8cff; }}
}}
</style>"""


@dataclass(frozen=True, slots=True)
class BarChart:
    """Horizontal bars, the shortest first.

    Attributes:
        name: Name of its file, without the ending.
        title: What it shows.
        unit: In what.
        rows: Label, value, and whether it is ours.
    """

    name: str
    title: str
    unit: str
    rows: Sequence[tuple[str, float, bool]]

    def svg(self) -> str:
        """Draw it."""
        left, top, step, bar = 210, 52, 26, 16
        right = _WIDTH - 90
        largest = max(value for _, value, _ in self.rows)
        parts = []
        for number, (label, value, is_ours) in enumerate(sorted(self.rows, key=lambda row: row[1])):
            y = top + number * step
            length = max(1.0, (right - left) * value / largest)
            own, colour = ("own", "f0") if is_ours else ("", "f1")
            middle = y + bar / 2 + 4.5
            parts += [
                _text(left - 10, middle, label, f"{own}", "end"),
                f'<rect class="{colour}" x="{left}" y="{y}" width="{length:.1f}" height="{bar}" rx="2"/>',
                _text(left + length + 6, middle, f"{_number(value)} {self.unit}", own),
            ]
        return _document(self.title, top + len(self.rows) * step + 8, parts)


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name, its points from left to right, and whether it is ours."""

    name: str
    points: Sequence[tuple[float, float]]
    is_ours: bool


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines over logarithmic axes.

    Attributes:
        name: Name of its file, without the ending.
        title: What it shows.
        across: What the points are of, from left to right.
        unit: In what the values are.
        series: The lines.
    """

    name: str
    title: str
    across: str
    unit: str
    series: Sequence[Series]

    def svg(self) -> str:
        """Draw it."""
        left, right, top, bottom = 64, _WIDTH - 30, 84, 330
        xs = sorted({x for each in self.series for x, _ in each.points})
        ticks = _ticks([y for each in self.series for _, y in each.points])
        place_x = _scale(xs[0], xs[-1], left + 12, right - 12)
        place_y = _scale(ticks[0], ticks[-1], bottom, top)
        parts = [_text(left - 8, top - 14, self.unit, "quiet", "end")]
        for tick in ticks:
            y = place_y(tick)
            parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(_text(left - 8, y + 4.5, _number(tick), "quiet", "end"))
        parts += [_text(place_x(x), bottom + 20, _number(x), "quiet", "middle") for x in xs]
        parts.append(_text((left + right) / 2, bottom + 40, self.across, "quiet", "middle"))
        legend = float(left + 12)
        for number, each in enumerate(self.series):
            colour = _colour(number, self.series)
            way = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in each.points)
            dashes = "" if each.is_ours and number == 0 else f' stroke-dasharray="{(3 + 3 * number)} 3"'
            parts.append(f'<polyline class="line s{colour}" points="{way}"{dashes}/>')
            parts += [
                f'<circle class="f{colour}" cx="{place_x(x):.1f}" cy="{place_y(y):.1f}" r="3.5"/>'
                for x, y in each.points
            ]
            parts.append(
                f'<line class="line s{colour}" x1="{legend:.0f}" x2="{legend + 26:.0f}" y1="46" y2="46"{dashes}/>'
            )
            parts.append(_text(legend + 32, 50, each.name, "own" if each.is_ours else ""))
            legend += 32 + 7.6 * len(each.name) + 24
        return _document(self.title, bottom + 54, parts)


Chart = BarChart | LineChart


def _colour(number: int, series: Sequence[Series]) -> int:
    """Return the number of a colour: that of ours for the first line of ours, the others in turn."""
    return 0 if series[number].is_ours and number == 0 else 2 + (number - 1) % 3


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = math.log(high / low) or 1.0

    def place(value: float) -> float:
        return start + (end - start) * math.log(value / low) / span

    return place


def _ticks(values: Iterable[float]) -> list[float]:
    """Return 1, 2 and 5 times the powers of ten from below the lowest value to above the highest."""
    low, high = min(values), max(values)
    steps = [
        digit * 10.0**power
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for digit in (1, 2, 5)
    ]
    first = max((step for step in steps if step <= low), default=steps[0])
    last = min((step for step in steps if step >= high and step > first), default=steps[-1])
    return [step for step in steps if first <= step <= last]


def _number(value: float) -> str:
    """Write a number as people read it."""
    if value >= 100:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.3g}"


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _document(title: str, height: float, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" '
        f'height="{height:.0f}" role="img" aria-label="{escape(title)}">'
    )
    ground = f'<rect class="ground" width="{_WIDTH}" height="{height:.0f}" rx="6"/>'
    return "\n".join((head, _STYLE, ground, _text(16, 26, title, "title"), *parts, "</svg>", ""))
