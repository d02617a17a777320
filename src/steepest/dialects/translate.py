"""A line that makes an optimizer in one library, in the words of another: with the same numbers, or not at all."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from steepest.dialects.conversions import convert, judge
from steepest.dialects.libraries import (
    LIBRARIES,
    TARGETS,
    WRITTEN,
    Constructor,
    constructors,
    missing,
)
from steepest.dialects.notation import in_letters
from steepest.dialects.numbers import shortest
from steepest.dialects.probe import ALWAYS, CONSTANT
from steepest.dialects.rates import Course
from steepest.dialects.recipe import Followed, Recipe, followed, gathered, read_recipe, tuples
from steepest.dialects.refusals import BESIDE_THE_PATH, OPAQUE_DEFAULTS
from steepest.dialects.schedules import write_schedule, write_scheduler
from steepest.names import unknown
from steepest.optim.options import SWITCHES, WORDS, added_to_norm
from steepest.plain_math import plain
from steepest.rules import Rule

CONSTANT_RATE = "exact while the learning rate is constant; under a schedule the two differ"
# what a hyperparameter that must be 0 says about where two forms differ
TERMS = {
    "eps": "where eps stands",
    "eps_root": "the constant inside the root",
    "weight_decay": "how weight decay enters",
    "momentum": "how momentum enters",
    "dampening": "dampening, which leaves the first step out",
    "lr_decay": "a rate that falls by itself",
    "initial_accumulator_value": "what the accumulator starts from",
    "warmup_steps": "how the rate warms up",
    "initial_scale": "what the mean square starts from",
}


@dataclass(frozen=True)
class Translation:
    """What `translate` found; a notebook and `print` show it.

    source    the call that was read, in full
    to        the library asked for
    line      the line to paste, or None where the library cannot do the same
    holds     "always"; "constant": exact only while the rate is constant; None without a line
    settings  which constants took other values on the way
    steepest  the line of `steepest.optim` that does the same; None when there is none either
    scheduler the scheduler that changes the rate of a line of torch or steepest.optim; None where it is constant
    reasons   what cannot be said in the library
    notes     what else to know: arguments without effect, the point that the parameters hold
    """

    source: str
    to: str
    line: str | None
    holds: str | None
    settings: tuple[str, ...]
    steepest: str | None
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    scheduler: str | None = None

    def json(self) -> dict[str, Any]:
        """The same as data."""
        return {
            "source": self.source,
            "to": self.to,
            "line": self.line,
            "holds": self.holds,
            "settings": list(self.settings),
            "steepest": self.steepest,
            "reasons": list(self.reasons),
            "notes": list(self.notes),
            "scheduler": self.scheduler,
        }

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """The answer for people, line by line."""
        scheduler = [self.scheduler] if self.scheduler else []
        if self.line:
            yield self.line
            yield from scheduler if self.to in ("torch", "steepest") else []
            if self.settings:
                yield f"  with {', '.join(self.settings)}"
            if self.holds == CONSTANT:
                yield f"  {CONSTANT_RATE}"
        else:
            yield f"No line of {self.to} does the same."
            yield from (f"  {line}" for reason in self.reasons for line in reason.splitlines())
            if not self.steepest:
                yield "  steepest.optim has no counterpart either."
        if self.steepest and self.steepest != self.line and self.holds != ALWAYS:
            yield "Exact under every schedule:" if self.line else "Exact:"
            yield self.steepest
            yield from scheduler
        yield from (f"  note: {note}" for note in self.notes)

    @property
    def code(self) -> tuple[str, ...]:
        """Those of the lines that are code."""
        return tuple(text for text in (self.line, self.scheduler, self.steepest) if text)

    def _repr_markdown_(self) -> str:
        return "\n\n".join(
            f"`{line}`" if line in self.code else line.strip().replace("*", r"\*").replace("_", r"\_")
            for line in self.lines()
        )


def translate(text: str, to: str = "torch", from_: str | None = None) -> Translation:
    """The optimizer of a line of code, in another library.

    text   a call such as "tf.keras.optimizers.RMSprop(learning_rate=1e-3, momentum=0.9)"; it is read, never run
    to     "torch", "keras", "optax" or "steepest"
    from_  the library, where the call does not say it: also "tf1"

    Two forms count as the same when a run of both gives the same path. Raises ValueError for text that is no such
    call, with the place, and for names that are not known, with the nearest.

    >>> print(translate("keras.optimizers.SGD(0.1, momentum=0.9)"))
    torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
      exact while the learning rate is constant; under a schedule the two differ
    Exact under every schedule:
    steepest.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, dialect='keras')
    """
    for library, known in ((to, TARGETS), (from_ or "torch", LIBRARIES)):
        if library not in known:
            raise ValueError(unknown("library", library, known))
    recipe = read_recipe(text, from_)
    source = recipe.followed
    beside = [name for name in recipe.abroad if name in BESIDE_THE_PATH]
    notes = [f"{name} changes no number" for name in recipe.idle]
    notes += [f"{name} is left out: it {recipe.abroad[name]}" for name in beside]
    lost = _lost(recipe, to)
    scheduler = None
    if recipe.course:
        scheduler = write_scheduler(recipe.course, source.numbers["lr"])
        source, said = _with_schedule(source, recipe.course, scheduler, to)
        notes += said
    own = None if len(recipe.abroad) > len(beside) else _ours(recipe)
    answer = Translation(" ".join(text.split()), to, None, None, (), own, tuple(lost), tuple(notes), scheduler)
    if lost:
        return answer
    if to == "steepest":
        return replace(answer, line=own, holds=ALWAYS)
    found = _best(recipe, source, to)
    if found is None:
        return replace(answer, reasons=(_reason(recipe, source, to),))
    if source.beside.get("clip_norm") and added_to_norm(recipe.arguments["dialect"]) != added_to_norm(to):
        share = 1e-6 / source.beside["clip_norm"]
        notes.append(f"one of the two clips by the norm + 1e-6: a clipped step differs by up to {share:.0e} of it")
    if source.rule.evaluation_point or source.rule.gradient_point:
        notes.append("the parameters hold the point of the gradient; what eval() shows has no counterpart")
    return replace(answer, line=found.line, holds=found.holds, settings=found.settings, notes=tuple(notes))


def _with_schedule(source: Followed, course: Course, scheduler: str, to: str) -> tuple[Followed, list[str]]:
    """What stands in the place of the rate in the target library, and what to know about it."""
    stepping = "scheduler.step() comes after each optimizer.step()"
    notes = [stepping, "the line needs: import math"] if "math." in scheduler else [stepping]
    if to in ("torch", "steepest"):
        return source, notes
    settled, until = course.settled
    if text := write_schedule(settled, to):
        until_then = f"the rates are the same up to step {until}; then torch's rise again, and these stay"
        return replace(source, schedule=text), [until_then] if until else []
    return source, notes


def _ours(recipe: Recipe) -> str:
    """The line of `steepest.optim`: what was given, under our names."""
    own = recipe.constructor.optimizer_class.forms[0].dialect
    given = {k: v for k, v in recipe.arguments.items() if not (k == "dialect" and v == own)}
    order = [*inspect.signature(recipe.constructor.optimizer_class.__init__).parameters]
    given = dict(sorted(given.items(), key=lambda item: (item[0] == "dialect", order.index(item[0]))))
    parameters = recipe.parameters
    if others := gathered(recipe.constructor.optimizer_class, recipe.apart):
        matrices, rest = (f"[p for p in {parameters} if p.ndim {sign} 2]" for sign in ("==", "!="))
        parameters = f"[{{'params': {matrices}}}, {{'params': {rest}, 'adamw': True, {_written_in(others)}}}]"
    return f"steepest.optim.{recipe.constructor.method}({', '.join(filter(None, (parameters, _written(given))))})"


def _written(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def _written_in(group: Mapping[str, Any]) -> str:
    return ", ".join(f"{name!r}: {value!r}" for name, value in group.items())


def _lost(recipe: Recipe, to: str) -> list[str]:
    """What stands in the call and has no place in the target library, whatever the rule."""
    lost = [f"{name} {what}" for name, what in recipe.abroad.items() if name not in BESIDE_THE_PATH]
    if recipe.arguments.get("clip_norm") and to == "torch":
        lost.append("clip_norm: torch clips outside the optimizer, by torch.nn.utils.clip_grad_norm_ before step(), "
                    "and divides by the norm + 1e-6")  # fmt: skip
    if recipe.course and to in ("keras", "optax") and not write_schedule(recipe.course.settled[0], to):
        own = "a subclass of LearningRateSchedule" if to == "keras" else "a function of the step"
        lost.append(f"the schedule: {to} has none with these rates; {own} has")
    if recipe.arguments.get("maximize") and to == "keras":
        lost.append("maximize: keras only descends; give it the loss with its sign changed")
    return lost


@dataclass(frozen=True)
class Candidate:
    """A line that could do, and how far it does."""

    line: str
    holds: str
    settings: tuple[str, ...]
    parts: int  # how many pieces the line is made of
    kin: bool  # whether the method has the same name


def _best(recipe: Recipe, source: Followed, to: str) -> Candidate | None:
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
        for rule, flags in _forms(constructor):
            if len(rule.slots) < len(source.rule.slots) - idle:
                continue
            for wrap in _wraps(source, to):
                converted = convert(source.rule, wrap.numbers, rule)
                line = converted and _line(constructor, recipe.parameters, flags, converted.numbers, rule, source)
                if converted and line:
                    holds = CONSTANT if CONSTANT in (converted.holds, wrap.holds) else ALWAYS
                    if recipe.course and holds == CONSTANT:
                        continue
                    whole = wrap.around(line)
                    kin = constructor.method == recipe.constructor.method
                    yield Candidate(whole, holds, converted.settings, 1 + len(wrap.before + wrap.after), kin)
                    break


def _forms(constructor: Constructor) -> Iterator[tuple[Rule, dict[str, bool]]]:
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


def _line(
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
    return f"{WRITTEN[constructor.library]}{constructor.name}({', '.join(filter(None, (first, _written(given))))})"


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


def _reason(recipe: Recipe, source: Followed, to: str) -> str:
    """Which term the nearest form of the library has otherwise."""
    rivals = [c for c in constructors(to) if c.method == recipe.constructor.method]
    if not rivals:
        return missing(to, recipe.constructor.method)
    forms = [(c, rule) for c in rivals for rule, _ in _forms(c) if len(rule.slots) == len(source.rule.slots)]
    if not forms:
        return f"{rivals[0].shown} has no {source.rule.title}"
    judged = [(c, rule, judge(source.rule, source.numbers, rule)) for c, rule in forms]
    constructor, rule, verdict = min(judged, key=lambda j: (j[2].holds is None, len(j[2].only_where)))
    if verdict.holds == CONSTANT and not verdict.only_where and recipe.course:
        return f"{constructor.shown} agrees only while the rate is constant; under a schedule the two differ"
    if verdict.holds and not verdict.only_where and not constructor.written:
        return f"{constructor.shown} is read and not written: it takes arguments of its own for what is no matrix"
    if verdict.holds and not verdict.only_where:
        return f"{constructor.shown} has no argument for {', '.join(_unsayable(constructor, source))}"
    terms = " and ".join(TERMS.get(name, name) for name in verdict.only_where) or "the update itself"
    mine, its = _differing(source.rule, rule)
    where = f"; they agree only where {' = '.join((*verdict.only_where, '0'))}" if verdict.holds else ""
    if verdict.holds == CONSTANT:
        where += ", and under a constant rate"
    said = [f"{constructor.shown} differs in {terms}{where}"]
    if mine and its:
        said += [f"  {recipe.constructor.shown}: {', '.join(mine)}", f"  {constructor.shown}: {', '.join(its)}"]
    return "\n".join(said)


def _unsayable(constructor: Constructor, source: Followed) -> list[str]:
    """The source's numbers for which a library's optimizer has no argument, and that are not what it does anyway."""
    known = {"dialect": constructor.dialect, **constructor.fixed}
    defaults = followed(constructor.method, known).numbers
    sayable = set(constructor.parameters.values())
    sayable |= {name for names in tuples(constructor.optimizer_class).values() for name in names}
    refused = [f"{n}=0" for n in constructor.positive if source.numbers.get(n) == 0]
    return refused + [f"{n}={v:g}" for n, v in source.numbers.items() if n not in sayable and v != defaults.get(n, 0.0)]


def _differing(one: Rule, other: Rule) -> tuple[list[str], list[str]]:
    """The lines of each equation that the other does not have."""
    a, b = (plain(in_letters(rule, "field")).splitlines() for rule in (one, other))
    return [line for line in a if line not in b], [line for line in b if line not in a]
