"""`steepest explain` and `steepest translate`: what each library means by a name, and one in the words of another."""

import sys
from textwrap import fill
from typing import Annotated

import typer

from steepest.cli.common import Json, console, print_json

__all__ = ["explain", "translate"]

LOOKS = {"title": "bold", "differs": "bold magenta", "dim": "dim", "": ""}


def explain(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME…",
            help="A class of steepest.optim, as rmsprop; momentum, nesterov, amsgrad; or as optax.adamw.",
        ),
    ],
    notation: Annotated[
        str, typer.Option(help="Whose letters: field (η, β₁, m, v) or lecture (ε, ρ₁, s, r).")
    ] = "field",
    as_json: Json = False,
) -> None:
    """Show a method in each library's dialect: equations, defaults, and which form maps to which by constants."""
    from rich.text import Text

    from steepest.dialects import explain as run
    from steepest.dialects.explain import WIDTH

    found = [run(name, notation) for name in names]
    if as_json:
        print_json(found[0].json() if len(found) == 1 else [each.json() for each in found])
        return
    out = console()
    width = out.width if out.is_terminal else WIDTH
    for i, each in enumerate(found):
        for line in [*([[]] if i else []), *each.lines(width, looks=out.is_terminal and not out.no_color)]:
            shown = Text.assemble(*((text, LOOKS[look]) for text, look in line))
            shown.rstrip()
            out.print(shown, soft_wrap=True)


def translate(
    call: Annotated[
        str, typer.Argument(help="Code such as 'keras.optimizers.SGD(0.1, momentum=0.9)', in quotes; - reads stdin.")
    ],
    to: Annotated[str, typer.Option(help="The library: torch, keras, optax or steepest.")] = "torch",
    from_: Annotated[
        str | None, typer.Option("--from", help="The library of the call, where its name does not say it; also tf1.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say an optimizer of one library in the words of another: the line to paste, or why there is none.

    The call is read as data; nothing of it is executed. Two forms count as the same when a run of both gives the same
    path.
    """
    from steepest.dialects import translate as run

    if call.endswith((".py", ".txt", ".ipynb")) and " " not in call:
        raise ValueError(f"{call} is the name of a file; give the lines of it: steepest translate - < {call}")
    found = run(sys.stdin.read() if call == "-" else call, to=to, from_=from_)
    if as_json:
        print_json(found.json())
        return
    out = console()
    for line in found.lines():
        if line in found.code:  # to be pasted, so the terminal alone breaks it
            out.print(line, soft_wrap=True)
        else:
            within = " " * (len(line) - len(line.lstrip()) + 2)
            out.print(fill(line, out.width, subsequent_indent=within), soft_wrap=True, style="dim")
