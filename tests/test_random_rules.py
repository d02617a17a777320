"""Rules drawn at random: the compiled pass and the rule on tensors give what NumPy gives by another reading of it.

A rule is drawn as a tree and written as the Python that a user would write. NumPy works the tree out node by node,
without the package's verbs. `make fuzz` draws thousands.
"""

import operator

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from steepest.kernels import Step, Update, plain, state_dtype
from steepest.rules import rule as rule_of
from test_kernels import same_bits, wild_numbers

WEIGHTS, STEPS = 67, 3
SLOTS, NUMBERS = ("a", "b"), ("t", "lr", "h")

ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
COMPARISONS = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
VERBS = {
    "sqrt": np.sqrt,
    "sign": np.sign,
    "absolute": np.abs,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "where": np.where,
}
OF_CONDITIONS = {"&": operator.and_, "|": operator.or_}

# ----------------------------------------------------------------------------------------------- what a tree stands for


def written(tree):
    """The tree as Python."""
    if not isinstance(tree, tuple):
        return tree if isinstance(tree, str) else repr(tree)
    head, *parts = tree
    if head in VERBS:
        return f"{head}({', '.join(map(written, parts))})"
    if head in ("~", "minus"):
        return f"({'~' if head == '~' else '-'}{written(parts[0])})"
    if head == "squared":
        return f"({written(parts[0])} ** 2)"
    return f"({written(parts[0])} {head} {written(parts[1])})"


def worked_out(tree, known):
    """The tree's value: numbers of the step in double precision, those of weights in the precision they come in."""
    if not isinstance(tree, tuple):
        return known[tree] if isinstance(tree, str) else tree
    head, *parts = tree
    values = [worked_out(part, known) for part in parts]
    if head == "squared":
        return values[0] * values[0]
    if head == "minus":
        return -values[0]
    if head == "~":
        return ~values[0]
    if head == "sqrt" and isinstance(values[0], float | int):
        return float(np.sqrt(values[0]))
    if head in ("maximum", "minimum"):
        a, b = (np.asarray(value, dtype=known["theta"].dtype) for value in values)
        whole = any(isinstance(value, int) for value in values)  # as t − t is: it has no −0
        known["tied"] |= (a == 0) & (b == 0) & (np.signbit(a) != np.signbit(b)) | (VERBS[head](a, b) == 0) & whole
    if head == "where":
        precision = known["theta"].dtype
        return np.where(values[0], *(np.asarray(value, dtype=precision) for value in values[1:]))
    return {**ARITHMETIC, **COMPARISONS, **OF_CONDITIONS, **VERBS}[head](*values)


def heads(tree):
    """All operations of a tree."""
    return {tree[0]}.union(*map(heads, tree[1:])) if isinstance(tree, tuple) else set()


# ------------------------------------------------------------------------------------------------------------- drawing

LITERALS = (0.0, 1.0, -1.0, 2.0, 0.5, -0.1, 1e-3, 0.999, 1e-8)
OF_ONE = ("sqrt", "sign", "absolute", "minus", "squared")
OF_TWO = (*ARITHMETIC, "maximum", "minimum")


def one_of(draw, *choices):
    return draw(st.sampled_from(choices))


@st.composite
def of_the_step(draw, depth):
    """A number that is the same for all weights."""
    if depth == 0 or draw(st.booleans()):
        return one_of(draw, *NUMBERS, *LITERALS)
    head = one_of(draw, *ARITHMETIC, "sqrt")
    return (head, *(draw(of_the_step(depth - 1)) for _ in range(1 if head == "sqrt" else 2)))


@st.composite
def pairs(draw, depth):
    """Two numbers of which one at least is a weight's own."""
    two = [draw(of_weights(depth)), draw(of_weights(depth) if draw(st.booleans()) else of_the_step(2))]
    return two if draw(st.booleans()) else two[::-1]


@st.composite
def conditions(draw, depth):
    head = one_of(draw, *COMPARISONS, "~", *OF_CONDITIONS) if depth else one_of(draw, *COMPARISONS)
    if head in COMPARISONS:
        return (head, *draw(pairs(max(depth - 1, 0))))
    return (head, *(draw(conditions(depth - 1)) for _ in range(1 if head == "~" else 2)))


@st.composite
def of_weights(draw, depth):
    """A number for each weight."""
    if depth == 0 or one_of(draw, *range(4)) == 0:
        return one_of(draw, "theta", "g", *SLOTS)
    head = one_of(draw, *OF_ONE, *OF_TWO, "where", "counted")
    if head in OF_ONE:
        return head, draw(of_weights(depth - 1))
    if head == "where":
        two = draw(pairs(depth - 1)) if draw(st.booleans()) else [draw(of_the_step(2)), draw(of_the_step(2))]
        return head, draw(conditions(depth - 1)), *two
    if head == "counted":
        return "*", draw(conditions(depth - 1)), draw(of_weights(depth - 1))
    return head, *draw(pairs(depth - 1))


UPDATES = st.tuples(*[of_weights(3)] * 3)


def rule(trees, lr, h):
    """The rule as a user writes it."""
    known = {}
    returned = ", ".join(map(written, trees))
    exec(  # the source is this module's own
        "from steepest.rules.verbs import *\n"
        f"def drawn(theta, g, {', '.join(SLOTS)}, {', '.join(NUMBERS)}):\n    return {returned}\n",
        known,
    )
    return rule_of(lr=lr, h=h)(known["drawn"])


# ------------------------------------------------------------------------------------------------------------- the test


def by_numpy(trees, numbers, tensors, gradients):
    """What the weights and slots are after each step; and which weights met 0 and −0, of which either may be larger."""
    dtype, wide = tensors["theta"].dtype, state_dtype(tensors["theta"].dtype)
    values = {name: tensors[name].to(wide).numpy().copy() for name in ("theta", *SLOTS)}
    tied = np.zeros(WEIGHTS, dtype=bool)
    for t, g in enumerate(gradients, 1):
        g = g.to(wide).numpy()
        g = g + numbers["weight_decay"] * values["theta"] if numbers["weight_decay"] else g
        known = {**values, **numbers, "t": t, "g": g, "tied": tied}
        new = [np.asarray(worked_out(tree, known), dtype=values["theta"].dtype) for tree in trees]
        values = {name: np.broadcast_to(x, WEIGHTS) for name, x in zip(values, new, strict=True)}
        values["theta"] = torch.from_numpy(values["theta"].copy()).to(dtype).to(wide).numpy()
        yield values, tied.copy()


def begun(drawn, dtype, seed):
    wide = state_dtype(dtype)
    slots = tuple(wild_numbers(WEIGHTS, wide, seed + k) for k in (1, 2))
    return Update(drawn, wild_numbers(WEIGHTS, dtype, seed), torch.zeros(WEIGHTS, dtype=dtype), slots)


@settings(max_examples=settings.default.max_examples // 2)  # each of them compiles a kernel
@given(
    UPDATES,
    st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16]),
    st.floats(1e-6, 10),
    st.floats(-2, 2),
    st.sampled_from([0.0, 0.01]),
    st.integers(0, 10_000),
)
def test_a_random_rule_gives_the_bits_of_its_operations(trees, dtype, lr, h, weight_decay, seed):
    drawn = rule(trees, lr, h)
    numbers = {"lr": lr, "h": h, "weight_decay": weight_decay}
    passing, on_tensors = begun(drawn, dtype, seed), begun(drawn, dtype, seed)
    gradients = [wild_numbers(WEIGHTS, dtype, seed + 10 * t) for t in range(1, STEPS + 1)]
    with np.errstate(all="ignore"):
        try:
            expected = list(by_numpy(trees, numbers, passing.tensors(), gradients))
        except ZeroDivisionError:
            assume(False)
    exact = not {"sqrt", "/"} & set().union(*map(heads, trees))  # torch rounds these two otherwise
    step = Step([passing], [drawn.constants(1, numbers)])
    assert step.passes
    for t, (g, (values, tied)) in enumerate(zip(gradients, expected, strict=True), 1):
        constants = drawn.constants(t, numbers)
        for each in (passing, on_tensors):
            each.gradient.copy_(g)
        step.point_at([passing.gradient])
        step.run([constants])
        plain.step(on_tensors, [constants])
        for way in (passing, on_tensors) if exact else (passing,):
            for name, value in values.items():
                found = way.tensors()[name].to(state_dtype(dtype))[~tied]
                assert same_bits(found, torch.from_numpy(value[~tied])), (written(trees), name, t)
