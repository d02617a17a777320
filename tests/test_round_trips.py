"""`translate` over random calls: the pasted line does in its library what the call does in its own.

Or the answer says that none does, and the line of `steepest.optim` that it names does. `make round-trips` asks about
thousands.
"""

import os

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("keras")
pytest.importorskip("optax")
pytest.importorskip("schedulefree")

from round_trips import run


@pytest.mark.parametrize("seed", range(3))
def test_a_pasted_line_does_the_same_or_the_answer_says_that_none_does(seed):
    counts = run(40, seed)
    assert all(counts[answer] for answer in ("always", "constant", "none"))
