"""`steepest show`: the lecture's remaining claims, each a small table and a picture."""

from typing import Annotated

import typer

from steepest.cli.common import Json, Out, Seed, console, out_folder, print_json, print_table, write, write_table

__all__ = ["app"]

app = typer.Typer(help="Show a claim of the lecture by running the rules.")


@app.command()
def noise(
    workload: Annotated[str, typer.Option(help="Whose gradients (see steepest list).")] = "mnist",
    seed: Seed = 0,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Gradient noise against batch size, and an update's cost against the number of examples."""
    folder = out_folder(out) if out else None
    from steepest.show.noise import noise as run

    _present(run(workload, seed), folder, as_json)


@app.command("terminal-velocity")
def terminal_velocity(
    momentum: Annotated[list[float] | None, typer.Option(help="α; may be given up to four times.")] = None,
    lr: Annotated[float, typer.Option(help="Learning rate ε.")] = 0.01,
    steps: Annotated[int, typer.Option(help="How many steps.")] = 500,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """The step of momentum under a constant gradient tends to ε‖g‖/(1−α)."""
    folder = out_folder(out) if out else None
    from steepest.show.terminal_velocity import terminal_velocity as run

    chosen = {"momenta": momentum} if momentum else {}
    _present(run(lr=lr, steps=steps, **chosen), folder, as_json)


@app.command()
def rates(
    optimizer: Annotated[
        list[str] | None, typer.Option("--optimizer", "-o", help="May be given several times.")
    ] = None,
    lr: Annotated[float, typer.Option(help="Learning rate ε, the same for all.")] = 0.01,
    steps: Annotated[int, typer.Option(help="How many steps, whole hundreds.")] = 2000,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """The effective rate of frequent and rare features under adaptive methods."""
    folder = out_folder(out) if out else None
    from steepest.show.rates import rates as run

    chosen = {"optimizers": optimizer} if optimizer else {}
    _present(run(lr=lr, steps=steps, **chosen), folder, as_json)


def _present(shown, folder, as_json: bool) -> None:
    """Print the tables or the JSON document, and write the files."""
    if as_json:
        print_json(shown.json())
    else:
        out = console()
        for table in shown.tables.values():
            out.print(table.title, style="bold")
            print_table(out, table)
        for note in shown.notes:
            out.print(note, style="dim")
        folder = folder or out_folder(f"steepest-show-{shown.name}")
    if folder:
        main, *others = shown.tables.items()
        for name, table in others:
            write_table(folder, f"{shown.name}-{name}", table, table)
        write(folder, shown.name, shown.picture, rows=main[1], table=main[1])
