"""Why a library cannot do the same: what has no place in it, and which term its nearest form has otherwise."""

from steepest.dialects.candidates import forms_of
from steepest.dialects.conversions import judge
from steepest.dialects.libraries import constructors, missing
from steepest.dialects.library_rows import Constructor
from steepest.dialects.notation import in_letters
from steepest.dialects.probe import CONSTANT
from steepest.dialects.recipe import Followed, Recipe, followed, tuples
from steepest.dialects.refusals import BESIDE_THE_PATH
from steepest.dialects.schedules import write_schedule
from steepest.plain_math import plain
from steepest.rules import Rule

# what a hyperparameter that must be 0 says about where two forms differ
TERMS = {
    "eps": "where eps stands",
    "eps_root": "the constant inside the root",
    "weight_decay": "how weight decay enters",
    "momentum": "how momentum enters",
    "dampening": "dampening, which leaves the first step out",
    "lr_decay": "a rate that falls by itself",
    "initial_accumulator_value": "what the accumulator starts from",
    "warmup_steps": "how the rate warms up",
    "initial_scale": "what the mean square starts from",
}


def lost(recipe: Recipe, to: str) -> list[str]:
    """What stands in the call and has no place in the target library, whatever the rule."""
    found = [f"{name} {what}" for name, what in recipe.abroad.items() if name not in BESIDE_THE_PATH]
    if recipe.arguments.get("clip_norm") and to == "torch":
        found.append("clip_norm: torch clips outside the optimizer, by torch.nn.utils.clip_grad_norm_ before step(), "
                    "and divides by the norm + 1e-6")  # fmt: skip
    if recipe.course and to in ("keras", "optax") and not write_schedule(recipe.course.settled[0], to):
        own = "a subclass of LearningRateSchedule" if to == "keras" else "a function of the step"
        found.append(f"the schedule: {to} has none with these rates; {own} has")
    if recipe.arguments.get("maximize") and to == "keras":
        found.append("maximize: keras only descends; give it the loss with its sign changed")
    return found


def reason(recipe: Recipe, source: Followed, to: str) -> str:
    """Which term the nearest form of the library has otherwise."""
    rivals = [c for c in constructors(to) if c.method == recipe.constructor.method]
    if not rivals:
        return missing(to, recipe.constructor.method)
    forms = [(c, rule) for c in rivals for rule, _ in forms_of(c) if len(rule.slots) == len(source.rule.slots)]
    if not forms:
        return f"{rivals[0].shown} has no {source.rule.title}"
    judged = [(c, rule, judge(source.rule, source.numbers, rule)) for c, rule in forms]
    constructor, rule, verdict = min(judged, key=lambda j: (j[2].holds is None, len(j[2].only_where)))
    if verdict.holds == CONSTANT and not verdict.only_where and recipe.course:
        return f"{constructor.shown} agrees only while the rate is constant; under a schedule the two differ"
    if verdict.holds and not verdict.only_where and not constructor.written:
        return f"{constructor.shown} is read and not written: it takes arguments of its own for what is no matrix"
    if verdict.holds and not verdict.only_where:
        return f"{constructor.shown} has no argument for {', '.join(_unsayable(constructor, source))}"
    terms = " and ".join(TERMS.get(name, name) for name in verdict.only_where) or "the update itself"
    mine, its = _differing(source.rule, rule)
    where = f"; they agree only where {' = '.join((*verdict.only_where, '0'))}" if verdict.holds else ""
    if verdict.holds == CONSTANT:
        where += ", and under a constant rate"
    said = [f"{constructor.shown} differs in {terms}{where}"]
    if mine and its:
        said += [f"  {recipe.constructor.shown}: {', '.join(mine)}", f"  {constructor.shown}: {', '.join(its)}"]
    return "\n".join(said)


def _unsayable(constructor: Constructor, source: Followed) -> list[str]:
    """The source's numbers for which a library's optimizer has no argument, and that are not what it does anyway."""
    known = {"dialect": constructor.dialect, **constructor.fixed}
    defaults = followed(constructor.method, known).numbers
    sayable = set(constructor.parameters.values())
    sayable |= {name for names in tuples(constructor.optimizer_class).values() for name in names}
    refused = [f"{n}=0" for n in constructor.positive if source.numbers.get(n) == 0]
    return refused + [f"{n}={v:g}" for n, v in source.numbers.items() if n not in sayable and v != defaults.get(n, 0.0)]


def _differing(one: Rule, other: Rule) -> tuple[list[str], list[str]]:
    """The lines of each equation that the other does not have."""
    a, b = (plain(in_letters(rule, "field")).splitlines() for rule in (one, other))
    return [line for line in a if line not in b], [line for line in b if line not in a]
