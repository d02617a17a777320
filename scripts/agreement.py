"""Writes docs/agreement.md: how far each optimizer is from its namesakes in other libraries, measured here and now.

`make agreement` runs it; the tests hold each number below the tolerance.
"""

import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from nine_orders import DECAY  # noqa: E402
from peers import CASES, FAULTS, difference, ours, theirs  # noqa: E402

HEAD = """# Agreement with other libraries

Each optimizer in a library's dialect against the library itself: 200 steps in float64 on six weights, with gradients
that span nine orders of magnitude, zeros included. The number is the largest difference over all steps and weights,
relative to a weight's size and its way from the start, rounded up to a power of ten; the tests fail at 1e-12. Another
dialect in its place is off by more than 1e-9, unless it is the same method: the tests swap every pair.

Libraries: {versions}. TensorFlow 1's kernels are written out in 50
digits from its documentation; numbers recorded from TensorFlow 2.21 itself agree to 1e-12, those of its
`tf.compat.v1.train` as those of `tf_keras.optimizers.legacy`. torch.optim has tests of its own, at 1e-12.
`make agreement` writes this page.

| steepest.optim | library | constant ε | falling ε | constant ε, weight decay | falling ε, weight decay |
| --- | --- | --- | --- | --- | --- |
"""


def power_of_ten(x: float) -> str:
    """The next power of ten above; below 1e-15 float64 has no more to say."""
    return next(f"1e{k}" for k in range(-15, 9) if x <= 10.0**k)


def main() -> None:
    versions = ", ".join(f"{name} {version(name)}" for name in ("keras", "optax", "jax", "schedulefree"))
    lines = []
    for case in CASES:
        settings = [(decaying, decay) for decay in (0.0, DECAY) for decaying in (False, True)]
        found = [power_of_ten(difference(ours(case, *each), theirs(case, *each))) for each in settings]
        lines.append(f"| `{case.name}` | {case.library} | {' | '.join(found)} |")
    faults = "".join(f"- {fault}\n" for fault in FAULTS)
    page = HEAD.format(versions=versions) + "\n".join(lines) + "\n\n## Faults and differences found\n\n" + faults
    (ROOT / "docs" / "agreement.md").write_text(page)


if __name__ == "__main__":
    main()
