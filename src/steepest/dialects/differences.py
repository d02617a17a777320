"""Which terms of an equation another one does not have: line by line, sign by sign.

>>> differing("θ ← θ − η g/(ε + √v)", ["v ← ρ v + (1−ρ) g²", "θ ← θ − η g/√(v + ε)"])
[('θ ← θ − η g/', False), ('(ε + √v)', True)]
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise

Piece = tuple[str, bool]  # a text, and whether it differs
TOKEN = re.compile(r"\s+|\|[^|]*\||[^\W\d][\w\u0300-\u036f]*|\d+(?:\.\d+)?|.")
CLOSE = 3  # so many signs between two differences belong to one


def differing(line: str, others: Sequence[str]) -> list[Piece]:
    """The line in pieces: those that its counterpart, the line of the others that says the same letter, does not have.

    A line without a counterpart differs as a whole; where something is only missing, the sign beside it differs.
    """
    if line in others:
        return [(line, False)]
    head = _head(line)
    rivals = [other for other in others if _head(other) == head]
    if not rivals:
        return [(line, True)]
    counterpart = max(rivals, key=lambda other: SequenceMatcher(None, other, line, autojunk=False).ratio())
    return _pieces(TOKEN.findall(line), TOKEN.findall(counterpart))


def _head(line: str) -> str:
    """What an equation sets: the text before its arrow or its equals sign."""
    return re.split("[←=]", line)[0].strip()


def _pieces(mine: list[str], its: list[str]) -> list[Piece]:
    differs = [False] * len(mine)
    for what, _, _, start, end in SequenceMatcher(None, its, mine, autojunk=False).get_opcodes():
        if what == "delete":
            start, end = _beside(mine, start)
        if what != "equal":
            differs[start:end] = [True] * (end - start)
    for _ in range(2):
        _close_gaps(mine, differs)
        _balance(mine, differs)
    pieces: list[Piece] = []
    for token, new in zip(mine, differs, strict=True):
        if pieces and pieces[-1][1] == new:
            pieces[-1] = (pieces[-1][0] + token, new)
        else:
            pieces.append((token, new))
    return pieces


def _beside(mine: list[str], place: int) -> tuple[int, int]:
    """The sign that shows that something is missing here: the one behind, or the one before at the end of a bracket."""
    behind = next((i for i in range(place, len(mine)) if not mine[i].isspace()), None)
    if behind is not None and mine[behind] != ")":
        return behind, behind + 1
    before = next((i for i in range(place - 1, -1, -1) if not mine[i].isspace()), 0)
    return before, before + 1


def _close_gaps(mine: list[str], differs: list[bool]) -> None:
    """One difference, where two lie close together, and none that begins or ends with a space."""
    places = [i for i, new in enumerate(differs) if new and not mine[i].isspace()]
    differs[:] = [i in places for i in range(len(mine))]
    for one, other in pairwise(places):
        between = [token for token in mine[one + 1 : other] if not token.isspace()]
        if len(between) <= CLOSE:
            differs[one:other] = [True] * (other - one)


def _balance(mine: list[str], differs: list[bool]) -> None:
    """Brackets differ with their partners and what stands between."""
    opened: list[int] = []
    for i, token in enumerate(mine):
        if token == "(":
            opened.append(i)
        elif token == ")" and opened and differs[one := opened.pop()] != differs[i]:
            differs[one : i + 1] = [True] * (i + 1 - one)
