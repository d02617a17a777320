"""The libraries' learning-rate schedules, a row for each: its arguments, and the course of rates that they say.

A schedule of torch says shares of the rate that its optimizer was given, which its rows find as `base`.
"""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

from steepest.dialects.rates import Course, Piece

Given: TypeAlias = Mapping[str, Any]  # arguments by the library's names
TORCH = "torch.optim.lr_scheduler."
WRITTEN = {"keras": "keras.optimizers.schedules.", "optax": "optax.", "torch": TORCH}


@dataclass(frozen=True)
class Schedule:
    """A schedule of a library.

    parameters  its arguments in order, each with its default; REQUIRED has none
    only        those whose default alone is read
    read        its course, from all arguments
    write       its arguments for a course; None where it cannot have that course
    """

    library: str
    name: str
    parameters: Mapping[str, Any]
    only: tuple[str, ...]
    read: Callable[[Given], Course]
    write: Callable[[Course], Given | None]

    @property
    def shown(self) -> str:
        """The name as code has it."""
        return WRITTEN[self.library] + self.name


REQUIRED = object()


def _whole(*pieces: tuple[int, Piece]) -> Course:
    """A course of pieces, without those that end where they begin."""
    kept = [p for p, after in zip(pieces, [*pieces[1:], None], strict=True) if not after or after[0] > p[0]]
    return Course(tuple(kept))


def _ramp(first: float, last: float, steps: float, power: float = 1.0) -> Piece:
    if power == 1:
        return Piece("linear", {"first": first, "last": last, "steps": steps})
    return Piece("polynomial", {"first": first, "last": last, "steps": steps, "power": power})


def _fall(form: str, first: float, last: float, steps: float) -> Piece:
    return Piece(form, {"first": first, "last": last, "steps": steps})


def _decay(first: float, factor: float, steps: float, staircase: bool, last: float | None = None) -> Piece:
    form = "staircase" if staircase else "exponential"
    numbers = {"first": first, "factor": factor, "steps": steps}
    if last is None:
        return Piece(form, numbers)
    if factor >= 1 or last > first:
        raise ValueError("an end_value is read only of a rate that falls to it")
    return Piece(f"{form}_to", {**numbers, "last": last})


def _level(rate: float) -> Piece:
    return Piece("constant", {"first": rate})


def _behind(begin: int, piece: Piece) -> Course:
    """The piece after so many steps at its first rate."""
    return _whole((0, _level(piece.numbers["first"])), (begin, piece))


def _steps(first: float, factors: Iterable[tuple[int, float]]) -> Course:
    pieces = [(0, _level(first))]
    for boundary, factor in factors:
        first = first * factor
        pieces.append((boundary, _level(first)))
    return _whole(*pieces)


def _warmed(first: float, peak: float, steps: int, after: Course) -> Course:
    """A linear way up, and what comes after it."""
    return _joined([_whole((0, _ramp(first, peak, steps))), after], [steps]) if steps else after


def _joined(courses: Sequence[Course], boundaries: Sequence[int]) -> Course:
    if len(courses) != len(boundaries) + 1:
        raise ValueError(f"{len(courses)} schedules are joined at {len(boundaries)} steps; wanted is one schedule more")
    pieces: list[tuple[int, Piece]] = []
    for begin, course in zip((0, *boundaries), courses, strict=True):
        pieces = [each for each in pieces if each[0] < begin]
        pieces += [(begin + start, piece) for start, piece in course.pieces]
    return Course(tuple(pieces))


def _one(forms: str, names: str) -> Callable[[Course], Given | None]:
    """Writes a course of one piece: `"decay_steps:steps"` is an argument and the number of the piece that it takes."""

    def write(course: Course) -> Given | None:
        if not course.only or course.only.form not in forms.split():
            return None
        numbers = {"power": 1.0, "last": None, **course.only.numbers, "stairs": "staircase" in course.only.form}
        words = (word.split(":") for word in names.split())
        return {argument: _share(numbers) if name == "share" else numbers[name] for argument, name in words}

    return write


def _share(numbers: Given) -> float:
    return numbers["last"] / numbers["first"] if numbers["first"] else 0.0


def _stairs(course: Course) -> list[tuple[int, float]] | None:
    """From which step on which rate holds, where all pieces are constant."""
    if any(piece.form != "constant" for _, piece in course.pieces):
        return None
    return [(start, piece.numbers["first"]) for start, piece in course.pieces]


def _risen(course: Course) -> tuple[Mapping[str, float], Mapping[str, float]] | None:
    """The numbers of a linear piece and of the cosine that goes on where it ends."""
    if [piece.form for _, piece in course.pieces] != ["linear", "cosine"]:
        return None
    (_, one), (start, other) = course.pieces
    goes_on = one.numbers["steps"] == start and one.numbers["last"] == other.numbers["first"]
    return (one.numbers, other.numbers) if goes_on else None


# Keras


def _keras_cosine(g: Given) -> Course:
    peak = g["initial_learning_rate"] if g["warmup_target"] is None else g["warmup_target"]
    fall = _whole((0, _fall("cosine", peak, g["alpha"] * peak, g["decay_steps"])))
    if g["warmup_target"] is None:  # then warmup_steps do nothing
        return fall
    return _warmed(g["initial_learning_rate"], peak, g["warmup_steps"], fall)


def _to_keras_cosine(course: Course) -> Given | None:
    if risen := _risen(course):
        up, n = risen
        warm_up = {"warmup_target": n["first"], "warmup_steps": up["steps"], "alpha": _share(n)}
        return {FIRST: up["first"], "decay_steps": n["steps"], **warm_up}
    return _one("cosine", f"{FIRST}:first decay_steps:steps alpha:share")(course)


def _keras_steps(g: Given) -> Course:
    """A boundary is the last step of what is before it."""
    if not g["boundaries"] or len(g["boundaries"]) + 1 != len(g["values"]):
        raise ValueError("PiecewiseConstantDecay takes one boundary or more, and one value more than boundaries")
    starts = (0, *(boundary + 1 for boundary in g["boundaries"]))
    return _whole(*((start, _level(value)) for start, value in zip(starts, g["values"], strict=True)))


def _to_keras_steps(course: Course) -> Given | None:
    stairs = _stairs(course)
    if not stairs:
        return None
    return {"boundaries": [start - 1 for start, _ in stairs[1:]], "values": [rate for _, rate in stairs]}


# optax


def _optax_warm_cosine(g: Given) -> Course:
    steps = g["decay_steps"] - g["warmup_steps"]
    if steps <= 0:
        raise ValueError("decay_steps of optax.warmup_cosine_decay_schedule must be above its warmup_steps")
    fall = _whole((0, _fall("cosine", g["peak_value"], g["end_value"], steps)))
    return _warmed(g["init_value"], g["peak_value"], g["warmup_steps"], fall)


def _to_optax_warm_cosine(course: Course) -> Given | None:
    if not (risen := _risen(course)):
        return None
    up, n = risen
    told = {"decay_steps": up["steps"] + n["steps"], "end_value": n["last"]}
    return {"init_value": up["first"], "peak_value": up["last"], "warmup_steps": up["steps"], **told}


def _optax_exponential(g: Given, first: float) -> Course:
    decay = _decay(first, g["decay_rate"], g["transition_steps"], g["staircase"], g["end_value"])
    return _behind(g["transition_begin"], decay)


def _to_optax_steps(course: Course) -> Given | None:
    stairs = _stairs(course)
    if not stairs or not all(rate for _, rate in stairs[:-1]):
        return None
    scales = {start: rate / before for (_, before), (start, rate) in pairwise(stairs)}
    return {"init_value": stairs[0][1], "boundaries_and_scales": scales}


# torch: shares of the rate that the optimizer was given


def _torch_ramp(g: Given) -> Course:
    if not (0 < g["start_factor"] <= 1 and g["end_factor"] <= 1):
        raise ValueError("the factors of LinearLR must lie between 0 and 1, start_factor above 0")
    return _whole((0, _ramp(g["start_factor"] * g["base"], g["end_factor"] * g["base"], g["total_iters"])))


def _torch_constant(g: Given) -> Course:
    if not 0 < g["factor"] <= 1:
        raise ValueError("the factor of ConstantLR must be above 0, up to 1")
    return _whole((0, _level(g["factor"] * g["base"])), (g["total_iters"], _level(g["base"])))


def _to_torch_milestones(course: Course) -> Given | None:
    stairs = _stairs(course)
    if not stairs or len(stairs) == 1 or not stairs[0][1]:
        return None
    return {"milestones": [start for start, _ in stairs[1:]], "gamma": stairs[1][1] / stairs[0][1]}


def _to_torch_exponential(course: Course) -> Given | None:
    n = course.only.numbers if course.only and course.only.form == "exponential" else None
    return n and {"gamma": n["factor"] ** (1 / n["steps"])}


def _never(course: Course) -> None:
    """Another row says the same."""


def row(library: str, name: str, parameters: str, read: Callable[[Given], Course],
        write: Callable[[Course], Given | None] = _never, only: str = "") -> Schedule:  # fmt: skip
    """A row of the table: `"first second=0.5"` are arguments, the first without a default."""
    defaults = {}
    for word in parameters.split():
        argument, equals, default = word.partition("=")
        defaults[argument] = ast.literal_eval(default) if equals else REQUIRED
    return Schedule(library, name, defaults, tuple(only.split()), read, write)


FIRST = "initial_learning_rate"
KERAS = f"{FIRST} decay_steps"
SCHEDULES = (
    row("keras", "ExponentialDecay", f"{KERAS} decay_rate staircase=False name=''",
        lambda g: _whole((0, _decay(g[FIRST], g["decay_rate"], g["decay_steps"], g["staircase"]))),
        _one("exponential staircase", f"{FIRST}:first decay_steps:steps decay_rate:factor staircase:stairs")),
    row("keras", "InverseTimeDecay", f"{KERAS} decay_rate staircase=False name=''",
        lambda g: _whole((0, Piece("inverse_staircase" if g["staircase"] else "inverse",
                                   {"first": g[FIRST], "decay": g["decay_rate"], "steps": g["decay_steps"]}))),
        _one("inverse inverse_staircase", f"{FIRST}:first decay_steps:steps decay_rate:decay staircase:stairs")),
    row("keras", "PolynomialDecay", f"{KERAS} end_learning_rate=0.0001 power=1.0 cycle=False name=''",
        lambda g: _whole((0, _ramp(g[FIRST], g["end_learning_rate"], g["decay_steps"], g["power"]))),
        _one("linear polynomial", f"{FIRST}:first decay_steps:steps end_learning_rate:last power:power"), only="cycle"),
    row("keras", "CosineDecay", f"{KERAS} alpha=0.0 name='' warmup_target=None warmup_steps=0",
        _keras_cosine, _to_keras_cosine),
    row("keras", "PiecewiseConstantDecay", "boundaries values name=''", _keras_steps, _to_keras_steps),
    row("optax", "constant_schedule", "value", lambda g: _steps(g["value"], ()), _one("constant", "value:first")),
    row("optax", "linear_schedule", "init_value end_value transition_steps transition_begin=0",
        lambda g: _behind(g["transition_begin"], _ramp(g["init_value"], g["end_value"], g["transition_steps"])),
        _one("linear", "init_value:first end_value:last transition_steps:steps")),
    row("optax", "polynomial_schedule", "init_value end_value power transition_steps transition_begin=0",
        lambda g: _behind(g["transition_begin"],
                          _ramp(g["init_value"], g["end_value"], g["transition_steps"], g["power"])),
        _one("polynomial", "init_value:first end_value:last power:power transition_steps:steps")),
    row("optax", "exponential_decay",
        "init_value transition_steps decay_rate transition_begin=0 staircase=False end_value=None",
        lambda g: _optax_exponential(g, g["init_value"]),
        _one("exponential staircase exponential_to staircase_to",
             "init_value:first transition_steps:steps decay_rate:factor staircase:stairs end_value:last")),
    row("optax", "cosine_decay_schedule", "init_value decay_steps alpha=0.0 exponent=1.0",
        lambda g: _whole((0, _fall("cosine", g["init_value"], g["alpha"] * g["init_value"], g["decay_steps"]))),
        _one("cosine", "init_value:first decay_steps:steps alpha:share"), only="exponent"),
    row("optax", "piecewise_constant_schedule", "init_value boundaries_and_scales=None",
        lambda g: _steps(g["init_value"], sorted((g["boundaries_and_scales"] or {}).items())),
        _to_optax_steps),
    row("optax", "warmup_constant_schedule", "init_value peak_value warmup_steps",
        lambda g: _warmed(g["init_value"], g["peak_value"], g["warmup_steps"], _whole((0, _level(g["peak_value"]))))),
    row("optax", "warmup_cosine_decay_schedule",
        "init_value peak_value warmup_steps decay_steps end_value=0.0 exponent=1.0",
        _optax_warm_cosine, _to_optax_warm_cosine, only="exponent"),
    row("optax", "warmup_exponential_decay_schedule",
        "init_value peak_value warmup_steps transition_steps decay_rate transition_begin=0 staircase=False "
        "end_value=None",
        lambda g: _warmed(g["init_value"], g["peak_value"], g["warmup_steps"], _optax_exponential(g, g["peak_value"]))),
    row("optax", "join_schedules", "schedules boundaries",
        lambda g: _joined(g["schedules"], g["boundaries"])),
    row("torch", "StepLR", "optimizer step_size gamma=0.1 last_epoch=-1",
        lambda g: _whole((0, _decay(g["base"], g["gamma"], g["step_size"], True))),
        _one("staircase", "step_size:steps gamma:factor")),
    row("torch", "MultiStepLR", "optimizer milestones gamma=0.1 last_epoch=-1",
        lambda g: _steps(g["base"], [(milestone, g["gamma"]) for milestone in g["milestones"]]),
        _to_torch_milestones),
    row("torch", "ConstantLR", f"optimizer factor={1 / 3} total_iters=5 last_epoch=-1", _torch_constant),
    row("torch", "LinearLR", f"optimizer start_factor={1 / 3} end_factor=1.0 total_iters=5 last_epoch=-1",
        _torch_ramp, _one("linear", "start_factor:first end_factor:last total_iters:steps")),
    row("torch", "ExponentialLR", "optimizer gamma last_epoch=-1",
        lambda g: _whole((0, _decay(g["base"], g["gamma"], 1, False))), _to_torch_exponential),
    row("torch", "PolynomialLR", "optimizer total_iters=5 power=1.0 last_epoch=-1",
        lambda g: _whole((0, _ramp(g["base"], 0.0, g["total_iters"], g["power"]))),
        _one("polynomial linear", "total_iters:steps power:power")),
    row("torch", "CosineAnnealingLR", "optimizer T_max eta_min=0.0 last_epoch=-1",
        lambda g: _whole((0, _fall("cosine_wave", g["base"], g["eta_min"], g["T_max"]))),
        _one("cosine_wave", "T_max:steps eta_min:last")),
    row("torch", "SequentialLR", "optimizer schedulers milestones last_epoch=-1",
        lambda g: _joined(g["schedulers"], g["milestones"])),
)  # fmt: skip
