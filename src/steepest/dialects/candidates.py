"""The lines of a library that walk a source's path, and the plainest of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.dialects.conversions import convert
from steepest.dialects.libraries import constructors
from steepest.dialects.library_rows import Constructor
from steepest.dialects.numbers import shortest
from steepest.dialects.probe import ALWAYS, CONSTANT
from steepest.dialects.recipe import Followed, Recipe
from steepest.dialects.writing import line_of
from steepest.rules import Rule


@dataclass(frozen=True)
class Candidate:
    """A line that could do, and how far it does."""

    line: str
    holds: str
    settings: tuple[str, ...]
    parts: int  # how many pieces the line is made of
    kin: bool  # whether the method has the same name


def best(recipe: Recipe, source: Followed, to: str) -> Candidate | None:
    """The plainest line of the library that walks the same path, where there is one."""
    kin = [c for c in constructors(to) if c.method == recipe.constructor.method]
    found = min(_candidates(kin, recipe, source, to), key=_rank, default=None)
    if found and found.holds == ALWAYS and found.parts == 1 and not found.settings:
        return found  # none is plainer
    others = [c for c in constructors(to) if c not in kin]
    lines = [*([found] if found else []), *_candidates(others, recipe, source, to)]
    return min(lines, key=_rank, default=None)


def _rank(found: Candidate) -> tuple[Any, ...]:
    return (found.holds != ALWAYS, found.parts, len(found.settings), not found.kin, len(found.line))


def _candidates(among: Sequence[Constructor], recipe: Recipe, source: Followed, to: str) -> Iterator[Candidate]:
    """Every line with one of these optimizers of the library that walks the same path."""
    idle = 0 if source.numbers.get("momentum", 1.0) else 1  # a velocity that remembers nothing
    for constructor in (each for each in among if each.written):
        for rule, flags in forms_of(constructor):
            if len(rule.slots) < len(source.rule.slots) - idle:
                continue
            for wrap in _wraps(source, to):
                converted = convert(source.rule, wrap.numbers, rule)
                line = converted and line_of(constructor, recipe.parameters, flags, converted.numbers, rule, source)
                if converted and line:
                    holds = CONSTANT if CONSTANT in (converted.holds, wrap.holds) else ALWAYS
                    if recipe.course and holds == CONSTANT:
                        continue
                    whole = wrap.around(line)
                    kin = constructor.method == recipe.constructor.method
                    yield Candidate(whole, holds, converted.settings, 1 + len(wrap.before + wrap.after), kin)
                    break


def forms_of(constructor: Constructor) -> Iterator[tuple[Rule, dict[str, bool]]]:
    """The rules that a library's optimizer can follow, with the flags that choose each."""
    forms = [f for f in constructor.optimizer_class.forms if f.dialect == constructor.dialect]
    reachable = {*constructor.parameters.values(), *constructor.fixed}
    for form in forms:
        flags = {name: on for name, on in form.flags.items() if not any(name in f.rule.defaults for f in forms)}
        agreed = all(constructor.fixed.get(name, on) == on for name, on in flags.items())
        if agreed and all(name in reachable for name, on in form.flags.items() if on):
            yield form.rule, flags


@dataclass(frozen=True)
class Wrap:
    """What optax chains around an optimizer, and the numbers that are left to the optimizer itself."""

    numbers: dict[str, float]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    holds: str = ALWAYS

    def around(self, line: str) -> str:
        links = (*self.before, line, *self.after)
        return line if len(links) == 1 else f"optax.chain({', '.join(links)})"


def _wraps(source: Followed, to: str) -> Iterator[Wrap]:
    """The optimizer by itself; in optax also with the decay chained before it, or after it."""
    numbers, before = source.numbers, ()
    if to == "optax":
        scaling = ("optax.scale(-1.0)",) if source.beside.get("maximize") else ()
        clip_norm = source.beside.get("clip_norm")
        clipping = (f"optax.clip_by_global_norm({float(clip_norm)!r})",) if clip_norm else ()
        before = (*scaling, *clipping)
    yield Wrap(numbers, before)
    decay = numbers.get("weight_decay", 0.0)
    if to != "optax" or not decay or source.rule.gradient_point:
        return
    left = {**numbers, "weight_decay": 0.0}
    if source.rule.decay == "coupled":
        yield Wrap(left, (*before, f"optax.add_decayed_weights({decay!r})"))
    elif source.rule.decay == "decoupled" and source.rule.elementwise:  # a norm of θ would see the order
        yield Wrap(left, before, (f"optax.add_decayed_weights({shortest(-numbers['lr'] * decay)!r})",), CONSTANT)
