"""`steepest descend`: the lecture's worked example, or any function of one or two variables."""

import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any

import typer

from steepest.cli.common import Json, Out, console, out_folder, print_json, print_table, write
from steepest.rules import METHODS, Hyperparameter

__all__ = ["descend"]


def hyperparameters() -> dict[str, Hyperparameter]:
    """Each hyperparameter that some method has, by name."""
    return {h.name: h for rule in METHODS.values() for h in rule.hyperparameters}


def with_hyperparameters(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each hyperparameter of the rules; None when it is not used."""
    signature = inspect.signature(command)
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    options = [_option(h) for h in hyperparameters().values()]
    command.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    command.__annotations__ |= {option.name: option.annotation for option in options}
    return command


def _option(h: Hyperparameter) -> inspect.Parameter:
    having = ", ".join(name for name, rule in METHODS.items() if h.name in rule.defaults)
    owners = "" if len(having.split()) == len(METHODS) else f" ({having})"
    meaning = typer.Option(help=h.meaning + owners, rich_help_panel="Hyperparameters", show_default=False)
    annotation = Annotated[float | None, meaning]
    return inspect.Parameter(h.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


@with_hyperparameters
def descend(
    function: Annotated[
        str,
        typer.Argument(help="A function's name (see steepest list), or an expression such as 'x**4 - x**2 + y**2'."),
    ] = "quartic",
    optimizer: Annotated[
        list[str] | None, typer.Option("--optimizer", "-o", help="A method; may be given several times. [default: sgd]")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="All methods side by side.")] = False,
    start: Annotated[str | None, typer.Option(metavar="X or X,Y", help="Where to begin.")] = None,
    steps: Annotated[int | None, typer.Option(help="How many steps.")] = None,
    schedule: Annotated[str, typer.Option(help="How the learning rate changes over the steps.")] = "constant",
    initial_velocity: Annotated[
        str | None, typer.Option(metavar="V or V,W", help="What the velocity starts from (momentum, nesterov).")
    ] = None,
    all_rows: Annotated[bool, typer.Option("--all", help="Print every step.")] = False,
    out: Out = None,
    as_json: Json = False,
    **given: float | None,
) -> None:
    """Descend a function, print the steps and draw the path.

    Without more, quartic has the lecture's settings: ε = 0.05, α = 0.7, θ₀ = −2.8, 99 steps.
    """
    from steepest.descent import descend as run

    if compare and optimizer:
        raise ValueError("--compare takes all methods; without it, several -o put those side by side: -o sgd -o adam")
    folder = out_folder(out) if out else None
    names = list(METHODS) if compare else optimizer or ["sgd"]
    result = run(
        function,
        names[0] if len(names) == 1 else names,
        start=_numbers("--start", start),
        steps=steps,
        schedule=schedule,
        initial_velocity=_numbers("--initial-velocity", initial_velocity),
        **{name: value for name, value in given.items() if value is not None},
    )
    stem = "compare" if compare else "-".join(names)
    if not as_json:
        _show(result, all_rows)
        folder = folder or out_folder(f"steepest-descend-{_slug(function)}")
    if folder:
        write(folder, stem, result.picture, rows=result.steps, table=result.short_table)
    if as_json:
        print_json(result.json())


def _show(result: Any, all_rows: bool) -> None:
    from rich.text import Text

    out, run, on = console(), result.runs[0], f" on {result.function.formula.text}"
    if len(result.runs) == 1:
        numbers = "  ".join(f"{name} {value:g}" for name, value in run.hyperparameters.items() if value)
        rate = "" if run.schedule == "constant" else f"  schedule {run.schedule}"
        out.print(Text.assemble((run.title, "bold"), on, "\n", (f"{numbers}{rate}", "dim")))
    else:
        out.print(Text.assemble((f"{len(result.runs)} methods", "bold"), on))
    print_table(out, result.full_table if all_rows else result.short_table)
    for note in result.notes:
        out.print(note, style="dim")
    if len(result.runs) == 1 and (outcome := result.outcome(run)):
        out.print(f"It {'' if run.diverged else 'ends '}{outcome}.")


def _numbers(option: str, text: str | None) -> float | list[float] | None:
    """A number, or two with a comma between them."""
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.strip("()[] ").split(",")]
    except ValueError:
        raise ValueError(f"{option} {text!r} is neither a number nor two numbers with a comma between them") from None
    return numbers[0] if len(numbers) == 1 else numbers


def _slug(function: str) -> str:
    return function if re.fullmatch(r"[A-Za-z][\w-]*", function) else "expression"
