"""Writes tests/data/tensorflow.json: where TensorFlow's own optimizers come to, which no test can install.

TensorFlow wants half a gigabyte, so its numbers are recorded; to record them anew, in an environment of its own:

    pip install tensorflow-cpu==2.21.0 tf_keras==2.21.0
    python scripts/record_tensorflow.py

tf.compat.v1.train has TensorFlow 1's optimizers, tf_keras.optimizers.legacy those of Keras before 2.11. All compute in
float64, on the gradients of tests/nine_orders.py; every fortieth step is kept. They know no weight decay: λθ is added
to the gradients here. The legacy ones keep their numbers in float32, so these are numbers that float32 holds.
"""

import inspect
import itertools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf_keras  # noqa: E402

from nine_orders import DECAY, START, gradients, rates  # noqa: E402

FILE = ROOT / "tests" / "data" / "tensorflow.json"
EVERY = 40
RATE = 0.05

ADAM = {"beta1": 0.90625, "beta2": 0.9921875, "epsilon": 1e-3}
KERAS_ADAM = {"beta_1": 0.90625, "beta_2": 0.9921875, "epsilon": 1e-3}
RMSPROP = [
    {"momentum": momentum, "epsilon": 1e-3, "centered": centered} for momentum in (0.0, 0.8125) for centered in (0, 1)
]
CALLS = [
    ("tf1", "GradientDescentOptimizer", {}),
    ("tf1", "MomentumOptimizer", {"momentum": 0.8125}),
    ("tf1", "MomentumOptimizer", {"momentum": 0.8125, "use_nesterov": True}),
    ("tf1", "AdagradOptimizer", {"initial_accumulator_value": 0.2}),
    *(("tf1", "RMSPropOptimizer", {"decay": 0.90625, **options}) for options in RMSPROP),
    ("tf1", "AdadeltaOptimizer", {"rho": 0.90625, "epsilon": 1e-3}),
    ("tf1", "AdamOptimizer", ADAM),
    ("legacy", "SGD", {}),
    ("legacy", "SGD", {"momentum": 0.8125}),
    ("legacy", "SGD", {"momentum": 0.8125, "nesterov": True}),
    ("legacy", "Adagrad", {"initial_accumulator_value": 0.2, "epsilon": 1e-3}),
    *(("legacy", "RMSprop", {"rho": 0.90625, **options}) for options in RMSPROP),
    ("legacy", "Adadelta", {"rho": 0.90625, "epsilon": 1e-3}),
    ("legacy", "Adam", KERAS_ADAM),
    ("legacy", "Adam", {**KERAS_ADAM, "amsgrad": True}),
    ("legacy", "Adamax", KERAS_ADAM),
    ("legacy", "Nadam", KERAS_ADAM),
]


def in_float64(value: Any) -> Any:
    """TensorFlow 1 makes float32 of Python's numbers."""
    return tf.constant(value, tf.float64) if isinstance(value, float) else value


def tensorflow_1(name: str, options: dict[str, Any]) -> tuple[Any, Callable[[float], None]]:
    """The optimizer, and a function that gives it another rate."""
    rate = tf.Variable(RATE, dtype=tf.float64)
    given = {key: in_float64(value) if "accumulator" not in key else value for key, value in options.items()}
    return getattr(tf.compat.v1.train, name)(learning_rate=rate.read_value, **given), rate.assign


def legacy_keras(name: str, options: dict[str, Any]) -> tuple[Any, Callable[[float], None]]:
    """Likewise."""
    optimizer = getattr(tf_keras.optimizers.legacy, name)(learning_rate=RATE, **options)
    return optimizer, lambda rate: setattr(optimizer, "learning_rate", rate)


def walk(library: str, name: str, options: dict[str, Any], decaying: bool, weight_decay: float) -> list[list[float]]:
    """θ after every fortieth step."""
    optimizer, assign = {"tf1": tensorflow_1, "legacy": legacy_keras}[library](name, options)
    theta = tf.Variable(np.full(6, START), dtype=tf.float64)
    path = []
    for g, rate in zip(gradients(), rates(RATE, decaying), strict=True):
        assign(rate)
        optimizer.apply_gradients([(tf.constant(g) + weight_decay * theta, theta)])
        path.append(theta.numpy().tolist())
    return path[EVERY - 1 :: EVERY]


def defaults(library: str, name: str) -> dict[str, Any]:
    """What its arguments are when they are not given."""
    home = tf.compat.v1.train if library == "tf1" else tf_keras.optimizers.legacy
    given = inspect.signature(getattr(home, name).__init__).parameters.values()
    return {p.name: p.default for p in given if isinstance(p.default, (int, float))}


def main() -> None:
    tf_keras.backend.set_floatx("float64")
    rows = [
        {
            "library": library,
            "name": name,
            "options": options,
            "decaying": decaying,
            "weight_decay": decay,
            "path": walk(library, name, options, decaying, decay),
        }
        for library, name, options in CALLS
        for decaying, decay in itertools.product((False, True), (0.0, DECAY))
    ]
    versions = {"tensorflow": tf.__version__, "tf_keras": tf_keras.__version__}
    names = dict.fromkeys((library, name) for library, name, _ in CALLS)
    known = [{"library": library, "name": name, "defaults": defaults(library, name)} for library, name in names]
    FILE.write_text(
        f'{{"versions": {json.dumps(versions)}, "every": {EVERY}, "rate": {RATE},\n'
        f'"defaults": [\n{on_lines(known)}\n],\n"rows": [\n{on_lines(rows)}\n]}}\n'
    )


def on_lines(rows: list[Any]) -> str:
    """Each row on a line of its own."""
    return ",\n".join(map(json.dumps, rows))


if __name__ == "__main__":
    main()
