"""A line that makes an optimizer in one library, in the words of another: with the same numbers, or not at all."""

from collections.abc import Iterator
from dataclasses import replace

from steepest.dialects.candidates import best
from steepest.dialects.libraries import LIBRARIES, TARGETS
from steepest.dialects.probe import ALWAYS
from steepest.dialects.rates import Course
from steepest.dialects.reasons import lost, reason
from steepest.dialects.recipe import Followed, Recipe, read_recipe
from steepest.dialects.refusals import BESIDE_THE_PATH
from steepest.dialects.schedules import write_schedule, write_scheduler
from steepest.dialects.translation import Translation
from steepest.dialects.writing import own_line
from steepest.names import unknown
from steepest.optim.options import added_to_norm


def translate(text: str, to: str = "torch", from_: str | None = None) -> Translation:
    """The optimizer of a line of code, in another library.

    text   a call such as "tf.keras.optimizers.RMSprop(learning_rate=1e-3, momentum=0.9)"; it is read, never run
    to     "torch", "keras", "optax" or "steepest"
    from_  the library, where the call does not say it: also "tf1"

    Two forms count as the same when a run of both gives the same path. Raises ValueError for text that is no such
    call, with the place, and for names that are not known, with the nearest.

    >>> print(translate("keras.optimizers.SGD(0.1, momentum=0.9)"))
    torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
      exact while the learning rate is constant; under a schedule the two differ
    Exact under every schedule:
    steepest.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, dialect='keras')
    """
    for library, known in ((to, TARGETS), (from_ or "torch", LIBRARIES)):
        if library not in known:
            raise ValueError(unknown("library", library, known))
    recipe = read_recipe(text, from_)
    answer = _answered(recipe, " ".join(text.split()), to)
    return replace(answer, notes=(*answer.notes, *_of_the_scheduler(answer)))


def _answered(recipe: Recipe, text: str, to: str) -> Translation:
    source = recipe.followed
    beside = [name for name in recipe.abroad if name in BESIDE_THE_PATH]
    notes = [f"{name} changes no number" for name in recipe.idle]
    notes += [f"{name} is left out: it {recipe.abroad[name]}" for name in beside]
    scheduler = None
    if recipe.course:
        scheduler = write_scheduler(recipe.course, source.numbers["lr"])
        source, said = _with_schedule(source, recipe.course, to)
        notes += said
    own = None if len(recipe.abroad) > len(beside) else own_line(recipe)
    answer = Translation(text, to, None, None, (), own, tuple(lost(recipe, to)), tuple(notes), scheduler)
    if answer.reasons:
        return answer
    if to == "steepest":
        return replace(answer, line=own, holds=ALWAYS)
    found = best(recipe, source, to)
    if found is None:
        return replace(answer, reasons=(reason(recipe, source, to),))
    notes += _of_the_line(recipe, source, to)
    return replace(answer, line=found.line, holds=found.holds, settings=found.settings, notes=tuple(notes))


def _of_the_line(recipe: Recipe, source: Followed, to: str) -> Iterator[str]:
    """What to know about a line that walks the same path."""
    if source.beside.get("clip_norm") and added_to_norm(recipe.arguments["dialect"]) != added_to_norm(to):
        share = 1e-6 / source.beside["clip_norm"]
        yield f"one of the two clips by the norm + 1e-6: a clipped step differs by up to {share:.0e} of it"
    if source.rule.evaluation_point or source.rule.gradient_point:
        yield "the parameters hold the point of the gradient; what eval() shows has no counterpart"


def _of_the_scheduler(answer: Translation) -> Iterator[str]:
    """What to know about the scheduler, where it is shown."""
    if answer.scheduler and (answer.to in ("torch", "steepest") or answer.holds != ALWAYS):
        yield "scheduler.step() comes after each optimizer.step()"
        if "math." in answer.scheduler:
            yield "the line needs: import math"


def _with_schedule(source: Followed, course: Course, to: str) -> tuple[Followed, list[str]]:
    """What stands in the place of the rate in the target library, and what to know about it."""
    if to in ("torch", "steepest"):
        return source, []
    settled, until = course.settled
    until_then = f"the rates are the same up to step {until}; then torch's rise again, and these stay"
    text = write_schedule(settled, to)
    return replace(source, schedule=text), [until_then] if text and until else []
