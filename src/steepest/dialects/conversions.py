"""One form of a method in the constants of another: a short table of what may work, and a run of both that decides.

>>> from steepest.rules import RULES
>>> keras = {"lr": 0.1, "initial_accumulator_value": 0.1, "eps": 0.5}
>>> found = convert(RULES["adagrad_inside"], keras, RULES["adagrad"])
>>> found.settings, found.numbers["initial_accumulator_value"]
(('initial_accumulator_value = initial_accumulator_value + eps', 'eps = 0'), 0.6)
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from steepest.dialects.numbers import shortest
from steepest.dialects.probe import ALWAYS, CONSTANT, Numbers, agreement
from steepest.rules import Rule

# a rate at which every term shows; conversions hold for all rates, so they are tried at this one too
TRIED_RATE = 0.1


@dataclass(frozen=True)
class Change:
    """A way to say one form's constants in another's: what each becomes, in words and as a function."""

    settings: tuple[str, ...]
    of: Callable[[Numbers], dict[str, float]]
    needs: tuple[str, ...] = ()  # what the source must have
    gives: tuple[str, ...] = ()  # what the target must have


CHANGES = (
    Change((), lambda _: {}),
    Change(
        ("initial_accumulator_value = initial_accumulator_value + eps", "eps = 0"),
        lambda h: {"initial_accumulator_value": shortest(h["initial_accumulator_value"] + h["eps"]), "eps": 0.0},
        needs=("initial_accumulator_value", "eps"),
        gives=("initial_accumulator_value", "eps"),
    ),
    Change(
        ("eps_root = eps", "eps = 0"), lambda h: {"eps_root": h["eps"], "eps": 0.0}, needs=("eps",), gives=("eps_root",)
    ),
    Change(("eps = eps_root",), lambda h: {"eps": h["eps_root"]}, needs=("eps_root",), gives=("eps",)),
    Change(
        ("weight_decay = weight_decay / lr",),
        lambda h: {"weight_decay": shortest(h["weight_decay"] / h["lr"]) if h["lr"] else 0.0},
        needs=("weight_decay",),
        gives=("weight_decay",),
    ),
    Change(
        ("weight_decay = weight_decay · lr",),
        lambda h: {"weight_decay": shortest(h["weight_decay"] * h["lr"])},
        needs=("weight_decay",),
        gives=("weight_decay",),
    ),
)


@dataclass(frozen=True)
class Conversion:
    """How one form says another.

    numbers   the target's hyperparameters
    settings  what became of the source's, in words; empty when each keeps its name and value
    holds     "always", or "constant": only while the rate stays the same
    """

    numbers: dict[str, float]
    settings: tuple[str, ...]
    holds: str


def convert(source: Rule, numbers: Numbers, target: Rule) -> Conversion | None:
    """The target's hyperparameters with which it walks the source's path, or None where there are none.

    Of several ways the one that holds under every schedule comes first, then the plainest.
    """
    best = None
    for found in _conversions(source, numbers, target):
        if found.holds == ALWAYS:
            return found
        best = best or found
    return best


def _conversions(source: Rule, numbers: Numbers, target: Rule) -> Iterator[Conversion]:
    full = {**source.defaults, **{name: value for name, value in numbers.items() if name in source.defaults}}
    for change in CHANGES:
        if not (set(change.needs) <= set(full) and set(change.gives) <= set(target.defaults)):
            continue
        holds = []
        for known in (full, {**full, "lr": TRIED_RATE}):
            become = _carried(known, change, target)
            if not _in_range(target, become):
                break
            holds.append(agreement(source, known, target, become))
            if holds[-1] is None:
                break
        else:
            yield Conversion(_carried(full, change, target), change.settings, CONSTANT if CONSTANT in holds else ALWAYS)


def _carried(numbers: Numbers, change: Change, target: Rule) -> dict[str, float]:
    """The source's numbers under the target's names; what the source does not have is left out by a 0."""
    return {name: numbers.get(name, 0.0) for name in target.defaults} | change.of(numbers)


def _in_range(target: Rule, numbers: Numbers) -> bool:
    try:
        for h in target.hyperparameters:
            h.check(numbers[h.name])
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Verdict:
    """Whether one form can be said in another's constants.

    settings    what becomes of the source's constants
    holds       "always", "constant" (only under a constant rate), or None: not at all
    only_where  the source's hyperparameters that must be 0 for it
    """

    holds: str | None
    settings: tuple[str, ...] = ()
    only_where: tuple[str, ...] = ()


def judge(source: Rule, numbers: Numbers, target: Rule) -> Verdict:
    """Whether, how, and where the source's form maps to the target's.

    What must be 0 is found by trial: with all that can be 0 at 0, each is given its value back while both agree.
    """
    if found := convert(source, numbers, target):
        return Verdict(found.holds, found.settings)
    at_zero = {name: 0.0 for name, value in numbers.items() if name != "lr" and value and _may_be_zero(name)}
    found = convert(source, {**numbers, **at_zero}, target)
    if not found:
        return Verdict(None)
    for name in list(at_zero):
        fewer = {other: 0.0 for other in at_zero if other != name}
        if again := convert(source, {**numbers, **fewer}, target):
            found, at_zero = again, fewer
    return Verdict(found.holds, found.settings, tuple(at_zero))


def _may_be_zero(name: str) -> bool:
    """Whether a 0 only leaves a term out: small constants, starts and decays, not the memory of a mean."""
    return name in ("momentum", "dampening", "weight_decay", "lr_decay", "warmup_steps") or name.startswith(
        ("eps", "initial")
    )


def typical(rule: Rule, at_default: Collection[str] = ()) -> dict[str, float]:
    """Hyperparameters under which the terms of the rule move the result; for questions about all values.

    A start stays at its default, and so does what `at_default` names: flags that are off.
    """
    chosen = {name: value for name, value in TYPICAL.items() if name in rule.defaults and name not in at_default}
    return {**rule.defaults, **chosen}


TYPICAL = {
    "lr": TRIED_RATE,
    "momentum": 0.9,
    "eps": 1e-3,
    "eps_root": 1e-2,
    "weight_decay": 0.1,
    "lr_decay": 0.05,
    "dampening": 0.3,
}
