"""Stochastic rounding: unbiased, the same bits again whoever computes them, and nothing else changed."""

import copy
import io
import math

import numpy as np
import pytest
import torch

from oracles import random_bits, step_key, stochastically_rounded
from small import BF16, CLASSES, descend, model
from steepest import optim
from steepest.kernels import Step, Update, plain, prefer
from steepest.rules import METHODS

WAYS = ["fused", "plain"]


def make(name, params, **options):
    return getattr(optim, name)(params, lr=0.01, stochastic_rounding=True, **options)


def everything(optimizer, params):
    return [*params, *(x for p in params for x in optimizer.state[p].values())]


def same(one, other):
    return all(a.equal(b) or (a.isnan() & b.isnan() | (a == b)).all() for a, b in zip(one, other, strict=True))


# ------------------------------------------------------------------------------------------------------- the definition


def rounded(x, seed, t, weight, array):
    return float(stochastically_rounded(np.float32([x]), random_bits(step_key(seed, t), [weight], array))[0])


@pytest.mark.parametrize("way", WAYS)
def test_the_bits_are_those_of_the_definition(way):
    params = [torch.nn.Parameter(torch.ones(n, dtype=BF16)) for n in (3, 37)]
    with prefer(way):
        optimizer = optim.SGD(
            params, lr=2**-10, momentum=0.5, state_dtype=BF16, stochastic_rounding=True, rounding_seed=7
        )
        theta, v = [1.0] * 40, [0.0] * 40
        for t in (1, 2, 3):
            for p in params:
                p.grad = torch.full_like(p, 1.25)
            optimizer.step()
            for weight in range(40):  # all sums are exact in float32
                new = 1.25 if t == 1 else 0.5 * v[weight] + 1.25
                theta[weight] = rounded(theta[weight] - 2**-10 * new, 7, t, weight, 0)
                v[weight] = rounded(new, 7, t, weight, 2)
            assert torch.cat(params).tolist() == theta
    assert torch.cat([optimizer.state[p]["momentum_buffer"] for p in params]).tolist() == v
    assert len(set(theta)) > 1


def test_the_mean_is_right_and_only_neighbours_are_taken():
    n = 100_000
    for fraction in (0.1, 0.5, 0.93):
        p = torch.nn.Parameter(torch.full((n,), 1.0, dtype=BF16))
        p.grad = torch.full((n,), -1.0, dtype=BF16)
        optim.SGD([p], lr=fraction * 2**-7, stochastic_rounding=True).step()
        assert set(p.tolist()) == {1.0, 1.0 + 2**-7}
        deviation = math.sqrt(fraction * (1 - fraction) / n)
        assert abs((p.double().mean() - 1).item() * 2**7 - fraction) < 5 * deviation


def test_bits_of_weights_steps_seeds_and_arrays_do_not_know_of_each_other():
    def noise(seed=0, before=0, array="theta"):
        params = [torch.nn.Parameter(torch.ones(20_000, dtype=BF16)) for _ in range(2)]
        optimizer = optim.SGD(
            params, lr=2**-9, momentum=0.5, state_dtype=BF16, stochastic_rounding=True, rounding_seed=seed
        )
        for step in range(before + 1):
            for p in params:
                p.grad = torch.full_like(p, 1.0 if step == 0 else -0.5)
                p.data.fill_(1.0)
                p.grad += 0.5 * (step == before)
            for p in params:
                if step == before and step:
                    optimizer.state[p]["momentum_buffer"].fill_(1.0)
            optimizer.step()
        return [p.detach().double() for p in params]

    found = [*noise(), *noise(seed=1), *noise(before=1), *noise(seed=1, before=1)]
    found += [torch.roll(found[0], k) for k in (1, 2, 16, 64)]
    spread = torch.stack(found)
    assert (spread.std(dim=1) > 1e-4).all()
    correlation = torch.corrcoef(spread) - torch.eye(len(spread), dtype=torch.float64)
    assert correlation.abs().max() < 5 / math.sqrt(20_000)


def test_theta_and_slots_get_bits_of_their_own():
    p = torch.nn.Parameter(torch.zeros(50_000, dtype=BF16))
    optimizer = optim.SGD([p], lr=1.0, momentum=0.9, state_dtype=BF16, stochastic_rounding=True, dialect="lecture")
    p.grad = torch.full_like(p, 1.0)
    optimizer.param_groups[0]["lr"] = 1 + 2**-8  # half way between two neighbours, for θ and v alike
    optimizer.step()
    theta, v = p.detach().double(), optimizer.state[p]["momentum_buffer"].double()
    assert theta.std() > 1e-3
    assert v.std() > 1e-3
    assert abs(torch.corrcoef(torch.stack([theta, v]))[0, 1]) < 5 / math.sqrt(50_000)


def test_what_16_bits_hold_stays_nan_and_infinity_too():
    values = torch.tensor([0.0, -0.0, 1.0, -1.5, math.inf, -math.inf, math.nan, 2.0**-133, 3e38], dtype=BF16)
    for way in WAYS:
        p = torch.nn.Parameter(values.repeat(9))
        p.grad = torch.zeros_like(p)
        with prefer(way):
            optim.SGD([p], lr=1.0, stochastic_rounding=True).step()
        expected = values.repeat(9)
        assert ((p == expected) | (p.isnan() & expected.isnan())).all()
        assert (p.signbit() == expected.signbit())[~expected.isnan()].all()


# ---------------------------------------------------------------------------------------------- the same for everybody


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_takes_it_in_the_pass_and_as_the_plain_rule(name):
    results = []
    for way in WAYS:
        params = model(BF16)[: 1 if name == "Muon" else None]  # it takes matrices alone
        with prefer(way):
            optimizer = make(name, params, state_dtype=BF16)
            descend(optimizer, params, 2)
        results.append(everything(optimizer, params))
    for a, b in zip(*results, strict=True):
        # torch's float32 root is not always rounded correctly; with the same random bits that moves few results
        torch.testing.assert_close(a, b, rtol=2**-6 if a.dtype == BF16 else 1e-4, atol=1e-4)
        assert a.dim() == 0 or a.dtype != BF16 or (a == b).float().mean() > 0.97


def test_any_number_of_threads_and_any_chunks_give_the_same_bits():
    results, before = [], torch.get_num_threads()
    try:
        for threads, way in ((1, "fused"), (3, "fused"), (1, "plain")):
            torch.set_num_threads(threads)
            params = model(BF16, shapes=[(300, 400), (7,)])
            with prefer(way):
                descend(make("SGD", params, momentum=0.9, state_dtype=BF16), params, 2)
            results.append(params)
    finally:
        torch.set_num_threads(before)
    assert all(same(results[0], other) for other in results[1:])


def test_numbers_of_weights_beyond_32_bits():
    rule = METHODS["sgd"]
    constants = {**rule.constants(1, {"lr": 2**-9}), "rounding_key": float(2**52 + 12345)}
    updates = [
        Update(rule, torch.ones(70, dtype=BF16), torch.ones(70, dtype=BF16), (), first=2**40 + 2**32 - 9)
        for _ in range(2)
    ]
    step = Step(updates[:1], [constants])
    step.point_at([updates[0].gradient])
    step.run([constants])
    assert step.passes
    plain.step(updates[1], [constants])
    assert updates[0].parameter.equal(updates[1].parameter)
    assert len(updates[0].parameter.unique()) == 2


@pytest.mark.parametrize("way", WAYS)
def test_layouts_are_walked_in_the_order_of_memory(way):
    base = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).to(BF16)
    results = []
    for p in (torch.nn.Parameter(base.clone()), torch.nn.Parameter(base.t().contiguous().t())):
        p.grad = torch.full_like(p, 0.3)
        with prefer(way):
            optim.SGD([p], lr=2**-5, stochastic_rounding=True).step()
        results.append(p.detach())
    transposed = torch.nn.Parameter(base.t().contiguous())
    transposed.grad = torch.full_like(transposed, 0.3)
    optim.SGD([transposed], lr=2**-5, stochastic_rounding=True).step()
    assert results[1].equal(transposed.detach().t())
    assert not results[0].equal(results[1])


def test_neighbours_in_memory_are_not_touched():
    for n in (1, 7, 16, 64, 1000):
        memory = torch.full((n + 64,), 7.0, dtype=BF16)
        p = torch.nn.Parameter(memory[32 : 32 + n])
        p.grad = torch.full((n,), 0.01, dtype=BF16)
        optim.SGD([p], lr=1.0, stochastic_rounding=True).step()
        assert (memory[:32] == 7).all()
        assert (memory[32 + n :] == 7).all()


def test_sparse_rows_get_the_bits_that_dense_ones_get():
    results = []
    for sparse in (False, True):
        p = torch.nn.Parameter(torch.ones(50, 8, dtype=BF16))
        g = torch.zeros(50, 8, dtype=BF16)
        g[[3, 40]] = 1.0
        p.grad = g.to_sparse(1) if sparse else g
        optim.SGD([p], lr=2**-9, stochastic_rounding=True).step()
        results.append(p.detach())
    assert results[0].equal(results[1])
    assert len(results[0][[3, 40]].unique()) == 2


@pytest.mark.parametrize(
    ("name", "options"), [("SGD", {}), ("SGD", {"momentum": 0.9, "dampening": 0.5}), ("Adam", {}), ("RMSprop", {})]
)
@pytest.mark.parametrize("by", ["state_dict", "deepcopy"])
def test_training_goes_on_with_the_same_bits(name, options, by):
    params = model(BF16)
    optimizer = make(name, params, state_dtype=BF16, rounding_seed=5, **options)
    descend(optimizer, params, 3)
    if by == "deepcopy":
        others, other = copy.deepcopy((params, optimizer))
    else:
        others, file = copy.deepcopy(params), io.BytesIO()
        torch.save(optimizer.state_dict(), file)
        file.seek(0)
        other = make(name, others, **options)
        other.load_state_dict(torch.load(file, weights_only=True))
    for each, them in ((optimizer, params), (other, others)):
        descend(each, them, 3, seed=9)
    assert same(everything(optimizer, params), everything(other, others))
    fresh = copy.deepcopy(params)
    beginning = make(name, fresh, state_dtype=BF16, rounding_seed=5, **options)
    descend(optimizer, params, 1)
    descend(beginning, fresh, 1)
    assert not same(params, fresh)


def test_a_group_that_is_added_leaves_the_bits_of_the_others():
    results = []
    for more in (False, True):
        params = model(BF16)
        optimizer = make("Adam", params)
        if more:
            optimizer.add_param_group({"params": model(BF16, seed=4)})
        descend(optimizer, params, 2)
        results.append(params)
    assert same(*results)


# ------------------------------------------------------------------------------------------------------ what it is for


def test_small_steps_are_not_lost():
    for stochastic, low, high in ((False, 1.0, 1.0), (True, 0.88, 0.92)):
        p = torch.nn.Parameter(torch.ones(1000, dtype=BF16))
        optimizer = optim.SGD([p], lr=1e-4, stochastic_rounding=stochastic)
        for _ in range(1000):
            p.grad = torch.ones_like(p)
            optimizer.step()
        assert low <= p.double().mean().item() <= high


def test_a_slow_mean_of_squares_fades_in_16_bits():
    for stochastic, low, high in ((False, 1.0, 1.0), (True, 0.58, 0.63)):
        p = torch.nn.Parameter(torch.ones(1000))
        optimizer = optim.Adam([p], state_dtype=BF16, stochastic_rounding=stochastic)
        p.grad = torch.zeros(1000)
        optimizer.step()
        optimizer.state[p]["exp_avg_sq"].fill_(1.0)
        for _ in range(500):
            optimizer.step()
        assert low <= optimizer.state[p]["exp_avg_sq"].double().mean().item() <= high  # 0.999⁵⁰⁰ = 0.606


def test_where_nothing_lies_in_16_bits_nothing_changes():
    params, twins = model(torch.float32), model(torch.float32)
    mine = make("Adam", params)
    descend(mine, params, 3)
    descend(optim.Adam(twins, lr=0.01), twins, 3)
    assert same(params, twins)
    ((_, each),) = mine._plan._step.passes
    assert len(each.table) == 2 + 4 + 1  # length, row, θ, g, two slots, a sum


# --------------------------------------------------------------------------------------- rules that do not count steps


def test_the_first_step_of_a_rule_is_its_first_whenever_counting_began():
    def path(*changes):
        p = torch.nn.Parameter(torch.zeros(1))
        optimizer = optim.SGD([p], lr=1.0, momentum=0.5, dampening=0.75)
        found = []
        for k in range(4):
            for when, key, value in changes:
                if when == k:
                    optimizer.param_groups[0][key] = value
            p.grad = torch.ones(1)
            before = p.item()
            optimizer.step()
            found.append(before - p.item())
        return found

    usual = [1.0, 0.75, 0.625, 0.5625]  # the first step is undamped
    assert path() == usual
    for start in (0, 1, 2):
        assert path((start, "stochastic_rounding", True)) == usual
    off = [(1, "momentum", 0.0), (1, "dampening", 0.0), (2, "momentum", 0.5), (2, "dampening", 0.75)]
    assert path(*off) == path((0, "stochastic_rounding", True), *off)


# ------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("value", [-1, 2**64, 1.0, True, None, "1"])
def test_bad_seeds_are_refused(value):
    with pytest.raises(ValueError, match="^Invalid rounding_seed value"):
        make("Adam", model(BF16), rounding_seed=value)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="stochastic_rounding and differentiable"):
        make("Adam", model(BF16), differentiable=True)
    with pytest.raises(ValueError, match="^Invalid stochastic_rounding value"):
        optim.Adam(model(BF16), stochastic_rounding="yes")
    with pytest.raises(ValueError, match=r"float16; convert it with \.bfloat16"):
        make("Adam", model(torch.float16))


# ----------------------------------------------------------------------------------------------------------- to nearest


@pytest.mark.parametrize("way", WAYS)
def test_without_it_ties_go_to_even(way):
    p = torch.nn.Parameter(torch.tensor([1.0, 1.0 + 2**-7, -1.0 - 2**-7] * 7, dtype=BF16))
    p.grad = torch.tensor([-1.0, -1.0, 1.0] * 7, dtype=BF16)
    with prefer(way):
        optim.SGD([p], lr=2**-8).step()  # half the distance to the neighbour
    assert p.tolist() == [1.0, 1.0 + 2**-6, -1.0 - 2**-6] * 7


@pytest.mark.parametrize("stochastic", [False, True])
def test_a_nan_whose_bits_would_overflow_stays_nan(stochastic):
    p = torch.nn.Parameter(torch.ones(40, dtype=BF16))
    optimizer = optim.SGD([p], lr=1.0, momentum=0.5, stochastic_rounding=stochastic)
    for _ in range(2):
        p.grad = torch.ones_like(p)
        optimizer.step()
        optimizer.state[p]["momentum_buffer"].view(torch.int32).fill_(0x7FFFFFFF)
    assert p.isnan().all()
