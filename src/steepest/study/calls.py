"""Which trials a study calls for: a function of its settings and of the finished runs alone."""

from collections.abc import Mapping, Sequence

from steepest.study.contenders import Contender, first_places, more_places
from steepest.study.journal import Run
from steepest.study.plan import Study
from steepest.study.summary import choice, edge, leaders, to_confirm
from steepest.trial import Trial

EXTENSIONS, POINTS_AN_EXTENSION = 2, 2

Trials = dict[Contender, list[Trial]]
Done = Mapping[str, Run]  # by the trial's key


def called_for(study: Study, runs: Sequence[Run]) -> list[Trial]:
    """All trials that the study calls for, as far as the finished runs tell.

    First the grid of each contender. While the best value of one of them lies at the end of its grid, all get as many
    points more; that happens at most twice. Then the best few of each once more, on a second seed. Then the final runs
    with the values chosen.
    """
    done = {run["key"]: run for run in runs}
    tuning = _grids(study, done)
    if _to_come(tuning, done):
        return _all(tuning)
    tried = _finished(tuning, done)
    again = {c: [study.confirming(c, run["hyperparameters"]) for run in to_confirm(tried[c], c.tunes)] for c in tried}
    if _to_come(again, done):
        return _all(tuning) + _all(again)
    confirmed = _finished(again, done)
    chosen = {c: choice(tried[c], confirmed[c], c.tunes)["hyperparameters"] for c in tried}
    final = {c: [study.final(c, chosen[c], n) for n in range(study.seeds)] for c in tried}
    return _all(tuning) + _all(again) + _all(final)


def _grids(study: Study, done: Done) -> Trials:
    """The values that each contender tries, as far as is known."""
    places = {c: list(first_places(study.rates)) for c in study.contenders}
    grids = _tuning(study, places)
    for _ in range(EXTENSIONS):
        if _to_come(grids, done):
            break
        tried = _finished(grids, done)
        if not any(c.is_grid and edge(tried[c], c.tunes, leaders(tried[c], c.tunes)[0]) for c in tried):
            break
        places = {c: places[c] + _more(c, places[c], tried[c]) for c in tried}
        grids = _tuning(study, places)
    return grids


def _tuning(study: Study, places: Mapping[Contender, Sequence[int]]) -> Trials:
    return {c: [study.tuning(c, place) for place in own] for c, own in places.items()}


def _more(contender: Contender, places: Sequence[int], tried: Sequence[Run]) -> list[int]:
    """Further places: beyond the nearer end of a grid, or the sequence's next."""
    best = max(places)
    if contender.is_grid:
        found = leaders(tried, contender.tunes)[0]
        best = next(place for place, run in zip(places, tried, strict=True) if run is found)
    return more_places(places, best, POINTS_AN_EXTENSION)


def _all(trials: Trials) -> list[Trial]:
    return [trial for own in trials.values() for trial in own]


def _to_come(trials: Trials, done: Done) -> bool:
    return any(trial.key not in done for trial in _all(trials))


def _finished(trials: Trials, done: Done) -> dict[Contender, list[Run]]:
    return {c: [done[trial.key] for trial in own] for c, own in trials.items()}
