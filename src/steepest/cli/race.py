"""`steepest race`: who trains best, with equal budgets for all."""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from steepest.cli.common import Json, Out, Seed, console, notes_in_one_line, out_folder, print_json, progress

if TYPE_CHECKING:
    from rich.console import Console

    from steepest.cli.race_progress import Watch
    from steepest.study import Journal, Outcome, Status, Study

__all__ = ["race"]

QUICK = {"passes": 1.0}
THOROUGH = {"rates": 15, "seeds": 10}
RELIABLE = f"For a result to rely on: {THOROUGH['rates']} trials, {THOROUGH['seeds']} fresh seeds."
WHO = (
    "Who races: adam, sgd:momentum=0.9,schedule=linear, adam:dialect=keras,lr=1e-4..1e-1, torch.optim.AdamW, who.toml."
)


def race(
    workloads: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORKLOAD…", help="What to train: names (see steepest list) or Python files.", show_default="mnist"
        ),
    ] = None,
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
        typer.Option(
            help="Passes over the data in a final run; a tuning run has 0.5 of them, rounded up.",
            show_default="the workload's own, or 10",
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Or steps of a final run.", show_default=False)] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            help="Or seconds of training: as many steps as each contender makes in them, timed once before the race.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT=NUMBER,…",
            help="When a run ends: passes, steps, seconds, loss or gradient-norm; the first one met.",
            show_default=False,
        ),
    ] = None,
    rates: Annotated[
        int | None,
        typer.Option(
            "--trials", "--rates", help="Values that each contender tries; its best three run twice.", show_default="9"
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Fresh seeds of the final runs.", show_default="5")] = None,
    seed: Seed = 0,
    quick: Annotated[bool, typer.Option("--quick", help="A first impression: final runs of one pass.")] = False,
    thorough: Annotated[bool, typer.Option("--thorough", help=RELIABLE)] = False,
    products: Annotated[
        str | None,
        typer.Option(
            help="Or bfloat16: faster matrix products, in training rounded to 8 bits.", show_default="float32"
        ),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes that train.", show_default="one a core")] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write each run for TensorBoard when it ends, into --out.")
    ] = False,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Race optimizers on workloads: tune each on the validation split, then train on fresh seeds.

    Every contender gets the same number of trials, initial weights and batches. Everything is kept in the folder given
    by --out (steepest-race-WORKLOAD unless given); the same command again continues there. Several workloads get a
    report each, and one together.
    """
    from steepest import report
    from steepest.study import DEFAULT, carry_out, plan
    from steepest.study.asked import asked
    from steepest.study.budget import limited
    from steepest.study.journal import read

    if quick and thorough:
        raise ValueError("--quick and --thorough exclude each other; leave one out")
    budgets = {"passes": passes, "steps": steps, "seconds": seconds}
    preset = THOROUGH if thorough else QUICK if quick and not limited(until or (), **budgets) else {}
    settings = {**budgets, "rates": rates, "seeds": seeds, "products": products}
    given = {**preset, **{name: value for name, value in settings.items() if value is not None}}
    who = DEFAULT if optimizers is None else asked(optimizers)
    names = list(dict.fromkeys(workloads or ["mnist"]))
    log = _tensorboard() if tensorboard else None
    _refuse_contenders(names)
    with notes_in_one_line(), _no_results(), progress().status("Reading the data, and trying a few examples …"):
        studies = [plan(name, who, until=until or (), batch_size=batch_size, seed=seed, **given) for name in names]
    called = [study.folder for study in studies]
    if twice := next((s.workload.name for s in studies if called.count(s.folder) > 1), None):
        raise ValueError(f"two workloads are called {twice!r}; name one otherwise, with steepest.workload(…, name=…)")
    found, parent = {}, _parent(studies, out)
    for study in studies:
        folder = out_folder(parent / study.folder if len(studies) > 1 else parent)
        with _telling_how_to_go_on(folder):
            with _watching() as watch, _no_results():
                outcome = carry_out(study, folder, jobs, _both(watch, log, folder))
            found[study.workload.name] = {"contenders": [row.columns for row in outcome.rows]}
            page = report.write(folder)
        if as_json:
            progress().print(f"The report: {page}", soft_wrap=True)
            continue
        if len(studies) > 1:
            console().print(study.workload.title, style="bold")
        _show(outcome, page, read(folder))
    if len(studies) > 1:
        _show_together(parent, progress() if as_json else console())
    if as_json:
        print_json(found if len(studies) > 1 else next(iter(found.values())))


def _refuse_contenders(names: Sequence[str]) -> None:
    """A contender in the place of a workload is an easy mistake."""
    from steepest.study.contenders import CONTENDERS

    if stray := [name for name in names if name in CONTENDERS]:
        rest = [name for name in names if name not in stray] or ["mnist"]
        cure = f"steepest race {' '.join(rest)} -o {','.join(stray)}"
        raise ValueError(f"no workload but a contender: {', '.join(stray)}; write {cure}")


def _parent(studies: Sequence["Study"], out: Path | None) -> Path:
    """Where a study lies, or where each of several has a folder of its own."""
    names = [study.folder for study in studies]
    return out or Path("-".join([names[0], *(name.removeprefix("steepest-race-") for name in names[1:])]))


def _show_together(parent: Path, screen: "Console") -> None:
    from steepest import report
    from steepest.report.joint import verdict
    from steepest.report.together import entries

    screen.print("All workloads together", style="bold")
    screen.print(" ".join(verdict(entries(parent))))
    screen.print(f"The report: {report.write(parent)}", soft_wrap=True)


def _telling_how_to_go_on(folder: Path) -> AbstractContextManager[None]:
    from steepest.cli.race_ending import telling_how_to_go_on

    return telling_how_to_go_on(folder)


def _no_results() -> AbstractContextManager[Any]:
    """What a user's functions print inside is no result: it goes to stderr."""
    return redirect_stdout(sys.stderr)


def _watching() -> AbstractContextManager[Any]:
    from steepest.cli.race_progress import watching

    return watching(progress())


def _tensorboard() -> "Callable[[Journal, Path], None]":
    """Writes the runs that a study has finished and that are not there yet; refused early where it cannot."""
    from steepest.report.tensorboard import FOLDER, add, refuse_if_missing

    refuse_if_missing()
    return lambda journal, folder: add(journal, folder / FOLDER)


def _both(watch: "Watch", log: "Callable[[Journal, Path], None] | None", folder: Path) -> "Watch":
    def both(status: "Status") -> None:
        watch(status)
        if log:
            log(status.journal, folder)

    return both


def _show(outcome: "Outcome", page: Path, journal: "Journal") -> None:
    from steepest import report
    from steepest.cli.race_table import notes, result_table
    from steepest.report.metric import metric

    screen = console()
    screen.print(result_table(outcome.rows, metric(journal), screen.width))
    for note in notes(outcome.rows):
        screen.print(note, style="dim")
    screen.print(" ".join(report.verdict(journal)))
    screen.print(f"The report: {page}", soft_wrap=True)
