"""Trials side by side in processes of their own, one thread each."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from steepest.trial import Result, Trial, run


class WorkerLost(OSError):
    """A process that trained was ended from outside."""


def results(trials: Sequence[Trial], jobs: int | None = None) -> Iterator[tuple[Trial, Result]]:
    """Each trial with its result, in the order in which they finish.

    jobs: processes; as many as there are cores unless given; with 1, everything happens in this process.
    Whoever stops listening (an interrupt, an error) ends the processes.
    """
    processes = min(jobs or joblib.cpu_count(), len(trials))
    if processes == 1:
        yield from ((trial, run(trial)) for trial in trials)
        return
    # joblib's own hints know neither whole numbers here nor what return_as makes of the result
    parallel: Any = joblib.Parallel(
        n_jobs=processes,
        return_as="generator_unordered",
        batch_size=1,  # pyright: ignore[reportArgumentType]
        initializer=_leave_interrupts_to_the_parent,
    )
    work = (joblib.delayed(_numbered)(i, trial) for i, trial in enumerate(trials))
    try:
        with closing(parallel(work)) as finished:
            for i, result in finished:
                yield trials[i], result
    except TerminatedWorkerError:
        raise WorkerLost(
            "a process that trained was ended from outside, perhaps because memory ran out; "
            "the finished runs are kept: run the same command again, with --jobs 1 if memory is short"
        ) from None


def _numbered(number: int, trial: Trial) -> tuple[int, Result]:
    return number, run(trial)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
