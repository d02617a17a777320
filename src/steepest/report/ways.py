"""Which runs trained together in stacks and which by themselves, and why."""

from collections.abc import Mapping, Sequence
from typing import Any

from steepest.report import words


def ways(decisions: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]]) -> str:
    """What was decided about the finished runs, in sentences; empty where nothing was.

    >>> decisions = [
    ...     {"way": "stacked", "why": "small model", "members": ["1", "2"]},
    ...     {"way": "alone", "why": "it is no rule", "members": ["3"]},
    ... ]
    >>> ways(decisions, [{"key": "1", "contender": "sgd"}, {"key": "2", "contender": "adam"},
    ...                      {"key": "3", "contender": "AdamW"}])
    '2 of 3 runs trained together, 2 in a stack: small model. By itself, 1 run of AdamW: it is no rule.'
    """
    contender = {run["key"]: run["contender"] for run in runs}
    groups: dict[tuple[str, str], list[list[str]]] = {}
    for each in decisions:
        if members := [key for key in each["members"] if key in contender]:
            groups.setdefault((each["way"], each["why"]), []).append(members)
    sentences = []
    for (way, why), units in sorted(groups.items(), key=lambda group: group[0][0] != "stacked"):
        count = sum(map(len, units))
        if way == "stacked":
            most = "" if len(units) == 1 else "up to "
            size = max(map(len, units))
            sentences.append(f"{count} of {len(runs)} runs trained together, {most}{size} in a stack: {why}.")
        else:
            names = list(dict.fromkeys(contender[key] for unit in units for key in unit))
            which = "all contenders" if len(names) == len(set(contender.values())) > 1 else words.listed(names)
            apart = "By itself" if count == 1 else "One by one"
            sentences.append(f"{apart}, {words.times(count, 'run')} of {which}: {why}.")
    return " ".join(sentences)
