"""TensorFlow's own optimizers, whose numbers are recorded: `scripts/record_tensorflow.py` says how."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import steepest
from nine_orders import START, gradients, rates
from steepest.dialects.recipe import read_recipe

RECORD = json.loads((Path(__file__).parent / "data" / "tensorflow.json").read_text())
PREFIX = {"tf1": "tf.compat.v1.train", "legacy": "keras.optimizers.legacy"}


def others(name, options):
    """What `translate` tells to write for those of legacy Keras that no line of ours has the defaults of."""
    eps = options["epsilon"]
    if name == "Adagrad":
        return f"torch.optim.Adagrad(p, initial_accumulator_value={options['initial_accumulator_value']}, eps={eps})"
    if name == "Nadam":
        return f"torch.optim.NAdam(p, betas=({options['beta_1']}, {options['beta_2']}), eps={eps})"
    momentum, centered = options["momentum"], bool(options["centered"])
    if momentum:
        return (
            f"keras.optimizers.RMSprop(rho={options['rho']}, epsilon={eps}, momentum={momentum}, centered={centered})"
        )
    return f"torch.optim.RMSprop(p, alpha={options['rho']}, eps={eps}, centered={centered})"


def line_of(row):
    """A recorded optimizer as a line of `steepest.optim`, which `translate` gives."""
    if row["library"] == "legacy" and row["name"] in ("Adagrad", "Nadam", "RMSprop"):
        call = others(row["name"], row["options"])
    else:
        given = "".join(f", {name}={value}" for name, value in row["options"].items())
        call = f"{PREFIX[row['library']]}.{row['name']}(learning_rate={RECORD['rate']}{given})"
    return steepest.translate(call.replace("centered=0", "centered=False").replace("centered=1", "centered=True"),
                              to="steepest").line.replace("model.parameters()", "[p]")  # fmt: skip


def walked(line, decaying, weight_decay):
    theta = torch.nn.Parameter(torch.full((6,), START, dtype=torch.float64))
    optimizer = eval(line.replace("(p", "([p]"), {"steepest": steepest, "p": theta})
    path = []
    for g, rate in zip(gradients(), rates(RECORD["rate"], decaying).tolist(), strict=True):
        optimizer.param_groups[0]["lr"] = rate
        theta.grad = torch.from_numpy(g.copy()) + weight_decay * theta.detach()
        optimizer.step()
        path.append(theta.detach().numpy().copy())
    return np.array(path[RECORD["every"] - 1 :: RECORD["every"]])


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=f"{row['library']}-{row['name']}-{k}") for k, row in enumerate(RECORD["rows"])],
)
def test_tensorflows_numbers(row):
    path, reference = walked(line_of(row), row["decaying"], row["weight_decay"]), np.array(row["path"])
    apart = np.max(np.abs(path - reference) / (np.abs(reference) + np.abs(reference - START)))
    assert apart < (1e-8 if row["name"] == "Nadam" else 1e-12)  # which keeps the product of its momenta in float32


@pytest.mark.parametrize("one", RECORD["defaults"], ids=lambda one: f"{one['library']}-{one['name']}")
def test_tensorflows_defaults(one):
    given = [] if "learning_rate" in one["defaults"] else ["0.05"]
    given += ["0.8"] if one["name"] == "MomentumOptimizer" else []
    try:
        recipe = read_recipe(f"{PREFIX[one['library']]}.{one['name']}({', '.join(given)})")
    except ValueError as why:
        assert one["name"] in ("Adagrad", "Nadam", "RMSprop")
        ours = {"lr=1e-3": 1e-3, "eps=1e-7": 1e-7, "alpha=0.9": 0.9, "initial_accumulator_value=0.1": 0.1}
        told = sorted(value for text, value in ours.items() if text in str(why))
        assert told == sorted(v for n, v in one["defaults"].items() if v and n not in ("beta_1", "beta_2"))
        return
    numbers = recipe.followed.numbers
    known = {t: o for t, o in recipe.constructor.parameters.items() if o in numbers and t in one["defaults"]}
    assert {theirs: numbers[ours] for theirs, ours in known.items()} == {t: one["defaults"][t] for t in known}
