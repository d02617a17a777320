"""An error in a user's code, in one line that names what failed, why, and the line of theirs."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

OURS = Path(__file__).parents[1]
LIBRARIES = ("site-packages", "dist-packages", "<frozen", "/lib/python")
LONGEST = 300  # letters of an error's own words


def called(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function returns. An error becomes a ValueError that says so, but for those raised here on purpose."""
    try:
        return function(*arguments)
    except (Exception, SystemExit) as error:
        if is_ours(error):
            raise
        raise ValueError(fault(what, error)) from error


def is_ours(error: BaseException) -> bool:
    """Whether this package raised the error on purpose, or the machine did while this package was at work."""
    if isinstance(error, OSError):
        return not _users(error)
    return isinstance(error, ValueError) and Path(_frames(error)[-1].filename).is_relative_to(OURS)


def fault(what: str, error: BaseException) -> str:
    """What failed, why, and the line of the user's that it comes from."""
    users = _users(error)
    where = f" ({Path(users[-1].filename).name}, line {users[-1].lineno})" if users else ""
    why = " ".join(str(error).split())
    beside = "; a relative path starts in the current folder" if isinstance(error, FileNotFoundError) else ""
    return f"{what} failed{where}: {type(error).__name__}: {why[:LONGEST]}{beside}"


def _users(error: BaseException) -> list[traceback.FrameSummary]:
    def is_users(name: str) -> bool:
        return not Path(name).is_relative_to(OURS) and not any(part in name for part in LIBRARIES)

    return [frame for frame in _frames(error) if is_users(frame.filename)]


def _frames(error: BaseException) -> traceback.StackSummary:
    return traceback.extract_tb(error.__traceback__)
