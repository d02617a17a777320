"""A class's forms, in sections by its flags: who speaks each how, and what maps to what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from steepest import optim
from steepest.dialects.conversions import Verdict, judge, typical
from steepest.dialects.notation import in_letters
from steepest.dialects.probe import ALWAYS
from steepest.names import unknown
from steepest.optim.form import Form
from steepest.optim.shell import FLAGS_OR_NONE
from steepest.plain_math import plain
from steepest.rules import Rule, variant

# weight decay as a step of its own, where it is one
DECAY_STEPS = {
    "decoupled": r"\theta \leftarrow \theta - \epsilon\lambda\theta,\quad ",
    "independent": r"\theta \leftarrow \theta - \lambda\theta,\quad ",
}


@dataclass(frozen=True)
class Spoken:
    """Dialects that have the same equation, and the same way for weight decay to enter."""

    dialects: tuple[str, ...]
    rule: Rule

    @property
    def name(self) -> str:
        return ", ".join(self.dialects)

    def latex(self, notation: str) -> str:
        """The equation; a decay that is no part of the gradient is a step of its own where it is the default."""
        rule = self.rule
        if rule.defaults.get("weight_decay") and r"\lambda" not in rule.equation:
            rule = variant(rule, equation=DECAY_STEPS.get(rule.decay, "") + rule.equation)
        return in_letters(rule, notation)

    def equation(self, notation: str) -> str:
        """The same for a terminal, a line for each step."""
        return plain(self.latex(notation))


@dataclass(frozen=True)
class Section:
    """A method under some flags: who speaks it how, and what maps to what."""

    title: str
    flags: Mapping[str, bool]
    spoken: tuple[Spoken, ...]
    verdicts: Mapping[tuple[str, str], Verdict]

    def verdict(self, one: str, other: str) -> Verdict:
        """Whether and how the form of one dialect maps to that of another."""
        having = {dialect: each.name for each in self.spoken for dialect in each.dialects}
        for dialect in (one, other):
            if dialect not in having:
                raise ValueError(unknown("dialect", dialect, having))
        same = having[one] == having[other]
        return Verdict(ALWAYS) if same else self.verdicts[having[one], having[other]]


def flag_sets(forms: Sequence[Form]) -> list[Mapping[str, bool]]:
    """The flags under which the class's own dialect has its forms; AdamW explains what is decoupled."""
    own = [form.flags for form in forms if form.dialect == forms[0].dialect]
    return [flags for flags in own if not flags.get("decoupled_weight_decay")] or own


def section_of(cls: type[optim.Optimizer], flags: Mapping[str, bool]) -> Section:
    groups: dict[Any, Spoken] = {}
    for dialect in dict.fromkeys(form.dialect for form in cls.forms):
        if form := _form(cls.forms, dialect, flags):
            key = (form.rule.equation, form.rule.decay, *form.rule.initial(form.rule.defaults).items())
            before = groups.setdefault(key, Spoken((), form.rule))
            groups[key] = Spoken((*before.dialects, dialect), before.rule)
    spoken = tuple(groups.values())
    on = [name.replace("_", " ") for name, value in flags.items() if value]
    off = [name for name, value in flags.items() if not value]
    verdicts = {
        (one.name, other.name): judge(one.rule, typical(one.rule, at_default=off), other.rule)
        for one, other in permutations(spoken, 2)
    }
    return Section(", ".join([cls.__name__, *on]), flags, spoken, verdicts)


def _form(forms: Sequence[Form], dialect: str, flags: Mapping[str, bool]) -> Form | None:
    """A dialect's form under these flags; flags that are not named are off, or as the dialect has them."""
    for form in forms:
        named = {name: on for name, on in form.flags.items() if name in flags or name not in FLAGS_OR_NONE}
        if form.dialect == dialect and all(flags.get(name, False) == on for name, on in named.items()):
            return form
    return None
