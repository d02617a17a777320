"""Units of work side by side in processes of their own, one thread each."""

import os
import signal
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from steepest.trial import Result, Trial, Unit, carry_out, decide, key_of, recall, share_done
from steepest.workloads.faults import called

ENDING = (signal.SIGINT, signal.SIGTERM)  # what asks a race to end
SECONDS_BETWEEN_LOOKS = 1.0
SAFE_PATH = "PYTHONSAFEPATH"


class WorkerLost(OSError):
    """A process that trained was ended from outside."""


def results(
    trials: Sequence[Trial],
    jobs: int | None = None,
    *,
    done: Container[str] = (),
    decided: Iterable[Mapping[str, Any]] = (),
    decide_on: Callable[[Sequence[Mapping[str, Any]]], None] = lambda _: None,
    states: Path | None = None,
) -> Generator[tuple[Trial, Result], None, None]:
    """Each trial that is not done with its result, in the order in which they finish.

    jobs       processes; as many as there are cores unless given; with 1, everything happens in this process
    done       keys of the trials whose results are known
    decided    which trials train together, as it was decided before; it is followed
    decide_on  called with what is decided now, before any work, so that it can be kept
    states     a folder in which long units of work keep their state; they continue from it

    Whoever stops listening (an interrupt, an error) ends the processes. A unit's state is removed when the listener
    comes back for the next result: by then it has kept this one.
    """
    processes = jobs or joblib.cpu_count()
    known = [unit for unit in recall(trials, decided) if any(trial.key not in done for trial in unit.trials)]
    covered = {trial.key for unit in known for trial in unit.trials}
    missing = [trial for trial in trials if trial.key not in done]
    with _workers_starting(min(processes, len(missing))):
        undecided = [trial for trial in missing if trial.key not in covered]
        new = called("the first step", decide, undecided, processes)
        decide_on([unit.description for unit in new])
    # the longest first, or one works on alone at the end
    units = sorted(known + new, key=lambda unit: len(unit.trials), reverse=True)
    for number, found in _finished(units, min(processes, len(units)), states):
        for trial, result in zip(units[number].trials, found, strict=True):
            if trial.key not in done:
                yield trial, result
        if states:
            for file in states.glob(f"{units[number].key}.*"):
                file.unlink(missing_ok=True)


def under_way(decided: Iterable[Mapping[str, Any]], states: Path) -> dict[str, float]:
    """How far each trial is, by its key, from 0 to 1, as far as the units of work tell that have begun."""
    shares = {}
    for unit in decided:
        share = share_done(_state_of(key_of(unit["way"], unit["members"]), states))
        shares |= dict.fromkeys(unit["members"], share)
    return shares


def _finished(units: Sequence[Unit], processes: int, states: Path | None) -> Iterator[tuple[int, list[Result]]]:
    if processes <= 1:
        yield from (_numbered(number, unit, states) for number, unit in enumerate(units))
        return
    work = (joblib.delayed(_numbered)(number, unit, states) for number, unit in enumerate(units))
    with _begun(work, processes) as finished:
        yield from finished


@contextmanager
def _workers_starting(processes: int) -> Iterator[None]:
    """Inside, the workers start and import what they need, which takes a second; at its end they are ready."""
    if processes <= 1:
        yield
        return
    with _begun((joblib.delayed(_ready)() for _ in range(processes)), processes) as ready:
        yield
        deque(ready, maxlen=0)


def _ready() -> None:
    """To find this function a worker imports this module and what it imports."""


@contextmanager
def _begun(work: Iterable[Any], processes: int) -> Iterator[Iterator[Any]]:
    """The results of work that goes on in so many processes, as they come; who leaves ends what has not finished."""
    # joblib's advice to somebody who stops listening
    warnings.filterwarnings("ignore", "[0-9]+ tasks (which were still|have been successfully)", UserWarning)
    # joblib's own hints know neither whole numbers here nor what return_as makes of the result
    parallel: Any = joblib.Parallel(
        n_jobs=processes,
        return_as="generator_unordered",
        batch_size=1,  # pyright: ignore[reportArgumentType]
        mmap_mode="c",  # torch warns of arrays that it could not write
        initializer=_depend_on,
        initargs=(os.getpid(),),
    )
    try:
        with ExitStack() as stack:
            stack.enter_context(_nothing_shadowed())
            with _endings_held_back():
                finished = stack.enter_context(closing(parallel(work)))
            yield finished
    except TerminatedWorkerError:
        raise WorkerLost(
            "a process that trained was ended from outside, perhaps because memory ran out; "
            "the finished runs are kept: run the same command again, with --jobs 1 if memory is short"
        ) from None


@contextmanager
def _endings_held_back() -> Iterator[None]:
    """A request to end waits until the workers have been started; they get none, not even before they ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _nothing_shadowed() -> Iterator[None]:
    """Processes that start inside do not take a file of the current folder, such as random.py, for Python's own."""
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        os.environ.pop(SAFE_PATH)
        if before is not None:
            os.environ[SAFE_PATH] = before


def _numbered(number: int, unit: Unit, states: Path | None) -> tuple[int, list[Result]]:
    return number, carry_out(unit, _state_of(unit.key, states) if states else None)


def _state_of(unit: str, states: Path) -> Path:
    return states / f"{unit}.state"


def _depend_on(parent: int) -> None:
    """A worker leaves requests to end to its parent, and ends when the parent is gone, however it went.

    What a user's functions print there, at each step of each run, is not shown.
    """
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    threading.Thread(target=_end_without, args=(parent,), daemon=True).start()


def _end_without(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)
