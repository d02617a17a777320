"""Which optimizer a name in code means, and of which library."""

import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import torch

from steepest import optim
from steepest.dialects.library_rows import ROWS, WRITTEN, Constructor
from steepest.dialects.refusals import ELSEWHERE, FOREIGN, IDLE
from steepest.names import nearest, unknown

LIBRARIES = ("torch", "keras", "optax", "tf1", "schedulefree", "steepest")
TARGETS = ("torch", "keras", "optax", "steepest")

# what stands before an optimizer's name in code, longest first
PREFIXES = {
    "tf.compat.v1.train.": "tf1",
    "tensorflow.compat.v1.train.": "tf1",
    "tf.train.": "tf1",
    "tensorflow.train.": "tf1",
    "tf.keras.optimizers.experimental.": "keras",
    "tf.keras.optimizers.": "keras",
    "tensorflow.keras.optimizers.": "keras",
    "tf.optimizers.": "keras",
    "keras.optimizers.": "keras",
    "optimizers.": "keras",
    "steepest.optim.": "steepest",
    "torch.optim.": "torch",
    "optim.": "torch",
    "optax.": "optax",
    "schedulefree.": "schedulefree",
}


def is_of_a_library(name: str) -> bool:
    """Whether a name in code is one of a library that is known, or an optimizer's that was imported by itself."""
    return (
        name.startswith(tuple(PREFIXES))
        or elsewhere(name) is not None
        or any(name in by_name(library) for library in LIBRARIES)
    )


def is_an_optimizer(name: str) -> bool:
    """Whether a dotted name in code is an optimizer that is known, read or not, and not some function of a library."""
    prefix = next((p for p in PREFIXES if name.startswith(p)), None)
    if prefix is None:
        return any(name in by_name(library) for library in LIBRARIES)
    home, short = PREFIXES[prefix], name.removeprefix(prefix)
    return any(short in known for known in (by_name(home), FOREIGN.get(home, {})))


@cache
def constructors(library: str) -> tuple[Constructor, ...]:
    """The optimizers of a library that are here too; one that its arguments can make another comes again for that."""
    if library in ("torch", "steepest"):
        rows: Iterable[Constructor] = _from_signatures(library)
    else:
        rows = (each for each in ROWS if each.library == library and hasattr(optim, each.method))
    return tuple(each for each in rows if _speaks(each))


def by_name(library: str) -> dict[str, Constructor]:
    """The optimizers of a library, as they are without such arguments."""
    return {each.name: each for each in constructors(library) if not each.says}


def _speaks(each: Constructor) -> bool:
    return each.dialect in {form.dialect for form in each.optimizer_class.forms}


def _from_signatures(library: str) -> list[Constructor]:
    """Our classes have torch's arguments in torch's order, and further ones that only we have."""
    found = []
    for name in optim.__all__:
        one = getattr(optim, name)
        home = getattr(torch.optim, name, None) if library == "torch" else one
        if not (isinstance(one, type) and hasattr(one, "forms") and home):
            continue
        names = [n for n in inspect.signature(home.__init__).parameters if n not in ("self", "kwargs")]
        abroad = ("ema", "zero_grad_after_step", "initial_velocity")
        parameters = {n: "" if n in IDLE or n in abroad else n for n in names}
        found.append(Constructor(library, name, name, one.forms[0].dialect, parameters))
    return found


def find(name: str, library: str | None = None) -> Constructor:
    """The optimizer that a dotted name in code means; `library` where the name alone does not say it.

    Raises ValueError, with the nearest name, for what is not known.
    """
    prefix = next((p for p in PREFIXES if name.startswith(p)), "")
    home = library if library and (not prefix or prefix == "optim.") else PREFIXES.get(prefix)
    if home is None:
        return _by_name_alone(name)
    known = by_name(home)
    short = name.removeprefix(prefix)
    if short not in known:
        if why := FOREIGN.get(home, {}).get(short):
            raise ValueError(f"{name} has no counterpart here: {why}")
        raise ValueError(unknown(f"optimizer of {home}", short, known))
    return known[short]


def missing(library: str, method: str) -> str:
    """Why no optimizer that is read from a library is this class of `steepest.optim`."""
    for name, why in FOREIGN.get(library, {}).items():
        if name.rpartition(".")[2].replace("_", "").lower() == method.lower():
            return f"{WRITTEN[library]}{name} is another: {why}"
    return f"{library} has no {method}"


def meant(constructor: Constructor, given: Mapping[str, Any]) -> Constructor:
    """The optimizer itself, or the other one that some of its arguments make of it."""
    for each in constructors(constructor.library):
        said = all(n in given and (given[n] or False) == v for n, v in each.says.items())  # None is a no
        if each.name == constructor.name and each.says and said:
            return each
    return constructor


def elsewhere(name: str) -> str | None:
    """What to write in the place of a name of a library that is known and not read."""
    for names, cure in ELSEWHERE.items():
        if any(f"{name}.".startswith(f"{home}.") for home in names.split(", ")):
            return f"{name[:60]} is not read, for its library has arguments and defaults of its own: {cure}"
    return None


def _by_name_alone(name: str) -> Constructor:
    if cure := elsewhere(name):
        raise ValueError(cure)
    having = [library for library in LIBRARIES if name in by_name(library)]
    if having:
        raise ValueError(f"{name} is in {', '.join(having)}; write it with its library, as {WRITTEN['torch']}{name}, "
                         "or say --from (from_= in Python)")  # fmt: skip
    for library in LIBRARIES:
        if why := FOREIGN.get(library, {}).get(name):
            raise ValueError(f"{WRITTEN[library]}{name} has no counterpart here: {why}")
    every = {c.shown: None for library in LIBRARIES for c in constructors(library)}
    known = every if "." in name else {c.name: None for library in LIBRARIES for c in constructors(library)}
    guess = nearest(name, known)
    hint = f"did you mean {guess!r}? " if guess else ""
    homes = ", ".join(prefix.rstrip(".") for prefix in WRITTEN.values())
    raise ValueError(f"unknown optimizer {name[:60]!r}; {hint}known are those of {homes}")
