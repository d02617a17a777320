"""Rules that need the norm of a whole tensor: everything is read once more, then the one pass writes.

The definition is worked out by NumPy on the whole array; sums of squares are in double precision everywhere.
"""

import copy
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest import optim
from steepest.kernels import Step, Update, compiled, plain, prefer, state_dtype
from steepest.kernels.fused import CHUNK
from steepest.kernels.stacked import Member, StackedStep
from steepest.kernels.trace import trace
from steepest.kernels.update import whole_update
from steepest.rules import RULES
from steepest.rules import rule as own
from steepest.rules.verbs import norm, sqrt, where

NORMED = [name for name, rule in RULES.items() if rule.depends_on == "norms"]
DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
SIZES = [1, 5, 1003, CHUNK + 17]


@own(lr=0.1, share=0.5)
def nested(theta, g, m, lr, share):
    """Every verb of norms at once: two in one reading, and one that needs them."""
    m = m + share * (g / (norm(g) + 1e-3))
    direction = m / where(norm(theta) > 0.0, norm(theta), 1.0) + 0.1 * g
    return theta - lr * sqrt(norm(direction)) * direction, m


def drawn(rule, size, dtype, seed=0, **options):
    numbers = torch.Generator().manual_seed(seed)
    theta, g, *slots = (torch.randn(size, generator=numbers, dtype=torch.float64) for _ in range(2 + len(rule.slots)))
    wide = state_dtype(dtype)
    return Update(rule, theta.to(dtype), (3 * g).to(dtype), tuple(s.abs().to(wide) for s in slots), **options)


def by_definition(update, constants):
    wide = state_dtype(update.parameter.dtype)
    arrays = {name: x.to(wide).numpy() for name, x in update.tensors().items()}
    new = whole_update(update, arrays, constants)
    return {name: torch.as_tensor(new[name]).to(x.dtype) for name, x in update.tensors().items() if name in new}


def assert_near(found, expected, dtype):
    """Bit for bit but where the order of a sum in double precision shows: in double precision itself."""
    for name, x in expected.items():
        if dtype is torch.float64:
            torch.testing.assert_close(found[name], x, rtol=1e-13, atol=1e-15)
        else:
            assert torch.equal(found[name], x), name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rule", [*map(RULES.get, NORMED), nested], ids=lambda rule: rule.name)
def test_the_pass_gives_the_numbers_of_the_definition(rule, size, dtype):
    constants = rule.constants(3, {"lr": 0.13, "weight_decay": 0.37})
    updates = [drawn(rule, size, dtype), drawn(rule, 700, dtype, seed=1)]  # each with norms of its own
    expected = [by_definition(update, constants) for update in updates]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step = Step(updates, [constants])
    assert step.passes
    assert not step.plain
    step.point_at([update.gradient for update in updates])
    step.run([constants])
    for update, each in zip(updates, expected, strict=True):
        assert_near(update.tensors(), each, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", [*map(RULES.get, NORMED), nested], ids=lambda rule: rule.name)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore::FutureWarning:torch")
def test_compiled_and_plain_give_the_same_numbers(rule, dtype, monkeypatch):
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    constants = rule.constants(3, {"lr": 0.13, "weight_decay": 0.37})
    update = drawn(rule, 1003, dtype)
    expected, other = by_definition(update, constants), copy.deepcopy(update)
    with prefer("compiled"):
        step = Step([update], [constants])
        step.point_at([update.gradient])
        step.run([constants])
    plain.step(other, [constants])
    tolerance = {torch.float64: 1e-13, torch.float32: 1e-6, torch.bfloat16: 2**-7, torch.float16: 2**-10}[dtype]
    for found in (update.tensors(), other.tensors()):  # torch's float32 square root is not correctly rounded
        for name, x in expected.items():
            torch.testing.assert_close(found[name], x, rtol=tolerance, atol=1e-6)


def trained(threads, dtype=torch.float32, **options):
    torch.set_num_threads(threads)
    numbers = torch.Generator().manual_seed(5)
    params = [torch.nn.Parameter(torch.randn(n, generator=numbers).to(dtype)) for n in (3 * CHUNK + 5, 2, 0, CHUNK)]
    optimizer = optim.LAMB(params, lr=0.1, weight_decay=0.1, **options)
    for _ in range(3):
        for p in params:
            p.grad = torch.randn(p.shape, generator=numbers).to(dtype)
        optimizer.step()
    return params, optimizer


@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.5, "ema": 0.9, "zero_grad_after_step": True}])
def test_the_bits_do_not_depend_on_the_threads(options):
    before = torch.get_num_threads()
    try:
        (one, _), (several, _) = trained(1, **options), trained(3, **options)
    finally:
        torch.set_num_threads(before)
    assert all(map(torch.equal, one, several))


def test_beside_the_rule_the_norm_is_of_what_the_rule_sees():
    """Clipping scales the gradient before the rule takes its norms, and the norm of θ is that before the step."""
    update = drawn(nested, 1003, torch.float32, scaled=True, maximize=True)
    update = Update(**{**vars(update), "average": update.parameter * 0.5})
    constants = {**nested.constants(1, {"lr": 0.1}), "gradient_scale": 0.125, "average_rate": 0.25}
    expected = by_definition(update, constants)
    step = Step([update], [constants])
    step.point_at([update.gradient])
    step.norm()
    step.run([constants])
    assert_near(update.tensors(), expected, torch.float32)


def test_stochastic_rounding_and_a_state_in_bfloat16_have_their_place_beside_the_norms():
    params, optimizer = trained(2, torch.bfloat16, state_dtype=torch.bfloat16, stochastic_rounding=True, clip_norm=1e9)
    with prefer("plain"):
        others, _ = trained(2, torch.bfloat16, state_dtype=torch.bfloat16, stochastic_rounding=True, clip_norm=1e9)
    differing = sum(int((p != q).sum()) for p, q in zip(params, others, strict=True))
    assert differing < 0.001 * sum(p.numel() for p in params)  # torch's square root again
    assert optimizer.state[params[0]]["exp_avg"].dtype is torch.bfloat16


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_gradient_that_is_not_finite_reaches_its_own_tensor_alone(bad):
    params = [torch.nn.Parameter(torch.ones(40)) for _ in range(2)]
    optimizer = optim.LAMB(params, lr=0.1)
    for p in params:
        p.grad = torch.ones(40)
    params[0].grad[3] = bad
    optimizer.step()
    assert not params[0].isfinite().any()
    assert params[1].isfinite().all()


def test_zeros_are_trusted_with_a_ratio_of_one():
    p = torch.nn.Parameter(torch.zeros(5))
    p.grad = torch.ones(5)
    optim.LAMB([p], lr=0.5).step()
    torch.testing.assert_close(p.detach(), torch.full((5,), -0.5))


@given(shape=st.lists(st.integers(0, 7), max_size=3), transposed=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_any_shape_and_layout(shape, transposed, seed):
    generator = torch.Generator().manual_seed(seed)

    def one():
        x = torch.randn(shape, generator=generator)
        return x.mT if transposed and x.ndim > 1 else x

    p = torch.nn.Parameter(one())
    other = torch.nn.Parameter(p.detach().clone(memory_format=torch.contiguous_format))
    gradient = one()
    p.grad, other.grad = gradient.contiguous(), gradient
    optim.LAMB([p], lr=0.1, weight_decay=0.01).step()
    with prefer("plain"):
        optim.LAMB([other], lr=0.1, weight_decay=0.01).step()
    torch.testing.assert_close(p, other, rtol=1e-6, atol=1e-7)


def test_members_of_a_stack_have_norms_of_their_own():
    rule, generator = RULES["lamb"], torch.Generator().manual_seed(0)
    stacks = [torch.randn(3, *shape, generator=generator) for shape in [(70, 50), (50,)]]
    gradients = [torch.randn(stack.shape, generator=generator) for stack in stacks]
    alone = []
    for i, lr in enumerate((0.1, 0.2, 0.3)):
        params = [torch.nn.Parameter(stack[i].clone()) for stack in stacks]
        for p, g in zip(params, gradients, strict=True):
            p.grad = g[i].clone()
        optim.LAMB(params, lr=lr, weight_decay=0.1).step()
        alone.append(params)
    step = StackedStep([Member(rule, {"weight_decay": 0.1})] * 3, stacks)
    for mine, g in zip(step.gradients, gradients, strict=True):
        mine.copy_(g)
    step.freeze([1])
    before = [stack[1].clone() for stack in stacks]
    step.run(1, np.array([0.1, 0.2, 0.3]))
    for i in (0, 2):
        assert all(torch.equal(stack[i], p) for stack, p in zip(stacks, alone[i], strict=True))
    assert all(torch.equal(stack[1], x) for stack, x in zip(stacks, before, strict=True))


def test_what_must_be_read_before_is_read_in_as_few_turns_as_can_be():
    def turns(function):
        traced = trace(lambda x, _: {"theta": function(x["theta"], x["g"])}, ["theta", "g"], [])
        return [len(norms) for norms in traced.program.readings()]

    assert turns(lambda theta, g: theta - g) == []
    assert turns(lambda theta, g: theta * norm(theta) / norm(g) - norm(theta)) == [2]
    assert turns(lambda theta, g: theta - g / norm(g / norm(g) + theta)) == [1, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_norm_of_tensors_and_arrays_is_summed_in_double_precision(dtype):
    x = torch.full((2**20,), 0.1, dtype=dtype)
    exact = (2**20 * x[0].double() ** 2).sqrt().to(dtype)
    torch.testing.assert_close(norm(x), exact, rtol=1e-15 if dtype is torch.float64 else 0, atol=0)
    assert norm(x.numpy()) == pytest.approx(float(exact), rel=1e-15 if dtype is torch.float64 else 0)
    assert norm(x.numpy()).dtype == x.numpy().dtype
    assert norm(-3.0) == 3.0
