"""An explanation for people: lines in pieces for a terminal, and Markdown for a notebook."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import TypeAlias

from steepest.dialects.conversions import Verdict
from steepest.dialects.differences import differing
from steepest.dialects.notation import meaning_in_letters
from steepest.dialects.probe import ALWAYS, CONSTANT
from steepest.dialects.sections import Section, Spoken
from steepest.tables import number

WIDTH = 80
MARK = "▸ "
TERM = ("‹", "›")  # around what differs, where looks do not show it
# how weight decay enters, in words
DECAYS = {
    "coupled": "λθ joins g",
    "decoupled": "θ shrinks by ελθ",
    "independent": "θ shrinks by λθ",
    "own": "as its equation has it",
}
Segment = tuple[str, str]  # a text and how it is shown: "", "title", "differs" or "dim"
Line = list[Segment]
Defaults: TypeAlias = Mapping[str, Mapping[str, float | None]]  # for each argument its default in each dialect


def section_lines(section: Section, notation: str, width: int, looks: bool) -> Iterator[Line]:
    """A section line by line; what differs from the first form stands in ‹ ›, unless the looks show it."""
    columns = _by_equation(section, notation)
    yield from _headed(section.title, _legend(section, looks) if len(columns) > 1 else "", width)
    yield from _equations([_marked(section, each, notation, looks) for each in columns], width)
    yield []
    for ends, said in _pairs(section.verdicts):
        yield from wrapped(f"{ends}: {said}", width)
    yield []


def _headed(title: str, legend: str, width: int) -> Iterator[Line]:
    """A title with what its marks mean beside it, or below."""
    if len(title) + 3 + len(legend) <= width:
        yield [(title, "title"), (f"   {legend}" if legend else "", "dim")]
    else:
        yield [(title, "title")]
        yield from wrapped(legend, width, "dim")


def _legend(section: Section, looks: bool) -> str:
    shown, first = "coloured" if looks else " ".join(TERM), section.spoken[0]
    return f"{shown}: not as {first.name} {'have' if len(first.dialects) > 1 else 'has'} it"


def _by_equation(section: Section, notation: str) -> list[Spoken]:
    """Those that only a coupled decay or a start sets apart, together."""
    together: dict[str, Spoken] = {}
    for each in section.spoken:
        before = together.setdefault(each.equation(notation), Spoken((), each.rule))
        together[each.equation(notation)] = Spoken((*before.dialects, *each.dialects), before.rule)
    return list(together.values())


def _marked(section: Section, spoken: Spoken, notation: str, looks: bool) -> list[Line]:
    """A column: who speaks so, and the equation, with the terms marked that the first form does not have."""
    first = section.spoken[0].equation(notation).splitlines()
    left, right = ("", "") if looks else TERM
    equations: list[Line] = [
        [("  ", ""), *((f"{left}{text}{right}", "differs") if new else (text, "") for text, new in pieces)]
        for pieces in (differing(line, first) for line in spoken.equation(notation).splitlines())
    ]
    return [[(spoken.name, "dim")], *equations]


def _equations(columns: list[list[Line]], width: int) -> Iterator[Line]:
    """Side by side where the width allows it, else one below the other."""
    widths = [max(map(_length, column)) for column in columns]
    if sum(widths) + 3 * (len(widths) - 1) + 2 > width:
        for column in columns:
            for line in column:
                yield from _broken([("  ", ""), *line], width)
        return
    for row in zip_longest(*columns, fillvalue=[]):
        padded = ((*cell, (" " * (w + 3 - _length(cell)), "")) for cell, w in zip(row, widths, strict=True))
        yield [("  ", ""), *(piece for cell in padded for piece in cell)]


def _broken(line: Line, width: int) -> Iterator[Line]:
    """A line of an equation, broken at its spaces where it is too long; what goes on stands further in."""
    kept: Line = []
    for word, look in ((word, look) for text, look in line for word in re.split(r"(?<=\S)(?= )", text)):
        if kept and _length([*kept, (word, look)]) > width and word.strip():
            yield kept
            kept = [("      ", "")]
            word = word.lstrip()
        kept.append((word, look))
    yield kept


def default_lines(defaults: Defaults, width: int) -> Iterator[Line]:
    """A row for each argument, a column for each dialect; below one another where not all have room."""
    dialects = list(next(iter(defaults.values())))
    rows = {name: [_cell(value, values[dialects[0]]) for value in values.values()] for name, values in defaults.items()}
    long = max(map(len, rows))
    widest = max(map(len, [*dialects, *(text for row in rows.values() for text, _ in row)]))
    room = width - 2 - long
    fitting = max(1, room // (widest + 1))
    each = min(widest + 2, room // min(fitting, len(dialects)))
    yield from _headed("defaults", f"{MARK.strip()}: not as {dialects[0]} has it", width)
    for first in range(0, len(dialects), fitting):
        shown = slice(first, first + fitting)
        yield [("  " + " " * long, ""), *((dialect.rjust(each), "dim") for dialect in dialects[shown])]
        for name, cells in rows.items():
            yield [(f"  {name:{long}}", ""), *((text.rjust(each), look) for text, look in cells[shown])]


def meaning_lines(meanings: Mapping[str, str], decays: Mapping[str, str], notation: str, width: int) -> Iterator[Line]:
    """What each argument means, and how weight decay enters in which dialects."""
    for name, meaning in meanings.items():
        yield from wrapped(f"{name}: {meaning}", width, "dim")
    for way in dict.fromkeys(decays.values()):
        having = ", ".join(dialect for dialect, its in decays.items() if its == way)
        yield from wrapped(f"weight decay in {having}: {meaning_in_letters(DECAYS[way], notation)}", width, "dim")


def markdown(sections: Sequence[Section], notation: str) -> Iterator[str]:
    """The sections as a notebook shows them, in parts."""
    for section in sections:
        yield f"**{section.title}**"
        for each in _by_equation(section, notation):
            steps = each.latex(notation).replace(r",\quad ", r" \\ ")
            yield f"{each.name}\n\n$$\\begin{{gathered}}{steps}\\end{{gathered}}$$"
        yield "\n".join(f"- {ends}: {said}" for ends, said in _pairs(section.verdicts))


def markdown_table(defaults: Defaults) -> str:
    """The defaults as a notebook shows them."""
    dialects = list(next(iter(defaults.values())))
    head = f"| default | {' | '.join(dialects)} |\n| --- | {' | '.join('---' for _ in dialects)} |"
    rows = [
        f"| `{name}` | {' | '.join(_cell(value, value)[0] for value in values.values())} |"
        for name, values in defaults.items()
    ]
    return "\n".join([head, *rows])


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


def wrapped(text: str, width: int, look: str = "") -> Iterator[Line]:
    """A sentence in lines, those after the first further in."""
    for line in wrap(text, width - 2, subsequent_indent="    "):
        yield [("  " + line, look)]


def _cell(value: float | None, first: float | None) -> Segment:
    if value is None:
        return "–", "dim"
    return (MARK + number(value), "differs") if value != first else (number(value), "")


def _length(line: Sequence[Segment]) -> int:
    """Places on a terminal: an accent above a letter takes none."""
    return sum(not unicodedata.combining(sign) for text, _ in line for sign in text)
