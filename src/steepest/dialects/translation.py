"""What `translate` found, for people, for notebooks and as data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from steepest.dialects.probe import ALWAYS, CONSTANT

CONSTANT_RATE = "exact while the learning rate is constant; under a schedule the two differ"


@dataclass(frozen=True)
class Translation:
    """What `translate` found; a notebook and `print` show it.

    source    the call that was read, in full
    to        the library asked for
    line      the line to paste, or None where the library cannot do the same
    holds     "always"; "constant": exact only while the rate is constant; None without a line
    settings  which constants took other values on the way
    steepest  the line of `steepest.optim` that does the same; None when there is none either
    scheduler the scheduler that changes the rate of a line of torch or steepest.optim; None where it is constant
    reasons   what cannot be said in the library
    notes     what else to know: arguments without effect, the point that the parameters hold
    """

    source: str
    to: str
    line: str | None
    holds: str | None
    settings: tuple[str, ...]
    steepest: str | None
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    scheduler: str | None = None

    def json(self) -> dict[str, Any]:
        """The same as data."""
        return {
            "source": self.source,
            "to": self.to,
            "line": self.line,
            "holds": self.holds,
            "settings": list(self.settings),
            "steepest": self.steepest,
            "reasons": list(self.reasons),
            "notes": list(self.notes),
            "scheduler": self.scheduler,
        }

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """The answer for people, line by line."""
        scheduler = [self.scheduler] if self.scheduler else []
        if self.line:
            yield self.line
            yield from scheduler if self.to in ("torch", "steepest") else []
            if self.settings:
                yield f"  with {', '.join(self.settings)}"
            if self.holds == CONSTANT:
                yield f"  {CONSTANT_RATE}"
        else:
            yield f"No line of {self.to} does the same."
            yield from (f"  {line}" for reason in self.reasons for line in reason.splitlines())
            if not self.steepest:
                yield "  steepest.optim has no counterpart either."
        if self.steepest and self.steepest != self.line and self.holds != ALWAYS:
            yield "Exact under every schedule:" if self.line else "Exact:"
            yield self.steepest
            yield from scheduler
        yield from (f"  note: {note}" for note in self.notes)

    @property
    def code(self) -> tuple[str, ...]:
        """Those of the lines that are code."""
        return tuple(text for text in (self.line, self.scheduler, self.steepest) if text)

    def _repr_markdown_(self) -> str:
        return "\n\n".join(
            f"`{line}`" if line in self.code else line.strip().replace("*", r"\*").replace("_", r"\_")
            for line in self.lines()
        )
