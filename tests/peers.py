"""Other libraries' optimizers on the gradients of our choice, under one roof: each gives θ after every step.

`theirs(case, rates, weight_decay)` walks with the library, `ours(case, rates, weight_decay)` with `steepest.optim`.
The libraries are loaded when they are first asked for; all computes in float64.
"""

import inspect
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from mpmath import mpf

import tensorflow_kernels as tensorflow
from nine_orders import START, gradients, rates
from steepest import optim

NAMES = {
    "keras": {
        "alpha": "rho",
        "rho": "rho",
        "eps": "epsilon",
        "beta1": "beta_1",
        "beta2": "beta_2",
        "weight_decay": "weight_decay",
        "momentum": "momentum",
        "initial_accumulator_value": "initial_accumulator_value",
        "nesterov": "nesterov",
        "centered": "centered",
        "amsgrad": "amsgrad",
        "warmup_steps": "warmup_steps",
    },
    "optax": {
        "alpha": "decay",
        "rho": "rho",
        "eps": "eps",
        "beta1": "b1",
        "beta2": "b2",
        "beta3": "b3",
        "momentum": "momentum",
        "nesterov": "nesterov",
        "centered": "centered",
        "initial_accumulator_value": "initial_accumulator_value",
        "initial_scale": "initial_scale",
        "eps_root": "eps_root",
        "bias_correction": "bias_correction",
        "eps_in_sqrt": "eps_in_sqrt",
        "etaminus": "eta_minus",
        "etaplus": "eta_plus",
        "step_size_min": "min_step_size",
        "step_size_max": "max_step_size",
    },
}


def written_out(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with beta1, beta2, … in the place of betas, and the like."""
    given = dict(options)
    given |= {f"beta{i}": beta for i, beta in enumerate(given.pop("betas", ()), 1)}
    given |= zip(("etaminus", "etaplus"), given.pop("etas", ()), strict=False)
    given |= zip(("step_size_min", "step_size_max"), given.pop("step_sizes", ()), strict=False)
    return given


@dataclass(frozen=True)
class Case:
    """One of our classes in a dialect under some options, and the namesake in the dialect's library.

    decays: whether the library's function has weight decay (Keras: always; optax: others are chained with
    `add_decayed_weights`).  alone: options of ours that say what the library's other function is (AMSGrad).
    """

    cls: str
    dialect: str
    peer: str
    options: Mapping[str, Any] = field(default_factory=dict)
    alone: Mapping[str, Any] = field(default_factory=dict)
    rate: float = 0.05
    renamed: Mapping[str, str] = field(default_factory=dict)
    shape: tuple[int, ...] = (6,)
    tolerance: float = 1e-12

    @property
    def name(self) -> str:
        """What tests and tables call it."""
        options = {k: v for k, v in {**self.options, **self.alone}.items() if k in SHOWN and (v or k == "eps_in_sqrt")}
        given = [k if v is True else f"{k}={v}" for k, v in options.items()]
        return f"{self.cls}({', '.join(given)})" if given else self.cls

    @property
    def library(self) -> str:
        """The library's name for it."""
        made = {"keras": "keras.optimizers", "optax": "optax", "paper": "schedulefree", "tf1": "tf.raw_ops"}
        return f"{made[self.dialect]}.{self.peer}"

    def theirs(self) -> dict[str, Any]:
        """The options under the library's names."""
        given = written_out(self.options)
        known = {**NAMES.get(self.dialect, {}), **self.renamed}
        return {known.get(name, name): value for name, value in given.items() if name != "centered" or known}


SHOWN = (
    "adamw",
    "momentum",
    "nesterov",
    "centered",
    "amsgrad",
    "eps_root",
    "initial_scale",
    "bias_correction",
    "eps_in_sqrt",
    "decoupled_weight_decay",
    "warmup_steps",
)
BETAS = (0.9, 0.99)
MUON = {"momentum": "beta", "beta1": "adam_b1", "beta2": "adam_b2"}
MUON_KERAS = {"beta1": "adam_beta_1", "beta2": "adam_beta_2"}

CASES = [
    Case("SGD", "keras", "SGD"),
    Case("SGD", "keras", "SGD", {"momentum": 0.8}),
    Case("SGD", "keras", "SGD", {"momentum": 0.8, "nesterov": True}),
    Case("SGD", "optax", "sgd"),
    Case("SGD", "optax", "sgd", {"momentum": 0.8}),
    Case("SGD", "optax", "sgd", {"momentum": 0.8, "nesterov": True}),
    *(
        Case("Adagrad", dialect, peer, {"initial_accumulator_value": 0.2, "eps": 1e-3})
        for dialect, peer in (("keras", "Adagrad"), ("optax", "adagrad"))
    ),
    *(
        Case("RMSprop", dialect, peer, {"alpha": 0.9, "eps": 1e-3, "momentum": momentum, "centered": centered})
        for dialect, peer in (("keras", "RMSprop"), ("optax", "rmsprop"))
        for momentum in (0.0, 0.8)
        for centered in (False, True)
    ),
    Case("RMSprop", "optax", "rmsprop", {"alpha": 0.9, "eps": 1e-3, "momentum": 0.8, "initial_scale": 0.5}),
    *(
        Case("RMSprop", "optax", "rmsprop", {"alpha": 0.9, "eps": 1e-3, **switches})
        for switches in (
            {"momentum": 0.8, "nesterov": True},
            {"momentum": 0.8, "bias_correction": True},
            {"momentum": 0.8, "eps_in_sqrt": False},
            {"momentum": 0.8, "eps_in_sqrt": False, "centered": True},
            {"momentum": 0.8, "nesterov": True, "bias_correction": True, "centered": True},
        )
    ),
    Case("Adadelta", "keras", "Adadelta", {"rho": 0.9, "eps": 1e-3}, rate=1.0),
    Case("Adadelta", "optax", "adadelta", {"rho": 0.9, "eps": 1e-3}, rate=1.0),
    Case("Adam", "keras", "Adam", {"betas": BETAS, "eps": 1e-3}),
    Case("Adam", "keras", "Adam", {"betas": BETAS, "eps": 1e-3, "amsgrad": True}),
    Case("Adam", "optax", "adam", {"betas": BETAS, "eps": 1e-3}),
    Case("Adam", "optax", "adam", {"betas": BETAS, "eps": 1e-3, "eps_root": 1e-3}),
    Case("Adam", "optax", "amsgrad", {"betas": BETAS, "eps": 1e-3}, {"amsgrad": True}),
    Case("AdamW", "keras", "AdamW", {"betas": BETAS, "eps": 1e-3}),
    Case("AdamW", "keras", "AdamW", {"betas": BETAS, "eps": 1e-3, "amsgrad": True}),
    Case("AdamW", "optax", "adamw", {"betas": BETAS, "eps": 1e-3}),
    Case("AdamW", "optax", "adamw", {"betas": BETAS, "eps": 1e-3, "eps_root": 1e-3}),
    Case("NAdam", "keras", "Nadam", {"betas": BETAS, "eps": 1e-3}, {"momentum_decay": 1.0}),
    Case("NAdam", "optax", "nadam", {"betas": BETAS, "eps": 1e-3}),
    Case("NAdam", "optax", "nadamw", {"betas": BETAS, "eps": 1e-3}, {"decoupled_weight_decay": True}),
    Case("Adamax", "keras", "Adamax", {"betas": BETAS, "eps": 1e-3}),
    Case("Adamax", "optax", "adamax", {"betas": BETAS, "eps": 1e-3}),
    Case("RAdam", "optax", "radam", {"betas": BETAS, "eps": 1e-3}),
    Case("Rprop", "optax", "rprop", {"etas": (0.4, 1.3), "step_sizes": (0.02, 0.09)}),
    Case("Lion", "keras", "Lion", {"betas": BETAS}),
    Case("Lion", "optax", "lion", {"betas": BETAS}),
    Case("Adan", "optax", "adan", {"betas": (0.95, 0.9, 0.99), "eps": 1e-3, "eps_root": 1e-3}),
    Case("Yogi", "optax", "yogi", {"betas": BETAS, "eps": 1e-3}),
    Case("AdaBelief", "optax", "adabelief", {"betas": BETAS, "eps": 1e-3, "eps_root": 1e-3}),
    Case("ScheduleFreeSGD", "paper", "SGDScheduleFree", {"momentum": 0.8}),
    Case("ScheduleFreeAdamW", "paper", "AdamWScheduleFree", {"betas": BETAS, "eps": 1e-3}),
    *(
        Case(cls, "paper", peer, {**options, "warmup_steps": 20})
        for cls, peer, options in (
            ("ScheduleFreeSGD", "SGDScheduleFree", {"momentum": 0.8}),
            ("ScheduleFreeAdamW", "AdamWScheduleFree", {"betas": BETAS, "eps": 1e-3}),
        )
    ),
    Case("ScheduleFreeSGD", "optax", "schedule_free_sgd", {"momentum": 0.8}, renamed={"momentum": "b1"}),
    Case("ScheduleFreeAdamW", "optax", "schedule_free_adamw", {"betas": BETAS, "eps": 1e-3}),
    Case("ScheduleFreeAdamW", "keras", "ScheduleFreeAdamW", {"betas": BETAS, "eps": 1e-3}),
    Case(
        "ScheduleFreeAdamW",
        "keras",
        "ScheduleFreeAdamW",
        {"betas": BETAS, "eps": 1e-3, "warmup_steps": 20},
        tolerance=1e-8,
    ),
    Case("Adagrad", "tf1", "ApplyAdagrad", {"initial_accumulator_value": 0.2, "eps": 0.0}),
    *(
        Case("RMSprop", "tf1", peer, {"alpha": 0.9, "eps": 1e-3, "momentum": momentum, "centered": centered})
        for peer, centered in (("ApplyRMSProp", False), ("ApplyCenteredRMSProp", True))
        for momentum in (0.0, 0.8)
    ),
    Case("Adadelta", "tf1", "ApplyAdadelta", {"rho": 0.9, "eps": 1e-3}, rate=1.0),
    Case("Adam", "tf1", "ApplyAdam", {"betas": BETAS, "eps": 1e-3}),
    Case("LAMB", "keras", "Lamb", {"betas": BETAS, "eps": 1e-3}),
    Case("LAMB", "optax", "lamb", {"betas": BETAS, "eps": 1e-3}),
    *(
        Case("Muon", "optax", "muon", {"momentum": 0.8, "nesterov": nesterov, "eps": 1e-3}, renamed=MUON, shape=shape)
        for nesterov, shape in ((True, (3, 2)), (False, (2, 3)))
    ),
    *(
        Case(
            "Muon", "optax", "muon", {"betas": BETAS, "eps": 1e-3, "nesterov": nesterov}, {"adamw": True}, renamed=MUON
        )
        for nesterov in (True, False)
    ),
    *(
        Case(
            "Muon",
            "keras",
            "Muon",
            {"momentum": 0.8, "nesterov": nesterov},
            renamed=MUON_KERAS,
            shape=shape,
            tolerance=1e-7,
        )
        for nesterov, shape in ((True, (3, 2)), (False, (2, 3)))
    ),
    Case("Muon", "keras", "Muon", {"betas": BETAS, "eps": 1e-3}, {"adamw": True}, renamed=MUON_KERAS),
]


# what a library does that is not copied, or that is copied although its paper has it otherwise
FAULTS = (
    "`optax.adadelta()` without a learning rate does not turn the sign: it ascends. `steepest.optim.Adadelta` has the "
    "rate 1 there, as the paper.",
    "`optax.adan` weighs the gradient's change by 1 − b2 where the paper, whose β₂ is 1 − b2, has b2. The dialect "
    '"optax" has optax\'s numbers, "paper" the paper\'s.',
    "`keras.optimizers.Muon` takes the matrix's norm and the root of its rows or columns in float32 also where all "
    "else is float64; they are taken in double precision here, and the two are compared at 1e-7.",
    "`keras.optimizers.ScheduleFreeAdamW` on torch reads the iterate of before after it has been overwritten in place. "
    "It is compared with the old one kept, as Keras's other backends keep it. Its warm-up rounds the rate to float32, "
    "so with one the two are compared at 1e-8.",
    "`torch.optim.NAdam` and `ASGD` keep numbers of the step in torch's default dtype, so float64 training has "
    "float32's rounding (about 1e-8) there. These are kept in double precision here; with torch's default "
    "dtype at float64 both agree.",
)


def ours(case: Case, decaying: bool, weight_decay: float, dialect: str | None = None) -> np.ndarray:
    """θ after each step by our class, in the case's dialect or in another."""
    theta = torch.nn.Parameter(torch.full(case.shape, START, dtype=torch.float64))
    made = getattr(optim, case.cls)
    options = {**case.options, **case.alone, "dialect": dialect or case.dialect}
    decays = "weight_decay" in inspect.signature(made).parameters
    options |= {"weight_decay": weight_decay} if decays else {}
    optimizer = made([theta], lr=case.rate, **options)
    optimizer.param_groups[0]["initial_lr"] = case.rate  # as a scheduler notes it
    path = []
    for g, rate in zip(gradients(), rates(case.rate, decaying).tolist(), strict=True):
        optimizer.param_groups[0]["lr"] = rate
        theta.grad = torch.from_numpy(g.reshape(case.shape).copy())
        theta.grad += 0 if decays else weight_decay * theta.detach()
        optimizer.step()
        optimizer.eval()
        path.append(theta.detach().numpy().flatten())
        optimizer.train()
    return np.array(path)


def theirs(case: Case, decaying: bool, weight_decay: float) -> np.ndarray:
    """θ after each step by the dialect's library."""
    return _LIBRARIES[case.dialect](case, decaying, weight_decay)


@cache
def keras() -> Any:
    """Keras on torch, in double precision."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    keras.config.set_floatx("float64")
    return keras


def decays(make: Callable[..., Any]) -> list[str]:
    """The arguments in which a library's function takes weight decay."""
    return [name for name in inspect.signature(make).parameters if name in ("weight_decay", "adam_weight_decay")]


def by_keras(case: Case, decaying: bool, weight_decay: float, cured: bool = True) -> np.ndarray:
    theta = keras().Variable(np.full(case.shape, START), dtype="float64")
    make = getattr(keras().optimizers, case.peer)
    decay = dict.fromkeys(decays(make), weight_decay or (0 if case.peer == "AdamW" else None))
    optimizer = make(learning_rate=case.rate, **decay, **case.theirs())
    if cured and case.peer == "ScheduleFreeAdamW":
        optimizer.assign_sub = into_new_memory
    path = []
    for g, rate in zip(gradients(), rates(case.rate, decaying), strict=True):
        optimizer.learning_rate = rate
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "__array__", DeprecationWarning)  # of Keras's Nadam on torch
            optimizer.apply_gradients([(torch.from_numpy(g.reshape(case.shape).copy()), theta)])
        path.append(shown_by_keras(optimizer, theta).detach().numpy().flatten())
    return np.array(path)


def into_new_memory(variable: Any, value: Any) -> None:
    """Keras's `assign_sub` on torch writes in place, also into what an optimizer has put aside to read it later."""
    variable._value = torch.nn.Parameter(variable.value.detach() - value)


def shown_by_keras(optimizer: Any, theta: Any) -> Any:
    """The variable; of the schedule-free one, which holds y, the x that it works out in its next step."""
    if type(optimizer).__name__ != "ScheduleFreeAdamW":
        return theta.value
    return (theta.value - (1 - optimizer.beta_1) * optimizer._momentums[0].value) / optimizer.beta_1


@cache
def optax() -> Any:
    """optax with jax in double precision."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    return optax


@cache
def optax_walk(peer: str, given: tuple[tuple[str, Any], ...], shape: tuple[int, ...]) -> Callable[..., Any]:
    """The whole walk as one compiled function of the rates and the weight decay.

    A kernel is (in, out) in flax where a weight is (out, in) in torch, so a matrix is transposed.
    """
    import jax

    make = getattr(optax() if hasattr(optax(), peer) else optax().contrib, peer)

    starts = peer == "rprop" or dict(given).get("warmup_steps")  # then the rate is a number there

    def walk(rates: Any, weight_decay: Any, grads: Any) -> Any:
        rate = rates[0] if starts else lambda count: rates[count]
        if decays(make):
            tx = make(rate, **dict.fromkeys(decays(make), weight_decay), **dict(given))
        else:
            tx = optax().chain(optax().add_decayed_weights(weight_decay), make(rate, **dict(given)))

        shown = optax().contrib.schedule_free_eval_params if "schedule_free" in peer else lambda _, theta: theta

        def step(carry: Any, g: Any) -> Any:
            theta, state = carry
            g = g.reshape(shape).T
            updates, state = tx.update(g, state, theta)
            theta = optax().apply_updates(theta, updates)
            return (theta, state), shown(state, theta).T.flatten()

        theta = jax.numpy.full(shape[::-1], START)
        return jax.lax.scan(step, (theta, tx.init(theta)), grads)[1]

    return jax.jit(walk)


def by_optax(case: Case, decaying: bool, weight_decay: float) -> np.ndarray:
    walk = optax_walk(case.peer, tuple(case.theirs().items()), case.shape)
    return np.asarray(walk(rates(case.rate, decaying), weight_decay, gradients()))


def by_schedulefree(case: Case, decaying: bool, weight_decay: float) -> np.ndarray:
    """x after each step; the library keeps y, from which it works x out."""
    import schedulefree

    theta = torch.nn.Parameter(torch.full((6,), START, dtype=torch.float64))
    optimizer = getattr(schedulefree, case.peer)([theta], lr=case.rate, weight_decay=weight_decay, **case.options)
    path = []
    optimizer.train()
    for g, rate in zip(gradients(), rates(case.rate, decaying).tolist(), strict=True):
        optimizer.param_groups[0]["lr"] = rate
        theta.grad = torch.from_numpy(g.copy())
        optimizer.step()
        optimizer.eval()
        path.append(theta.detach().numpy().copy())
        optimizer.train()
    return np.array(path)


def by_tensorflow(case: Case, decaying: bool, weight_decay: float) -> np.ndarray:
    """TensorFlow 1's kernels as its documentation writes them, in 50 digits."""
    columns = [
        tensorflow.KERNELS[case.peer](
            [mpf(float(g)) for g in column],
            [mpf(rate) for rate in rates(case.rate, decaying).tolist()],
            mpf(weight_decay),
            **{name: mpf(value) for name, value in case.theirs().items()},
        )
        for column in gradients().T
    ]
    return np.array(columns, dtype=np.float64).T


_LIBRARIES = {"keras": by_keras, "optax": by_optax, "paper": by_schedulefree, "tf1": by_tensorflow}


def difference(path: np.ndarray, other: np.ndarray) -> float:
    """The largest distance between two paths, relative to a weight's size and its way from the start."""
    return float(np.max(np.abs(path - other) / (np.abs(other) + np.abs(other - START))))
