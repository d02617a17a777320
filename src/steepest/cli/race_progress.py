"""What a race shows while it works: a live table on a terminal, a line for each finished run elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from steepest.cli.race_table import head
from steepest.report import words
from steepest.report.metric import Metric, metric
from steepest.study import Contender, Status
from steepest.study.journal import Run
from steepest.study.summary import CONFIRMED, choice
from steepest.trial import Trial
from steepest.trial.decision import NO_COMPANY, SMALL_MODEL
from steepest.trial.specification import FINAL, NAMES, PHASES, TUNE
from steepest.trial.unit import STACKED

Watch = Callable[[Status], None]

LEGEND = (("●", "green", "done"), ("◆", "bold green", "best"), ("×", "red", "diverged"), ("·", "dim", "to come"))
DONE, BEST, DIVERGED, TO_COME = ((sign, style) for sign, style, _ in LEGEND)
SHARE_BEFORE_AN_ESTIMATE = 0.03
ROOMY = 90  # columns


@contextmanager
def watching(console: Console) -> Iterator[Watch]:
    """Shows what `race` reports while it works."""
    clock = Clock()
    with _live_table(console, clock) if console.is_terminal else nullcontext(_lines(console, clock)) as watch:
        yield _explaining(console, watch)


def _explaining(console: Console, watch: Watch) -> Watch:
    """Says once for each contender why it trains by itself, or in a stack, where that is not plain to see."""
    told: set[tuple[str, str]] = set()

    def explain(status: Status) -> None:
        for (way, why), names in reasons(status).items():
            new = [name for name in names if (name, way) not in told]
            told.update((name, way) for name in new)
            if new:
                console.print(_reason(way, why, new), style="dim", soft_wrap=True)
        watch(status)

    return explain


def reasons(status: Status) -> dict[tuple[str, str], list[str]]:
    """The contenders for each way of training and reason, the plain ones left out."""
    contender = {trial.key: trial.contender for trial in status.trials}
    found: dict[tuple[str, str], list[str]] = {}
    for each in status.journal.decisions:
        if each["why"] not in (SMALL_MODEL, NO_COMPANY):
            names = found.setdefault((each["way"], each["why"]), [])
            names += dict.fromkeys(contender[k] for k in each["members"] if contender.get(k) not in (None, *names))
    return found


def _reason(way: str, why: str, names: list[str]) -> str:
    verb, itself = ("trains", "itself") if len(names) == 1 else ("train", "themselves")
    how = f"{verb} in stacks" if way == STACKED else f"{verb} by {itself}"
    return f"{words.listed(names)} {how}: {why}"


class Clock:
    """How long a race has taken in this session, how far it is, and how long it may take yet."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.status: Status | None = None
        self.found = 0.0
        self.done = 0

    def look(self, status: Status) -> None:
        """Take note of what has been finished; what is under way is looked up when the time is told."""
        if self.status is None:
            self.found, _ = _done_and_left(status)
        self.status, self.done = status, len(status.journal.keys)

    def __str__(self) -> str:
        elapsed = time.monotonic() - self.started
        done, left = _done_and_left(self.status) if self.status else (0.0, 0.0)
        share = (done - self.found) / (done + left) if left else 0.0
        if share < SHARE_BEFORE_AN_ESTIMATE:
            return _duration(elapsed)
        return f"{_duration(elapsed)}, about {_duration(elapsed * left / (done - self.found))} left"


def _done_and_left(status: Status) -> tuple[float, float]:
    """The cost of what is done, and of what is left."""
    keys, shares = status.journal.keys, status.shares
    costs = [(_cost(trial), 1.0 if trial.key in keys else shares.get(trial.key, 0.0)) for trial in status.trials]
    done = sum(cost * share for cost, share in costs)
    return done, sum(cost for cost, _ in costs) - done + _not_called_for_yet(status)


def _cost(trial: Trial) -> float:
    return next(c.limit for c in trial.until if c.is_budget)


def _not_called_for_yet(status: Status) -> float:
    """The cost of the phases to come."""
    study, last = status.study, status.trials[-1].phase
    again = min(CONFIRMED, study.rates) if last == TUNE and study.rates > 1 else 0
    seeds = study.seeds if last != FINAL else 0
    values = [(c, c.at(0, study.rates)) for c in study.contenders]
    return sum(again * _cost(study.confirming(*each)) + seeds * _cost(study.final(*each, 0)) for each in values)


def _duration(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


# ---------------------------------------------------------------------------------------------------- a line for each


def _lines(console: Console, clock: Clock) -> Watch:
    planned = 0

    def watch(status: Status) -> None:
        nonlocal planned
        before, first = clock.done, clock.status is None
        clock.look(status)
        if first and status.journal.runs:
            console.print(f"{len(status.journal.runs)} runs are finished already")
        elif clock.done > before:
            console.print(_line(status, clock), soft_wrap=True)
        elif planned and len(status.trials) > planned and status.trials[-1].phase == TUNE:
            console.print("a best value lies at the end of its grid: every contender gets more values")
        planned = len(status.trials)

    return watch


def _line(status: Status, clock: Clock) -> str:
    run = status.journal.runs[-1]
    contender = next(c for c in status.study.contenders if c.name == run["contender"])
    what = f"{contender.name} {contender.tunes}={run['hyperparameters'][contender.tunes]:g}"
    if run["diverged"]:
        came = f"diverged at step {run['diverged_step']}"
    else:
        measured = metric(status.journal)
        came = f"{measured.on('validation')} {measured.words(run['val_acc'])}, training loss {run['train_loss']:.4g}"
    return f"{clock.done}/{len(status.trials)} {NAMES[run['phase']]}: {what}: {came} ({clock})"


# --------------------------------------------------------------------------------------------------- the live table


@contextmanager
def _live_table(console: Console, clock: Clock) -> Iterator[Watch]:
    table: list[Table | Text] = [Text("The processes that train are starting …", style="dim")]

    def screen() -> Group:
        return Group(*table, Text(f"{clock}", style="dim"))

    def watch(status: Status) -> None:
        clock.look(status)
        table[:] = [_table(status, console.width), _legend(status)]

    with Live(get_renderable=screen, console=console, refresh_per_second=1, transient=True):
        yield watch


def _table(status: Status, width: int) -> Table:
    """A row a contender; a narrow terminal goes without the last column, and without room between the signs."""
    gap, measured = " " if width >= ROOMY else "", metric(status.journal)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title=_title(status), title_justify="left")
    table.add_column("contender", overflow="fold", min_width=10)
    table.add_column("values tried", no_wrap=True)
    table.add_column("best", justify="right", no_wrap=True)
    table.add_column(head("validation", measured.name), justify="right", no_wrap=True)
    table.add_column("final runs", no_wrap=True)
    if gap:
        table.add_column("ms a step", justify="right", no_wrap=True)
    for contender in status.study.contenders:
        table.add_row(*_row(status, contender, measured, gap)[: len(table.columns)])
    return table


def _title(status: Status) -> Text:
    return Text(f"Racing on {status.study.workload.title}, batch {status.study.batch_size}", style="bold")


def _row(status: Status, contender: Contender, measured: Metric, gap: str) -> list[str | Text]:
    done = {run["key"]: run for run in status.journal.runs if run["contender"] == contender.name}
    own = [trial for trial in status.trials if trial.contender == contender.name]
    ordered = sorted(own, key=lambda trial: trial.hyperparameters[contender.tunes])
    tuning, again, finals = ([t for t in ordered if t.phase == phase] for phase in PHASES)
    tried, confirmed = ([done[t.key] for t in each if t.key in done] for each in (tuning, again))
    best = choice(tried, confirmed, contender.tunes) if tried else None
    letter = "" if contender.tunes == "lr" else f"{words.letter(contender.tunes)} "
    return [
        Text(contender.name),
        _signs(tuning, done, best, gap).append(" ").append(_signs(again, done, None, gap)),
        f"{letter}{best['hyperparameters'][contender.tunes]:g}" if best else "",
        measured.words(best["val_acc"]) if best else "",
        _signs(finals, done, None, gap) if finals else Text(f"·{gap}" * status.study.seeds, style="dim"),
        f"{min(run['ms_per_step'] for run in done.values()):.3g}" if done else "",
    ]


def _signs(trials: list[Trial], done: dict[str, Run], best: Run | None, gap: str) -> Text:
    """A sign for each trial, in order; a count where there are too many."""
    text = Text()
    for trial in trials:
        run = done.get(trial.key)
        sign = TO_COME if run is None else DIVERGED if run["diverged"] else BEST if run is best else DONE
        text.append(*sign).append(gap)
    if len(trials) > 12:
        return Text(f"{sum(trial.key in done for trial in trials)} of {len(trials)}")
    return text


def _legend(status: Status) -> Text:
    text = Text(f"{len(status.journal.runs)} of {len(status.trials)} runs   ", style="dim")
    for sign, style, meaning in LEGEND:
        text.append(sign, style=style).append(f" {meaning}  ", style="dim")
    return text
