"""What `steepest show` claims, against closed forms."""

import math

import numpy as np
import pytest

from steepest.show.rates import rates
from steepest.show.terminal_velocity import terminal_velocity

pytest.importorskip("torch")

from small import LINE, SMALL
from steepest.show.noise import BATCHES, Gradients, noise


@pytest.fixture(scope="module")
def shown():
    """Least squares on 20 examples, where single gradients can be written down."""
    return noise(LINE, seed=3)


def records(result, name):
    return result.json()[name]


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("steps", [1, 7, 400])
def test_the_step_is_a_geometric_sum(momentum, steps):
    (row,) = records(terminal_velocity((momentum,), lr=0.02, steps=steps), "velocity")
    assert row["times"] == pytest.approx((1 - momentum**steps) / (1 - momentum), rel=1e-9)
    assert row["step"] == pytest.approx(row["times"] * 0.02 * 5, rel=1e-12)
    assert row["limit"] == pytest.approx(1 / (1 - momentum))
    needed = 1 if momentum == 0 else math.ceil(math.log(0.05) / math.log(momentum) - 1e-9)
    assert row["steps_to_95_percent"] == (needed if needed <= steps else None)


def test_too_few_steps_are_told():
    assert not terminal_velocity().notes
    assert any("0.99" in note for note in terminal_velocity(steps=100).notes)


def test_effective_rates_are_those_of_the_mathematics():
    lr, steps = 0.02, 1000
    table = {(r["optimizer"], r["every"]): r for r in records(rates(lr=lr, steps=steps), "rates")}
    turns = {"step": 1, "10 steps": 10, "100 steps": 100}
    for turn, every in turns.items():
        assert table["sgd", turn]["last"] == pytest.approx(lr, rel=1e-9)
        seen = np.arange(1, steps // every + 1)
        last = seen[-100 // every :]
        assert table["adagrad", turn]["last"] == pytest.approx(np.mean(lr / np.sqrt(last)), rel=1e-6)
        # Between two visits RMSProp's r fades by ρ^every; each visit adds 1 − ρ before it divides.
        settled = 0.01 / (1 - 0.99**every)
        assert table["rmsprop", turn]["last"] == pytest.approx(lr / math.sqrt(settled), rel=2e-2)
    for method in ("adagrad", "rmsprop", "adam"):
        assert table[method, "step"]["advantage"] == 1
        assert table[method, "10 steps"]["advantage"] == pytest.approx(math.sqrt(10), rel=0.1)
        assert 7 < table[method, "100 steps"]["advantage"] < 11


def test_the_expected_noise_is_that_of_all_batches(shown):
    """Over every batch of two of the 20 examples, E‖g_B − g‖² is the formula's value exactly."""
    data = LINE.data().train
    model = LINE.build()
    gradients = Gradients(LINE, model)
    single = np.array([gradients.mean(data[i : i + 1]).numpy() for i in range(len(data))])
    full = gradients.mean(data).numpy()
    assert single.mean(axis=0) == pytest.approx(full, rel=1e-9)
    sigma = gradients.sigma(data)
    assert sigma == pytest.approx(math.sqrt(np.square(single - full).sum(axis=1).mean()), rel=1e-9)
    n, size = len(data), 2
    every_pair = [(single[i] + single[j]) / 2 - full for i in range(n) for j in range(i)]
    exact = math.sqrt(np.mean(np.square(every_pair).sum(axis=1)))
    assert sigma * math.sqrt((n - size) / (n - 1) / size) == pytest.approx(exact, rel=1e-9)
    assert records(shown, "noise")[0]["batch_size"] == 1


def test_measured_noise_agrees_with_the_expected(shown):
    rows = records(shown, "noise")
    assert [row["batch_size"] for row in rows] == [1, 4, 16] * 2
    for row in rows:
        # The mean of `BATCHES` squares; no workload here has heavier tails than an exponential.
        assert (row["noise"] / row["expected"]) ** 2 == pytest.approx(1, abs=5 / math.sqrt(BATCHES))


def test_noise_follows_from_the_seed_alone(shown):
    assert records(noise(LINE, seed=3), "noise") == records(shown, "noise")
    assert records(noise(LINE, seed=4), "noise") != records(shown, "noise")


def test_the_full_gradient_does_not_depend_on_the_chunks(monkeypatch):
    data = SMALL.data().train
    gradients = Gradients(SMALL, SMALL.build())
    whole = gradients.mean(data)
    monkeypatch.setattr("steepest.show.noise.CHUNK", 7)
    assert gradients.mean(data).numpy() == pytest.approx(whole.numpy(), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: terminal_velocity((1.0,)), "momentum must be"),
        (lambda: terminal_velocity(()), "allowed are 1 to 4"),
        (lambda: terminal_velocity((0.1, 0.2, 0.3, 0.4, 0.5)), "allowed are 1 to 4"),
        (lambda: terminal_velocity(lr=0.0), "nothing moves"),
        (lambda: terminal_velocity(lr=math.nan), "Invalid learning rate"),
        (lambda: terminal_velocity(steps=0), "Invalid number of steps"),
        (lambda: rates(("adamm",)), "did you mean 'adam'"),
        (lambda: rates(steps=150), "whole hundreds"),
        (lambda: rates(lr=0.0), "nothing moves"),
        (lambda: noise("mnits"), "did you mean 'mnist'"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_pictures_are_drawn(shown):
    pytest.importorskip("vl_convert")
    for result in (shown, terminal_velocity(), terminal_velocity((0.5,), steps=1), rates(steps=200)):
        html = result._repr_html_()
        assert html.startswith("<svg")
        assert html.count("<table>") == len(result.tables)
