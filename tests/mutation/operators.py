"""The small faults that are planted: which places of a source can be wrong, and how.

They are those of mutmut and Cosmic Ray: a comparison, a boolean or an arithmetic operator that is another one, a
constant that is off by one or flipped, a condition that is negated, an argument that is left out, a value that is
`None`, a call or a `raise` that does not happen. Left alone is what declares or is read by people:
annotations, decorators, docstrings, assertions, `__all__`, `__slots__`, and texts with a space in them.
"""

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

SWAPS: Final[dict[type[ast.AST], tuple[str, tuple[str, ...]]]] = {
    ast.And: (r"\band\b", ("or",)),
    ast.Or: (r"\bor\b", ("and",)),
    ast.Lt: (r"<", ("<=", ">=")),
    ast.LtE: (r"<=", ("<", ">")),
    ast.Gt: (r">", (">=", "<=")),
    ast.GtE: (r">=", (">", "<")),
    ast.Eq: (r"==", ("!=",)),
    ast.NotEq: (r"!=", ("==",)),
    ast.Is: (r"\bis\b", ("is not",)),
    ast.IsNot: (r"\bis\s+not\b", ("is",)),
    ast.In: (r"\bin\b", ("not in",)),
    ast.NotIn: (r"\bnot\s+in\b", ("in",)),
    ast.Add: (r"\+", ("-",)),
    ast.Sub: (r"-", ("+",)),
    ast.Mult: (r"\*", ("/",)),
    ast.Div: (r"/", ("*",)),
    ast.FloorDiv: (r"//", ("/",)),
    ast.Mod: (r"%", ("/",)),
    ast.Pow: (r"\*\*", ("*",)),
    ast.LShift: (r"<<", (">>",)),
    ast.RShift: (r">>", ("<<",)),
    ast.BitAnd: (r"&", ("|",)),
    ast.BitOr: (r"\|", ("&",)),
    ast.BitXor: (r"\^", ("&",)),
}

PARTS_OF_CONDITIONS = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Constant)
DECLARING_NAMES = {"__all__", "__slots__", "__match_args__", "model_config"}
DECLARING_CALLS = {"cast", "TypeVar", "NewType", "ParamSpec", "assert_never", "lazy_exports"}


@dataclass(frozen=True)
class Change:
    """One fault: what is put in the place of a span of the source.

    Attributes:
        operator: What kind of fault it is.
        start: Offset of the span's first byte.
        end: Offset behind its last byte.
        text: What stands there instead.
        line: Line of the span, from 1.
        reach: Ranges of lines, nearest first: a test that executes one of them executes the span.
    """

    operator: str
    start: int
    end: int
    text: str
    line: int
    reach: tuple[range, ...]

    def apply(self, source: bytes) -> bytes:
        """Return the source with the fault in it."""
        return source[: self.start] + self.text.encode() + source[self.end :]


def changes_of(source: bytes) -> list[Change]:
    """Return every fault that can be planted in a source, in its order."""
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    return sorted(finder.changes, key=lambda change: (change.start, change.end, change.text))


class _Finder(ast.NodeVisitor):
    """Walks a syntax tree and notes the faults. What a node does not handle is walked through."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.changes: list[Change] = []
        lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in lines:
            self._starts.append(self._starts[-1] + len(line))
        self._reach: tuple[range, ...] = (range(1, len(lines) + 1),)
        self._in_function = False

    # Noting.

    def _span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None  # noqa: PT018
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset

    def _note(self, operator: str, line: int, span: tuple[int, int], text: str) -> None:
        reach = self._reach
        if self._in_function:
            reach = (range(line, line + 1), range(reach[0].start, line + 1))
        self.changes.append(Change(operator, *span, text, line, reach))

    def _swap(self, operator: ast.AST, left: ast.expr, right: ast.expr) -> None:
        """Put another operator between two operands."""
        start, end = self._span(left)[1], self._span(right)[0]
        pattern, others = SWAPS.get(type(operator), ("", ()))
        found = re.search(pattern.encode(), self.source[start:end])
        if found is not None:
            line = self.source.count(b"\n", 0, start + found.start()) + 1
            for text in others:
                self._note("operator", line, (start + found.start(), start + found.end()), text)

    def _negate(self, condition: ast.expr) -> None:
        if not isinstance(condition, PARTS_OF_CONDITIONS):
            span = self._span(condition)
            self._note("condition", condition.lineno, span, f"not ({self.source[slice(*span)].decode()})")

    # Where it is reached from.

    @contextmanager
    def _reached_by(self, *ranges: range, in_function: bool) -> Iterator[None]:
        before = self._reach, self._in_function
        self._reach, self._in_function = ranges, in_function
        yield
        self._reach, self._in_function = before

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        body = range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1)
        with self._reached_by(body, in_function=False):
            for default in (*node.args.defaults, *node.args.kw_defaults):
                if default is not None:
                    self.visit(default)
        for statement in node.body:
            with self._reached_by(body, in_function=True):
                self.visit(statement)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for statement in node.body:
            self.visit(statement)

    def visit(self, node: ast.AST) -> None:
        """Visit a node; a statement in a function is reached from its own first line on."""
        if isinstance(node, ast.stmt) and self._in_function:
            with self._reached_by(range(node.lineno, node.lineno + 1), in_function=True):
                super().visit(node)
        else:
            super().visit(node)

    # What is left alone.

    def visit_Assert(self, node: ast.Assert) -> None:
        """Leave it alone: it says what is true anyway."""

    def visit_arg(self, node: ast.arg) -> None:
        """Leave annotations alone."""

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not (isinstance(node.value, ast.Name) and node.value.id in {"Literal", "Annotated"}):
            self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None and not _declares(node.target):
            self._assigned(node, node.value)

    # Statements.

    def visit_Assign(self, node: ast.Assign) -> None:
        if not any(map(_declares, node.targets)):
            self._assigned(node, node.value)
            for target in node.targets:
                self.visit(target)

    def _assigned(self, node: ast.stmt, value: ast.expr) -> None:
        if self._in_function and not isinstance(value, ast.Constant):
            self._note("value", node.lineno, self._span(value), "None")
        self.visit(value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._swap(node.op, node.target, node.value)
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None:
            if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool | None)):
                self._note("value", node.lineno, self._span(node.value), "None")
            self.visit(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        called = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(called, ast.Call):
            self._note("statement", node.lineno, self._span(node), "pass")
        if not isinstance(called, ast.Constant):
            self.visit(node.value)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._note("statement", node.lineno, self._span(node), "pass")
        self.generic_visit(node)

    def visit_Break(self, node: ast.Break) -> None:
        self._note("statement", node.lineno, self._span(node), "continue")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._note("statement", node.lineno, self._span(node), "break")

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for statement in node.orelse:
                self.visit(statement)
            return
        self._negate(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    # Expressions.

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for condition in node.ifs:
            self._negate(condition)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for operator, left, right in zip(node.ops, operands, operands[1:], strict=False):
            self._swap(operator, left, right)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._swap(node.op, left, right)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if self._in_function or not isinstance(node.op, ast.BitOr):  # outside it is a type
            self._swap(node.op, node.left, node.right)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            operand = self.source[slice(*self._span(node.operand))].decode()
            self._note("condition", node.lineno, self._span(node), operand)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in DECLARING_CALLS:
            return
        for argument in node.args:
            if not isinstance(argument, ast.Constant | ast.JoinedStr | ast.Starred):
                self._note("argument", argument.lineno, self._span(argument), "None")
        for keyword in node.keywords:
            if keyword.arg is not None:
                start, end = self._span(keyword)
                comma = re.match(rb"\s*,", self.source[end:])
                self._note("argument", keyword.lineno, (start, end + (comma.end() if comma else 0)), "")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        for text in _other_constants(node.value):
            self._note("constant", node.lineno, self._span(node), text)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Take it as a whole: before Python 3.12 nobody knows where its parts are."""
        texts = [part.value for part in node.values if isinstance(part, ast.Constant)]
        if not any(character.isspace() for text in texts for character in str(text)):
            self._note("constant", node.lineno, self._span(node), '"XX"')


def _declares(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id in DECLARING_NAMES


def _other_constants(value: object) -> tuple[str, ...]:
    """Return constants that are nearly this one; none where wording is all that they could change."""
    if isinstance(value, bool):
        return (repr(not value),)
    if isinstance(value, int | float):
        return repr(value + 1), repr(value - 1)
    if isinstance(value, bytes):
        return (repr(b"XX" + value),)
    if isinstance(value, str) and not any(character.isspace() for character in value):
        return (repr("XX" + value),)
    return ()
