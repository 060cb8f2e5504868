"""YAML files: what is read, and that everything else is an error with a place and without a value."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.config.document import MAX_FILE_SIZE, read_document
from quackcore_async.config.strict_yaml import MAX_ALIASES, MAX_DEPTH, parse_yaml
from quackcore_async.errors import ConfigError, InvalidConfigError, MissingConfigError


def refusal(text: str) -> str:
    with pytest.raises(InvalidConfigError) as caught:
        parse_yaml(text, "f.yaml")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return str(caught.value)


def write(tmp_path, content: bytes):
    path = tmp_path / "f.yaml"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", "010"),
        ("12:30:00", "12:30:00"),
        ("2024-01-01", "2024-01-01"),
        ("1e3", "1e3"),
        ("1_000", "1_000"),
        ("1.10", 1.1),
        ("NO", False),
        ("on", True),
        ("~", None),
        ("-7", -7),
        ("0x1F", 31),
        (".5", 0.5),
        ("=", "="),
        ("9" * 5000, "9" * 5000),
        ("'8'", "8"),
    ],
)
def test_scalars_that_yaml_guesses_wrong_stay_text(text, value):
    assert parse_yaml(f"k: {text}", "f").data == {"k": value}


def test_keys_are_text_as_they_are_written():
    assert parse_yaml("on: 1\n404: 2\nNO: 3\n~: 4", "f").data == {"on": 1, "404": 2, "NO": 3, "~": 4}


def test_merge_keys_and_aliases_work_and_own_keys_win():
    data = parse_yaml("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n", "f").data
    assert data["b"] == {"x": 1, "y": 3}


def test_lines_of_keys_items_and_merged_keys():
    parsed = parse_yaml("a: &a\n  x: 1\nb:\n  <<: *a\n  list:\n    - p\n    - q\n", "f")
    assert parsed.line_of(("b", "list", 1)) == 7
    assert parsed.line_of(("b", "x")) == 2
    assert parsed.line_of(("b", "nothing")) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", ["line 3, column 1", "'a' stands in line 1 already"]),
        ("x: {'1': a, 1: b}", ["line 1", "'1' stands in line 1"]),
        ("k: !!python/object/apply:os.system [ls]", ["line 1, column 4", "tags"]),
        ("k: !custom 1", ["line 1, column 4", "tags"]),
        ("k: !x!hunter2secret 1", ["line 1, column 4"]),
        ("a: &a [*a]", ["line 1, column 8", "contains it"]),
        ("a: &a {<<: *a}", ["line 1, column 12", "contains it"]),
        ("password: *hunter2secret", ["line 1, column 11", "quotes"]),
        ("a: &a 1\nb: &a 2", ["line 2", "defined twice"]),
        ("a:\n\tb: 1", ["line 2, column 1", "tab"]),
        ("a: 1\n---\nb: 2", ["line 2, column 1", "one document"]),
        ("a: b\x00c", ["line 1, column 5", "U+0000"]),
        ("x: 1\na: \x07", ["line 2, column 4", "U+0007"]),
        ('a: "\\U00110000"', ["line 1", "Unicode"]),
        ('a: "\\ud800"', ["line 1, column 4", "surrogate"]),
        ("? [a, b]\n: 1", ["line 1", "key must be text"]),
        ("'': 1", ["line 1, column 1", "key is missing"]),
        ("a: [1, 2", ["line 1"]),
        ("a: 'hunter2secret", ["line 1"]),
        ("a: b: hunter2secret", ["line 1, column 5"]),
        ("[" * 5000, [f"column {MAX_DEPTH + 1}", "deep"]),
        ("- " * 5000, ["deep"]),
        ("a: &a 1\nb: [" + "*a, " * (MAX_ALIASES + 1) + "]", ["line 2", "aliases"]),
        ("a: &a {b: 1}\n<<: *a\n<<: *a", ["line 3", "'<<' stands in line 2"]),
        ("a: &b 1\nc: {*b : 2}", ["line 2", "quotes"]),
    ],
)
def test_an_unusable_text_names_the_place_and_no_value(text, expected):
    message = refusal(text)
    assert message.startswith("f.yaml, line ")
    for part in expected:
        assert part in message
    assert "hunter2secret" not in message


def test_an_alias_bomb_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    assert "more than 100000 keys and values" in refusal("\n".join(lines))


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"~", b"\xef\xbb\xbf", b"---\n"])
def test_an_empty_file_is_an_empty_mapping(tmp_path, content):
    assert read_document(write(tmp_path, content)).data == {}


def test_byte_order_mark_and_crlf_are_accepted(tmp_path):
    assert read_document(write(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")).data == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: 1\nb: \xff\n", "line 2, column 4: the file is not UTF-8"),
        ("a: 1".encode("utf-16"), "line 1, column 1: the file is not UTF-8"),
        (b"- a\n", "must hold a mapping"),
        (b"hello", "must hold a mapping"),
        (b"#" * (MAX_FILE_SIZE + 1), "larger than"),
    ],
)
def test_an_unusable_file_names_its_path(tmp_path, content, expected):
    path = write(tmp_path, content)
    with pytest.raises(InvalidConfigError, match=expected) as caught:
        read_document(path)
    assert path in str(caught.value)


def test_a_file_of_the_full_size_is_read(tmp_path):
    content = b"a: 1\n" + b"#" * (MAX_FILE_SIZE - 5)
    assert read_document(write(tmp_path, content)).data == {"a": 1}


def test_directories_pipes_and_missing_files_are_errors_at_once(tmp_path):
    with pytest.raises(InvalidConfigError, match="is a directory"):
        read_document(str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidConfigError, match="no regular file"):
        read_document(str(tmp_path / "pipe"))
    with pytest.raises(MissingConfigError):
        read_document(str(tmp_path / "missing"))
    with pytest.raises(InvalidConfigError, match="cannot be read"):
        read_document(f"{tmp_path}/a\0b")


def test_an_unreadable_file_is_an_error_with_the_reason(tmp_path):
    path = tmp_path / "loop"
    path.symlink_to(path)
    with pytest.raises(InvalidConfigError, match="cannot be read"):
        read_document(str(path))


def test_a_file_that_may_not_be_read_is_an_error_that_names_it(tmp_path):
    path = write(tmp_path, b"a: 1\n")
    (tmp_path / "f.yaml").chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # permission bits mean nothing to root
    try:
        with pytest.raises(InvalidConfigError, match=r"cannot be read: Permission denied") as caught:
            read_document(path)
    finally:
        os.seteuid(user)
    assert path in str(caught.value)


YAML_LIKE = st.text(
    alphabet=st.sampled_from("abc01 :-[]{},&*!|>'\"%#?~<=\\U\n\t\r@`.é\x85\ud800\u2028"), max_size=60
)


@given(st.one_of(YAML_LIKE, st.text(max_size=60)))
def test_no_text_raises_anything_but_a_config_error(text):
    try:
        parse_yaml(text, "f.yaml")
    except ConfigError as error:
        message = str(error)
    else:
        return
    assert message.startswith("f.yaml, line ")


@given(content=st.one_of(st.binary(max_size=60), YAML_LIKE.map(lambda text: text.encode("utf-8", "replace"))))
def test_no_bytes_raise_anything_but_a_config_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes", numbered=True) / "f.yaml"
    path.write_bytes(content)
    try:
        document = read_document(str(path))
    except ConfigError:
        return
    assert isinstance(document.data, dict)
