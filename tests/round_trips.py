"""Random calls of every library, and `translate`'s answers judged by the libraries themselves."""

import random
from collections import Counter

import numpy as np

from pasted import STILL, apart, takes_a_schedule, walked
from steepest.dialects import translate
from steepest.dialects.libraries import LIBRARIES, constructors
from steepest.dialects.recipe import gathered, read_recipe, tuples

TARGETS = ("torch", "keras", "optax")
# torch keeps the rate of ASGD and the product of NAdam's momenta in single precision, Keras the rate of its warm-up
# and each norm
SINGLE = ("torch.optim.ASGD", "torch.optim.NAdam", "keras.optimizers.ScheduleFree", "keras.optimizers.Muon")
EVERY = [each for library in LIBRARIES for each in constructors(library)]


def log(low, high):
    """A number of any size between two."""
    return lambda rng: float(f"{10 ** rng.uniform(low, high):.3g}")


def of(*values):
    return lambda rng: rng.choice(values)


def either(*ways):
    return lambda rng: rng.choice(ways)(rng)


def share(rng):
    """A decay rate: anything below 1, most often near it."""
    return float(f"{1 - 10 ** rng.uniform(-3.5, 0):.4g}")


NOT = of(0.0)
BETA = either(share, share, share, share, NOT)
EPS_ABOVE_0 = either(log(-10, -2), log(-10, -2), of(1e-8, 1e-7))
EPS = either(EPS_ABOVE_0, EPS_ABOVE_0, EPS_ABOVE_0, NOT)
SWITCH = of(False, True)
# an argument by our name, and what it may be
VALUES = {
    "lr": log(-5, 0),
    "momentum": either(share, share, NOT),
    "dampening": either(NOT, NOT, share),
    "weight_decay": either(NOT, NOT, log(-5, 0)),
    "eps": EPS,
    "eps_root": either(NOT, log(-12, -4)),
    "alpha": share,  # centered without memory is 0 up to rounding
    "rho": BETA,
    "beta1": BETA,
    "beta2": BETA,
    "beta3": BETA,
    "nu": share,
    "betas": NOT,  # as many as the class has
    "nus": lambda rng: (share(rng), share(rng)),
    "etas": lambda rng: (rng.uniform(0.1, 0.9), rng.uniform(1.1, 2.0)),
    "etaminus": log(-1, -0.1),
    "etaplus": log(0.1, 0.5),
    "step_sizes": lambda rng: (log(-8, -3)(rng), log(-2, 2)(rng)),
    "step_size_min": log(-8, -3),
    "step_size_max": log(-2, 2),
    "lr_decay": either(NOT, NOT, log(-3, 0)),
    "lambd": either(NOT, log(-5, -1)),
    "t0": of(0, 3, 1e6),
    "initial_accumulator_value": either(NOT, of(0.1), log(-6, 0)),
    "initial_scale": either(NOT, NOT, of(1.0), log(-4, 0)),
    "momentum_decay": either(NOT, log(-4, 1)),
    "warmup_steps": of(0, 0, 4),
    "clip_norm": of(None, None, None, 0.5, 100.0),
    **dict.fromkeys(("maximize", "no_prox", "bias_correction"), of(False, False, False, True)),
    **dict.fromkeys(("nesterov", "amsgrad", "centered", "decoupled_weight_decay"), SWITCH),
    "eps_in_sqrt": SWITCH,
}
# arguments by the library's name that have no counterpart here
ABROAD = {
    "clipnorm": of(1.0),
    "clipvalue": of(0.5),
    "use_ema": of(True),
    "name": of("mine"),
    "foreach": of(True, False, None),
    "fused": of(None),
    "gradient_accumulation_steps": of(2),
    "use_locking": SWITCH,
    "weight_lr_power": of(1.0, 2.0),
    "r": of(0.0, 1.0),
    "threshold": of(4.0, 5.0),
    "mu_dtype": of(None),
}
RARE = 0.04


def random_call(rng):
    """A call of some library: some arguments, in their order or by name."""
    constructor = rng.choice(EVERY)
    given = {}
    for name, ours in constructor.parameters.items():
        draw, often = (VALUES.get(ours), 0.6) if ours else (ABROAD.get(name), RARE)
        if draw and (rng.random() < often or name in constructor.required):
            given[name] = draw(rng)
    if "betas" in given:
        given["betas"] = tuple(BETA(rng) for _ in tuples(constructor.optimizer_class)["betas"])
    if constructor.method in ("LAMB", "AdaBelief"):  # a 0/0 spreads by the norm; without momentum all is 0/0
        given |= {name: EPS_ABOVE_0(rng) for name in ("eps", "epsilon") if name in given}
        given |= {name: share(rng) for name in ("b1", "beta_1") if name in given}
    if given.get("centered"):  # corrected, the first step's variance is 0 up to rounding
        given.pop("bias_correction", None)
    if constructor.library == "steepest":
        given["dialect"] = rng.choice([form.dialect for form in constructor.optimizer_class.forms])
    given |= constructor.says
    words = ["model.parameters()"] if "params" in constructor.parameters else []
    by_place = rng.random() < 0.5
    for name in (each for each in constructor.parameters if each != "params"):
        if by_place and name in given and name not in constructor.says:
            words.append(repr(given.pop(name)))
            by_place = constructor.library not in ("torch", "steepest")  # which take most by name alone
        else:
            by_place = False
    words += [f"{name}={value!r}" for name, value in given.items()]
    return f"{constructor.shown}({', '.join(words)})"


def judged(call):
    """What `translate` says of a call for each target, after it has been compared with what the libraries do.

    "refused", or for each target "always", "constant" or "none"; AssertionError where an answer does not hold.
    """
    try:
        own = translate(call, to="steepest")
    except ValueError:
        return ["refused"]
    if own.line is None:
        assert all(translate(call, to).line is None for to in TARGETS)
        return ["none"] * len(TARGETS)
    changing = [False, True] if takes_a_schedule(call) else [False]
    try:
        source = {way: walked(call, way) for way in changing}
    except ValueError:  # the library itself refuses it
        return ["refused"]
    if not np.isfinite(np.delete(source[False], STILL, axis=1)).all():  # a division by 0 shows nothing
        return ["refused"]
    for way in changing:
        assert apart(source[way], walked(own.line, way)) < allowed(call), (call, own.line, way)
    found = []
    for to in TARGETS:
        answer = translate(call, to)
        assert answer.steepest == own.line
        found.append(answer.holds or "none")
        if answer.line is None:
            assert answer.reasons
            assert nothing_near(call, source[False], to), (call, to)
            continue
        for way in changing if takes_a_schedule(answer.line) else [False]:
            gap = apart(source[way], walked(answer.line, way))
            promised = not way or answer.holds == "always"
            small = gap < allowed(call, answer.line)
            assert small == promised or (small and at_an_edge(call)), (call, answer.line, way, gap)
    return found


def at_an_edge(call):
    """Whether a mean has no memory: its steps are as long whatever the gradient, and a long walk of them is chaotic."""
    return any(read_recipe(call).followed.numbers.get(name) == 0 for name in ("beta1", "beta2", "alpha", "rho"))


def nothing_near(call, walk, to):
    """Whether the source's numbers in the target's own form lead elsewhere, where they can be tried.

    bfloat16 hides what sets two forms of Muon apart, the first steps of RAdam do so, and ε = 0 hides a 0/0.
    """
    recipe = read_recipe(call)
    numbers = recipe.followed.numbers
    if recipe.constructor.method in ("Muon", "RAdam") or at_an_edge(call) or not numbers.get("eps"):
        return True
    own = recipe.constructor.optimizer_class
    rivals = [each for each in constructors(to) if each.method == recipe.constructor.method]
    refused = {name for each in rivals for name in each.positive}
    beside = [recipe.arguments.get(name) for name in ("clip_norm", "maximize")]
    if recipe.course or any(beside) or any(recipe.followed.numbers[name] == 0 for name in refused):
        return True
    sayable = {ours for each in rivals for ours in each.parameters.values()} - {"dialect"}
    sayable |= {name for names in tuples(own).values() for name in names}
    numbers = {**recipe.arguments, **numbers}  # also what is only the source's default
    given = gathered(own, {name: value for name, value in numbers.items() if name in sayable})
    words = ", ".join(f"{name}={value!r}" for name, value in given.items())
    try:
        there = walked(f"steepest.optim.{recipe.constructor.method}(model.parameters(), dialect={to!r}, {words})")
    except ValueError:  # the target has no such form
        return True
    return apart(walk, there) > 1e-10


def allowed(*lines):
    if any("Muon" in line and "clip" in line for line in lines):
        return 1e-2  # small singular values grow, and the rounding of Keras's norm with them
    return 1e-4 if any(line.startswith(SINGLE) or "clip" in line for line in lines) else 1e-8


def run(calls, seed):
    """How often each answer came for so many random calls; AssertionError for the first that does not hold."""
    rng = random.Random(seed)
    counts = Counter()
    for _ in range(calls):
        counts.update(judged(random_call(rng)))
    return counts
