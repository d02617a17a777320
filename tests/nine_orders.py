"""The walk on which libraries are compared: gradients over nine orders of magnitude, and a rate that stays or falls.

It needs NumPy alone, so that a library can be asked where nothing of ours is installed.
"""

import numpy as np

STEPS, START = 200, 1.0
DECAY = 0.02


def gradients() -> np.ndarray:
    """200 rows of six gradients whose sizes span nine orders of magnitude, with zeros, and a row of zeros."""
    numbers = np.random.default_rng(7)
    rows = numbers.choice([-1.0, 1.0], (STEPS, 6)) * 10.0 ** numbers.uniform(-6, 3, (STEPS, 6))
    rows[numbers.random((STEPS, 6)) < 0.1] = 0.0
    rows[:3, 0], rows[50] = 0.0, 0.0
    return rows


def rates(initial: float, decaying: bool) -> np.ndarray:
    """ε at each step: constant, or falling to 0.37 of what it was."""
    return initial * (np.exp(-np.arange(STEPS) / STEPS) if decaying else np.ones(STEPS))
