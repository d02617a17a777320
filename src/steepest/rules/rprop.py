"""Rprop: each weight has a step size of its own, which grows while the gradient keeps its sign; only signs count."""

from steepest.rules.facts import learning_rate, weight_decay
from steepest.rules.rule import Hyperparameter, Rule, Slot
from steepest.rules.verbs import maximum, minimum, sign, where


def prepare(etaminus, etaplus, step_size_min, step_size_max):
    return {"shrink": etaminus, "grow": etaplus, "smallest": step_size_min, "largest": step_size_max}


def update(theta, g, h, e, shrink, grow, smallest, largest):
    agree = g * h
    factor = where(agree > 0.0, grow, where(agree < 0.0, shrink, 0.0 * agree + 1.0))
    e = minimum(maximum(e * factor, smallest), largest)
    g = where(agree < 0.0, 0.0, g)
    return theta - sign(g) * e, g, e


def update_late(theta, g, d, e, shrink, grow, smallest, largest):
    agree = g * d
    resized = where(agree > 0.0, e * grow, e * shrink)
    e = where(agree == 0.0, e, minimum(maximum(resized, smallest), largest))
    return theta - where(agree < 0.0, 0.0, d), where(agree < 0.0, 0.0, sign(g) * e), e


HYPERPARAMETERS = (
    learning_rate(1e-2, search=1e-3),
    Hyperparameter("etaminus", 0.5, "factor η⁻ when the sign changes", high=1.0, phrase="eta values"),
    Hyperparameter("etaplus", 1.2, "factor η⁺ when it stays", low=1.0, phrase="eta values"),
    Hyperparameter("step_size_min", 1e-6, "smallest step", phrase="step_sizes"),
    Hyperparameter("step_size_max", 50.0, "largest step", phrase="step_sizes"),
    weight_decay(),
)
STEP_SIZE = Slot("step_size", "e", "size of the next step", initial="lr")

RPROP = Rule(
    name="rprop",
    title="Rprop",
    update=update,
    prepare=prepare,
    slots=(Slot("prev", "h", "the gradient before, 0 where the sign has changed"), STEP_SIZE),
    hyperparameters=HYPERPARAMETERS,
    equation=r"e \leftarrow \mathrm{clip}(\eta^{\pm} e, e_{\min}, e_{\max}) \text{ as } g\,g_{t-1} \gtrless 0,\quad "
    r"g \leftarrow 0 \text{ if } g\,g_{t-1} < 0,\quad \theta \leftarrow \theta - e\, \mathrm{sign}(g)",
    reference="Riedmiller & Braun (1993); torch.optim.Rprop",
)

RPROP_LATE = Rule(
    name="rprop_late",
    title="Rprop, each step one late",
    update=update_late,
    prepare=prepare,
    slots=(Slot("prev_update", "d", "the step to come, 0 where the sign has changed"), STEP_SIZE),
    hyperparameters=HYPERPARAMETERS,
    equation=r"e \leftarrow \mathrm{clip}(\eta^{\pm} e, e_{\min}, e_{\max}) \text{ as } g\,d \gtrless 0,\quad "
    r"\theta \leftarrow \theta - d \text{ unless } g\,d < 0,\quad "
    r"d \leftarrow e\, \mathrm{sign}(g), \text{ or } 0 \text{ if } g\,d < 0",
    reference="optax.rprop, which takes a step when the next gradient has its sign or is 0",
)
