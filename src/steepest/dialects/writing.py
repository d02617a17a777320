"""How a call is written: a library's constructor with numbers, and the line of `steepest.optim`."""

import inspect
from collections.abc import Mapping
from typing import Any

from steepest.dialects.library_rows import WRITTEN, Constructor
from steepest.dialects.recipe import Followed, Recipe, followed, gathered, tuples
from steepest.dialects.refusals import OPAQUE_DEFAULTS
from steepest.optim.options import SWITCHES, WORDS
from steepest.rules import Rule


def own_line(recipe: Recipe) -> str:
    """The line of `steepest.optim`: what was given, under our names."""
    own = recipe.constructor.optimizer_class.forms[0].dialect
    given = {k: v for k, v in recipe.arguments.items() if not (k == "dialect" and v == own)}
    order = [*inspect.signature(recipe.constructor.optimizer_class.__init__).parameters]
    given = dict(sorted(given.items(), key=lambda item: (item[0] == "dialect", order.index(item[0]))))
    parameters = recipe.parameters
    if others := gathered(recipe.constructor.optimizer_class, recipe.apart):
        matrices, rest = (f"[p for p in {parameters} if p.ndim {sign} 2]" for sign in ("==", "!="))
        parameters = f"[{{'params': {matrices}}}, {{'params': {rest}, 'adamw': True, {_written_in(others)}}}]"
    return f"steepest.optim.{recipe.constructor.method}({', '.join(filter(None, (parameters, written(given))))})"


def written(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def _written_in(group: Mapping[str, Any]) -> str:
    return ", ".join(f"{name!r}: {value!r}" for name, value in group.items())


def line_of(
    constructor: Constructor,
    parameters: str,
    flags: Mapping[str, bool],
    numbers: Mapping[str, float],
    rule: Rule,
    source: Followed,
) -> str | None:
    """The constructor's call with these numbers; None when it has no argument for one of them, or refuses it."""
    if any(not numbers.get(name, 1.0) for name in constructor.positive):
        return None
    wanted = {**numbers, **{name: on for name, on in flags.items() if on or _by_default(constructor, name)}}
    if constructor.library != "optax":
        wanted |= source.beside
    one, apart = constructor.optimizer_class, tuples(constructor.optimizer_class)
    known = {**constructor.fixed, "dialect": constructor.dialect}
    takes = {*inspect.signature(one.__init__).parameters, *(name for names in apart.values() for name in names)}
    wanted = {name: value for name, value in wanted.items() if value or name in takes}
    if not set(wanted) <= takes:
        return None
    try:
        defaults = followed(constructor.method, {**known, "lr": wanted["lr"]})
        meant = followed(constructor.method, {**known, **gathered(one, wanted)})
    except ValueError:
        return None
    if meant.rule.update is not rule.update or meant.rule.decay != rule.decay:
        return None
    spoken = {ours: theirs for theirs, ours in constructor.parameters.items() if ours}
    given = dict(constructor.says)
    for name, value in gathered(one, wanted).items():
        if name != "lr" and _unchanged(name, value, defaults, constructor):
            continue
        if isinstance(value, tuple) and name not in spoken:
            pairs = [(n, x) for n, x in zip(apart[name], value, strict=True) if x != defaults.numbers.get(n)]
            if any(n not in spoken for n, _ in pairs):
                return None
            given |= {spoken[n]: x for n, x in pairs}
        elif name in spoken:
            given[spoken[name]] = _as_taken(constructor, name, value)
            if given[spoken[name]] is NotImplemented:
                return None
        else:
            return None
    order = list(constructor.parameters)
    given = dict(sorted(given.items(), key=lambda item: order.index(item[0])))
    if source.schedule:
        given[spoken["lr"]] = _Code(source.schedule)
    first = parameters if "params" in constructor.parameters else ""
    return f"{WRITTEN[constructor.library]}{constructor.name}({', '.join(filter(None, (first, written(given))))})"


def _as_taken(constructor: Constructor, name: str, value: Any) -> Any:
    """A value as its argument takes it: a switch, a whole number, a word; NotImplemented where torch has no word."""
    if name in SWITCHES:
        return bool(value)
    if name in WORDS and constructor.library == "torch":
        return next((word for word, number in WORDS[name].items() if value in (word, number)), NotImplemented)
    return int(value) if _parameters(constructor)[name].annotation is int else value


class _Code(str):
    """Text that is written as it is."""

    __repr__ = str.__str__


def _unchanged(name: str, value: Any, defaults: Followed, constructor: Constructor) -> bool:
    """Whether the constructor does this without being told."""
    if name in OPAQUE_DEFAULTS:
        return bool(value) == OPAQUE_DEFAULTS[name]
    if isinstance(value, tuple):
        return value == tuple(defaults.numbers.get(n) for n in tuples(constructor.optimizer_class)[name])
    if isinstance(value, bool):
        return value == constructor.fixed.get(name, _by_default(constructor, name))
    return value == defaults.numbers.get(name, 0.0)


def _by_default(constructor: Constructor, name: str) -> Any:
    return _parameters(constructor)[name].default


def _parameters(constructor: Constructor) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(constructor.optimizer_class.__init__).parameters
