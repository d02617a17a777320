"""How a race ends before its time: what is kept, and how it goes on."""

import errno
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from steepest.cli.common import Interrupted
from steepest.study.workers import ENDING

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def telling_how_to_go_on(folder: Path) -> Iterator[None]:
    """Inside, a request to end, a full disk and a folder that is gone are told with the cure.

    The exit code of a request is 128 and the signal's number: 130, or 143 for SIGTERM.
    """
    before = {each: signal.signal(each, _end) for each in ENDING}
    try:
        yield
    except KeyboardInterrupt as ending:
        kept = f"interrupted; the finished runs are kept in {folder}: run the same command again to continue"
        raise Interrupted(kept, 128 + next(iter(ending.args), signal.SIGINT)) from None
    except OSError as error:
        if not folder.exists():
            gone = "was moved or removed while the race ran; run the same command again to begin anew"
            raise OSError(f"{folder} {gone}") from None
        if error.errno not in FULL:
            raise
        kept = "every finished run is kept; free some and run the same command again"
        raise OSError(error.errno, f"{error.strerror}; {kept}", str(error.filename or folder)) from None
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _end(number: int, _: Any) -> None:
    raise KeyboardInterrupt(number)
