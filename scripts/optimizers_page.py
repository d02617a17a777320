"""Writes docs/optimizers.md from the classes' tables of forms and the rules' own facts; `make docs` runs it."""

import inspect
from pathlib import Path
from types import ModuleType

from steepest import optim
from steepest.optim import Optimizer, beyond, classes, muon
from steepest.optim.form import Form

PAGE = Path(__file__).parent.parent / "docs" / "optimizers.md"

HEAD = """# Optimizers and their dialects

Each class of `steepest.optim` follows, under `dialect=`, the form of a method that a library or a text has: its numbers
and its defaults. An argument that is given always wins, and arguments keep torch's names. How near each form is to the
library itself is on [the page of agreement](agreement.md). `make docs` writes this page from the rules.

Defaults under "paper" are compared with no library, the schedule-free classes apart: where a paper names none they are
the class's own, and the others were not checked against the papers' text. Read the reference before you rely on one.

The letters are the field's: θ the weights, g the gradient, t the step from 1, ε the learning rate (`lr`), δ the small
constant (`eps`), δ₀ the one inside the root (`eps_root`), α momentum, τ dampening, ρ decay rates (`alpha`, `rho`,
`betas`), λ weight decay.

## Weight decay

| name | what happens |
| --- | --- |
| coupled | g ← g + λθ: the gradient of λ/2 ‖θ‖² in the loss |
| decoupled | θ ← θ − ελθ before the step |
| independent | θ ← θ − λθ before the step, times the share of the first ε that a scheduler has left |
| own | as the equation says |

"""

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


def defaults(cls: type[Optimizer], form: Form) -> str:
    """The dialect's defaults: of the signature in the class's own dialect, of the rule in the others."""
    written = inspect.signature(cls).parameters
    own = form.dialect == cls.forms[0].dialect
    values = {name: value for name, value in form.rule.defaults.items() if name not in form.flags}
    if own:
        values |= {name: p.default for name, p in written.items() if name in values}
    return ", ".join(f"{name} {float(value):g}" for name, value in values.items() if value or name == "lr")


def section(cls: type[Optimizer]) -> str:
    """A class's heading, equations and table."""
    numbers = {name: index for index, name in enumerate(rules_of(cls), 1)}
    shown = {form.rule.name: form.rule for form in reversed(cls.forms)}
    equations = "\n\n".join(
        f"{numbers[name]}. **{shown[name].title}**; {shown[name].reference}\n\n   $${shown[name].equation}$$"
        for name in numbers
    )
    rows = "\n".join(
        f'| "{f.dialect}" | {flags(f)} | {numbers[f.rule.name]} | {f.rule.decay} | {defaults(cls, f)} |'
        for f in cls.forms
    )
    return (
        f"### {cls.__name__}\n\n{equations}\n\n"
        "| dialect | when | equation | weight decay | defaults, where not 0 |\n| --- | --- | --- | --- | --- |\n"
        f"{rows}\n\n"
    )


def page() -> str:
    """The whole page."""
    contents = "\n".join(
        f"- {title}: " + ", ".join(f"[{c.__name__}](#{c.__name__.lower()})" for c in members(modules))
        for title, modules in GROUPS.items()
    )
    body = "".join(f"## {title}\n\n" + "".join(map(section, members(modules))) for title, modules in GROUPS.items())
    return HEAD + contents + "\n\n" + body.rstrip("\n") + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
