"""docs/agreement.md: how far each optimizer is from its namesakes, as the tests find it, and what is not compared."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import peers
from peer_cases import HOMES
from steepest.dialects.refusals import ABROAD, BESIDE_THE_PATH, FOREIGN, IDLE

PAGE = Path(__file__).parent.parent / "docs" / "agreement.md"
HEAD = """# Agreement with other libraries

Each optimizer in a library's dialect against the library itself: 200 steps in float64 on six weights, with gradients
that span nine orders of magnitude, zeros included. The number is the largest difference over all steps and weights,
relative to a weight's size and its way from the start, rounded up to a power of ten. The tests that measure it write
this page (`make agreement`), and fail at 1e-12; where a library computes a part in float32 alone, at 1e-7 or 1e-8, a
unit or less in float32's last place. In every column another dialect in the same place is off by 1000 times that at
least, unless it is the same method there: the tests swap every pair.

Libraries: {versions}. TensorFlow 1's kernels are
written out in 50 digits from its documentation; numbers recorded from TensorFlow 2.21 itself agree to 1e-12, those of
its `tf.compat.v1.train` as those of `tf_keras.optimizers.legacy`. What has no library here is held to its paper, in
50-digit arithmetic.

| steepest.optim | dialect | library | constant ε | falling ε | constant ε, weight decay | falling ε, weight decay |
| --- | --- | --- | --- | --- | --- | --- |
"""

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
    "`optax.contrib.schedule_free_*` with warm-up takes a constant rate alone, and computes its part of the rate in "
    "float32: compared at 1e-6, by itself.",
)

# arguments that no row moves from their defaults; what is neither here nor in translate's tables fails a test
REASONS = {
    **dict.fromkeys(IDLE, ""),
    **{name: "" if name in BESIDE_THE_PATH else why for name, why in ABROAD.items()},
    "global_clipnorm": "",  # clip_norm= here; tests/test_translate_libraries.py compares them
    "maximize": "",  # tests/test_optim_like_torch.py has it
    "kwargs": "",
    "warmup_steps": "",  # of optax's schedule-free; tests/test_agreement.py compares it by itself
    "exclude_layers": "names layers; use parameter groups with adamw=True",
    "exclude_embeddings": "names layers; use parameter groups with adamw=True",
    "adam_lr_ratio": "is the rate of a group with adamw=True over the other's",
    "adam_learning_rate": "is the rate of a group with adamw=True",
    "adam_eps_root": "is a constant inside the root, which this method does not have here",
    "adaptive": "scales the step by its product with the gradient",
    "preconditioning": "scales the matrix by another norm before the iteration",
    "muon_weight_dimension_numbers": "says which axes of an array with more make a matrix",
    "caution": "leaves out what points away from the gradient",
    "corrected_weight_decay": "multiplies the decay by the rate once more",
    "lr_in_momentum": "False has the rate outside the velocity, as the dialect torch",
    "decoupled_decay": "is AdamW's decay, which this method does not have here",
    "amsgrad": "is a form of this method that is not here",
    "fixed_decay": "is a form of this method that is not here",
    "degenerated_to_sgd": "belongs to rectify",
    "bias_correction": "is a form of this method that is not here",
    "grad_averaging": "is a form of this method that is not here",
    "trust_clip": "is a form of this method that is not here",
}


def others(library: str) -> dict[str, str]:
    """The optimizers of a library that are not compared, each with the reason."""
    left = peers.optimizers_of(library) - peers.compared(library)
    return {name: why for name, why in FOREIGN[library].items() if name in left}


def power_of_ten(x: float) -> str:
    """The next power of ten above; below 1e-15 float64 has no more to say."""
    return next(f"1e{k}" for k in range(-15, 9) if x <= 10.0**k)


def left_out() -> list[str]:
    """A line for each argument that is a form of a method which is not here."""
    having: dict[str, list[str]] = {}
    for (library, peer), names in peers.untried().items():
        for name in names:
            having.setdefault(name, []).append(f"{HOMES[library]}.{peer}")
    lines = []
    for name, functions in sorted(having.items()):
        if REASONS[name]:
            of = f"of all in {library_of(functions)}" if len(functions) > 8 else f"of {', '.join(functions)}"
            lines.append(f"- `{name}` {of}: {REASONS[name]}.")
    return lines


def library_of(functions: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(name.rpartition(".")[0] for name in functions))


def rest() -> str:
    """What stands below the table."""
    methods = [
        f"- `{HOMES[library]}.{name}`: {why}." for library in peers.MODULES for name, why in others(library).items()
    ]
    parts = {
        "Faults and differences found": [f"- {fault}" for fault in FAULTS],
        "Optimizers of these libraries that are not here": methods,
        "Arguments that have no counterpart here": left_out(),
    }
    return "\n\n".join(f"## {title}\n\n" + "\n".join(lines) for title, lines in parts.items()) + "\n"


def page(rows: Mapping[tuple[str, str, str], Sequence[float]]) -> str:
    """The whole page, of what was measured."""
    names = ("torch", "keras", "optax", "jax", "schedulefree", "timm")
    versions = ", ".join(f"{name} {version(name).partition('+')[0]}" for name in names)
    lines = [
        f"| `{name}` | {dialect} | {peer} | {' | '.join(map(power_of_ten, found))} |\n"
        for (name, dialect, peer), found in rows.items()
    ]
    return HEAD.format(versions=versions) + "".join(lines) + "\n" + rest()
