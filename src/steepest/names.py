"""The nearest known name, for errors that help."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], closeness: float = 0.6) -> str | None:
    """The known name most like `name`, upper and lower case aside, or None when nothing is close (1.0: the same)."""
    by_lower = {k.lower(): k for k in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=closeness)
    return by_lower[found[0]] if found else None


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that is not known: what came, the nearest, all that are allowed."""
    known = list(known)
    guess = nearest(name, known) if isinstance(name, str) else None
    hint = f"did you mean {guess!r}? " if guess else ""
    return f"unknown {kind} {name!r}; {hint}known are {', '.join(known)}"
