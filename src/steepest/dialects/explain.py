"""One name, several methods: its equation in each dialect, the defaults, and which form maps to which by constants."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steepest import optim
from steepest.dialects.explain_lines import (
    WIDTH,
    Line,
    default_lines,
    markdown,
    markdown_table,
    meaning_lines,
    section_lines,
    wrapped,
)
from steepest.dialects.libraries import LIBRARIES, find, is_an_optimizer
from steepest.dialects.notation import NOTATIONS, meaning_in_letters
from steepest.dialects.recipe import defaults_of, followed
from steepest.dialects.sections import Section, flag_sets, section_of
from steepest.names import unknown
from steepest.optim.form import Form, facts


@dataclass(frozen=True)
class Explanation:
    """What `explain` found; `print` and notebooks show it.

    name       the class of `steepest.optim`
    sections   the method under each set of flags
    defaults   for each argument its default in each dialect; None where the dialect does not have it
    meanings   each argument's meaning
    decays     how weight decay enters in each dialect
    notation   "field" or "lecture"
    notes      what else to know
    """

    name: str
    sections: tuple[Section, ...]
    defaults: Mapping[str, Mapping[str, float | None]]
    meanings: Mapping[str, str]
    decays: Mapping[str, str]
    notation: str
    notes: tuple[str, ...] = ()

    def json(self) -> dict[str, Any]:
        """The same as data."""
        return {
            "name": self.name,
            "notation": self.notation,
            "defaults": {name: dict(values) for name, values in self.defaults.items()},
            "weight_decay": dict(self.decays),
            "notes": list(self.notes),
            "sections": [
                {
                    "title": section.title,
                    "flags": dict(section.flags),
                    "forms": [
                        {
                            "dialects": list(each.dialects),
                            "rule": each.rule.name,
                            "title": each.rule.title,
                            "equation": each.latex(self.notation),
                            "plain": each.equation(self.notation).splitlines(),
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

    def lines(self, width: int = WIDTH, looks: bool = False) -> Iterator[Line]:
        """The explanation for people, each line in pieces with their looks.

        What differs from the first form stands in ‹ ›, unless the looks show it.
        """
        for section in self.sections:
            yield from section_lines(section, self.notation, width, looks)
        yield from default_lines(self.defaults, width)
        yield []
        yield from meaning_lines(self.meanings, self.decays, self.notation, width)
        for note in self.notes:
            yield from wrapped(note, width, "dim")

    def __str__(self) -> str:
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self.lines())

    def _repr_markdown_(self) -> str:
        parts = [*markdown(self.sections, self.notation), markdown_table(self.defaults), *self.notes]
        return "\n\n".join(parts)


def explain(name: str, notation: str = "field") -> Explanation:
    """An optimizer's equation in each dialect, what differs, the defaults, and what maps to what.

    name      a class of `steepest.optim`, in upper or lower case; "momentum", "nesterov" and "amsgrad" name a part;
              also a library's name for one, as "optax.adamw"
    notation  "field" (η, β₁, m, v) or "lecture" (ε, ρ₁, s, r)

    That a form maps to another, exactly or under a constant rate, is found by running both. Raises ValueError for a
    name that is not known, with the nearest.

    >>> explain("adagrad").sections[0].verdict("optax", "torch").settings
    ('initial_accumulator_value = initial_accumulator_value + eps', 'eps = 0')
    """
    if notation not in NOTATIONS:
        raise ValueError(unknown("notation", notation, NOTATIONS))
    cls, wanted = _topic(name)
    sections = tuple(section_of(cls, flags) for flags in flag_sets(cls.forms) if wanted.items() <= flags.items())
    dialects = dict.fromkeys(dialect for section in sections for each in section.spoken for dialect in each.dialects)
    forms = {d: [form for form in cls.forms if form.dialect == d] for d in dialects}
    known_to = {d: facts(forms[d]) for d in dialects}
    hyperparameters = facts([form for own in forms.values() for form in own])
    numbers = {d: _numbers(cls, d, forms[d]) for d in dialects}
    slots = {slot for own in forms.values() for form in own for slot in form.rule.slots}
    return Explanation(
        name=cls.__name__,
        sections=sections,
        defaults={h: {d: numbers[d].get(h) if h in known_to[d] else None for d in dialects} for h in hyperparameters},
        meanings={n: meaning_in_letters(h.meaning, notation, slots) for n, h in hyperparameters.items()},
        decays={dialect: own[0].rule.decay for dialect, own in forms.items()},
        notation=notation,
        notes=_notes(forms),
    )


def _topic(name: str) -> tuple[type[optim.Optimizer], dict[str, bool]]:
    """The class that a name means, and the flags of the part."""
    known = topics()
    if not isinstance(name, str):
        raise ValueError(unknown("optimizer", name, known))
    if name.lower() in known:
        return known[name.lower()]
    if name in LIBRARIES or name in {form.dialect for cls, _ in known.values() for form in cls.forms}:
        raise ValueError(f"{name} is a dialect; give an optimizer, as adam, and each dialect's form of it is shown")
    if is_an_optimizer(name) and "." in name:
        return find(name).optimizer_class, {}
    raise ValueError(unknown("optimizer", name.rpartition(".")[2], known))


def _numbers(cls: type[optim.Optimizer], dialect: str, forms: Sequence[Form]) -> dict[str, float]:
    """A dialect's defaults; those that Muon has only for what is no matrix are AdamW's."""
    numbers = defaults_of(cls, dialect)
    of_matrices = facts([form for form in forms if not form.flags.get("adamw")])
    if any(form.flags.get("adamw") for form in forms):
        others = followed(cls.__name__, {"dialect": dialect, "adamw": True}).numbers
        numbers |= {name: value for name, value in others.items() if name not in of_matrices}
    return numbers


def _notes(forms: Mapping[str, Sequence[Form]]) -> tuple[str, ...]:
    having = [dialect for dialect, own in forms.items() if any(form.flags.get("adamw") for form in own)]
    if not having:
        return ()
    return (f"in {', '.join(having)} what is no matrix follows AdamW, to which the betas belong: see explain adamw",)


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
