"""Merging, and where a merged value came from."""

from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.config.document import Document
from quackcore_async.config.origins import ABSENT, OriginMap, child, leaf_paths, merge_over

KEYS = st.sampled_from("abc")
VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), st.lists(st.integers(), max_size=2)),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(KEYS, VALUES, max_size=3)


def at(values, path):
    for step in path:
        values = child(values, step)
    return values


@given(MAPPINGS)
def test_merging_over_or_under_nothing_changes_nothing(values):
    assert merge_over({}, values) == values
    assert merge_over(values, {}) == values
    assert merge_over(values, values) == values


@given(MAPPINGS, MAPPINGS)
def test_every_value_of_the_section_wins_and_every_other_default_stays(defaults, section):
    merged = merge_over(defaults, section)
    for path in leaf_paths(section):
        if at(section, path) != {}:
            assert at(merged, path) == at(section, path)
    for path in leaf_paths(merged):
        if at(section, path) is ABSENT:
            assert at(merged, path) == at(defaults, path)


def origins(given, variables=None):
    return OriginMap(Document("f", {}, len), ("s",), given, variables or {})


def test_a_value_beside_the_files_own_in_a_merged_mapping_is_a_default():
    assert origins({"a": {"x": 1}}).of(("a", "y")).kind == "default"
    assert origins({"a": {"x": 1}}).of(("a", "x")).kind == "file"


def test_a_value_inside_of_a_replaced_list_is_the_files():
    assert str(origins({"a": [{"x": 1}]}).of(("a", 0, "x"))) == "f:4"


def test_a_list_with_a_variable_in_it_names_the_variable():
    origin = origins({"a": ["p", "${V}"]}, {("a", 1): ("V",)}).of(("a",))
    assert (origin.kind, origin.variables) == ("variable", ("V",))
