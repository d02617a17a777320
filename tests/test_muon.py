"""Muon against torch's and its authors' program, and its iteration against a singular value decomposition."""

import numpy as np
import pytest
import torch

from steepest import optim, translate
from steepest.rules.muon import MUON, flattened

SHAPES = [(3, 5), (6, 2), (4, 4)]
DEFAULTS = [MUON.defaults[name] for name in ("ns_a", "ns_b", "ns_c", "ns_steps")]


def matrices(seed=1):
    numbers = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(s, generator=numbers, dtype=torch.float64)) for s in SHAPES]


def train(params, optimizer, steps=100, seed=2):
    numbers = torch.Generator().manual_seed(seed)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] *= 0.98
        for p in params:
            scale = 10.0 ** (step % 10 - 6)
            p.grad = torch.randn(p.shape, generator=numbers, dtype=torch.float64) * scale
        optimizer.step()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.02, "weight_decay": 0.0},
        {"lr": 0.02, "nesterov": False},
        {"lr": 0.02, "momentum": 0.8, "eps": 1e-4},
        {"lr": 0.02, "ns_steps": 3, "ns_coefficients": (2.0, -1.5, 0.5)},
        {"lr": 0.02, "adjust_lr_fn": "original"},
        {"lr": 0.02, "adjust_lr_fn": "match_rms_adamw"},
    ],
    ids=lambda options: "-".join(options) or "default",
)
def test_torchs_numbers_and_states_both_ways(options):
    """Bit by bit through bfloat16: a number on the other side of a tie would be off by 1e-3."""
    ours, theirs = matrices(), matrices()
    mine, peer = optim.Muon(ours, **options), torch.optim.Muon(theirs, **options)
    train(ours, mine)
    train(theirs, peer)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)
    crossed_mine, crossed_peer = optim.Muon(theirs, **options), torch.optim.Muon(ours, **options)
    crossed_mine.load_state_dict(peer.state_dict())
    crossed_peer.load_state_dict(mine.state_dict())
    train(theirs, crossed_mine, seed=3)
    train(ours, crossed_peer, seed=3)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


def authors_step(theta, g, m, lr, momentum):
    """As the authors' program has it, its products rounded to bfloat16 one by one."""
    m.mul_(momentum).add_(g, alpha=1 - momentum)
    x = ((1 - momentum) * g + momentum * m).bfloat16()
    x = x.T if theta.shape[0] > theta.shape[1] else x
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.T
        b = -4.7750 * a + 2.0315 * a @ a
        x = 3.4445 * x + b @ x
    x = x.T if theta.shape[0] > theta.shape[1] else x
    rows, columns = theta.shape
    theta.sub_(lr * max(1, rows / columns) ** 0.5 * x.double())


@pytest.mark.parametrize("size", [1.0, 1e-7], ids=["large", "like δ"])
def test_the_authors_numbers(size):
    ours = matrices()
    theirs = [p.detach().clone() for p in ours]
    buffers = [torch.zeros_like(p) for p in theirs]
    optimizer = optim.Muon(ours, dialect="paper")
    numbers = torch.Generator().manual_seed(5)
    way = [torch.zeros_like(p) for p in theirs]
    for _ in range(10):
        for p, q, m, w in zip(ours, theirs, buffers, way, strict=True):
            g = torch.randn(p.shape, generator=numbers, dtype=torch.float64) * size
            p.grad = g
            before = q.clone()
            authors_step(q, g, m, 0.02, 0.95)
            w += (q - before).abs()
        optimizer.step()
    # each of the five rounds is rounded to three digits
    assert all(((p - q).abs() / w.mean()).max() < 0.05 for p, q, w in zip(ours, theirs, way, strict=True))


def test_the_papers_delta_is_beside_the_norm():
    """Where the mean is as small as δ, torch's clamp leaves it, the authors' sum does not."""
    steps = []
    for dialect in ("torch", "paper"):
        theta = torch.nn.Parameter(torch.zeros(2, 2, dtype=torch.float64))
        optimizer = optim.Muon([theta], lr=1.0, eps=1e-3, momentum=0.0, ns_steps=0, dialect=dialect)
        theta.grad = torch.eye(2, dtype=torch.float64) * 1e-3
        optimizer.step()
        steps.append(theta[0, 0].item())
    assert steps == pytest.approx([-(2**-0.5), -1 / (1 + 2**0.5)], rel=1e-2)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5)])
def test_the_iteration_keeps_the_singular_vectors_and_flattens_the_values(shape):
    """In double precision: X = USVᵀ becomes U p(S) Vᵀ with all of p(S) between 0.65 and 1.25."""
    x = np.random.default_rng(2).normal(size=shape)
    x = x / np.linalg.norm(x)
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    np.testing.assert_allclose(flattened(x, *DEFAULTS), u * s @ vt, rtol=0, atol=1e-12)
    assert 0.65 < s.min() <= s.max() < 1.25


def test_what_is_no_matrix_is_refused_by_torchs_dialect_and_nothing_changes():
    matrix, bias = torch.nn.Parameter(torch.eye(2)), torch.nn.Parameter(torch.ones(2))
    with pytest.raises(ValueError, match=r"Muon moves real matrices, but a parameter has the shape \(2,\)"):
        optim.Muon([matrix, bias])
    optimizer = optim.Muon([matrix])
    with pytest.raises(ValueError, match="give it to AdamW"):
        optimizer.add_param_group({"params": [bias]})
    with pytest.raises(ValueError, match="has no form with .*adamw=True"):
        optimizer.add_param_group({"params": [bias], "adamw": True})
    assert len(optimizer.param_groups) == 1


def test_what_is_no_matrix_follows_adamw():
    """The authors' numbers for it, and torch's AdamW under them."""
    model, other = torch.nn.Linear(3, 2).double(), torch.nn.Linear(3, 2).double()
    other.load_state_dict(model.state_dict())
    optimizer = optim.Muon(model.named_parameters(), dialect="paper")
    assert [(g["param_names"], g["lr"], g["adamw"]) for g in optimizer.param_groups] == [
        (["weight"], 0.02, False),
        (["bias"], 3e-4, True),
    ]
    beside = torch.optim.AdamW([other.bias], lr=3e-4, betas=(0.9, 0.95), eps=1e-10, weight_decay=0)
    for step in range(10):
        for each in (model, other):
            each.zero_grad()
            each(torch.arange(3.0).double() - step).square().sum().backward()
            with torch.no_grad():
                other.weight.copy_(model.weight)
        optimizer.step()
        beside.step()
    torch.testing.assert_close(model.bias, other.bias, rtol=1e-12, atol=0)


def test_a_group_is_added_whole_or_not_at_all():
    matrix, bias = torch.nn.Parameter(torch.eye(2)), torch.nn.Parameter(torch.ones(2))
    optimizer = optim.Muon([matrix], dialect="paper")
    with pytest.raises(ValueError, match="more than one"):
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.eye(3)), bias, bias, matrix]})
    assert len(optimizer.param_groups) == 1


def test_bad_words_are_refused():
    with pytest.raises(ValueError, match="Invalid adjust_lr_fn value: 'match'; adjust_lr_fn is None, 'original', "):
        optim.Muon([torch.nn.Parameter(torch.eye(2))], adjust_lr_fn="match")


@pytest.mark.parametrize("steps", [2.5, -1, 100, float("nan"), True])
def test_steps_that_cannot_be_counted_are_refused(steps):
    with pytest.raises(ValueError, match=r"Invalid ns_steps value: .*; ns_steps must be a whole number in \[0, 100\)"):
        optim.Muon([torch.nn.Parameter(torch.eye(2))], ns_steps=steps)


@pytest.mark.parametrize("library", [optim, torch.optim])
def test_parameters_without_an_order_are_refused(library):
    with pytest.raises(TypeError, match="ordering of tensors in sets will change"):
        library.Muon([{"params": {torch.nn.Parameter(torch.eye(2))}}])


def test_translate_knows_torchs():
    line = "torch.optim.Muon(model.parameters(), lr=0.02, adjust_lr_fn='match_rms_adamw')"
    assert translate(line, to="steepest").line == line.replace("torch", "steepest", 1)
    assert translate(translate(line, to="steepest").line, to="torch").line is not None
