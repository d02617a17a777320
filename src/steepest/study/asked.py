"""Contenders from words: on the command line and in TOML files.

adam                                     by name
sgd:momentum=0.9,schedule=linear         other hyperparameters, options, a schedule, batch_size=64 or batch_size=all
adam:dialect=keras,lr=1e-4..1e-1         whose form of the method; a range is searched
torch.optim.AdamW:weight_decay=0.1       any torch.optim.Optimizer class by its import path
"""

import inspect
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from steepest.names import unknown
from steepest.rules import METHODS
from steepest.schedules import SCHEDULES
from steepest.study.contenders import CONTENDERS, Contender, followed
from steepest.trial.alone import foreign

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
    return [c for word in split(texts) for c in (from_file(word) if _is_a_file(word) else [contender(word)])]


def _is_a_file(word: str) -> bool:
    return word.lower().endswith(".toml")


def contender(text: str) -> Contender:
    """The contender that a text asks for; raises ValueError for one that cannot race."""
    base, _, settings = text.partition(":")
    if _is_a_file(base):
        raise ValueError(f"{text}: settings of contenders in a file stand in the file; write {base}")
    given: dict[str, Any] = {}
    try:
        for word in filter(None, settings.split(",")):
            name, equals, value = (part.strip() for part in word.partition("="))
            if not equals:
                raise ValueError(f"{word!r} is no setting; write name=value or name=low..high")
            if name in given:
                raise ValueError(f"{name} is given twice; leave one out")
            given[name] = _value(value)
        return _contender(text if given else base, base, given)
    except ValueError as error:
        raise ValueError(f"{text}: {error}" if given or settings else str(error)) from None


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
    return [_in_file(str(file), name, table) for name, table in tables.items()]


def _in_file(file: str, name: str, table: Mapping[str, Any]) -> Contender:
    base, given = table.get("optimizer", name), {k: v for k, v in table.items() if k != "optimizer"}
    try:
        if not name.strip():
            raise ValueError("the name is empty; give the contender one")
        if inner := next((k for k, v in given.items() if isinstance(v, dict)), None):
            raise ValueError(
                f'{inner} is a table; a range is written {inner} = "1e-4..1e-1", a name with dots in quotes: '
                f'["torch.optim.AdamW"]'
            )
        if not isinstance(base, str):
            raise ValueError(f'optimizer is {base!r}; write it as text, as in optimizer = "adam"')
        if "optimizer" not in table and base not in CONTENDERS and "." not in base:
            raise ValueError('no optimizer is called so; name one below it, as in optimizer = "adam"')
        return _contender(name, base, {k: _value(v) for k, v in given.items()})
    except ValueError as error:
        ranges = (
            '; a range is text, as in lr = "1e-4..1e-1"' if any(isinstance(v, list) for v in given.values()) else ""
        )
        raise ValueError(f"{file}, [{name}]: {error}{ranges}") from None


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
    if not 0 < ends[0] < ends[1] < math.inf:
        raise ValueError(f"Invalid range {text!r}; both ends are numbers above 0, the lower one first")
    return ends


def _contender(name: str, base: str, given: Mapping[str, Any]) -> Contender:
    known = CONTENDERS.get(base)
    if known and not given:
        return replace(known, name=name)
    if not known and "." not in base:
        raise ValueError(_unknown(base))
    schedule = given.get("schedule", known.schedule if known else "constant")
    if not isinstance(schedule, str) or schedule not in SCHEDULES:
        raise ValueError(unknown("schedule", schedule, SCHEDULES))
    batch = given.get("batch_size")
    if batch not in (None, "all") and (isinstance(batch, bool) or not isinstance(batch, int) or batch < 1):
        raise ValueError(f"Invalid batch size: {batch!r}; allowed is a whole number, 1 or above, or all")
    ranges = {k: v for k, v in given.items() if isinstance(v, Range)}
    rest = {k: v for k, v in given.items() if k not in OWN and k not in ranges}
    method = known.method if known else base
    facts = _facts(method, rest, ranges)
    tunes = known.tunes if known else "lr"
    if tunes not in ranges and bool(ranges) != (tunes in rest):
        raise ValueError(_neither(tunes, rest.get(tunes)))
    fixed = {k: v for k, v in rest.items() if k in facts and method in METHODS}
    return Contender(
        name,
        method,
        schedule,
        tunes=next(iter(ranges), tunes),
        centre=known.centre if known else None,
        whole_pass=batch == "all" or (batch is None and known is not None and known.whole_pass),
        fixed=tuple(fixed.items()),
        options=tuple((k, v) for k, v in rest.items() if k not in fixed),
        ranges=tuple((k, (v[0], v[1])) for k, v in ranges.items()),
        batch_size=batch if isinstance(batch, int) else None,
    )


def _unknown(base: str) -> str:
    """Who is not known; a class of `steepest.optim` races by its import path."""
    from steepest import optim

    classes = {name.lower(): name for name in optim.__all__ if isinstance(getattr(optim, name), type)}
    if base.lower() in classes and base.lower() not in CONTENDERS:
        return f"unknown contender {base!r}; write steepest.optim.{classes[base.lower()]}"
    return unknown("contender", base, CONTENDERS) + "; or an import path such as torch.optim.AdamW"


def _neither(tunes: str, value: Any) -> str:
    """What the contender would search is said to be a number, or is left out beside a range of something else."""
    if value is None:
        return f"{tunes} is neither searched nor given; add {tunes}=low..high, or {tunes}=NUMBER to hold it there"
    return f"{tunes} = {value!r} leaves nothing to search; write {tunes}=low..high, or add the range of something else"


def _facts(method: str, given: Mapping[str, Any], ranges: Mapping[str, Range]) -> Iterable[str]:
    """The hyperparameters that a contender may search, its other arguments and the ends of its ranges tried."""
    if method not in METHODS:
        found = [p for p in inspect.signature(foreign(method)).parameters if p != "params"]
        _refuse_unknown(ranges, found)
        return found
    known = followed(method).rule.defaults
    numbers = {k: v for k, v in given.items() if k in known or k == "momentum"}
    options = tuple((k, v) for k, v in given.items() if k not in numbers)
    try:
        found = followed(method, options, tuple(numbers.items())).hyperparameters
        _refuse_unknown(ranges, found)
        for ends in zip(*ranges.values(), strict=True):
            followed(method, options, tuple({**numbers, **dict(zip(ranges, ends, strict=True))}.items()))
    except TypeError as error:
        raise ValueError(str(error)) from None
    return found


def _refuse_unknown(ranges: Iterable[str], known: Iterable[str]) -> None:
    for name in ranges:
        if name not in known:
            raise ValueError(unknown("hyperparameter", name, known))
