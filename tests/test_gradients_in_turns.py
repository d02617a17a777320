"""Other parameters have gradients in each step: mixtures of experts, layers dropped at random, layers frozen in turns.

The plan of the steps before goes on with the part that has gradients; a plan made anew for these is what it must equal.
"""

import random

import pytest
import torch

from steepest import optim
from steepest.kernels import Step, prefer

SHAPES = [(3, 4), (5,), (), (2, 3, 2), (0, 3), (200, 200), (7,), (1, 9)]


def model(dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in SHAPES]


def give(params, steps, seed=0, change=None):
    """Before each of so many steps, gradients for some of the parameters, for some step even for none."""
    choice, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    for step in range(steps):
        present = set(choice.sample(range(len(params)), choice.randrange(len(params) + 1)))
        for i, p in enumerate(params):
            g = torch.randn(p.shape, generator=generator, dtype=torch.float32).to(p.dtype)
            p.grad = g if i in present else None
        if change:
            change(step, params)
        yield step


def everything(params, optimizer):
    """Parameters and state, and which keys each parameter's state has."""
    states = [dict(optimizer.state[p]) if p in optimizer.state else {} for p in params]
    return params, [list(state) for state in states], [x for state in states for x in state.values()]


def assert_equal(one, other):
    (params, keys, values), (others, other_keys, other_values) = one, other
    assert keys == other_keys
    for x, y in zip([*params, *values], [*others, *other_values], strict=True):
        assert x.dtype == y.dtype
        assert x.equal(y)


def stepped(make, anew, steps=12, dtype=torch.float32, change=None, way="fused"):
    """All that there is after some steps, with one plan or with a new one for each step."""
    params = model(dtype)
    optimizer = make(params)
    with prefer(way):
        for _ in give(params, steps, change=lambda step, ps: change(step, ps, optimizer) if change else None):
            if anew:
                optimizer._forget_plan()
            optimizer.step()
    return everything(params, optimizer)


MAKERS = {
    "SGD": lambda ps: optim.SGD(ps, lr=0.1, weight_decay=0.1),
    "momentum": lambda ps: optim.SGD(ps, lr=0.1, momentum=0.9, dampening=0.5),
    "look-ahead": lambda ps: optim.SGD(ps, lr=0.1, momentum=0.9, nesterov=True, dialect="lecture"),
    "Adam": lambda ps: optim.Adam(ps, lr=0.1),
    "Adam and more": lambda ps: optim.AdamW(ps, lr=0.1, clip_norm=1.0, ema=0.9, zero_grad_after_step=True),
    "NAdam": lambda ps: optim.NAdam(ps, lr=0.1),
    "LAMB": lambda ps: optim.LAMB(ps, lr=0.1, clip_norm=0.1),
    "schedule-free": lambda ps: optim.ScheduleFreeAdamW(ps, lr=0.1, warmup_steps=3),
    "groups": lambda ps: optim.ScheduleFreeSGD(
        [{"params": ps[::2], "lr": 0.1}, {"params": ps[1::2], "weight_decay": 0.1}], lr=0.2, clip_norm=0.5
    ),
}


@pytest.mark.parametrize("way", ["fused", "plain"])
@pytest.mark.parametrize("name", MAKERS)
def test_a_part_of_a_plan_gives_the_bits_of_a_plan_of_its_own(name, way):
    make = MAKERS[name]
    assert_equal(stepped(make, anew=False, way=way), stepped(make, anew=True, way=way))


def test_dtypes_and_stochastic_rounding_in_turns():
    def make(params):
        for p in params[::2]:
            p.data = p.data.to(torch.bfloat16)
        return optim.Adam(params, lr=0.1, clip_norm=0.5, state_dtype=torch.bfloat16, stochastic_rounding=True)

    assert_equal(stepped(make, anew=False), stepped(make, anew=True))


def transposed(step, params, _):
    for p in (params[0], params[5]):
        if p.grad is not None:
            p.grad = torch.randn(p.shape[::-1], generator=torch.Generator().manual_seed(step)).t()


def sparse(_, params, __):
    if params[0].grad is not None:
        params[0].grad = params[0].grad.to_sparse()


def frozen(_, params, __):
    for p in params:
        p.requires_grad_(p.grad is not None)


def moved_while_it_waits(step, params, _):
    p = params[step % len(params)]
    if p.grad is None:
        p.data = p.detach() + 1


def state_taken_away(step, params, optimizer):
    p = params[step % len(params)]
    if p.grad is None:
        optimizer.state.pop(p, None)


def state_exchanged(step, params, optimizer):
    p = params[step % len(params)]
    if p.grad is None and p in optimizer.state:
        optimizer.state[p] = {key: value.clone() + 1 for key, value in optimizer.state[p].items()}


def counts_set_by_hand(step, params, optimizer):
    p = params[step % len(params)]
    if p in optimizer.state:
        optimizer.state[p]["step"].fill_(7.0)


def rates_changed(step, _, optimizer):
    optimizer.param_groups[0]["lr"] = 0.1 / (1 + step)


def other_kernels(step, _, optimizer):
    optimizer.param_groups[0].update(maximize=step % 3 == 0, state_dtype=torch.bfloat16 if step > 5 else None)


CHANGES = [
    transposed,
    sparse,
    frozen,
    moved_while_it_waits,
    state_taken_away,
    state_exchanged,
    counts_set_by_hand,
    rates_changed,
    other_kernels,
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_meanwhile_is_heeded(change):
    def make(params):
        options = {"momentum": 0.9} if change is sparse else {}
        return (optim.SGD if change is sparse else optim.Adam)(params, lr=0.1, **options)

    assert_equal(stepped(make, anew=False, steps=30, change=change), stepped(make, anew=True, steps=30, change=change))


def test_once_all_parameters_are_known_nothing_is_prepared_again(monkeypatch):
    made, init = [], Step.__init__
    monkeypatch.setattr(Step, "__init__", lambda *args, **kwargs: made.append(1) or init(*args, **kwargs))
    params = model()
    optimizer = optim.Adam(params, lr=0.1)
    for p in params:
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for _ in give(params, 20, change=frozen_layers):
        optimizer.step()
    assert made == [1]


def frozen_layers(_, params):
    frozen(_, params, None)


def test_a_parameter_without_a_gradient_has_no_state_and_may_be_anything():
    params = model()[:3]
    optimizer = optim.Adam(params, lr=0.1)
    for index in (0, 1, 0, 1):
        for i, p in enumerate(params):
            p.grad = torch.ones_like(p) if i == index else None
        optimizer.step()
        assert params[2] not in optimizer.state
        params[1 - index].data = torch.zeros_like(params[1 - index])
    params[0].data, params[1].data = torch.zeros(2, 2), torch.zeros(5, dtype=torch.float64)  # and no gradient
    for p in params:
        p.grad = None
    params[2].grad = torch.ones(())
    before = params[2].item()
    optimizer.step()
    assert params[2].item() == pytest.approx(before - 0.1)


def test_gradients_of_a_part_are_free_once_they_are_used_and_autograd_learns_of_the_step():
    params = model()[:2]
    optimizer = optim.SGD(params, lr=0.1)
    for p in params:
        p.grad = torch.ones_like(p)
    optimizer.step()
    versions = [p._version for p in params]
    params[0].grad = None
    optimizer.step()
    assert [p._version for p in params] == [versions[0], versions[1] + 1]


def test_one_gradient_for_two_of_three_parameters_is_zeroed_when_both_have_used_it():
    params = [torch.nn.Parameter(torch.zeros(3)) for _ in range(3)]
    optimizer = optim.SGD(params, lr=1.0, zero_grad_after_step=True)
    for p in params:
        p.grad = torch.ones(3)
    optimizer.step()
    shared = torch.ones(3)
    params[0].grad, params[1].grad, params[2].grad = shared, None, shared
    optimizer.step()
    assert [p.tolist() for p in params] == [[-2.0] * 3, [-1.0] * 3, [-2.0] * 3]
    assert not shared.any()
