"""A call of a constructor as data: read from text with `ast`, and nothing of it is ever executed.

>>> read_call("tf.keras.optimizers.SGD(1e-3 * 2, momentum=-0.5)")
Call(name='tf.keras.optimizers.SGD', positional=(0.002,), keywords={'momentum': -0.5})
"""

import ast
import math
import operator
import re
import textwrap
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

WANTED = "wanted is a call such as torch.optim.Adam(model.parameters(), lr=1e-3)"
LONGEST = 2000  # characters; no recipe is longer, and the parser's depth stays bounded
INJECTING = ("inject_hyperparams", "inject_stateful_hyperparams")  # of optax: they leave the numbers as they are

OPERATIONS: dict[type[ast.operator], Callable[[float, float], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
}
SIGNS: dict[type[ast.unaryop], Callable[[float], float]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}


@dataclass(frozen=True)
class Call:
    """A dotted name and its arguments, as they were written."""

    name: str
    positional: tuple[Any, ...]
    keywords: Mapping[str, Any]


@dataclass(frozen=True)
class Expression:
    """An argument that is no constant, such as `model.parameters()`: kept as text."""

    text: str

    @property
    def is_parameters(self) -> bool:
        """Whether this can be a model's parameters: a name, a method of one, several together, or some of them."""
        return _are_parameters(ast.parse(self.text, mode="eval").body)


def _are_parameters(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and (name := dotted(node.func)):
        if name.rpartition(".")[2] in ("list", "chain", "filter"):
            return all(isinstance(each, ast.Lambda) or _are_parameters(each) for each in node.args)
        return not node.args and not node.keywords
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add) and _are_parameters(node.left) and _are_parameters(node.right)
    return isinstance(node, ast.ListComp | ast.GeneratorExp) or dotted(node) is not None


def read_call(text: str) -> Call:
    """The call in a line of Python; `name = call(...)` and `self.name = call(...)` are read as well.

    Arguments are numbers, also of simple arithmetic as 1e-3*2, True, False, None, strings, tuples, and dictionaries of
    numbers. Whatever else an argument says is kept as text, for the caller to allow or refuse.

    Raises ValueError, with the place, for anything that is not one such call.
    """
    source, body = parsed(text)
    if len(body) != 1:
        raise ValueError(f"{len(body)} statements in {short(source)}; wanted is one call")
    return call_of(source, assigned(body[0]) or body[0])


def call_of(source: str, node: ast.AST) -> Call:
    """The call that a piece of the parsed source is."""
    if not isinstance(node, ast.Call):
        raise refused(source, node, "is no call; wanted is one such as torch.optim.Adam(model.parameters(), lr=1e-3)")
    name = called(node)
    if name is None:
        raise refused(source, node.func, "is no dotted name, as torch.optim.Adam is")
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            raise refused(source, argument, "unpacks what is not written here; write the arguments out")
    keywords: dict[str, Any] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise refused(source, keyword.value, "unpacks what is not written here; write the arguments out")
        if keyword.arg in keywords:
            raise refused(source, keyword.value, f"gives {keyword.arg} a second time")
        keywords[keyword.arg] = _value(source, keyword.value)
    return Call(name, tuple(_value(source, argument) for argument in node.args), keywords)


def parsed(text: str) -> tuple[str, list[ast.stmt]]:
    """The text without what stands around it, and its statements."""
    if not isinstance(text, str):
        raise ValueError(f"translate reads text, not {type(text).__name__}; put the call in quotes")
    source = re.sub(r"^\s*(>>>|\.\.\.) ", "", textwrap.dedent(text.strip("\n")), flags=re.MULTILINE).strip()
    if len(source) > LONGEST:
        raise ValueError(f"{len(source)} characters are too many for one call; at most {LONGEST} are read")
    if not source:
        raise ValueError(f"the text is empty; {WANTED}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(source).body
    except SyntaxError as error:
        line = f" in line {error.lineno}" if error.lineno and "\n" in source else ""
        where = f" at character {error.offset}{line}" if error.offset else ""
        raise ValueError(f"this is not Python: {error.msg}{where} of {short(source)}") from None
    except (ValueError, MemoryError, RecursionError):
        raise ValueError(f"this is not Python that can be read: {short(source)}") from None
    if not body:
        raise ValueError(f"{short(source)} is a comment; {WANTED}")
    return source, body


def assigned(statement: ast.stmt) -> ast.expr | None:
    """What a statement computes: the value that it gives to names, or the expression that it is."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return statement.value if all(isinstance(t, ast.Name | ast.Attribute | ast.Tuple) for t in targets) else None
    value = statement.value if isinstance(statement, ast.Expr | ast.Return) else None
    if isinstance(value, ast.Tuple) and len(value.elts) == 1:  # an argument, copied with its comma
        return value.elts[0]
    return value


def called(node: ast.Call) -> str | None:
    """The dotted name of what is called; that of the optimizer in `optax.inject_hyperparams(optax.adam)(...)`."""
    if isinstance(node.func, ast.Call) and (dotted(node.func.func) or "").endswith(INJECTING) and node.func.args:
        return dotted(node.func.args[0])
    return dotted(node.func)


def dotted(node: ast.AST) -> str | None:
    """The text of a name or of attributes of one; None for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def _value(source: str, node: ast.expr) -> Any:
    if isinstance(node, ast.Tuple | ast.List):
        if any(isinstance(item, ast.Dict | ast.Starred) for item in node.elts):
            raise refused(source, node, "holds parameter groups; translate the options of each group by themselves")
        return tuple(_value(source, item) for item in node.elts)
    if isinstance(node, ast.Dict) and node.keys and None not in node.keys:
        return {_number(source, k): _number(source, v) for k, v in zip(node.keys, node.values, strict=True) if k}
    if isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool | str)):
        return node.value
    if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.ListComp | ast.GeneratorExp):
        return Expression(ast.unparse(node))
    if isinstance(node, ast.BinOp) and isinstance(node.left, ast.Call | ast.Name) and _are_parameters(node):
        return Expression(ast.unparse(node))
    return _number(source, node)


def _number(source: str, node: ast.expr) -> float | int:
    try:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return node.value if abs(node.value) < 2**53 else float(node.value)
        if isinstance(node, ast.UnaryOp) and type(node.op) in SIGNS:
            return SIGNS[type(node.op)](_number(source, node.operand))
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
            left, right = float(_number(source, node.left)), float(_number(source, node.right))
            return OPERATIONS[type(node.op)](left, right)
    except (OverflowError, ZeroDivisionError, RecursionError, ValueError) as error:
        if isinstance(error, ValueError) and "at character" in str(error):
            raise
        raise refused(source, node, "is no finite number") from None
    raise refused(source, node, "is no constant: numbers, True, False, None, strings and tuples are read")


def refused(source: str, node: ast.AST, why: str) -> ValueError:
    """The error that shows what was written, and where."""
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
    lines = source.splitlines() or [""]
    before = lines[line - 1].encode()[:column].decode(errors="ignore")
    place = sum(len(each) + 1 for each in lines[: line - 1]) + len(before) + 1
    written = ast.get_source_segment(source, node) or source  # pyright: ignore[reportArgumentType]
    return ValueError(f"{short(written)} at character {place} {why}")


def short(text: str) -> str:
    """A text as an error can quote it."""
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else text[:57] + "…")
