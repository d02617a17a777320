"""Muon against torch's, and its iteration against a singular value decomposition."""

import numpy as np
import pytest
import torch

from steepest import optim
from steepest.rules.muon import MUON, orthogonal

SHAPES = [(3, 5), (6, 2), (4, 4)]


def trained(module, steps=60, **options):
    numbers = torch.Generator().manual_seed(1)
    params = [torch.nn.Parameter(torch.randn(s, generator=numbers, dtype=torch.float64)) for s in SHAPES]
    optimizer = module.Muon(params, **options)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] *= 0.98
        for p in params:
            scale = 10.0 ** (step % 10 - 6)
            p.grad = torch.randn(p.shape, generator=numbers, dtype=torch.float64) * scale
        optimizer.step()
    return params, optimizer


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.02, "weight_decay": 0.0},
        {"lr": 0.02, "nesterov": False},
        {"lr": 0.02, "momentum": 0.8, "eps": 1e-4},
        {"lr": 0.02, "ns_steps": 3, "ns_coefficients": (2.0, -1.5, 0.5)},
    ],
    ids=lambda options: "-".join(options) or "default",
)
def test_torchs_numbers(options):
    """Bit by bit through bfloat16: a number on the other side of a tie would be off by 1e-3."""
    (ours, mine), (theirs, peer) = trained(optim, **options), trained(torch.optim, **options)
    assert all(torch.allclose(a, b, rtol=1e-12, atol=1e-14) for a, b in zip(ours, theirs, strict=True))
    loaded = optim.Muon(theirs, **options)
    loaded.load_state_dict({**peer.state_dict()})
    for p, q in zip(ours, theirs, strict=True):
        p.grad, q.grad = torch.ones_like(p), torch.ones_like(q)
    mine.step()
    loaded.step()
    assert all(torch.allclose(a, b, rtol=1e-12, atol=1e-14) for a, b in zip(ours, theirs, strict=True))


def test_the_paper_has_other_defaults():
    theta = torch.nn.Parameter(torch.eye(2))
    group = optim.Muon([theta], dialect="paper").param_groups[0]
    assert (group["lr"], group["weight_decay"], group["momentum"]) == (0.02, 0.0, 0.95)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5)])
def test_the_iteration_keeps_the_singular_vectors_and_flattens_the_values(shape):
    """In double precision: X = USVᵀ becomes U p(S) Vᵀ with all of p(S) between 0.65 and 1.25."""
    x = np.random.default_rng(2).normal(size=shape)
    given = {name: MUON.defaults[name] for name in ("ns_a", "ns_b", "ns_c")}
    flat = orthogonal(x, *given.values(), 5, 1e-7)
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    s = s / np.linalg.norm(s)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    np.testing.assert_allclose(flat, u * s @ vt, rtol=0, atol=1e-12)
    assert 0.65 < s.min() <= s.max() < 1.25


def test_what_is_no_matrix_is_refused():
    matrix, bias = torch.nn.Parameter(torch.eye(2)), torch.nn.Parameter(torch.ones(2))
    with pytest.raises(ValueError, match=r"Muon moves real matrices, but a parameter has the shape \(2,\)"):
        optim.Muon([matrix, bias])
    optimizer = optim.Muon([matrix])
    with pytest.raises(ValueError, match="give it to AdamW"):
        optimizer.add_param_group({"params": [bias]})
    assert len(optimizer.param_groups) == 1
