"""A few lines of code as one call: what is imported and assigned takes the place of its name. Nothing is executed.

>>> read_script("from torch import optim\\nrate = 1/100\\nopt = optim.SGD(model.parameters(), lr=rate)").keywords
{'lr': 0.01}
"""

import ast
from collections.abc import Iterator
from typing import TypeAlias

from steepest.dialects.call import Call, assigned, call_of, called, dotted, parsed, refused, short
from steepest.dialects.libraries import by_name, elsewhere, is_an_optimizer, is_of_a_library
from steepest.dialects.library_rows import WRITTEN
from steepest.dialects.schedules import kind
from steepest.dialects.wrapped import WRAPPERS

Said: TypeAlias = ast.Assign | ast.AnnAssign | ast.Expr | ast.Return
MOST = 2000  # nodes of one value, in which others may stand many times


def read_script(text: str) -> Call:
    """The call that a text comes to: one line, or several with imports, constants and the calls of a library.

    Raises ValueError, with the place, for other statements, and where not exactly one call of a library is left.
    """
    source, body = parsed(text)
    try:
        return _one_call(source, body)
    except RecursionError:
        raise ValueError(f"this nests too deep to be read: {short(source)}") from None


def _one_call(source: str, body: list[ast.stmt]) -> Call:
    names = _Names()
    values = []
    for statement in _within(body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            names.known |= dict(_imported(source, statement))
        elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr | ast.Return):
            values.append(names.resolved(source, statement))
        elif len(body) > 1:
            raise refused(source, statement, "is neither an import nor an assignment nor a call; only those are read")
    calls = [call for value in values for call in _calls(value)]
    calls = [call for call in calls if _is_surely_meant(called(call) or "")] or calls
    within = {each for call in calls for each in ast.walk(call) if each is not call}
    left = [call for call in dict.fromkeys(calls) if call not in within]
    if len(left) > 1:
        raise refused(source, left[1], f"is a call besides that of {called(left[0])}; translate one at a time")
    if not left and len(body) > 1:
        raise ValueError(f"no call of a library's optimizer in {short(source)}; wanted is one, with its imports")
    return call_of(source, left[0] if left else assigned(body[0]) or body[0])


def _within(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements; those of the function where there is nothing beside it, its docstring left out."""
    if len(body) == 1 and isinstance(body[0], ast.FunctionDef):
        inner = body[0].body
        return inner[1:] if ast.get_docstring(body[0]) and len(inner) > 1 else inner
    return body


def _calls(value: ast.AST | None) -> Iterator[ast.Call]:
    """The calls of a library in a value: itself, or what it is given, as in `model.compile(optimizer=...)`.

    In `tf.train.AdamOptimizer(1e-3).minimize(loss)` it is the call whose method is called.
    """
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and isinstance(value.func.value, ast.Call):
        yield from _calls(value.func.value)
    elif isinstance(value, ast.Call) and (name := called(value)):
        if is_of_a_library(name) or kind(name):
            within = [*_of_arguments(value)] if elsewhere(name) else []
            yield from within or [value]
            return
        if name.endswith(".compile") and (named := _of_keras(value)):
            yield named
        yield from _of_arguments(value)
    elif isinstance(value, ast.Tuple | ast.List):
        for each in value.elts:
            yield from _calls(each)


def _of_arguments(value: ast.Call) -> Iterator[ast.Call]:
    for argument in (*value.args, *(keyword.value for keyword in value.keywords)):
        yield from _calls(argument)


def _is_surely_meant(name: str) -> bool:
    """Whether a call is an optimizer's, and not one of the other functions that its library has too."""
    return is_an_optimizer(name) or name in WRAPPERS or kind(name) == "torch"


def _of_keras(compiling: ast.Call) -> ast.Call | None:
    """Keras's optimizer that `model.compile(optimizer="adam")` names, with its defaults."""
    given = [keyword.value for keyword in compiling.keywords if keyword.arg == "optimizer"] or compiling.args[:1]
    word = given[0].value if given and isinstance(given[0], ast.Constant) else None
    for name in by_name("keras"):
        if isinstance(word, str) and name.lower() == word.lower():
            path = _path(f"{WRITTEN['keras']}{name}", compiling)
            return ast.copy_location(ast.Call(path, [], []), compiling)
    return None


class _Names(ast.NodeTransformer):
    """Puts what was imported or assigned in the place of its name."""

    def __init__(self) -> None:
        self.known: dict[str, ast.expr] = {}

    def resolved(self, source: str, statement: Said) -> ast.expr | None:
        """What a statement computes, without the names that are known; what it assigns is known from here on."""
        value = assigned(statement)
        found: ast.expr | None = self.visit(value) if value else None
        if found and sum(1 for _ in ast.walk(found)) > MOST:
            raise refused(source, statement, "holds too much; write it out")
        for name in _names_assigned(statement):
            self.known.pop(name, None)
        if found and _is_data(found):
            self.known |= dict.fromkeys(_names_assigned(statement, unpacked=False), found)
        return found

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.known.get(node.id, node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        name = dotted(node)
        if name in self.known:
            return self.known[name]
        self.generic_visit(node)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        return node  # its names are its own


def _names_assigned(statement: Said, unpacked: bool = True) -> Iterator[str]:
    """The names that a statement gives a value; with `unpacked` also those to which a part of it goes."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            yield from filter(None, map(dotted, getattr(target, "elts", []) if unpacked else []))
            yield from filter(None, [dotted(target)])


def _is_data(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        name = called(value) or ""
        return _is_surely_meant(name) or kind(name) is not None
    return not any(isinstance(each, ast.Name | ast.Call | ast.Lambda) for each in ast.walk(value))


def _imported(source: str, statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, ast.expr]]:
    """Each name that an import brings, and the dotted name that it stands for."""
    before = f"{statement.module}." if isinstance(statement, ast.ImportFrom) else ""
    for each in statement.names:
        if each.name == "*":
            raise refused(source, statement, "imports names that are not written here; write the one that is called")
        if each.asname or before:
            yield each.asname or each.name, _path(before + each.name, statement)


def _path(name: str, at: ast.AST) -> ast.expr:
    first, *rest = name.split(".")
    node: ast.expr = ast.copy_location(ast.Name(first, ast.Load()), at)
    for part in rest:
        node = ast.copy_location(ast.Attribute(node, part, ast.Load()), at)
    return node
