"""`steepest race`: who trains best, with equal budgets for all."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from steepest.cli.common import Json, Out, Seed, console, out_folder, print_json, progress

if TYPE_CHECKING:
    from steepest.study import Outcome

__all__ = ["race"]

QUICK = {"passes": 1.0}
WHO = (
    "Who races: adam, sgd:momentum=0.9,schedule=linear, adam:dialect=keras,lr=1e-4..1e-1, torch.optim.AdamW, who.toml."
)


def race(
    workload: Annotated[str, typer.Argument(help="What to train; steepest list names all.")] = "mnist",
    optimizers: Annotated[
        list[str] | None,
        typer.Option(
            "--optimizers", "--contenders", "-o", metavar="NAME,…", help=WHO, show_default="the lecture's nine"
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Examples a step, from 1 to all.", show_default="the workload's own")
    ] = None,
    passes: Annotated[
        float | None,
        typer.Option(help="Passes over the data in a final run; a tuning run has 0.4 of them.", show_default="5"),
    ] = None,
    until: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT=NUMBER,…",
            help="When a run ends: passes, steps, loss or gradient-norm; the first one met.",
        ),
    ] = None,
    rates: Annotated[int | None, typer.Option(help="Values that each contender tries.", show_default="7")] = None,
    seeds: Annotated[int | None, typer.Option(help="Fresh seeds of the final runs.", show_default="3")] = None,
    seed: Seed = 0,
    quick: Annotated[bool, typer.Option("--quick", help="A first impression: final runs of one pass.")] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes that train.", show_default="one a core")] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Race optimizers on a workload: tune each on the validation split, then train on fresh seeds.

    Every contender gets the same number of trials, initial weights and batches. Everything is kept in the folder given
    by --out (steepest-race-WORKLOAD unless given); the same command again continues there.
    """
    from steepest import report
    from steepest.study import DEFAULT, carry_out, plan
    from steepest.study.asked import asked

    settings = {"passes": passes, "rates": rates, "seeds": seeds}
    given = {**(QUICK if quick else {}), **{name: value for name, value in settings.items() if value is not None}}
    study = plan(
        workload,
        DEFAULT if optimizers is None else asked(optimizers),
        until=until or (),
        batch_size=batch_size,
        seed=seed,
        **given,
    )
    folder = out_folder(out or study.folder)
    with _watching(folder) as watch:
        outcome = carry_out(study, folder, jobs, watch)
    page = report.write(folder)
    if as_json:
        print_json({"contenders": [row.columns for row in outcome.rows]})
        progress().print(f"The report: {page}", soft_wrap=True)
    else:
        _show(outcome, page)


def _watching(folder: Path) -> AbstractContextManager[Any]:
    from steepest.cli.race_progress import watching

    return watching(progress(), folder)


def _show(outcome: "Outcome", page: Path) -> None:
    from steepest.cli.race_table import notes, result_table

    screen = console()
    screen.print(result_table(outcome.rows, screen.width))
    for note in notes(outcome.rows):
        screen.print(f"[dim]{note}[/]")
    screen.print(f"The report: {page}", soft_wrap=True)
