"""The sections of the report in order, as far as a study has anything to show in them."""

from collections.abc import Sequence

from steepest.report.contents import Figure, Section
from steepest.report.result_figures import by_seed, separation
from steepest.report.training_figures import step_times, targets, training, validation
from steepest.report.tuning_figures import budget, sensitivities
from steepest.report.view import View


def sections(study: View) -> tuple[Section, ...]:
    """All sections that have something to show."""
    metric = study.metric
    found = (
        _section(
            "training",
            "Training",
            "How fast each contender learns, with its chosen hyperparameters. Lines are medians over the seeds, bands "
            "reach from the lower to the upper quartile.",
            [training(study), validation(study)],
        ),
        _section(
            "seeds",
            f"{metric.head('test')}, seed by seed",
            "The test split was looked at once, at the end of each final run.",
            [by_seed(study)],
        ),
        _section(
            "separation",
            "Who is separated from whom",
            "The same seed gives every contender the same initial weights and batches, so contenders are compared seed "
            "by seed. Intervals are Student’s, at the levels of Holm’s correction for all pairs: no two equal ones are "
            "called separated in 95 % of such races.",
            [separation(study)],
        ),
        _section(
            "targets",
            "Time to target",
            f"When the {metric.on('validation')}, looked at after each pass, first reaches a target that was fixed "
            "before the race: the median over the seeds. Who misses it in half of the seeds has no time.",
            [targets(study)],
        ),
        _section(
            "sensitivity",
            "Sensitivity to the tuned value",
            "How much the choice of the one tuned hyperparameter matters: a wide plateau forgives a bad guess. The "
            "result’s table says how many decades lie within 1 % of the best, as far as was tried.",
            sensitivities(study),
        ),
        _section(
            "budget",
            "What a smaller budget would have found",
            f"The best {metric.on('validation')} to expect of n of the values tried, drawn at random. A method that is "
            "high from the left needs little tuning.",
            [budget(study)],
        ),
        _section(
            "time",
            "Time per step",
            "Training time divided by the number of updates; evaluation and warm-up are not on the clock.",
            [step_times(study)],
        ),
    )
    return tuple(section for section in found if section)


def _section(id: str, title: str, text: str, figures: Sequence[Figure | None]) -> Section | None:
    drawn = tuple(figure for figure in figures if figure)
    return Section(id, title, text, drawn) if drawn else None
