"""What people write around an optimizer, as a call of the optimizer itself.

>>> from steepest.dialects.call import read_call
>>> unwrapped(read_call("optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))"))
(Call(name='optax.adam', positional=(0.001,), keywords={}), {'clip_norm': 1.0})
>>> unwrapped(read_call("optax.chain(optax.trace(0.9), optax.scale(-0.1))"))
(Call(name='optax.sgd', positional=(), keywords={'momentum': 0.9, 'learning_rate': 0.1}), {})
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from steepest.dialects.call import Call, Expression, read_call

# what may stand before an optimizer in optax.chain: its argument, our name for it, its place
LINKS = {
    "optax.scale": ("step_size", "maximize", 0),
    "optax.clip_by_global_norm": ("max_norm", "clip_norm", 1),
    "optax.add_decayed_weights": ("weight_decay", "weight_decay", 2),
}
# the parts of which optax makes its optimizers: the optimizer, the arguments in order, and the optimizer with a decay
# after the part; "momentum=decay" is an argument and what the part calls it
PARTS = {
    "optax.scale_by_adam": ("optax.adam", "b1 b2 eps eps_root mu_dtype nesterov", "optax.adamw"),
    "optax.scale_by_adamax": ("optax.adamax", "b1 b2 eps", "optax.adamaxw"),
    "optax.scale_by_belief": ("optax.adabelief", "b1 b2 eps eps_root nesterov", None),
    "optax.scale_by_yogi": ("optax.yogi", "b1 b2 eps", None),
    "optax.scale_by_radam": ("optax.radam", "b1 b2 eps eps_root threshold nesterov", None),
    "optax.scale_by_rms": ("optax.rmsprop", "decay eps initial_scale eps_in_sqrt bias_correction", None),
    "optax.scale_by_rss": ("optax.adagrad", "initial_accumulator_value eps", None),
    "optax.scale_by_lion": ("optax.lion", "b1 b2 mu_dtype", "optax.lion"),
    "optax.scale_by_sign": ("optax.sign_sgd", "", None),
    "optax.trace": ("optax.sgd", "momentum=decay nesterov accumulator_dtype", None),
}
RATES = ("optax.scale_by_learning_rate", "optax.scale_by_schedule", "optax.scale")
UNLIKE = "an optimizer of parts is read as clipping, one part such as optax.scale_by_adam(), a decay, and the rate"


def unwrapped(call: Call) -> tuple[Call, dict[str, Any]]:
    """The optimizer's call, and what stands around it under our names.

    Raises ValueError for what cannot be said so.
    """
    return WRAPPERS[call.name](call) if call.name in WRAPPERS else (call, {})


def _unchained(chain: Call) -> tuple[Call, dict[str, Any]]:
    """What optax does to the gradients before an optimizer, as arguments of the optimizer."""
    links = [read_call(link.text) for link in chain.positional if isinstance(link, Expression)]
    if chain.keywords or not links or len(links) < len(chain.positional):
        raise ValueError("optax.chain takes calls, as optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))")
    *before, last = _assembled(links)
    if last.name in LINKS:
        raise ValueError(f"{last.name} after the optimizer, or without one, is not read; an optimizer ends the chain")
    found: dict[str, Any] = {}
    for link in before:
        if link.name in PARTS:
            raise ValueError(f"{link.name} is not read in this chain; {UNLIKE}")
        if link.name not in LINKS:
            raise ValueError(
                f"{link.name} before the optimizer is not read; known are {', '.join(LINKS)}, in this order"
            )
        argument, ours, order = LINKS[link.name]
        value = _arguments(link, argument).get(argument)
        if len(link.positional) + len(link.keywords) != 1 or type(value) not in (int, float):
            raise ValueError(f"{link.name} takes one number here, {argument}")
        if any(LINKS[name][2] >= order for name in found):
            raise ValueError(f"{link.name} comes too late; the order is {', '.join(LINKS)}")
        if ours == "maximize" and value != -1:
            raise ValueError(f"{link.name}({value}) is read only as a change of sign, with -1")
        found[link.name] = True if ours == "maximize" else value
    return last, {LINKS[name][1]: value for name, value in found.items()}


def _arguments(call: Call, names: str) -> dict[str, Any]:
    """A call's arguments by name, where they are these in this order."""
    return {**dict(zip(names.split(), call.positional, strict=False)), **call.keywords}


def _assembled(links: list[Call]) -> list[Call]:
    """The chain with the optimizer in the place of the parts of which it is made, where it is."""
    ends = next((i for i, link in enumerate(links) if i and link.name in RATES), None)
    if links[-1].name not in RATES or ends is None:
        return links
    rate = _rate(links[ends:])
    *before, part = links[:ends]
    decay = None
    if before and part.name == "optax.add_decayed_weights" and before[-1].name in PARTS:
        decay = _arguments(part, "weight_decay").get("weight_decay")
        *before, part = before
    if part.name not in PARTS:
        return [*links[:ends], Call("optax.sgd", (), {"learning_rate": rate})]
    name, parameters, decayed = PARTS[part.name]
    if decay is not None and decayed is None:
        raise ValueError(f"optax.add_decayed_weights after {part.name} is not read; {name} has no decay of its own")
    words = [word.partition("=") for word in parameters.split()]
    spoken = {theirs or ours: ours for ours, _, theirs in words}
    given = _arguments(part, " ".join(spoken))
    keywords = {spoken.get(argument, argument): value for argument, value in given.items()}
    keywords |= {"learning_rate": rate}
    if decayed is not None and (decay is not None or decayed == name):
        keywords |= {"weight_decay": decay or 0.0}
    return [*before, Call(decayed if decay is not None and decayed else name, (), keywords)]


def _rate(ends: Sequence[Call]) -> Any:
    """The rate that the last links of a chain say: all of them descend together."""
    rate, sign = None, 1.0
    for link in ends:
        argument = {"optax.scale_by_learning_rate": "learning_rate", "optax.scale": "step_size"}.get(
            link.name, "step_size_fn"
        )
        value = _arguments(link, argument).get(argument)
        if link.name == "optax.scale" and isinstance(value, int | float):
            sign *= value
        elif link.name in RATES and value is not None and rate is None:
            rate = value
            sign *= -1.0 if link.name == "optax.scale_by_learning_rate" else 1.0
        else:
            raise ValueError(f"{link.name} behind the rate is not read; {UNLIKE}")
    if rate is None:
        rate, sign = abs(sign), 1.0 if sign > 0 else -1.0
    if sign != -1.0:
        raise ValueError(
            "this chain does not descend at its rate; its last link is optax.scale(-1.0), or the rate with a minus"
        )
    return rate


def _schedule_free(wrapper: Call) -> tuple[Call, dict[str, Any]]:
    """optax's wrapper around gradient descent or Adam, as the function that optax has for it."""
    given = _arguments(wrapper, "base_optimizer learning_rate b1 weight_lr_power state_dtype")
    base = _inner(wrapper.name, given.pop("base_optimizer", None), "optax.sgd(0.1)")
    its = _arguments(
        base, "learning_rate b1 b2 eps eps_root" if "adam" in base.name else "learning_rate momentum nesterov"
    )
    _refuse_base(wrapper, base, its.pop("learning_rate", None) == given.get("learning_rate"), "learning_rate")
    if base.name == "optax.sgd":
        _refuse_base(wrapper, base, not any(its.values()), "momentum")
        return Call("optax.contrib.schedule_free_sgd", (), given), {}
    _refuse_base(wrapper, base, base.name in ("optax.adam", "optax.adamw"), "rule")
    _refuse_base(wrapper, base, its.pop("b1", 0.9) == 0, "b1")
    decay = its.pop("weight_decay", 1e-4 if base.name == "optax.adamw" else 0.0)
    return Call("optax.contrib.schedule_free_adamw", (), {**given, **its, "weight_decay": decay}), {}


def _schedule_free_in_torch(wrapper: Call) -> tuple[Call, dict[str, Any]]:
    """schedulefree's wrapper around gradient descent, as the class that it has for it."""
    given = _arguments(wrapper, "base weight_decay_at_y momentum weight_lr_power r")
    base = _inner(wrapper.name, given.pop("base", None), "torch.optim.SGD(model.parameters(), lr=0.1)")
    _refuse_base(wrapper, base, base.name in ("torch.optim.SGD", "optim.SGD"), "torch")
    its = {"lr": 1e-3, **_arguments(base, "params lr momentum dampening weight_decay nesterov")}
    _refuse_base(wrapper, base, not its.get("weight_decay"), "weight_decay")
    _refuse_base(wrapper, base, not any(its.get(name) for name in ("momentum", "nesterov", "maximize")), "momentum")
    known = {name: its[name] for name in ("params", "lr") if name in its}
    given["weight_decay"] = given.pop("weight_decay_at_y", 0.0)
    return Call("schedulefree.SGDScheduleFree", (), {**known, **given}), {}


def _inner(wrapper: str, base: Any, example: str) -> Call:
    try:
        return read_call(base.text if isinstance(base, Expression) else "")
    except ValueError:
        raise ValueError(f"{wrapper} takes an optimizer's call here, as {example}") from None


WRAPPERS: Mapping[str, Callable[[Call], tuple[Call, dict[str, Any]]]] = {
    "optax.chain": _unchained,
    "optax.contrib.schedule_free": _schedule_free,
    "schedulefree.ScheduleFreeWrapper": _schedule_free_in_torch,
}


def _refuse_base(wrapper: Call, base: Call, holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"{wrapper.name} around {base.name} is not read: {WRAPPED[what]}")


WRAPPED: Mapping[str, str] = {
    "learning_rate": "the two have different rates, and the mean is weighed by the wrapper's",
    "momentum": "its base has a momentum of its own, beside that of the wrapper; no class here has both",
    "b1": "its base has a momentum of its own, beside that of the wrapper; with b1=0.0 it is schedule_free_adamw",
    "torch": "torch's others find the wrapper's z in their state and fail; write schedulefree.AdamWScheduleFree",
    "weight_decay": "its base decays z, where the classes here decay the point of the gradient; give weight_decay_at_y",
    "rule": "no class here has this rule without a schedule; SGD and Adam are read",
}
