"""YAML without its traps: no tags, no duplicate keys, no bombs, keys as they are written.

The only module that imports yaml; it is itself imported when the first file is read.
"""

import re
from typing import Any, Final, NamedTuple

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from quackcore_async.errors import InvalidConfigError

__all__ = ["MAX_ALIASES", "MAX_DEPTH", "MAX_NODES", "ParsedYaml", "parse_yaml"]

MAX_DEPTH: Final = 64
"""Mappings and lists inside of each other."""

MAX_ALIASES: Final = 100
"""Uses of `*name` in a file."""

MAX_NODES: Final = 100_000
"""Keys and values of a file, those that aliases repeat counted each time."""

_TAG: Final = "tag:yaml.org,2002:"
_QUOTED: Final = re.compile(r"(['\"])(?!<)(?:\\.|(?!\1).){2,}\1", re.DOTALL)


class ParsedYaml(NamedTuple):
    """What a YAML text says, and where it says it."""

    data: Any
    root: Node | None

    def line_of(self, key_path: tuple[str | int, ...]) -> int | None:
        """Return the line, from 1, of the key or list item at `key_path`; None when the text has none."""
        node: Node | None = self.root
        line: int | None = None
        for step in key_path:
            found = _child(node, step)
            if found is None:
                return None
            line, node = found
        return line


def parse_yaml(text: str, path: str) -> ParsedYaml:
    """Parse the text of a file.

    Scalars are read as in YAML 1.1, but what looks like a date, a sexagesimal or an octal number stays text.

    Raises:
        InvalidConfigError: if it is no YAML, holds more than one document, uses a tag, repeats a key, or is nested
            or multiplied beyond the limits. The message names path, line and column and shows no value.
    """
    parsed, problem = _load(text)
    if parsed is None:
        raise InvalidConfigError(f"{path}, {problem}")
    return parsed


def _load(text: str) -> tuple[ParsedYaml | None, str]:
    """Return the parsed text or the problem; an exception here would carry the text in its traceback."""
    try:
        loader = _StrictLoader(text)
    except yaml.reader.ReaderError as error:
        return None, _unprintable(text, error.position)
    try:
        root = loader.get_single_node()
        data = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        return None, _complaint(error)
    except (ValueError, OverflowError):  # PyYAML lets a `\U` escape beyond Unicode through to `chr`
        return None, f"line {loader.line + 1}, column {loader.column + 1}: this is no character of Unicode"
    else:
        return ParsedYaml(data, root), ""


def _unprintable(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    return f"line {line}, column {column}: a control character (U+{ord(text[position]):04X}): remove it"


def _complaint(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    position = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
    problem = error.problem or error.context or "not valid YAML"
    if "'\\t'" in problem:
        return f"{position}: a tab: indent with spaces"
    if "found another document" in problem:
        return f"{position}: a second document starts here: keep one document in the file"
    return f"{position}: {_QUOTED.sub('that text', problem)}"


def _child(node: Node | None, step: str | int) -> tuple[int, Node] | None:
    if isinstance(node, MappingNode):
        for key, value in reversed(node.value):  # after the merge of `<<` the key's own value stands last
            if key.value == step:
                return key.start_mark.line + 1, value
    elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item.start_mark.line + 1, item
    return None


def _refuse(mark: Any, problem: str) -> yaml.MarkedYAMLError:  # noqa: ANN401 - PyYAML's marks have no public type
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


class _StrictLoader(yaml.SafeLoader):
    """A safe loader that counts what it composes and refuses before anything can grow."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own class attribute

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._aliases = 0
        self._nodes = 0
        self._sizes: dict[str, int] = {}  # how many nodes an anchor stands for

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:  # noqa: ANN401 - a key node or a number
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        is_key = isinstance(parent, MappingNode) and index is None
        if isinstance(event, yaml.AliasEvent):
            self._count_alias(event, is_key=is_key)
            return super().compose_node(parent, index)
        self._check_node(event, is_key=is_key)
        before = self._nodes
        self._count(1, event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if event.anchor is not None:
            self._sizes[event.anchor] = self._nodes - before
        if isinstance(node, ScalarNode):
            _check_scalar(node, is_key=is_key)
        return node

    def compose_mapping_node(self, anchor: Any) -> MappingNode:  # noqa: ANN401 - as in PyYAML's stubs
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.value in lines:
                raise _refuse(key.start_mark, f"the key {key.value!r} stands in line {lines[key.value]} already")
            lines[key.value] = line
        return node

    def _check_node(self, event: Any, *, is_key: bool) -> None:  # noqa: ANN401 - PyYAML's events have no common type
        if event.tag is not None:
            raise _refuse(event.start_mark, "tags (`!...`) are not read: put a value that starts with ! in quotes")
        if event.anchor is not None and event.anchor in self.anchors:
            raise _refuse(event.start_mark, "this anchor is defined twice: rename one of the two")
        if self._depth >= MAX_DEPTH:
            raise _refuse(event.start_mark, f"nested more than {MAX_DEPTH} deep")
        if is_key and not isinstance(event, yaml.ScalarEvent):
            raise _refuse(event.start_mark, "a key must be text")

    def _count_alias(self, event: yaml.AliasEvent, *, is_key: bool) -> None:
        self._aliases += 1
        if is_key or event.anchor not in self.anchors:
            raise _refuse(
                event.start_mark, "an alias to nothing: put a key or a value that starts with * in quotes"
            )
        if event.anchor not in self._sizes:
            raise _refuse(event.start_mark, "an alias to something that contains it")
        if self._aliases > MAX_ALIASES:
            raise _refuse(event.start_mark, f"more than {MAX_ALIASES} aliases")
        self._count(self._sizes[event.anchor], event.start_mark)

    def _count(self, nodes: int, mark: Any) -> None:  # noqa: ANN401 - PyYAML's marks have no public type
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise _refuse(mark, f"more than {MAX_NODES} keys and values")


def _check_scalar(node: ScalarNode, *, is_key: bool) -> None:
    if any("\ud800" <= character <= "\udfff" for character in node.value):
        raise _refuse(node.start_mark, "an escape that is half of a surrogate pair")
    if not is_key or node.tag == f"{_TAG}merge":
        return
    if not node.value:
        raise _refuse(node.start_mark, "a key is missing before the colon")
    node.tag = f"{_TAG}str"  # `on:` and `404:` are keys like any other


for _kind, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"(?:y|Y)es|YES|[nN]o|NO|[tT]rue|TRUE|[fF]alse|FALSE|[oO]n|ON|[oO]ff|OFF", list("yYnNtTfFoO")),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,99}|0x[0-9a-fA-F]{1,64})", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", "<<", ["<"]),
):
    _StrictLoader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(rf"(?:{_pattern})\Z"), _first)
