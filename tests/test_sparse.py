"""Sparse gradients: torch.optim's numbers where torch takes them, and a clear refusal elsewhere."""

import pytest
import torch

from steepest import optim
from steepest.kernels import Update, plain, sparse
from steepest.rules import RULES

STEPS = 30
SETTINGS = {
    "SGD": [
        {"lr": 0.1},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3},
    ],
    "Adagrad": [{"lr": 0.1}, {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-3}],
}
CASES = [(name, options) for name, rows in SETTINGS.items() for options in rows]


def table(seed=0, dtype=torch.float64):
    return torch.nn.Parameter(torch.randn(40, 3, generator=torch.Generator().manual_seed(seed), dtype=dtype))


def gradient(step, dtype=torch.float64):
    """Gradients for ten rows, some of them twice, as an embedding gives them: not coalesced."""
    generator = torch.Generator().manual_seed(step)
    rows = torch.randint(0, 40, (1, 10), generator=generator)
    values = torch.randn(10, 3, generator=generator, dtype=dtype)
    return torch.sparse_coo_tensor(torch.cat([rows, rows[:, :4]], 1), torch.cat([values, values[:4]]), (40, 3))


def train(optimizer, p, steps=STEPS, first=0):
    for step in range(first, first + steps):
        p.grad = gradient(step, p.dtype)
        optimizer.step()


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda x: x if isinstance(x, str) else "-".join(x))
def test_same_trajectory_as_torch(name, options, maximize):
    ours, theirs = table(), table()
    mine = getattr(optim, name)([ours], maximize=maximize, **options)
    peer = getattr(torch.optim, name)([theirs], maximize=maximize, **options)
    train(mine, ours)
    train(peer, theirs)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    assert (ours - table()).abs().max() > 0.1


@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda x: x if isinstance(x, str) else "-".join(x))
def test_torchs_state_goes_on_here(name, options):
    ours, theirs = table(), table()
    peer = getattr(torch.optim, name)([theirs], **options)
    train(peer, theirs, 5)
    ours.data.copy_(theirs.data)
    mine = getattr(optim, name)([ours])
    mine.load_state_dict(peer.state_dict())
    train(mine, ours, 5, first=5)
    train(peer, theirs, 5, first=5)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_an_embedding_learns_as_with_dense_gradients():
    torch.manual_seed(0)
    first = torch.nn.Embedding(50, 4, sparse=True)
    other = torch.nn.Embedding(50, 4)
    other.load_state_dict(first.state_dict())
    words = torch.randint(0, 50, (20, 16))
    for embedding in (first, other):
        optimizer = optim.Adagrad(embedding.parameters(), lr=0.1, clip_norm=1.0)
        for batch in words:
            optimizer.zero_grad()
            ((embedding(batch) - 1) ** 2).sum().backward()
            optimizer.step()
    torch.testing.assert_close(first.weight, other.weight, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.sparse == "rows"])
def test_a_zero_gradient_is_no_step_for_a_rule_that_updates_rows_alone(name):
    rule = RULES[name]
    theta, slots = torch.randn(9), tuple(torch.rand(9) for _ in rule.slots)
    after = rule.step(theta, torch.zeros(9), slots, rule.constants(3, {}))
    assert all(a.equal(b) for a, b in zip(after, (theta, *slots), strict=True))


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.sparse])
@pytest.mark.parametrize("average", [False, True])
def test_the_step_is_that_of_the_gradient_with_its_zeros(name, average):
    rule = RULES[name]
    constants = {**rule.constants(3, {}), "average_rate": 0.1, "gradient_scale": 0.5}
    p, g = table().detach(), gradient(0)
    updates = [
        Update(
            rule,
            p.clone(),
            each,
            tuple(torch.ones_like(p) for _ in rule.slots),
            average=torch.zeros_like(p) if average else None,
            scaled=True,
            maximize=True,
        )
        for each in (g, g.to_dense())
    ]
    sparse.step(updates[0], [constants])
    plain.step(updates[1], [constants])
    theirs = updates[1].tensors()
    for key, value in updates[0].tensors().items():
        torch.testing.assert_close(value.to_dense(), theirs[key], rtol=1e-14, atol=0)


def test_gradients_sparse_in_both_dimensions():
    p = torch.nn.Parameter(torch.zeros(3, 4))
    p.grad = torch.sparse_coo_tensor([[0, 2, 2], [1, 3, 3]], [1.0, 2.0, 3.0], (3, 4))
    optim.SGD([p], lr=1.0).step()
    expected = torch.zeros(3, 4)
    expected[0, 1], expected[2, 3] = -1.0, -5.0
    assert p.equal(expected)


def test_16_bit_rows_are_rounded_once():
    p = torch.nn.Parameter(torch.full((4, 2), 256.0, dtype=torch.bfloat16))
    p.grad = torch.sparse_coo_tensor([[1]], torch.full((1, 2), 3.0, dtype=torch.bfloat16), (4, 2))
    optim.SGD([p], lr=1.25).step()
    assert p.tolist() == [[256.0] * 2, [252.0] * 2, [256.0] * 2, [256.0] * 2]


def test_a_gradient_without_entries_moves_nothing():
    p = torch.nn.Parameter(torch.ones(4, 2))
    p.grad = torch.sparse_coo_tensor(torch.empty(1, 0, dtype=torch.long), torch.empty(0, 2), (4, 2))
    optim.Adagrad([p], lr=0.1, clip_norm=1.0).step()
    assert p.eq(1).all()


def test_the_norm_is_that_of_the_sums():
    dense, p = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(3, 1))
    dense.grad = torch.tensor([4.0])
    p.grad = torch.sparse_coo_tensor([[1, 1]], [[1.0], [2.0]], (3, 1))
    optim.SGD([dense, p], lr=1.0, clip_norm=1.0).step()
    assert dense.item() == pytest.approx(-0.8)
    assert p[1].item() == pytest.approx(-0.6)


def test_zero_grad_after_step_empties_the_gradient():
    p = torch.nn.Parameter(torch.zeros(3, 1))
    p.grad = torch.sparse_coo_tensor([[1, 1]], [[1.0], [2.0]], (3, 1))
    optimizer = optim.SGD([p], lr=1.0, zero_grad_after_step=True)
    for _ in range(2):
        optimizer.step()
    assert p.flatten().tolist() == [0.0, -3.0, 0.0]


def test_dense_and_sparse_gradients_in_turns():
    ours, theirs = table(), table()
    mine, peer = optim.SGD([ours], lr=0.1, momentum=0.5), torch.optim.SGD([theirs], lr=0.1, momentum=0.5)
    for step in range(6):
        for p, optimizer in ((ours, mine), (theirs, peer)):
            p.grad = gradient(step) if step % 2 else gradient(step).to_dense()
            optimizer.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["SGD", "Adagrad"])
def test_weight_decay_is_refused_as_torch_does_before_anything_moves(name):
    p = table()
    optimizer = getattr(optim, name)([p], lr=0.1, weight_decay=0.1)
    p.grad = gradient(0)
    with pytest.raises(RuntimeError, match="weight_decay is not compatible with sparse gradients.*weight_decay=0"):
        optimizer.step()
    assert p.equal(table())
    optimizer.param_groups[0]["weight_decay"] = 0.0
    optimizer.step()
    optimizer.param_groups[0]["weight_decay"] = 0.1
    with pytest.raises(RuntimeError, match="weight_decay"):
        optimizer.step()


@pytest.mark.parametrize("name", ["RMSprop", "Adadelta", "Adam", "AdamW"])
def test_other_rules_refuse(name):
    p = table()
    optimizer = getattr(optim, name)([p])
    p.grad = gradient(0)
    with pytest.raises(RuntimeError, match="does not support sparse gradients.*to_dense"):
        optimizer.step()
    assert p.equal(table())
