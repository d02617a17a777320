"""Writes docs/optimizers.md from the classes' tables of forms and the rules' own facts; `make docs` runs it."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from steepest import optim
from steepest.dialects.libraries import constructors
from steepest.optim import Optimizer, beyond, classes, muon
from steepest.optim.form import Form, facts
from steepest.optim.options import together
from steepest.rules.rule import THETA

PAGE = Path(__file__).parent.parent / "docs" / "optimizers.md"

HEAD = """# Optimizers and their dialects

Each class of `steepest.optim` follows, under `dialect=`, the form of a method that a library or a text has: its numbers
and its defaults. An argument that is given always wins, and arguments keep torch's names. How near each form is to the
library itself is on [the page of agreement](agreement.md). `steepest explain NAME` has the forms of one method side by
side, and says which maps to which; `steepest translate` writes the line for a call of another library. `make docs`
writes this page from the rules.

Defaults under "paper" are the paper's where it gives some; where it gives none they are the class's own, and
`tests/test_papers.py` says which are which and where they stand.

θ are the weights, g is the gradient at θ unless its point is written, t the step from 1, ε the learning rate, δ the
small constant, λ weight decay. What else a class takes and remembers stands above its table: each argument with its
letter, and each array with its key in a `state_dict`. x ← … rewrites x, and what follows has the new one. In the
column "when" a name is an argument that is given and neither False nor 0.

"""
DECAY = """## Weight decay

| name | what happens |
| --- | --- |
| coupled | g ← g + λθ: the gradient of λ/2 ‖θ‖² in the loss |
| decoupled | θ ← θ − ελθ before the step |
| independent | θ ← θ − λθ before the step, times the share of the first ε that a scheduler has left |
| own | as the equation says |

"""
FROM = """## From another library

With the numbers that it was given, by torch's names; for the rest the dialect has the library's defaults.

| there | here |
| --- | --- |
"""
LIBRARIES = ("keras", "optax", "tf1", "schedulefree")  # torch's have the same names, and its dialect is the default

GROUPS = {
    "In the place of torch.optim's": (classes, muon),
    "Beyond torch.optim": (beyond,),
}


def members(modules: tuple[ModuleType, ...]) -> list[type[Optimizer]]:
    """The optimizer classes of some modules, as they are written there."""
    own = [(m, x) for m in modules for x in vars(m).values() if inspect.isclass(x) and issubclass(x, Optimizer)]
    return [x for m, x in own if x.__module__ == m.__name__ and x.__name__ in optim.__all__]


def rules_of(cls: type[Optimizer]) -> list[str]:
    """The names of the rules that a class follows, each once, in the order of its forms."""
    return list(dict.fromkeys(form.rule.name for form in cls.forms))


def flags(form: Form) -> str:
    """Under which options the form is followed."""
    return ", ".join(f"`{name}`" if on else f"no `{name}`" for name, on in form.flags.items()) or "always"


def gathered(cls: type[Optimizer], known: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What is known of each hyperparameter, by the class's arguments: of beta1 and beta2 under `betas`."""
    several = together(known, inspect.signature(cls).parameters)
    within = {name: argument for argument, names in several.items() for name in names}
    found: dict[str, list[Any]] = {}
    for name, value in known.items():
        found.setdefault(within.get(name, name), []).append(value)
    return found


def defaults(cls: type[Optimizer], form: Form) -> str:
    """The dialect's defaults: of the signature in the class's own dialect, of the rule in the others."""
    written = inspect.signature(cls).parameters
    own = form.dialect == cls.forms[0].dialect
    values = {name: value for name, value in form.rule.defaults.items() if name not in form.flags}
    if own:
        values |= {name: p.default for name, p in written.items() if name in values}
    told = gathered(cls, values)
    shown = {argument: [f"{float(x):g}" for x in xs] for argument, xs in told.items() if any(xs) or argument == "lr"}
    return ", ".join(f"{name} {xs[0] if len(xs) == 1 else '(' + ', '.join(xs) + ')'}" for name, xs in shown.items())


def arguments(cls: type[Optimizer]) -> str:
    """What each argument of the rules means, with its letter."""
    meanings = gathered(cls, {name: fact.meaning for name, fact in facts(cls.forms).items()})
    return "\n".join(f"- `{argument}`: {', '.join(each)}" for argument, each in meanings.items())


def remembered(cls: type[Optimizer]) -> str:
    """The arrays that the rules keep for each weight, with the key of each in a state_dict."""
    slots = {slot: None for form in cls.forms for slot in form.rule.slots}
    told = {}
    for slot in slots:
        start = {THETA: ", from θ on"}.get(str(slot.initial), f", from `{slot.initial}` on")
        told.setdefault((slot.symbol, slot.name, slot.meaning), start if isinstance(slot.initial, str) else "")
    return "\n".join(f"- ${symbol}$ (`{name}`): {meaning}{start}" for (symbol, name, meaning), start in told.items())


def abroad() -> str:
    """The optimizers of other libraries, and the class that each one is here."""
    lines = []
    for library in LIBRARIES:
        for each in constructors(library):
            said = "".join(f", {name}={value!r}" for name, value in each.fixed.items())
            theirs = ", ".join(f"{name}={value!r}" for name, value in each.says.items())
            call = f"{each.shown}({theirs})" if theirs else each.shown
            lines.append(f"| `{call}` | `{each.method}(dialect={each.dialect!r}{said})` |")
    return FROM + "\n".join(lines).replace("'", '"') + "\n\n"


def section(cls: type[Optimizer]) -> str:
    """A class's heading, equations and table."""
    places = {name: index for index, name in enumerate(rules_of(cls), 1)}
    shown = {form.rule.name: form.rule for form in reversed(cls.forms)}
    equations = "\n\n".join(
        f"{places[name]}. **{shown[name].title}**; {shown[name].reference}\n\n   $${shown[name].equation}$$"
        for name in places
    )
    rows = "\n".join(
        f'| "{f.dialect}" | {flags(f)} | {places[f.rule.name]} | {f.rule.decay} | {defaults(cls, f)} |'
        for f in cls.forms
    )
    return (
        f"### {cls.__name__}\n\n{equations}\n\n"
        f"Arguments:\n\n{arguments(cls)}\n\n"
        + (f"Remembered for each weight:\n\n{kept}\n\n" if (kept := remembered(cls)) else "")
        + "| dialect | when | equation | weight decay | defaults, where not 0 |\n| --- | --- | --- | --- | --- |\n"
        f"{rows}\n\n"
    )


def page() -> str:
    """The whole page."""
    contents = "\n".join(
        f"- {title}: " + ", ".join(f"[{c.__name__}](#{c.__name__.lower()})" for c in members(modules))
        for title, modules in GROUPS.items()
    )
    body = "".join(f"## {title}\n\n" + "".join(map(section, members(modules))) for title, modules in GROUPS.items())
    return HEAD + contents + "\n\n" + abroad() + DECAY + body.rstrip("\n") + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
