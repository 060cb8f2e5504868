"""Which faults are found in a source, and what is left alone."""

import ast
from pathlib import Path
from textwrap import dedent

import pytest

from tests.mutation.operators import changes_of


def faulty(source: str) -> list[str]:
    """Every version of a source with one fault."""
    content = dedent(source).encode()
    return [change.apply(content).decode() for change in changes_of(content)]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("x = a < b", {"x = a <= b", "x = a >= b"}),
        ("x = a is not b", {"x = a is b"}),
        ("x = a not in (b)", {"x = a in (b)"}),
        ("x = a and b", {"x = a or b"}),
        ("x = not a", {"x = a"}),
        ("x = a ** b", {"x = a * b"}),
        ("x += a", {"x -= a"}),
        ("x = 5", {"x = 6", "x = 4"}),
        ("x = True", {"x = False"}),
        ("x = 'code'", {"x = 'XXcode'"}),
        ("x = a if b else c", {"x = a if not (b) else c"}),
        ("f(a, b=c)", {"pass", "f(None, b=c)", "f(a, )"}),
        ("raise Wrong", {"pass"}),
        ("while a: break", {"while not (a): break", "while a: continue"}),
    ],
)
def test_what_can_be_wrong_is_made_wrong(right, wrong):
    assert set(faulty(right)) == wrong


def test_a_function_returns_and_assigns_nothing():
    assert faulty("def f(a):\n    b = a\n    return b") == [
        "def f(a):\n    b = None\n    return b",
        "def f(a):\n    b = a\n    return None",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "'''A docstring.'''",
        "x = 'a text for people'",
        "x: Literal['a'] | None",
        "Either = Some | Other",
        "__all__ = ['x']",
        "@decorated(slots=True)\ndef f(a: 'A' = None) -> 'B': ...",
        "assert a is not b",
        "if TYPE_CHECKING:\n    x = 5",
        "x = cast('A', y)",
    ],
)
def test_what_declares_or_is_read_by_people_is_left_alone(source):
    assert faulty(source) == []


def test_offsets_count_bytes():
    assert faulty("x = 'ü', 1") == ["x = 'XXü', 1", "x = 'ü', 0", "x = 'ü', 2"]


def test_every_fault_can_be_parsed():
    own = Path(__file__).read_text(encoding="utf-8")
    for version in faulty(own):
        ast.parse(version)


def test_a_fault_in_a_function_is_reached_by_its_line_and_a_default_by_the_whole_body():
    source = b"def f(a=1):\n    b = g(\n        a < 2,\n    )\n    return b\n\nC = 3\n"
    reach = {change.apply(source): change.reach for change in changes_of(source)}
    assert reach[source.replace(b"a=1", b"a=2")] == (range(2, 6),)
    assert reach[source.replace(b"<", b"<=")] == (range(3, 4), range(2, 4))
    assert reach[source.replace(b"C = 3", b"C = 4")] == (range(1, 8),)
