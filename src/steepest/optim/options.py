"""A parameter group's options: checked, and read as a rule's hyperparameters."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from steepest.names import nearest
from steepest.optim.form import Form, choose, facts
from steepest.rules import Hyperparameter, NotANumber, Rule
from steepest.rules.facts import decay_rate, learning_rate

FLAGS = (
    "nesterov",
    "amsgrad",
    "centered",
    "maximize",
    "capturable",
    "differentiable",
    "decoupled_weight_decay",
    "zero_grad_after_step",
)
FLAGS_OR_NONE = ("foreach", "fused")

# what can happen beside the rule, in the same pass; None leaves it out
CLIP_NORM = Hyperparameter("clip_norm", 0.0, "largest norm of all gradients together", phrase="clip_norm value")
LR = learning_rate(0.0, search=1e-3)
EMA = decay_rate("ema", 0.0, "share of the average of the weights that a step keeps")

# what torch and its schedulers write into groups beside a class's own options
FOREIGN_KEYS = ("params", "param_names", "initial_lr", "swa_lr", "min_lr", "max_lr", "base_momentum", "max_momentum")

# what other libraries call the same thing
ALIASES = {
    "learning_rate": "lr",
    "epsilon": "eps",
    "wd": "weight_decay",
    "decay": "weight_decay",
    "beta": "betas",
    "beta1": "betas",
    "beta2": "betas",
    "beta_1": "betas",
    "beta_2": "betas",
    "b1": "betas",
    "b2": "betas",
}


def read_numbers(known: Mapping[str, Hyperparameter], options: Mapping[str, Any]) -> dict[str, float]:
    """The hyperparameters that the options give, each checked; `betas` is read as beta1 and beta2."""
    given = dict(options)
    if "betas" in options:
        names = _betas(known)
        given |= zip(names, _as_many(options["betas"], len(names)), strict=True)
    return {name: fact.check(given[name]) for name, fact in known.items() if name in given}


def arguments_of(known: Mapping[str, Hyperparameter], options: Mapping[str, Any]) -> list[str]:
    """The arguments in which a class takes the hyperparameters: beta1 and beta2 may come as `betas`."""
    betas = _betas(known) if "betas" in options else ()
    return list(dict.fromkeys("betas" if name in betas else name for name in known))


def beside_the_rule(options: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """`clip_norm` and `ema`, checked; None where they are not wanted."""
    clip_norm, ema = options.get("clip_norm"), options.get("ema")
    return (
        None if clip_norm is None else CLIP_NORM.check(clip_norm),
        None if ema is None else EMA.check(ema),
    )


def check_flags(options: Mapping[str, Any]) -> None:
    """Refuses a flag that is neither True nor False (0 and 1 pass); `foreach` and `fused` may be None too."""
    for name in (*FLAGS, *FLAGS_OR_NONE):
        value = options.get(name, False)
        is_flag = isinstance(value, int) and value in (0, 1)
        if not (is_flag or (value is None and name in FLAGS_OR_NONE)):
            raise NotANumber(f"Invalid {name} value: {value!r}; {name} must be True or False")
    if options.get("foreach") and options.get("fused"):
        raise RuntimeError("`fused` and `foreach` cannot be `True` together; leave both out")
    if options.get("nesterov") and (not options["momentum"] or options["dampening"]):
        raise ValueError(
            "Nesterov momentum requires a momentum and zero dampening; "
            f"got momentum={options['momentum']}, dampening={options['dampening']}"
        )


def filled(forms: Sequence[Form], options: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """The options, those that were not given as the chosen form has them; what it does not know is 0."""
    chosen = choose(forms, options)
    if chosen.dialect == forms[0].dialect:  # whose defaults the signature has
        return dict(options)
    known, defaults = facts(forms), chosen.rule.defaults
    own: dict[str, Any] = {name: defaults.get(name, 0.0) for name in known if name not in chosen.flags}
    if "betas" in options:
        own["betas"] = tuple(own.pop(name) for name in _betas(known))
    return {**options, **{name: value for name, value in own.items() if name not in given}}


def refuse_idle(rule: Rule, dialect: str, given: Mapping[str, float]) -> None:
    """Refuses a number that the rule would not use; where the class speaks torch's dialect, torch lets it pass."""
    idle = [name for name, value in given.items() if value and name not in rule.defaults]
    if idle:
        raise ValueError(
            f"{idle[0]}={given[idle[0]]:g} has no place in {rule.title} as dialect {dialect!r} has it; "
            f"leave {idle[0]} out or use another dialect"
        )


def read_initial_rate(options: Mapping[str, Any]) -> float:
    """The rate that a schedule began with, as schedulers note it; without one, the rate itself."""
    return LR.check(options.get("initial_lr", options["lr"]))


def refuse_near_misses(given: Iterable[str], known: Iterable[str]) -> None:
    """Refuses a key that was surely meant to be a known one; keys of one's own, as schedulers add them, pass."""
    known = list(known)
    for key in given:
        if not isinstance(key, str) or key in known or key in FOREIGN_KEYS:
            continue
        meant = ALIASES.get(key) if ALIASES.get(key) in known else nearest(key, known, closeness=0.85)
        if meant:
            raise ValueError(f"unknown option {key!r} in a parameter group: did you mean {meant!r}?")


def _betas(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith("beta"))


def _as_many(betas: Any, count: int) -> Sequence[Any]:
    if not isinstance(betas, (tuple, list)) or len(betas) != count:
        number = {2: "two", 3: "three"}[count]
        example = "0.9, 0.999" if count == 2 else "0.98, 0.92, 0.99"
        raise NotANumber(f"Invalid betas: {betas!r}; betas must be {number} numbers in [0, 1), as in ({example})")
    return betas
