"""Contenders from words: on the command line and in TOML files.

adam                                     by name
sgd:momentum=0.9,schedule=linear         other hyperparameters, options, a schedule, batch_size=64 or batch_size=all
adam:dialect=keras,lr=1e-4..1e-1         whose form of the method; a range is searched
torch.optim.AdamW:weight_decay=0.1       any torch.optim.Optimizer class by its import path
"""

import inspect
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from steepest.names import unknown
from steepest.rules import METHODS
from steepest.schedules import SCHEDULES
from steepest.study.contenders import CONTENDERS, Contender, followed

OWN = ("schedule", "batch_size")


def split(texts: Iterable[str]) -> list[str]:
    """The contenders in texts with commas; a comma before name=value goes on with the contender before.

    >>> split(["adam,sgd:momentum=0.9,schedule=linear,gd"])
    ['adam', 'sgd:momentum=0.9,schedule=linear', 'gd']
    """
    found: list[str] = []
    for text in texts:
        for word in filter(None, (word.strip() for word in text.split(","))):
            if found and ":" in found[-1] and "=" in word.partition(":")[0]:
                found[-1] += f",{word}"
            else:
                found.append(word)
    return found


def asked(texts: Iterable[str]) -> list[Contender]:
    """The contenders that texts ask for, in order; a text that ends in .toml names a file of them."""
    return [c for word in split(texts) for c in (from_file(word) if word.endswith(".toml") else [contender(word)])]


def contender(text: str) -> Contender:
    """The contender that a text asks for; raises ValueError for one that cannot race."""
    base, _, settings = text.partition(":")
    given = {}
    for word in filter(None, settings.split(",")):
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"{text}: {word!r} is no setting; write name=value or name=low..high")
        given[name.strip()] = _value(value.strip())
    return _contender(text, base, given)


def from_file(file: Path | str) -> list[Contender]:
    """The contenders of a TOML file: a table each, its name that of the contender.

    [keras-adam]
    optimizer = "adam"      # the table's name unless given
    dialect = "keras"
    lr = "1e-4..1e-1"
    """
    try:
        tables = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{file} is no TOML file: {error}") from None
    if not tables or not all(isinstance(table, dict) for table in tables.values()):
        raise ValueError(f'{file} holds no contenders; each is a table, as in [mine] and below it optimizer = "adam"')
    return [
        _contender(name, str(table.pop("optimizer", name)), {k: _value(v) for k, v in table.items()})
        for name, table in tables.items()
    ]


def _value(text: Any) -> Any:
    """A number, a range, a flag, or the word itself."""
    if not isinstance(text, str):
        return tuple(text) if isinstance(text, list) else text
    low, dots, high = text.partition("..")
    if dots:
        return range_of(text, low, high)
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


class Range(tuple[float, float]):
    """From where to where a hyperparameter is searched."""


def range_of(text: str, low: str, high: str) -> Range:
    """The range; raises ValueError when its ends are not positive numbers in order."""
    try:
        ends = Range((float(low), float(high)))
    except ValueError:
        raise ValueError(f"Invalid range {text!r}; write low..high, as in 1e-4..1e-1") from None
    if not 0 < ends[0] < ends[1]:
        raise ValueError(f"Invalid range {text!r}; both ends are above 0, the lower one first")
    return ends


def _contender(name: str, base: str, given: Mapping[str, Any]) -> Contender:
    if base in CONTENDERS and not given:
        return CONTENDERS[base]
    if base not in CONTENDERS and "." not in base:
        raise ValueError(unknown("contender", base, CONTENDERS) + "; or an import path such as torch.optim.AdamW")
    known = CONTENDERS.get(base)
    schedule = given.get("schedule", known.schedule if known else "constant")
    if schedule not in SCHEDULES:
        raise ValueError(unknown("schedule", str(schedule), SCHEDULES))
    batch = given.get("batch_size")
    if batch not in (None, "all") and (isinstance(batch, bool) or not isinstance(batch, int) or batch < 1):
        raise ValueError(f"{name}: Invalid batch size: {batch!r}; allowed is a whole number, 1 or above, or all")
    ranges = {k: v for k, v in given.items() if isinstance(v, Range)}
    rest = {k: v for k, v in given.items() if k not in OWN and k not in ranges}
    method = known.method if known else base
    facts = _facts(name, method, rest)
    for searched in ranges:
        if searched not in facts:
            raise ValueError(f"{name}: " + unknown("hyperparameter", searched, facts))
    fixed = {k: v for k, v in rest.items() if k in facts and method in METHODS}
    return Contender(
        name,
        method,
        schedule,
        tunes=next(iter(ranges), known.tunes if known else "lr"),
        centre=known.centre if known else None,
        whole_pass=batch == "all" or (batch is None and known is not None and known.whole_pass),
        fixed=tuple(fixed.items()),
        options=tuple((k, v) for k, v in rest.items() if k not in fixed),
        ranges=tuple((k, (v[0], v[1])) for k, v in ranges.items()),
        batch_size=batch if isinstance(batch, int) else None,
    )


def _facts(name: str, method: str, given: Mapping[str, Any]) -> Iterable[str]:
    """The hyperparameters that a contender may search, its other arguments tried."""
    if method in METHODS:
        known = followed(method).rule.defaults
        numbers = {k: v for k, v in given.items() if k in known or k == "momentum"}
        options = {k: v for k, v in given.items() if k not in numbers}
        try:
            return followed(method, tuple(options.items()), tuple(numbers.items())).hyperparameters
        except (ValueError, TypeError) as error:
            raise ValueError(f"{name}: {error}") from None
    from steepest.trial.alone import foreign

    return [p for p in inspect.signature(foreign(method)).parameters if p != "params"]
