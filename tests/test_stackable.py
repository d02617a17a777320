"""Models of every kind: in a stack each is what it is by itself, or it trains by itself and the reason is told."""

import re
import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from small import SMALL
from steepest.stopping import criteria
from steepest.trial import Trial, run
from steepest.trial.alone import undisturbed
from steepest.trial.course import Record, follow
from steepest.trial.decision import why_alone
from steepest.trial.stacked import Stacked


class Around(nn.Module):
    """A layer for sequences of one, between two linear ones."""

    def __init__(self, layer):
        super().__init__()
        self.first, self.layer, self.out = nn.Linear(4, 4), layer, nn.Linear(4, 3)

    def forward(self, x):
        y = self.layer(self.first(x).unsqueeze(1))
        return self.out((y[0] if isinstance(y, tuple) else y).squeeze(1))


class Attention(nn.MultiheadAttention):
    def forward(self, x):
        return super().forward(x, x, x)[0]


class Words(nn.Module):
    def __init__(self, sparse):
        super().__init__()
        self.words, self.out = nn.Embedding(5, 4, sparse=sparse), nn.Linear(4, 3)

    def forward(self, x):
        return self.out(self.words((x > 0).sum(1)))


class Branch(nn.Linear):
    def forward(self, x):
        y = super().forward(x)
        return y if y.sum() > 0 else 2 * y


class Counting(nn.Linear):
    def __init__(self):
        super().__init__(4, 3)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen += len(x)
        return super().forward(x) / self.seen


class Noisy(nn.Linear):
    def forward(self, x):
        return super().forward(x + 0.1 * torch.randn_like(x))


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, dtype=torch.complex64))

    def forward(self, x):
        return (x.to(torch.complex64) @ self.weight).abs()


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, dy):
        return 2 * dy


class Own(nn.Linear):
    def forward(self, x):
        return Doubled.apply(super().forward(x))


class Idle(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.idle = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x):
        return self.used(x)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.there, self.back, self.out = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)
        self.back.weight = self.there.weight

    def forward(self, x):
        return self.out(self.back(torch.tanh(self.there(x))))


def frozen():
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    model[0].requires_grad_(False)
    return model


def forward_hook():
    model = sequence()
    model[0].register_forward_hook(lambda layer, inputs, y: 2 * y)
    return model


def old_weight_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's, of its age
        return sequence(nn.utils.weight_norm(nn.Linear(4, 6)))


def forward_pre_hook():
    model = sequence()
    model[2].register_forward_pre_hook(lambda layer, inputs: (2 * inputs[0],))
    return model


class Double(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x.double())


def sequence(first=None, between=None):
    return nn.Sequential(first or nn.Linear(4, 6), between or nn.ReLU(), nn.Linear(6, 3))


TAKEN = {
    "LazyLinear": lambda: sequence(nn.LazyLinear(6)),
    "LayerNorm": lambda: sequence(between=nn.LayerNorm(6)),
    "BatchNorm without statistics": lambda: sequence(between=nn.BatchNorm1d(6, track_running_stats=False)),
    "MultiheadAttention": lambda: Around(Attention(4, 2, batch_first=True)),
    "TransformerEncoderLayer": lambda: Around(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.2, batch_first=True)),
    "Embedding": lambda: Words(sparse=False),
    "tied weights": Tied,
    "random numbers": lambda: Noisy(4, 3),
    "weight_norm": lambda: sequence(parametrizations.weight_norm(nn.Linear(4, 6))),
    "weight_norm by a hook": old_weight_norm,
    "forward hook": forward_hook,
    "forward pre-hook": forward_pre_hook,
    "double precision": lambda: Double(sequence().double()),
}
REFUSED = {
    "BatchNorm": (lambda: sequence(between=nn.BatchNorm1d(6)), "BatchNorm1d keeps numbers"),
    "spectral_norm": (lambda: sequence(parametrizations.spectral_norm(nn.Linear(4, 6))), "_SpectralNorm keeps numbers"),
    "changing buffer": (Counting, "Counting keeps numbers"),
    "branch": (lambda: Branch(4, 3), "cannot take Branch: .*data-dependent control flow"),
    "RNN": (lambda: Around(nn.RNN(4, 4, batch_first=True)), "cannot take RNN: .*rnn_tanh"),
    "LSTM": (lambda: Around(nn.LSTM(4, 4, batch_first=True)), "cannot take LSTM: .*lstm"),
    "GRU": (lambda: Around(nn.GRU(4, 4, batch_first=True)), "cannot take GRU: .*gru"),
    "autograd.Function": (lambda: Own(4, 3), "cannot take Own: .*setup_context"),
    "complex": (Complex, "floating dtype"),
    "frozen": (frozen, "do not train"),
    "idle": (Idle, "do not enter the loss"),
}


def trials(build):
    workload = replace(SMALL, build=build)
    until = criteria(["passes=1"])
    return [
        Trial(workload, m, m, {"lr": 0.02}, seed=3, until=until, batch_size=8, phase="final") for m in ("sgd", "adam")
    ]


def reason(them):
    with undisturbed():
        return why_alone(them)


@pytest.mark.parametrize("build", TAKEN.values(), ids=TAKEN)
def test_a_model_in_a_stack_is_what_it_is_by_itself(build):
    them = trials(build)
    assert reason(them) == ""
    with undisturbed():
        together = follow(Stacked(them, [1.0] * len(them)), [Record() for _ in them])
    for trial, stacked in zip(them, together, strict=True):
        alone = run(trial)
        assert stacked.train_loss == pytest.approx(alone.train_loss, rel=1e-4)
        assert stacked.validation["loss"] == pytest.approx(alone.validation["loss"], rel=1e-4)
        assert stacked.test_acc == pytest.approx(alone.test_acc, abs=2e-2)


@pytest.mark.parametrize(("build", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_stacked_names_the_layer_and_trains_by_itself(build, words):
    them = trials(build)
    assert re.search(words, reason(them))
    assert run(them[0]).steps > 0
