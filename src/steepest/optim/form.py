"""Dialects: under one class name, each library and text has its own form of a method. A form is one short row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.names import unknown
from steepest.optim.shell import FLAGS
from steepest.rules import Hyperparameter, Rule, variant


@dataclass(frozen=True)
class Form:
    """In this dialect, under these flags, the class follows this rule, whose defaults are the dialect's.

    `flags` maps an argument to whether it is on; a number is on when it is not 0 (`momentum`), and None is either.
    """

    dialect: str
    rule: Rule
    flags: Mapping[str, bool]


def form(
    dialect: str, rule: Rule, defaults: Mapping[str, float] | None = None, decay: str | None = None, **flags: bool
) -> Form:
    """A row of a class's table of forms.

    defaults: the dialect's own, where they are not the rule's.  decay: how weight decay enters there, likewise.
    """
    if defaults or decay not in (None, rule.decay):
        rule = variant(rule, defaults=defaults or {}, decay=decay or rule.decay)
    return Form(dialect, rule, flags)


def choose(forms: Sequence[Form], options: Mapping[str, Any]) -> Form:
    """The form for a group's options; refuses a dialect that is unknown and flags that the dialect does not have."""
    dialect = options["dialect"]
    in_dialect = [f for f in forms if f.dialect == dialect]
    if not in_dialect:
        raise ValueError(unknown("dialect", str(dialect), dict.fromkeys(f.dialect for f in forms)))
    named = {name for f in in_dialect for name in f.flags}
    for name in dict.fromkeys(name for f in forms for name in f.flags if name in FLAGS and name not in named):
        if options[name]:
            raise ValueError(f"dialect {dialect!r} does not have {name}; leave it out or use another dialect")
    for candidate in in_dialect:
        if all(options[name] is None or bool(options[name]) == on for name, on in candidate.flags.items()):
            return candidate
    asked = ", ".join(f"{name}={options[name]!r}" for name in in_dialect[0].flags)
    allowed = "; or ".join(", ".join(f"{n} {'on' if on else 'off'}" for n, on in f.flags.items()) for f in in_dialect)
    raise ValueError(f"dialect {dialect!r} has no form with {asked}; it has: {allowed}")


def native(forms: Sequence[Form]) -> list[Form]:
    """The forms of the dialect that a class's own signature speaks: the first."""
    return [f for f in forms if f.dialect == forms[0].dialect]


def facts(forms: Sequence[Form]) -> dict[str, Hyperparameter]:
    """Every hyperparameter of the forms' rules by name, as the first of them describes it."""
    return {h.name: h for f in reversed(forms) for h in f.rule.hyperparameters}
