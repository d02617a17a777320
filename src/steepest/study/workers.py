"""Trials side by side in processes of their own, one thread each."""

import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from steepest.trial import Result, Trial, run

SECONDS_BETWEEN_LOOKS = 1.0


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
    # joblib's advice to somebody who stops listening
    warnings.filterwarnings("ignore", "[0-9]+ tasks which were still being processed", UserWarning)
    # joblib's own hints know neither whole numbers here nor what return_as makes of the result
    parallel: Any = joblib.Parallel(
        n_jobs=processes,
        return_as="generator_unordered",
        batch_size=1,  # pyright: ignore[reportArgumentType]
        initializer=_depend_on_the_parent,
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


def _depend_on_the_parent() -> None:
    """A worker leaves interrupts to the parent, and ends when the parent is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_without, args=(os.getppid(),), daemon=True).start()


def _end_without(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)
