"""A parameter group's options: checked, and read as a rule's hyperparameters."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import torch

from steepest.names import nearest
from steepest.optim.form import Form, choose, facts
from steepest.optim.shell import FLAGS, FLAGS_OR_NONE
from steepest.rules import Hyperparameter, NotANumber
from steepest.rules.facts import decay_rate, learning_rate

# arguments that bring several hyperparameters at once
TOGETHER = {
    "betas": ("beta1", "beta2", "beta3"),
    "nus": ("nu1", "nu2"),
    "etas": ("etaminus", "etaplus"),
    "step_sizes": ("step_size_min", "step_size_max"),
    "ns_coefficients": ("ns_a", "ns_b", "ns_c"),
    "adjust_lr_fn": ("rms_rate",),
}
# flags, some of which are numbers to a rule
SWITCHES = {*FLAGS, *FLAGS_OR_NONE}
# arguments that are a number or a word for one
WORDS = {"adjust_lr_fn": {None: 0.0, "original": 0.0, "match_rms_adamw": 0.2}}

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
    """The hyperparameters that the options give, each checked; `betas` is read as beta1 and beta2, a flag as 0 or 1."""
    given = dict(options)
    for name in SWITCHES.intersection(known, options):
        on = given.pop(name)
        if on is not None:  # else it is as the rule has it
            given[name] = float(on)
    for argument, names in together(known, options).items():
        given |= zip(names, _as_many(argument, options[argument], names, known), strict=True)
    return {name: fact.check(given[name]) for name, fact in known.items() if name in given}


def arguments_of(known: Mapping[str, Hyperparameter], options: Mapping[str, Any]) -> list[str]:
    """The arguments in which a class takes the hyperparameters: beta1 and beta2 may come as `betas`."""
    within = {name: argument for argument, names in together(known, options).items() for name in names}
    return list(dict.fromkeys(within.get(name, name) for name in known))


def beside_the_rule(options: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """`clip_norm` and `ema`, checked; None where they are not wanted."""
    clip_norm, ema = options.get("clip_norm"), options.get("ema")
    return (
        None if clip_norm is None else CLIP_NORM.check(clip_norm),
        None if ema is None else EMA.check(ema),
    )


def added_to_norm(dialect: str) -> float:
    """What is added to the norm before gradients are divided by it: by torch 1e-6, by Keras and optax nothing."""
    return 0.0 if dialect in ("keras", "optax") else 1e-6


def read_state_dtype(options: Mapping[str, Any]) -> torch.dtype | None:
    """`state_dtype`, checked; None for as many bits as the rule computes with."""
    dtype = options.get("state_dtype")
    if dtype is None or dtype is torch.bfloat16:
        return dtype
    reason = "; float16 ends at 65504 and 6e-8, and squares of gradients leave that" if dtype is torch.float16 else ""
    raise NotANumber(f"Invalid state_dtype value: {dtype!r}; state_dtype must be None or torch.bfloat16{reason}")


def read_rounding_seed(options: Mapping[str, Any]) -> int | None:
    """`rounding_seed`, checked; None without `stochastic_rounding`."""
    seed = options.get("rounding_seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**64:
        raise NotANumber(f"Invalid rounding_seed value: {seed!r}; rounding_seed must be a whole number in [0, 2**64)")
    return seed if options.get("stochastic_rounding") else None


def check_flags(options: Mapping[str, Any]) -> None:
    """Refuses a flag that is neither True nor False (0 and 1 pass); `foreach` and `fused` may be None too."""
    for name in (*FLAGS, *FLAGS_OR_NONE):
        value = options.get(name, False)
        is_flag = isinstance(value, (int, float)) and value in (0, 1)
        if not (is_flag or (value is None and name in FLAGS_OR_NONE)):
            raise NotANumber(f"Invalid {name} value: {value!r}; {name} must be True or False")
    if options.get("foreach") and options.get("fused"):
        raise RuntimeError("`fused` and `foreach` cannot be `True` together; leave both out")
    if options.get("stochastic_rounding") and options.get("differentiable"):
        raise ValueError("stochastic_rounding and differentiable cannot be together: no derivative leads through it")
    if options.get("nesterov") and "dampening" in options and (not options["momentum"] or options["dampening"]):
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
    own: dict[str, Any] = {n: defaults.get(n, 0.0) for n in known if n not in chosen.flags and n not in SWITCHES}
    for argument, names in together(known, options).items():
        values = tuple(own.pop(name) for name in names)
        own[argument] = values[0] if argument in WORDS else values
    return {**options, **{name: value for name, value in own.items() if name in options and name not in given}}


def refuse_idle(chosen: Form, forms: Sequence[Form], given: Mapping[str, float]) -> None:
    """Refuses a number that its dialect does not use; Muon's own has defaults of other dialects, which are let pass."""
    used = {name for f in forms if f.dialect == chosen.dialect for name in f.rule.defaults}
    if chosen.dialect == forms[0].dialect:
        used |= {name for name, fact in facts(forms).items() if fact.default and name not in SWITCHES}
    idle = [n for n, value in given.items() if n not in used and (value or n in FLAGS_OR_NONE)]
    if idle:
        raise ValueError(
            f"{idle[0]}={given[idle[0]]:g} has no place in {chosen.rule.title} as dialect {chosen.dialect!r} has it; "
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


def together(known: Iterable[str], options: Mapping[str, Any]) -> dict[str, list[str]]:
    """The arguments that bring several hyperparameters at once, each with their names: `betas` beta1 and beta2."""
    return {
        argument: [name for name in TOGETHER[argument] if name in known] for argument in TOGETHER if argument in options
    }


def _as_many(argument: str, value: Any, names: Sequence[str], known: Mapping[str, Hyperparameter]) -> Sequence[Any]:
    if argument in WORDS:
        return [_spoken(argument, value)]
    if isinstance(value, (tuple, list)) and len(value) == len(names):
        return value
    number = {2: "two", 3: "three"}[len(names)]
    example = ", ".join(f"{known[name].default:g}" for name in names)
    allowed = "numbers in [0, 1)" if argument == "betas" else "numbers"
    raise NotANumber(f"Invalid {argument}: {value!r}; {argument} must be {number} {allowed}, as in ({example})")


def _spoken(argument: str, value: Any) -> Any:
    """The number that a word stands for, or the number that stands in its place."""
    words = WORDS[argument]
    if value is None or isinstance(value, str):
        if value not in words:
            allowed = ", ".join(map(repr, words))
            raise NotANumber(f"Invalid {argument} value: {value!r}; {argument} is {allowed} or a number")
        return words[value]
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value
