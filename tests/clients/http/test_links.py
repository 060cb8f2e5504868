"""The Link header, as servers write it and as they should not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quackcore_async.clients.http.links import find_link, parse_links


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('<https://api.test/x?page=2>; rel="next"', "https://api.test/x?page=2"),
        ("<https://api.test/x?page=2>; rel=next", "https://api.test/x?page=2"),
        ('<https://api.test/1>; rel="prev", <https://api.test/3>; rel="next"', "https://api.test/3"),
        ('</x?a=1,2;b=3>; rel="next"', "/x?a=1,2;b=3"),
        ('<?page=2>;rel="NEXT"', "?page=2"),
        ('</2>; title="a, <b>; rel=\\"last\\""; rel="next"', "/2"),
        ('</2>; rel="start next"', "/2"),
        ('</2> ; ; rel = "next" ;', "/2"),
        ('</first>; rel="prev"; rel="next", </second>; rel="next"', "/second"),
        ('</other>; rel="next"; anchor="/elsewhere", </2>; rel="next"', "/2"),
        (',, </2>; rel="next",', "/2"),
        ('</bad>; =nonsense"; rel="next", </2>; rel="next"', "/2"),
        ('<>; rel="next"', ""),
    ],
)
def test_next_is_found(header: str, target: str) -> None:
    assert find_link(header, "next") == target


@pytest.mark.parametrize(
    "header", [None, "", "nonsense", '<a>; rel="last"', '<a; rel="next"', "<a>", '<a>; title="rel=next"']
)
def test_no_next_is_none(header: str | None) -> None:
    assert find_link(header, "next") is None


def test_escapes_in_quoted_parameters_are_undone() -> None:
    (link,) = parse_links(r'<a>; title="say \"hi\" \\"')
    assert link.parameters["title"] == 'say "hi" \\'


def test_a_header_of_absurd_length_is_not_read() -> None:
    assert parse_links("<a>; rel=next, " * 100_000) == []


@settings(deadline=None)
@given(st.text(alphabet='<>;,="\\ \tabrelnxt/', max_size=200))
def test_anything_is_read_in_time(header: str) -> None:
    for link in parse_links(header):
        assert "<" not in link.target


TARGETS = st.text(alphabet=st.characters(codec="ascii", exclude_characters="<>", categories=["L", "N", "P", "S"]))


@settings(deadline=None)
@given(st.lists(st.tuples(TARGETS, st.sampled_from(["next", "prev", "last"])), min_size=1, max_size=5))
def test_what_is_written_by_the_rules_is_read_back(links: list[tuple[str, str]]) -> None:
    header = ", ".join(f'<{target}>; rel="{relation}"' for target, relation in links)
    assert [(link.target, link.parameters["rel"]) for link in parse_links(header)] == links
