"""The libraries' learning-rate schedules: how a call of each is read as a course of rates, and how a course is written.

>>> course = read_schedule("optax.linear_schedule(0.5, 0.0, 100)")
>>> write_schedule(course, "keras")
'keras.optimizers.schedules.PolynomialDecay(initial_learning_rate=0.5, decay_steps=100, end_learning_rate=0.0)'
>>> write_scheduler(course, 0.5)
'torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=100)'
"""

import math
from itertools import pairwise
from typing import Any, TypeGuard

from steepest.dialects.call import Call, Expression, read_call
from steepest.dialects.rates import Course
from steepest.dialects.schedule_rows import REQUIRED, SCHEDULES, TORCH, Given, Schedule
from steepest.names import unknown

# what stands before a schedule's name in code, longest first
HOMES = {
    "tf.keras.optimizers.schedules.": "keras",
    "tensorflow.keras.optimizers.schedules.": "keras",
    "keras.optimizers.schedules.": "keras",
    "optimizers.schedules.": "keras",
    "schedules.": "keras",
    "optax.schedules.": "optax",
    "optax.": "optax",
    TORCH: "torch",
    "optim.lr_scheduler.": "torch",
    "lr_scheduler.": "torch",
}
# schedules that are not read, in a word why
UNREAD = {
    "keras": {"CosineDecayRestarts": "it begins again and again"},
    "optax": {
        "sgdr_schedule": "it begins again and again",
        "cosine_onecycle_schedule": "it has three phases of its own",
        "linear_onecycle_schedule": "it has three phases of its own",
        "piecewise_interpolate_schedule": "it goes from boundary to boundary",
    },
    "torch": {
        "LambdaLR": "its function is not executed",
        "MultiplicativeLR": "its function is not executed",
        "ReduceLROnPlateau": "it follows the loss",
        "CyclicLR": "it goes up and down, and the momentum with it",
        "OneCycleLR": "it goes up and down, and the momentum with it",
        "CosineAnnealingWarmRestarts": "it begins again and again",
        "ChainedScheduler": "it multiplies others",
    },
}


def read_schedule(text: str) -> Course | None:
    """The course of a schedule of Keras or optax; None where the text is no call of one.

    Raises ValueError for a schedule that is not read, and for arguments that it does not have.
    """
    try:
        call = read_call(text)
    except ValueError:
        return None
    return _rising(call, {}) if kind(call.name) in ("keras", "optax") else None


def kind(name: str) -> str | None:
    """Whose schedule a dotted name in code is, where it is one."""
    home = _home(name)
    return home[0] if home else None


def read_scheduler(call: Call, base: float) -> Course:
    """The course of a scheduler of torch on an optimizer with this rate."""
    return _rising(call, {"base": base})


def _rising(call: Call, beside: Given) -> Course:
    """The course of a call, with a rate that is not 0 at one end of a piece."""
    course = _course(call, beside)
    if course.largest <= 0:
        raise ValueError(f"{call.name} has no rate above 0 here; give it other arguments")
    return course


def _home(name: str) -> tuple[str, str] | None:
    """The library of a schedule, and its name there."""
    for prefix, library in HOMES.items():
        short = name.removeprefix(prefix)
        if short != name and "." not in short and (library != "optax" or short in (*_rows("optax"), *UNREAD["optax"])):
            return library, short
    return None


def _rows(library: str) -> dict[str, Schedule]:
    return {each.name: each for each in SCHEDULES if each.library == library}


def _course(call: Call, beside: Given) -> Course:
    if not (home := _home(call.name)):
        raise ValueError(f"{call.name} is no schedule that is read")
    library, name = home
    rows = _rows(library)
    if name in UNREAD[library]:
        raise ValueError(f"{call.name} is a schedule that is not read: {UNREAD[library][name]}; translate with a "
                         "number as the rate, and give the schedule to torch.optim.lr_scheduler.LambdaLR")  # fmt: skip
    if name not in rows:
        raise ValueError(unknown(f"schedule of {library}", name, rows))
    schedule = rows[name]
    given = {**_bound(call, schedule), **beside}
    for within in NESTED & given.keys():
        calls = [read_call(each.text) for each in given[within]]
        if any(each.name.endswith("SequentialLR") for each in calls):
            raise ValueError("SequentialLR within another is not read: torch runs it a step ahead, or not at all")
        given[within] = [_course(each, beside) for each in calls]
    return schedule.read(given)


def _bound(call: Call, schedule: Schedule) -> dict[str, Any]:
    """All arguments by name, checked."""
    names = list(schedule.parameters)
    if len(call.positional) > len(names):
        raise ValueError(f"{schedule.shown} takes {len(names)} arguments, and {len(call.positional)} are given")
    given = dict(zip(names, call.positional, strict=False))
    for name, value in call.keywords.items():
        if name not in names:
            raise ValueError(unknown(f"argument of {schedule.shown}", name, names))
        if name in given:
            raise ValueError(f"{schedule.shown} gets {name} twice, by place and by name")
        given[name] = value
    for name, default in schedule.parameters.items():
        if default is REQUIRED and name not in given and name != "optimizer":
            raise ValueError(f"{schedule.shown} needs {name}")
        if name not in IDLE and name in given:
            given[name] = _checked(schedule, name, given[name], default)
    return {**schedule.parameters, **given}


def _checked(schedule: Schedule, name: str, value: Any, default: Any) -> Any:
    """The value of an argument, whole numbers as such."""
    if name in schedule.only or name == "last_epoch":
        if value != default:
            raise ValueError(f"{schedule.shown} is read with {name}={default} only")
        return value
    if name in LISTS:
        allowed, what = LISTS[name]
        if allowed(value):
            return value
        raise ValueError(f"{name} of {schedule.shown} must be {what}")
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{name} of {schedule.shown} must be True or False")
        return value
    if value is None and default is None:
        return None
    if not _is_rate(value):
        raise ValueError(f"{name} of {schedule.shown} must be a finite number, 0 or above")
    if name in POSITIVE and not value:
        raise ValueError(f"{name} of {schedule.shown} must be above 0")
    if not name.endswith(COUNTS):
        return value
    if value != int(value) or value >= MOST:
        raise ValueError(f"{name} of {schedule.shown} must be a whole number of steps")
    return int(value)


MOST = 2**53  # steps


def _is_rate(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _are_rates(value: Any) -> bool:
    return isinstance(value, tuple) and all(map(_is_rate, value))


def _are_steps(value: Any) -> bool:
    """Whether these are steps in order, the first not before 1."""
    whole = isinstance(value, tuple) and all(type(each) is int and each < MOST for each in value)
    return whole and all(a < b for a, b in pairwise((0, *value)))


def _are_factors(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict) and _are_steps(tuple(sorted(value))) and _are_rates((*value.values(),))
    )


def _are_calls(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(each, Expression) for each in value)


IDLE = ("name", "optimizer")
NESTED = {"schedules", "schedulers"}
STEPS = (_are_steps, "a list of whole steps above 0 in order")
LISTS = {
    "boundaries": STEPS,
    "milestones": STEPS,
    "values": (_are_rates, "a list of finite rates"),
    "schedules": (_are_calls, "a list of schedules"),
    "schedulers": (_are_calls, "a list of schedulers"),
    "boundaries_and_scales": (_are_factors, "a dictionary of whole steps above 0 and factors"),
}
POSITIVE = ("decay_steps", "transition_steps", "step_size", "total_iters", "T_max", "decay_rate")
COUNTS = ("_steps", "_begin", "_size", "_iters", "T_max")


def write_schedule(course: Course, library: str) -> str | None:
    """The course in Keras's or optax's words; None where it has none for it."""
    for schedule in _rows(library).values():
        if text := _written(schedule, course, course):
            return text
    if library != "optax" or course.only:
        return None
    parts = [write_schedule(Course(((0, piece),)), library) for _, piece in course.pieces]
    ends = [start for start, _ in course.pieces[1:]]
    return None if None in parts else f"optax.join_schedules([{', '.join(filter(None, parts))}], {ends})"


def write_scheduler(course: Course, base: float) -> str:
    """The course as a scheduler of torch on an optimizer with this rate: one of its own, or a function for LambdaLR."""
    shares = course.over(base)
    for schedule in _rows("torch").values():
        if text := _written(schedule, shares, course):
            return text
    return f"{TORCH}LambdaLR(optimizer, lambda k: {shares.text()})"


def _written(schedule: Schedule, course: Course, absolute: Course) -> str | None:
    """A call with the course, where what it is read as has the same rates."""
    if not (told := schedule.write(course)):
        return None
    try:
        read = schedule.read({**schedule.parameters, "base": 1.0, **told})
    except ValueError:
        return None
    if not read.same_as(course):
        return None
    if "eta_min" in told and absolute.only:  # torch takes it as a rate, where others are shares
        told = {**told, "eta_min": absolute.only.numbers["last"]}
    ordered = {name: told[name] for name, default in schedule.parameters.items() if told.get(name, default) != default}
    first = ["optimizer"] if schedule.library == "torch" else []
    return f"{schedule.shown}({', '.join([*first, *(f'{name}={value!r}' for name, value in ordered.items())])})"
