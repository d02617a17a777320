"""One name, several methods: its equation in each dialect, the defaults, and which form maps to which by constants."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, zip_longest
from textwrap import wrap
from typing import Any

from steepest import optim
from steepest.dialects.conversions import Verdict, judge, typical
from steepest.dialects.differences import differing
from steepest.dialects.notation import NOTATIONS, in_letters, meaning_in_letters
from steepest.dialects.probe import ALWAYS, CONSTANT
from steepest.dialects.recipe import defaults_of
from steepest.names import unknown
from steepest.optim.form import Form, facts
from steepest.optim.shell import FLAGS_OR_NONE
from steepest.plain_math import plain
from steepest.rules import Rule, variant
from steepest.tables import number

WIDTH = 80
MARK = "▸ "
TERM = ("‹", "›")  # around what differs, where looks do not show it
# how weight decay enters: in words, and as a step of its own where it is one
DECAYS = {
    "coupled": "λθ joins g",
    "decoupled": "θ shrinks by ελθ",
    "independent": "θ shrinks by λθ",
    "own": "as its equation has it",
}
DECAY_STEPS = {
    "decoupled": r"\theta \leftarrow \theta - \epsilon\lambda\theta,\quad ",
    "independent": r"\theta \leftarrow \theta - \lambda\theta,\quad ",
}
Segment = tuple[str, str]  # a text and how it is shown: "", "title", "differs" or "dim"


@dataclass(frozen=True)
class Spoken:
    """Dialects that have the same equation, and the same way for weight decay to enter."""

    dialects: tuple[str, ...]
    rule: Rule

    @property
    def name(self) -> str:
        return ", ".join(self.dialects)


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


@dataclass(frozen=True)
class Explanation:
    """What `explain` found; `print` and notebooks show it.

    name       the class of `steepest.optim`
    sections   the method under each set of flags
    defaults   for each argument its default in each dialect; None where the dialect does not have it
    meanings   each argument's meaning
    decays     how weight decay enters in each dialect
    notation   "field" or "lecture"
    """

    name: str
    sections: tuple[Section, ...]
    defaults: Mapping[str, Mapping[str, float | None]]
    meanings: Mapping[str, str]
    decays: Mapping[str, str]
    notation: str

    def json(self) -> dict[str, Any]:
        """The same as data."""
        return {
            "name": self.name,
            "notation": self.notation,
            "defaults": {name: dict(values) for name, values in self.defaults.items()},
            "weight_decay": dict(self.decays),
            "sections": [
                {
                    "title": section.title,
                    "flags": dict(section.flags),
                    "forms": [
                        {
                            "dialects": list(each.dialects),
                            "rule": each.rule.name,
                            "title": each.rule.title,
                            "equation": self.latex(each),
                            "plain": self.equation(each).splitlines(),
                            "weight_decay": each.rule.decay,
                            "reference": each.rule.reference,
                        }
                        for each in section.spoken
                    ],
                    "maps": [
                        {
                            "from": one,
                            "to": other,
                            "exact": verdict.holds,
                            "settings": list(verdict.settings),
                            "only_where_zero": list(verdict.only_where),
                        }
                        for (one, other), verdict in section.verdicts.items()
                    ],
                }
                for section in self.sections
            ],
        }

    def latex(self, spoken: Spoken) -> str:
        """A form's equation; a decay that is no part of the gradient is a step of its own where it is the default."""
        rule = spoken.rule
        if rule.defaults.get("weight_decay") and r"\lambda" not in rule.equation:
            rule = variant(rule, equation=DECAY_STEPS.get(rule.decay, "") + rule.equation)
        return in_letters(rule, self.notation)

    def equation(self, spoken: Spoken) -> str:
        """The same for a terminal, a line for each step."""
        return plain(self.latex(spoken))

    def __str__(self) -> str:
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self.lines())

    def lines(self, width: int = WIDTH, looks: bool = False) -> Iterator[list[Segment]]:
        """The explanation for people, each line in pieces with their looks.

        What differs from the first form stands in ‹ ›, unless the looks show it.
        """
        for section in self.sections:
            several = len(self._by_equation(section)) > 1
            shown = "coloured" if looks else " ".join(TERM)
            told = f"   {shown}: not as {section.spoken[0].name} has it" if several else ""
            yield [(section.title, "title"), (told, "dim")]
            yield from self._equations(section, width, looks)
            yield []
            for ends, said in _pairs(section.verdicts):
                yield from _hanging(ends, said, width)
            yield []
        yield from self._defaults(width)

    def _equations(self, section: Section, width: int, looks: bool) -> Iterator[list[Segment]]:
        columns = [self._marked(section, each, looks) for each in self._by_equation(section)]
        widths = [max(map(_length, column)) for column in columns]
        if sum(widths) + 3 * (len(widths) - 1) + 2 <= width:
            for row in zip_longest(*columns, fillvalue=[]):
                yield [("  ", "")] + [
                    piece
                    for cell, w in zip(row, widths, strict=True)
                    for piece in (*cell, (" " * (w + 3 - _length(cell)), ""))
                ]
            return
        for column in columns:
            yield from ([("  ", ""), *cell] for cell in column)

    def _by_equation(self, section: Section) -> list[Spoken]:
        """Those that only a coupled decay or a start sets apart, together."""
        found: dict[str, Spoken] = {}
        for each in section.spoken:
            before = found.setdefault(self.equation(each), Spoken((), each.rule))
            found[self.equation(each)] = Spoken((*before.dialects, *each.dialects), before.rule)
        return list(found.values())

    def _marked(self, section: Section, spoken: Spoken, looks: bool) -> list[list[Segment]]:
        """A column: who speaks so, and the equation, with the terms marked that the first form does not have."""
        first = self.equation(section.spoken[0]).splitlines()
        left, right = ("", "") if looks else TERM
        equations = [
            [("  ", ""), *((f"{left}{text}{right}", "differs") if new else (text, "") for text, new in pieces)]
            for pieces in (differing(line, first) for line in self.equation(spoken).splitlines())
        ]
        return [[(spoken.name, "dim")], *equations]

    def _defaults(self, width: int) -> Iterator[list[Segment]]:
        dialects = list(next(iter(self.defaults.values())))
        first = {name: values[dialects[0]] for name, values in self.defaults.items()}
        rows = {n: [_cell(value, first[n]) for value in values.values()] for n, values in self.defaults.items()}
        long = max(map(len, rows))
        widest = max(
            len(text) for text, _ in (*((d, "") for d in dialects), *(cell for r in rows.values() for cell in r))
        )
        each = min(widest + 2, (width - 2 - long) // len(dialects))
        yield [("defaults", "title"), (f"   {MARK.strip()}: not as {dialects[0]} has it", "dim")]
        yield [("  " + " " * long, ""), *((dialect.rjust(each), "dim") for dialect in dialects)]
        for name, cells in rows.items():
            yield [(f"  {name:{long}}", ""), *((text.rjust(each), look) for text, look in cells)]
        yield []
        for name, meaning in self.meanings.items():
            yield [(f"  {name}: {meaning}", "dim")]
        for way in dict.fromkeys(self.decays.values()):
            having = ", ".join(dialect for dialect, its in self.decays.items() if its == way)
            yield [(f"  weight decay in {having}: {meaning_in_letters(DECAYS[way], self.notation)}", "dim")]

    def _repr_markdown_(self) -> str:
        parts = []
        for section in self.sections:
            parts.append(f"**{section.title}**")
            for each in self._by_equation(section):
                steps = self.latex(each).replace(r",\quad ", r" \\ ")
                parts.append(f"{each.name}\n\n$$\\begin{{gathered}}{steps}\\end{{gathered}}$$")
            parts.append("\n".join(f"- {ends}: {said}" for ends, said in _pairs(section.verdicts)))
        dialects = list(next(iter(self.defaults.values())))
        head = f"| default | {' | '.join(dialects)} |\n| --- | {' | '.join('---' for _ in dialects)} |"
        rows = [
            f"| `{name}` | {' | '.join(_cell(value, value)[0] for value in values.values())} |"
            for name, values in self.defaults.items()
        ]
        return "\n\n".join([*parts, "\n".join([head, *rows])])


def explain(name: str, notation: str = "field") -> Explanation:
    """An optimizer's equation in each dialect, what differs, the defaults, and what maps to what.

    name      a class of `steepest.optim`, in upper or lower case; "momentum", "nesterov" and "amsgrad" name a part
    notation  "field" (η, β₁, m, v) or "lecture" (ε, ρ₁, s, r)

    That a form maps to another, exactly or under a constant rate, is found by running both. Raises ValueError for a
    name that is not known, with the nearest.

    >>> explain("adagrad").sections[0].verdict("optax", "torch").settings
    ('initial_accumulator_value = initial_accumulator_value + eps', 'eps = 0')
    """
    if notation not in NOTATIONS:
        raise ValueError(unknown("notation", notation, NOTATIONS))
    known = topics()
    if not isinstance(name, str) or name.lower() not in known:
        raise ValueError(unknown("optimizer", name, known))
    cls, wanted = known[name.lower()]
    sections = tuple(_section(cls, flags) for flags in _flag_sets(cls.forms) if wanted.items() <= flags.items())
    dialects = dict.fromkeys(dialect for section in sections for each in section.spoken for dialect in each.dialects)
    forms = {d: [form for form in cls.forms if form.dialect == d] for d in dialects}
    known_to = {d: facts(forms[d]) for d in dialects}
    hyperparameters = facts([form for own in forms.values() for form in own])
    numbers = {d: defaults_of(cls, d) for d in dialects}
    slots = {slot for own in forms.values() for form in own for slot in form.rule.slots}
    return Explanation(
        name=cls.__name__,
        sections=sections,
        defaults={h: {d: numbers[d].get(h) if h in known_to[d] else None for d in dialects} for h in hyperparameters},
        meanings={n: meaning_in_letters(h.meaning, notation, slots) for n, h in hyperparameters.items()},
        decays={dialect: own[0].rule.decay for dialect, own in forms.items()},
        notation=notation,
    )


def topics() -> dict[str, tuple[type[optim.Optimizer], dict[str, bool]]]:
    """What can be explained: the classes by their names, and the flags that people take for a method's name."""
    classes = [getattr(optim, name) for name in optim.__all__]
    known = {
        each.__name__.lower(): (each, {})
        for each in classes
        if isinstance(each, type) and isinstance(getattr(each, "forms", None), tuple)
    }
    parts = {
        "momentum": (optim.SGD, {"momentum": True, "nesterov": False}),
        "nesterov": (optim.SGD, {"momentum": True, "nesterov": True}),
        "amsgrad": (optim.Adam, {"amsgrad": True, "decoupled_weight_decay": False}),
    }
    return {**known, **parts}


def _flag_sets(forms: Sequence[Form]) -> list[Mapping[str, bool]]:
    """The flags under which the class's own dialect has its forms; AdamW explains what is decoupled."""
    own = [form.flags for form in forms if form.dialect == forms[0].dialect]
    return [flags for flags in own if not flags.get("decoupled_weight_decay")] or own


def _section(cls: type[optim.Optimizer], flags: Mapping[str, bool]) -> Section:
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


def _pairs(verdicts: Mapping[tuple[str, str], Verdict]) -> Iterator[tuple[str, str]]:
    """For each pair its ends and what holds: once where both ways are alike."""
    done = set()
    for (one, other), verdict in verdicts.items():
        if (one, other) in done:
            continue
        if verdicts[other, one] == verdict:
            done.add((other, one))
            yield f"{one} ↔ {other}", in_words(verdict)
        else:
            yield f"{one} → {other}", in_words(verdict)


def in_words(verdict: Verdict) -> str:
    """A verdict as a sentence."""
    if verdict.holds is None:
        return "no constants make them equal"
    settings = f" with {', '.join(verdict.settings)}" if verdict.settings else ""
    where = f", where {' = '.join((*verdict.only_where, '0'))}" if verdict.only_where else ""
    rate = ", under a constant rate only" if verdict.holds == CONSTANT else ""
    if verdict.only_where and not verdict.settings:
        return f"the same only{where[1:]}{rate}"
    return ("exact" if settings or verdict.holds == ALWAYS else "the same") + settings + where + rate


def _hanging(ends: str, said: str, width: int) -> Iterator[list[Segment]]:
    lines = wrap(f"{ends}: {said}", width - 2, subsequent_indent="    ")
    for line in lines:
        yield [("  " + line, "")]


def _cell(value: float | None, first: float | None) -> Segment:
    if value is None:
        return "–", "dim"
    return (MARK + number(value), "differs") if value != first else (number(value), "")


def _length(line: Sequence[Segment]) -> int:
    """Places on a terminal: an accent above a letter takes none."""
    return sum(not unicodedata.combining(sign) for text, _ in line for sign in text)
