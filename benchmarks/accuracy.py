"""How exact a step is: each kernel against float64, against its definition bit by bit, and what strictness costs.

    python benchmarks/accuracy.py [--weights 100000] [--repeats 30]

error    one float32 step, from the state that 20 steps have left, against the same step in float64 from the same
         numbers: largest and root mean square error of θ, and the largest of any slot. The unit is the last place of
         the largest number that the sum is made of, of the old value, the new one and the difference: in centered
         RMSprop r − m² cancels, which no order of operations helps.
bits     magnitudes from 1e-30 to 1e30, zeros of both signs, subnormals, infinities, NaN, in four dtypes and with slots
         in bfloat16: how many numbers differ from the plain rule, worked out by NumPy in the dtype that the kernel
         computes in and rounded once
strict   time of a step in one thread with every operation rounded, against the same kernel with LLVM's `contract` (a
         multiplication and an addition may become one) and `fast` flags, in turn; how many of the numbers then differ
"""

import argparse
import copy
import re

import numpy as np
import torch
from step_time import SHAPES
from turns import machine, medians

from steepest.kernels import Step, Update, fused, state_dtype
from steepest.kernels.emit import kernel_ir
from steepest.kernels.native import compiled
from steepest.kernels.table import Array
from steepest.kernels.update import whole_update
from steepest.rules import RULES

ELEMENTWISE = [rule for rule in RULES.values() if rule.elementwise]
DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
REACH = {torch.float16: 4, torch.bfloat16: 30, torch.float32: 30, torch.float64: 30}
STEPS_BEFORE = 20
FLAGS = ("contract", "fast")
TIMED = ("momentum", "adam_as_published", "adadelta")


def update_of(rule, theta, g, slots):
    """An update of these tensors, the look-ahead point included where there is one."""
    point = theta.clone() if rule.moves_the_gradient_point else None
    return Update(rule, theta if point is None else point, g, tuple(slots), theta=None if point is None else theta)


def run(update, constants):
    """The tensors after one fused step, by name."""
    step = Step([update], [constants])
    if not step.passes:
        raise RuntimeError(f"{update.rule.name} did not run as a pass")
    step.point_at([update.gradient])
    step.run([constants])
    return update.tensors()


def definition(update, constants, dtype):
    """The new arrays by name, worked out by NumPy in this dtype: every operation of its is rounded correctly."""
    arrays = {name: x.to(dtype).numpy() for name, x in update.tensors().items() if name != "point"}
    with np.errstate(all="ignore"):
        return {name: np.asarray(x) for name, x in whole_update(update, arrays, constants).items()}


# ---------------------------------------------------------------------------------------------------------------- error


def after_some_steps(rule, weights):
    """θ, g and slots in float32, as float64 steps with gradients of many sizes leave them, and the next constants."""
    random = np.random.default_rng(0)
    theta = random.standard_normal(weights)
    sizes = 10.0 ** random.uniform(-4, 1, weights)
    initial = rule.initial({}, theta)
    slots = [np.broadcast_to(initial[slot.symbol], weights).copy() for slot in rule.slots]
    memory: dict[str, float] = dict(rule.memory)
    for t in range(1, STEPS_BEFORE + 1):
        constants = rule.constants(t if rule.counts_steps else min(t, 2), {}, memory)
        memory = {name: constants[name] for name in memory}
        theta, *slots = rule.step(theta, sizes * random.standard_normal(weights), slots, constants)
    t = STEPS_BEFORE + 1 if rule.counts_steps else 2
    tensors = [torch.from_numpy(x).float() for x in (theta, sizes * random.standard_normal(weights), *slots)]
    return tensors, rule.constants(t, {}, memory)


def errors(rule, weights):
    """Largest and root mean square error of θ, and the largest of the slots, in units in the last place."""
    (theta, g, *slots), constants = after_some_steps(rule, weights)
    update = update_of(rule, theta, g, slots)
    old = {name: x.double().numpy() for name, x in update.tensors().items()}
    exact = definition(update, constants, torch.float64)
    found = run(update, constants)
    in_ulp = {}
    for name in ("theta", *(slot.symbol for slot in rule.slots)):
        largest = np.maximum(np.maximum(abs(old[name]), abs(exact[name])), abs(exact[name] - old[name]))
        last_place = np.spacing(np.maximum(largest, 2.0**-126).astype(np.float32)).astype(np.float64)
        in_ulp[name] = abs(found[name].double().numpy() - exact[name]) / last_place
    off = in_ulp.pop("theta")
    return off.max(), np.sqrt(np.mean(off**2)), max((x.max() for x in in_ulp.values()), default=0.0)


# ----------------------------------------------------------------------------------------------------------------- bits


def wild(n, dtype, seed):
    """Numbers of all magnitudes with zeros of both signs, subnormals, infinities and NaN among them."""
    random = np.random.default_rng(seed)
    numbers = random.choice([-1.0, 1.0], n) * 10.0 ** random.uniform(-REACH[dtype], REACH[dtype], n)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, torch.finfo(dtype).tiny / 4]
    numbers[random.permutation(n)[: n // 10]] = random.choice(special, n // 10)
    return torch.from_numpy(numbers).to(dtype)


def differing(rule, dtype, slots_in, weights):
    """How many of the numbers after a step differ in a bit from their definition, and how many there are."""
    theta, g = wild(weights, dtype, 0), wild(weights, dtype, 1)
    slots = [wild(weights, slots_in, 2 + k).abs() for k in range(len(rule.slots))]
    constants = rule.constants(3, {"lr": 0.13, "weight_decay": 0.37})
    update = update_of(rule, theta, g, slots)
    expected = definition(update, constants, state_dtype(dtype))
    found = run(update, constants)
    different = 0
    for name, x in expected.items():
        a, b = torch.from_numpy(x).to(found[name].dtype).broadcast_to(weights), found[name]
        different += int((~((a == b) & (a.signbit() == b.signbit()) | a.isnan() & b.isnan())).sum())
    return different, weights * len(expected)


def all_bits(weights):
    """Differing numbers and numbers of every rule in every dtype."""
    cases = [(rule, dtype, state_dtype(dtype)) for rule in ELEMENTWISE for dtype in DTYPES]
    cases += [(rule, dtype, torch.bfloat16) for rule in ELEMENTWISE for dtype in DTYPES if dtype != torch.float64]
    counts = [differing(*case, weights) for case in cases]
    return len(cases), sum(d for d, _ in counts), sum(n for _, n in counts)


# --------------------------------------------------------------------------------------------------------------- strict


def with_flags(step, traced, arrays, flag):
    """A copy of a prepared step whose kernel may break the rules that the flag names."""
    text = kernel_ir(traced, arrays, "float32")
    loose = copy.copy(step)
    loose.kernel = compiled(re.sub(r"= (fadd|fsub|fmul|fdiv|fneg) ", rf"= \1 {flag} ", text))
    return loose


def strictness(rule, shapes, repeats):
    """Time of a strict step in shares of a loose one, and the share of θ that differs between them, for each flag."""
    constants = rule.constants(5, {})
    found = {}
    steps = {}
    for way in ("strict", *FLAGS):
        updates = [
            update_of(rule, torch.ones(s), torch.full(s, 0.3), [torch.full(s, 0.7) for _ in rule.slots]) for s in shapes
        ]
        generator = torch.Generator().manual_seed(0)
        for x in (x for u in updates for x in u.tensors().values()):
            x.copy_(torch.rand(x.shape, generator=generator))
        traced = fused.program(updates[0], constants)
        arrays = tuple(Array(name, "float32") for name in updates[0].tensors())
        prepared = fused.Pass(updates, traced)
        prepared = prepared if way == "strict" else with_flags(prepared, traced, arrays, way)

        def step(prepared=prepared, updates=updates):  # a pass knows addresses; the updates keep the memory
            prepared.point_at([u.gradient for u in updates])
            prepared.run([constants])

        step()
        found[way] = torch.cat([u.parameter.flatten() for u in updates])
        steps[way] = step
    times = medians(steps, repeats)
    return {
        flag: (times["strict"] / times[flag], (found["strict"] != found[flag]).float().mean().item()) for flag in FLAGS
    }


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=30)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    print(f"{'error of one float32 step':36} {'θ max':>8} {'θ rms':>8} {'slots max':>10}   in units in the last place")
    for rule in ELEMENTWISE:
        largest, rms, slots = errors(rule, arguments.weights)
        print(f"{rule.name:36} {largest:8.2f} {rms:8.3f} {slots:10.2f}", flush=True)
    cases, different, numbers = all_bits(arguments.weights // 10)
    print(f"bits: {different} of {numbers:,} numbers differ from their definition ({cases} rules in a dtype each)")
    for name in TIMED:
        for flag, (ratio, share) in strictness(RULES[name], SHAPES["mlp"], arguments.repeats).items():
            print(f"strict: {name:18} time of strict / {flag:8} {ratio:.2f}; {share:.1%} of θ differ", flush=True)


if __name__ == "__main__":
    main()
