"""Other libraries' optimizers on the gradients of our choice, under one roof: each gives θ after every step.

`theirs(case)` walks with the library, `ours(case)` with `steepest.optim`, each in every setting of rate and weight
decay at once. The libraries are loaded when they are first asked for; all computes in float64.
"""

import importlib
import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from operator import attrgetter
from types import ModuleType
from typing import Any

import numpy as np
import torch
from mpmath import mpf

import tensorflow_kernels as tensorflow
from nine_orders import DECAY, START, gradients, rates
from peer_cases import CASES, Case
from steepest import optim

Setting = tuple[bool, float]  # whether the rate falls, and the weight decay
Paths = dict[Setting, np.ndarray]
SETTINGS: list[Setting] = [(decaying, decay) for decay in (0.0, DECAY) for decaying in (False, True)]
DECAYS = ("weight_decay", "adam_weight_decay")  # where a library's function takes weight decay


def ours(case: Case, dialect: str | None = None) -> Paths:
    """θ after each step by our class, in the case's dialect or in another."""
    options = tuple(sorted(case.ours.items()))
    return our_walk(case.cls, dialect or case.dialect, options, case.rate, case.shape)


@cache
def our_walk(
    cls: str, dialect: str, options: tuple[tuple[str, Any], ...], rate: float, shape: tuple[int, ...]
) -> Paths:
    made = getattr(optim, cls)
    return walk_in_groups(made, {**dict(options), "dialect": dialect}, rate, shape)


def theirs(case: Case) -> Paths:
    """θ after each step by the library."""
    return LIBRARIES[case.library](case)


def decays(make: Callable[..., Any]) -> list[str]:
    """The arguments in which a library's function takes weight decay."""
    return [name for name in inspect.signature(make).parameters if name in DECAYS]


# ------------------------------------------------------------------------------------------------ ours and torch's like


def walk_in_groups(make: Callable[..., Any], options: dict[str, Any], rate: float, shape: tuple[int, ...]) -> Paths:
    """A walk in which each setting is a group; what knows no weight decay gets it with the gradient."""
    knows = bool(decays(make))
    thetas = {each: torch.nn.Parameter(torch.full(shape, START, dtype=torch.float64)) for each in SETTINGS}
    groups = [{"params": [p], **({"weight_decay": decay} if knows else {})} for (_, decay), p in thetas.items()]
    optimizer = make(groups, lr=rate, **options)
    paths: dict[Setting, list[np.ndarray]] = {each: [] for each in SETTINGS}
    turns = hasattr(optimizer, "train") and moves_the_point(make)
    for k, g in enumerate(gradients()):
        if turns:
            optimizer.train()
        for group, ((decaying, decay), theta) in zip(optimizer.param_groups, thetas.items(), strict=True):
            group["initial_lr"] = rate  # as a scheduler notes it
            group["lr"] = float(FALLING[k] * rate if decaying else rate)
            theta.grad = torch.from_numpy(g.reshape(shape).copy())
            theta.grad += 0 if knows else decay * theta.detach()
            theta.grad = as_sparse(theta.grad) if make is torch.optim.SparseAdam else theta.grad
        optimizer.step()
        if turns:
            optimizer.eval()
        for each, theta in thetas.items():
            paths[each].append(theta.detach().numpy().flatten())
    return {each: np.array(path) for each, path in paths.items()}


FALLING = rates(1.0, True)


def moves_the_point(make: Any) -> bool:
    """Whether the parameters of an optimizer may hold another point while training."""
    return not hasattr(make, "forms") or any(form.rule.moves_the_gradient_point for form in make.forms)


def as_sparse(g: torch.Tensor) -> torch.Tensor:
    """The gradient as a sparse one that holds every number, zeros too."""
    return torch.sparse_coo_tensor(torch.arange(len(g))[None], g, check_invariants=True)


def by_torch(case: Case) -> Paths:
    with in_double_precision():
        return walk_in_groups(getattr(torch.optim, case.peer), case.theirs(), case.rate, case.shape)


@contextmanager
def in_double_precision() -> Iterator[None]:
    """NAdam and ASGD keep numbers of the step in torch's default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@cache
def schedulefree() -> Any:
    import schedulefree

    return schedulefree


def by_schedulefree(case: Case) -> Paths:
    """The library keeps y, from which it works x out."""
    return walk_in_groups(getattr(schedulefree(), case.peer), case.theirs(), case.rate, case.shape)


def by_timm(case: Case) -> Paths:
    return walk_in_groups(timm_class(case.peer), case.theirs(), case.rate, case.shape)


def timm_class(name: str) -> type:
    module = {"RMSpropTF": "rmsprop_tf"}.get(name, name.lower())
    return getattr(importlib.import_module(f"{timm().__name__}.{module}"), name)


@cache
def timm() -> ModuleType:
    """timm's optimizers without timm itself, which needs torchvision: a package of another name at their place."""
    home = importlib.util.find_spec("timm")
    package = ModuleType("timm_optim")
    package.__path__ = [f"{home.submodule_search_locations[0]}/optim"]
    sys.modules[package.__name__] = package
    return package


# ---------------------------------------------------------------------------------------------------------------- Keras


@cache
def keras() -> Any:
    """Keras on torch, in double precision."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    keras.config.set_floatx("float64")
    return keras


def by_keras(case: Case, cured: bool = True) -> Paths:
    return {(decaying, decay): keras_path(case, decaying, decay, cured) for decaying, decay in SETTINGS}


def keras_path(case: Case, decaying: bool, weight_decay: float, cured: bool) -> np.ndarray:
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


# ---------------------------------------------------------------------------------------------------------------- optax


@cache
def optax() -> Any:
    """optax with jax in double precision."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    return optax


OF_SIGNS = ("sign_sgd", "signum")  # beside which decay is decoupled: it would change no sign


def by_optax(case: Case) -> Paths:
    """The whole walk as one compiled function of the rates and the weight decay.

    A kernel is (in, out) in flax where a weight is (out, in) in torch, so a matrix is transposed.
    """
    import jax

    make, given = attrgetter(case.peer)(optax()), case.theirs()
    starts = case.peer == "rprop" or given.get("warmup_steps")  # then the rate is a number there

    def walk(rates: Any, weight_decay: Any, grads: Any) -> Any:
        rate = rates[0] if starts else lambda count: rates[count]
        decayed = optax().add_decayed_weights(weight_decay)
        if case.peer in OF_SIGNS:
            tx = optax().chain(make(-1.0, **given), decayed, optax().scale_by_learning_rate(rate))
        elif decays(make):
            tx = make(rate, **dict.fromkeys(decays(make), weight_decay), **given)
        else:
            tx = optax().chain(decayed, make(rate, **given))
        shown = optax().contrib.schedule_free_eval_params if "schedule_free" in case.peer else lambda _, theta: theta

        def step(carry: Any, g: Any) -> Any:
            theta, state = carry
            g = g.reshape(case.shape).T
            updates, state = tx.update(g, state, theta)
            theta = optax().apply_updates(theta, updates)
            return (theta, state), shown(state, theta).T.flatten()

        theta = jax.numpy.full(case.shape[::-1], START)
        return jax.lax.scan(step, (theta, tx.init(theta)), grads)[1]

    compiled = jax.jit(walk)
    return {
        (decaying, decay): np.asarray(compiled(rates(case.rate, decaying), decay, gradients()))
        for decaying, decay in SETTINGS
    }


# ----------------------------------------------------------------------------------------------------------- TensorFlow


def by_tensorflow(case: Case) -> Paths:
    """TensorFlow 1's kernels as its documentation writes them, in 50 digits."""
    return {(decaying, decay): tensorflow_path(case, decaying, decay) for decaying, decay in SETTINGS}


def tensorflow_path(case: Case, decaying: bool, weight_decay: float) -> np.ndarray:
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


LIBRARIES = {
    "torch": by_torch,
    "schedulefree": by_schedulefree,
    "timm": by_timm,
    "keras": by_keras,
    "optax": by_optax,
    "tensorflow": by_tensorflow,
}


def difference(path: np.ndarray, other: np.ndarray) -> float:
    """The largest distance between two paths, relative to a weight's size and its way from the start."""
    return float(np.max(np.abs(path - other) / (np.abs(other) + np.abs(other - START))))


# ------------------------------------------------------------------------------------------------- what is not compared

MODULES = {
    "torch": lambda: torch.optim,
    "keras": lambda: keras().optimizers,
    "optax": optax,
    "schedulefree": schedulefree,
}


def optimizers_of(library: str) -> set[str]:
    """The names of all optimizers that a library has."""
    home = MODULES[library]()
    if library == "optax":
        return {*_of_rates(home), *(f"contrib.{name}" for name in _of_rates(home.contrib))}
    base = home.Optimizer if hasattr(home, "Optimizer") else torch.optim.Optimizer
    classes = {name: x for name, x in vars(home).items() if inspect.isclass(x) and issubclass(x, base)}
    return {name for name, x in classes.items() if x not in (base, torch.optim.Optimizer)}


def _of_rates(module: Any) -> list[str]:
    """The functions whose first argument is a learning rate."""
    functions = {name: x for name, x in vars(module).items() if inspect.isfunction(x)}
    of_rates = [n for n, x in functions.items() if next(iter(inspect.signature(x).parameters), "") == "learning_rate"]
    return [name for name in of_rates if not name.startswith(("_", "scale_by"))]


def compared(library: str) -> set[str]:
    """The names of a library's optimizers that a case compares."""
    return {case.peer for case in CASES if case.library == library}


def untried() -> dict[tuple[str, str], list[str]]:
    """For each function that is compared, the arguments that no case moves from their defaults."""
    left: dict[tuple[str, str], list[str]] = {}
    for library, module in {**MODULES, "timm": None}.items():
        for peer in dict.fromkeys(case.peer for case in CASES if case.library == library):
            make = attrgetter(peer)(module()) if module else timm_class(peer)
            cases = [case for case in CASES if (case.library, case.peer) == (library, peer)]
            tried = {name for case in cases for name in _moved(make, case.theirs())}
            always = {"params", "lr", "learning_rate", *DECAYS}
            left[library, peer] = [n for n in inspect.signature(make).parameters if n not in tried | always]
    return left


def _moved(make: Callable[..., Any], given: dict[str, Any]) -> list[str]:
    defaults = {name: p.default for name, p in inspect.signature(make).parameters.items()}
    return [name for name, value in given.items() if value != defaults[name]]
