"""Checkpoints by name: the order of the parameters has changed, the numbers have not."""

import copy

import pytest
import torch

from steepest import optim

SHAPES = {"weight": (3, 2), "bias": (3,), "scale": (), "shift": (2, 2)}
MATRICES = {"weight": (3, 2), "bias": (1, 3), "scale": (2, 4), "shift": (2, 2)}
OPTIONS = {
    "SGD": {"momentum": 0.9, "nesterov": True},
    "Adagrad": {"lr_decay": 0.1, "initial_accumulator_value": 0.2},
    "RMSprop": {"momentum": 0.5, "centered": True, "eps": 1e-2},
    "Adadelta": {"rho": 0.8},
    "Adam": {"amsgrad": True, "weight_decay": 0.01},
    "AdamW": {"betas": (0.8, 0.95)},
    "NAdam": {"momentum_decay": 0.1, "decoupled_weight_decay": True, "weight_decay": 0.01},
    "Adamax": {"betas": (0.8, 0.95)},
    "RAdam": {"betas": (0.8, 0.95), "weight_decay": 0.01},
    "ASGD": {"lambd": 0.1, "alpha": 0.6, "t0": 20},
    "Rprop": {"etas": (0.4, 1.3)},
    "Muon": {"momentum": 0.8},
}


def named(order, shapes=SHAPES):
    values = torch.Generator().manual_seed(3)
    made = {n: torch.nn.Parameter(torch.randn(s, generator=values, dtype=torch.float64)) for n, s in shapes.items()}
    return {name: made[name] for name in order}


def train(params, optimizer, steps=100, seed=1):
    numbers = torch.Generator().manual_seed(seed)
    for step in range(steps):
        for name in SHAPES:
            g = torch.randn(params[name].shape, generator=numbers, dtype=torch.float64)
            params[name].grad = g * 10.0 ** (step % 5 - 3)
        optimizer.step()


@pytest.fixture
def double_precision():
    """In which torch's NAdam and ASGD then keep the numbers of the step."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def test_every_class_of_torch_that_is_here_is_tried():
    classes = {name for name in optim.__all__ if isinstance(getattr(optim, name), type)} - {"Optimizer"}
    assert set(OPTIONS) == {name for name in classes if hasattr(torch.optim, name)}


FORWARD, BACKWARD = list(SHAPES), list(reversed(SHAPES))


@pytest.mark.parametrize(("source", "target"), [(torch.optim, optim), (optim, torch.optim), (optim, optim)])
@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.usefixtures("double_precision")
def test_training_goes_on_in_another_order_with_the_same_numbers(name, source, target):
    shapes = MATRICES if name == "Muon" else SHAPES
    params = named(FORWARD, shapes)
    first = getattr(source, name)(params.items(), lr=0.01, **OPTIONS[name])
    train(params, first)
    moved = named(BACKWARD, shapes)
    for key, p in params.items():
        moved[key].data.copy_(p.data)
    second = getattr(target, name)(moved.items(), lr=0.5, **OPTIONS[name])
    if target is torch.optim:
        second.register_load_state_dict_pre_hook(optim.by_name)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert second.param_groups[0]["param_names"] == BACKWARD
    forgetful = {key: torch.nn.Parameter(p.detach().clone()) for key, p in params.items()}
    train(params, first, seed=2)
    train(moved, second, seed=2)
    train(forgetful, getattr(optim, name)(forgetful.items(), lr=0.01, **OPTIONS[name]), seed=2)
    for key, p in params.items():
        torch.testing.assert_close(moved[key], p, rtol=1e-12, atol=0)
        assert ((forgetful[key] - p) / p).abs().min() > 1e-9


def test_a_group_can_be_parted():
    params = named(FORWARD)
    first = optim.Adam(params.items(), lr=0.01)
    train(params, first)
    moved = {key: torch.nn.Parameter(p.detach().clone()) for key, p in params.items()}
    parts = [{"params": [(n, moved[n])]} for n in BACKWARD[:1]] + [{"params": [(n, moved[n]) for n in FORWARD[:3]]}]
    second = optim.Adam(parts, lr=0.5)
    second.load_state_dict(first.state_dict())
    train(params, first, seed=2)
    train(moved, second, seed=2)
    assert all(moved[key].equal(p) for key, p in params.items())
    second.param_groups[0]["lr"] = 0.3
    with pytest.raises(ValueError, match="'weight' and 'shift' share a group, but were saved .* different lr"):
        optim.Adam(params.items()).load_state_dict(second.state_dict())


def test_names_that_differ_are_told_and_nothing_changes():
    params = named(FORWARD)
    saved = optim.SGD(params.items(), momentum=0.9, lr=0.01)
    train(params, saved, steps=2)
    other = {"kernel": params["weight"], **{n: params[n] for n in FORWARD[1:]}}
    optimizer = optim.SGD(other.items(), lr=0.5, momentum=0.9)
    with pytest.raises(ValueError, match="has no state for 'kernel' and has one for 'weight', which this"):
        optimizer.load_state_dict(saved.state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert not optimizer.state


def test_without_names_on_a_side_the_order_counts():
    params = named(FORWARD)
    saved = torch.optim.SGD(params.values(), momentum=0.9, lr=0.01)
    train(params, saved, steps=2)
    optimizer = optim.SGD(params.items(), lr=0.5, momentum=0.9)
    optimizer.load_state_dict(saved.state_dict())
    for p in params.values():
        assert optimizer.state[p]["momentum_buffer"].equal(saved.state[p]["momentum_buffer"])
