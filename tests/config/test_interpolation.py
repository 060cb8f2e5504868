"""`${VAR}`: what is replaced, what is left alone, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.config.interpolation import MAX_EXPANDED_SIZE, expand_variables

ENVIRON = {"A": "one", "B": "${A}", "EMPTY": "", "TOKEN": "hunter2secret"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "one"),
        ("x${A}y${A}z", "xoneyonez"),
        ("${B}", "${A}"),
        ("${NONE:-d}", "d"),
        ("${NONE:-}", ""),
        ("${EMPTY:-d}", "d"),
        ("${A:-d}", "one"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("${A}$${A}", "one${A}"),
        ("$A $ $$ {A}", "$A $ $$ {A}"),
        ("${NONE:-a:-b}", "a:-b"),
        ("no reference", "no reference"),
    ],
)
def test_references_are_replaced_once(text, expected):
    expansion = expand_variables({"k": [text]}, ENVIRON)
    assert expansion.value == {"k": [expected]}
    assert not expansion.missing
    assert not expansion.malformed


def test_keys_and_other_types_are_left_alone():
    value = {"${A}": 1, "b": None, "c": [True, 2.5]}
    assert expand_variables(value, ENVIRON).value == value


def test_the_variables_of_each_value_are_told():
    expansion = expand_variables({"a": "${A}-${NONE:-x}", "b": ["${B}"], "c": "plain"}, ENVIRON)
    assert expansion.variables == {("a",): ("A", "NONE"), ("b", 0): ("B",)}


@pytest.mark.parametrize(("text", "state"), [("${NONE}", "not set"), ("${EMPTY}", "empty")])
def test_a_variable_without_value_is_named_with_its_key(text, state):
    expansion = expand_variables({"a": {"b": f"${{TOKEN}}{text}"}}, ENVIRON)
    [(path, complaint)] = expansion.missing
    assert path == ("a", "b")
    assert text[2:-1] in complaint
    assert state in complaint
    assert "hunter2secret" not in complaint


@pytest.mark.parametrize(
    "text", ["${", "${}", "${A", "${1}", "${A-x}", "${A:x}", "${A B}", "${NONE:-${A}}", "${${A}}"]
)
def test_a_reference_that_cannot_be_read_is_refused(text):
    [(path, complaint)] = expand_variables({"k": text}, ENVIRON).malformed
    assert path == ("k",)
    assert "$${" in complaint


@pytest.mark.parametrize(
    "text", ["${" * 500_000, "${A:-" * 200_000, "$" * 1_000_000 + "{A}", "${" * 500_000 + "}"]
)
@pytest.mark.timeout(5)
def test_a_megabyte_of_openings_takes_linear_time(text):
    expand_variables({"k": text}, ENVIRON)


def test_what_variables_bring_in_is_bounded():
    expansion = expand_variables(["${BIG}"] * 3, {"BIG": "x" * (MAX_EXPANDED_SIZE // 2)})
    assert [path for path, _ in expansion.malformed] == [(2,)]


@given(st.text())
def test_text_without_an_opening_is_unchanged(text):
    if "${" not in text:
        assert expand_variables(text, {}).value == text


@given(st.text(), st.text())
def test_the_value_of_a_variable_comes_out_as_it_is(value, around):
    around = around.replace("$", "").replace("{", "")
    if value:
        assert expand_variables(f"{around}${{V}}{around}", {"V": value}).value == f"{around}{value}{around}"
