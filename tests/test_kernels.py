"""The fused pass against its definition, the plain rule: the same bits, whatever the numbers and the layout.

The definition is worked out by NumPy, whose operations are all rounded correctly; torch's float32 square root is not.
"""

import copy
import gc
import multiprocessing
import os
import threading
import warnings
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing._internal.two_tensor import TwoTensor

from oracles import random_bits, stochastically_rounded
from steepest import optim
from steepest.kernels import Step, Update, addresses, plain, state_dtype, watch
from steepest.kernels.fused import CHUNK, pieces
from steepest.kernels.table import shares
from steepest.kernels.trace import NotTraceable, trace
from steepest.kernels.update import whole_update
from steepest.rules import METHODS, RULES, Rule, Slot
from steepest.rules.facts import decay_rate, learning_rate
from steepest.rules.verbs import absolute, maximum, sign, sqrt, where

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]


def wild_numbers(n, dtype, seed=0):
    """Numbers of all magnitudes, zeros of both signs, subnormals, infinities and NaN."""
    generator = torch.Generator().manual_seed(seed)
    reach = {torch.float16: 4, torch.bfloat16: 30, torch.float32: 30, torch.float64: 250}[dtype]
    magnitude = 10.0 ** (torch.rand(n, generator=generator, dtype=torch.float64) * 2 * reach - reach)
    x = (torch.randn(n, generator=generator, dtype=torch.float64).sign() * magnitude).to(dtype)
    special = torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan, torch.finfo(dtype).tiny / 4], dtype=dtype)
    x[torch.randperm(n, generator=generator)[: 5 * len(special)]] = special.repeat(5)
    return x


def same_bits(a, b):
    return bool(((a == b) & (a.signbit() == b.signbit()) | (a.isnan() & b.isnan())).all())


def case(rule, dtype, n=1003, seed=0, slots_in=None, **options):
    wide = slots_in or state_dtype(dtype)
    parameter, gradient = wild_numbers(n, dtype, seed), wild_numbers(n, dtype, seed + 1)
    slots = tuple(wild_numbers(n, wide, seed + 2 + k).abs() for k in range(len(rule.slots)))
    theta = wild_numbers(n, dtype, seed + 9) if rule.moves_the_gradient_point else None
    return Update(rule, parameter, gradient, slots, theta=theta, **options)


def by_definition(update, constants):
    """The tensors after the plain rule, worked out in the state's precision and rounded once at the end."""
    tensors = update.tensors()
    wide = state_dtype(update.parameter.dtype)
    arrays = {name: tensor.to(wide).numpy() for name, tensor in tensors.items() if name != "point"}
    with np.errstate(all="ignore"):
        new = whole_update(update, arrays, constants)
    return rounded_once(update, constants, new)


def rounded_once(update, constants, new):
    """The tensors with the new values, given in the state's precision as arrays or numbers."""
    tensors = update.tensors()
    if update.first is not None:
        weights = [update.first + place for place in range(update.parameter.numel())]
        for array, (name, tensor) in enumerate(tensors.items()):
            if tensor.dtype == torch.bfloat16 and isinstance(new.get(name), np.ndarray):
                bits = random_bits(int(constants["rounding_key"]), weights, array)
                new[name] = stochastically_rounded(new[name], bits)
    return {
        name: torch.as_tensor(new[name]).to(t.dtype).expand(t.shape) if name in new else t
        for name, t in tensors.items()
    }


def both_ways(update, constants):
    """The tensors by definition, and after the fused pass."""
    other = copy.deepcopy(update)
    expected = by_definition(update, constants)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step = Step([other], [constants])
    assert step.passes, "the pass did not take this update"
    step.point_at([other.gradient])
    step.run([constants])
    return expected, other.tensors()


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.elementwise])
def test_the_plain_rule_on_tensors_is_the_definition_but_for_torchs_square_root(name):
    rule = RULES[name]
    constants = rule.constants(3, {"lr": 0.13, "weight_decay": 0.3})
    update = case(rule, torch.float64)
    expected = by_definition(update, constants)
    plain.step(update, [constants])
    for key, value in update.tensors().items():
        torch.testing.assert_close(value, expected[key], rtol=1e-13, atol=0, equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", [{}, {"maximize": True}], ids=["descend", "ascend"])
@pytest.mark.parametrize("decay", [0.0, 0.37])
@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.elementwise])
def test_every_rule_gives_the_bits_of_its_definition(name, decay, options, dtype):
    rule = RULES[name]
    hyperparameters = {"lr": 0.13, "weight_decay": decay}
    hyperparameters |= {"eps": 1e-3} if "eps" in rule.defaults else {}
    expected, found = both_ways(case(rule, dtype, **options), rule.constants(3, hyperparameters))
    for key, value in expected.items():
        assert same_bits(value, found[key]), key


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.elementwise and rule.slots])
def test_slots_in_16_bits_are_computed_in_32_and_rounded_once(name, dtype):
    rule = RULES[name]
    constants = rule.constants(3, {"lr": 0.13, "weight_decay": 0.37})
    expected, found = both_ways(case(rule, dtype, slots_in=torch.bfloat16), constants)
    assert found[rule.slots[0].symbol].dtype == torch.bfloat16
    for key, value in expected.items():
        assert same_bits(value, found[key]), key


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.elementwise])
def test_stochastic_rounding_gives_the_bits_of_its_definition(name):
    rule = RULES[name]
    constants = {**rule.constants(3, {"lr": 0.13, "weight_decay": 0.37}), "rounding_key": float(0x1E240B92C71D3F)}
    update = case(rule, torch.bfloat16, slots_in=torch.bfloat16, first=2**32 - 500)
    expected, found = both_ways(update, constants)
    for key, value in expected.items():
        assert same_bits(value, found[key]), key


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_that_can_happen_beside_the_rule_gives_the_bits_of_its_definition(dtype):
    rule = RULES["nesterov"]
    update = case(rule, dtype, maximize=True, scaled=True, zero_gradient=True)
    update = Update(**{**vars_of(update), "average": wild_numbers(1003, state_dtype(dtype), 20)})
    constants = {**rule.constants(3, {"lr": 0.1}), "gradient_scale": 0.3, "average_rate": 0.01}
    expected, found = both_ways(update, constants)
    for key, value in expected.items():
        assert same_bits(value, found[key]), key
    assert not found["g"].any()


def vars_of(update):
    return {name: getattr(update, name) for name in update.__dataclass_fields__}


def test_a_nan_stays_in_its_element():
    rule = METHODS["adam"]
    update = Update(rule, torch.ones(100), torch.ones(100), (torch.zeros(100), torch.zeros(100)))
    update.gradient[37] = torch.nan
    step = Step([update], [rule.constants(1, {})])
    step.point_at([update.gradient])
    step.run([rule.constants(1, {})])
    assert update.parameter.isnan().nonzero().tolist() == [[37]]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 7), max_size=3), min_size=1, max_size=5),
    st.sampled_from(sorted(METHODS)),
    st.sampled_from(DTYPES),
    st.integers(0, 10_000),
)
def test_any_shapes_together(shapes, name, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    start = [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]
    grads = [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]
    fused, alone = ([torch.nn.Parameter(x.clone()) for x in start] for _ in range(2))
    together, separate = optim.build(name, fused), [optim.build(name, [p]) for p in alone]
    for _ in range(3):
        for p, q, g in zip(fused, alone, grads, strict=True):
            p.grad, q.grad = g.clone(), g.clone()
        together.step()
        for each in separate:
            each.step()
    assert all(same_bits(p, q) for p, q in zip(fused, alone, strict=True))


# ------------------------------------------------------------------------------------------------------------- layouts


def contiguous_twin(p):
    return torch.nn.Parameter(p.detach().clone(memory_format=torch.contiguous_format))


LAYOUTS = {
    "transposed": lambda: torch.randn(5, 7).t(),
    "channels last": lambda: torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "permuted": lambda: torch.randn(4, 5, 6).permute(2, 0, 1),
    "every other": lambda: torch.randn(20)[::2],
    "a column": lambda: torch.randn(9, 4)[:, 1],
    "one of pairs": lambda: torch.randn(6, 5, 2)[..., 0],
    "a number": lambda: torch.randn(()),
    "nothing": lambda: torch.randn(0, 3),
    "one row": lambda: torch.randn(1, 5),
    "offset": lambda: torch.randn(11)[3:],
}


@pytest.mark.parametrize("gradient", ["alike", "contiguous", "strided"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_any_layout_of_parameter_and_gradient(name, gradient):
    torch.manual_seed(0)
    base = LAYOUTS[name]()
    p = torch.nn.Parameter(base)
    twin = contiguous_twin(p)
    mine, peer = optim.Adam([p], lr=0.1, weight_decay=0.1), optim.Adam([twin], lr=0.1, weight_decay=0.1)
    for _ in range(3):
        g = torch.randn(p.shape)
        twin.grad = g.clone()
        p.grad = {
            "alike": lambda g=g: torch.empty_like(p.detach()).copy_(g),
            "contiguous": lambda g=g: g.clone(memory_format=torch.contiguous_format),
            "strided": lambda g=g: torch.stack([g, g], -1)[..., 0],
        }[gradient]()
        mine.step()
        peer.step()
    # layouts with gaps run as tensor operations
    torch.testing.assert_close(p, twin, rtol=2e-6 if name in ("every other", "a column", "one of pairs") else 0, atol=0)


def test_neighbours_in_memory_are_not_touched():
    for dtype in DTYPES:
        for n in (1, 7, 16, 64, 1000):
            memory = torch.full((n + 64,), 7.0, dtype=dtype)
            p, memory_of_g = torch.nn.Parameter(memory[32 : 32 + n]), torch.full((n + 64,), 3.0, dtype=dtype)
            p.grad = memory_of_g[32 : 32 + n]
            optim.SGD([p], lr=0.5).step()
            assert (memory[:32] == 7).all()
            assert (memory[32 + n :] == 7).all()
            assert (memory_of_g == 3).all()
            assert (memory[32 : 32 + n] == 5.5).all()


def test_parameters_that_are_views_of_one_storage():
    memory = torch.ones(100)
    params = [torch.nn.Parameter(memory[:40]), torch.nn.Parameter(memory[40:])]
    for k, p in enumerate(params):
        p.grad = torch.full_like(p, 1.0 + k)
    optim.SGD(params, lr=0.5).step()
    assert (memory[:40] == 0.5).all()
    assert (memory[40:] == 0.0).all()


def test_a_parameter_whose_elements_share_memory_is_refused():
    p = torch.nn.Parameter(torch.ones(1).expand(4))
    p.grad = torch.ones(4)
    with pytest.raises(RuntimeError, match=r"share memory.*clone"):
        optim.SGD([p], lr=0.1).step()


def test_chunks_of_more_than_two_to_the_31_elements():
    sizes = [2**31 + 5, 0, 7, 3 * 2**31]
    index, start, count = pieces(sizes)
    assert index.dtype == start.dtype == count.dtype == "int64"
    assert count.min() > 0
    for i, n in enumerate(sizes):
        starts, counts = start[index == i], count[index == i]
        assert starts.tolist() == [0, *counts.cumsum()[:-1]][: len(starts)]
        assert counts.sum() == n
    assert (start * 8).max() + 8 * count[-1] == 3 * 2**34  # in bytes, for float64


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_each_thread_has_its_own_part_of_each_large_tensor_and_no_thread_much_more_than_another(threads):
    owner, _, count = pieces([5_000_000, 0, *[4096] * 60, 10, 3_000_000])
    share = shares(owner, count, threads)
    for large in (0, 63):
        mine = share[owner == large]
        assert (np.diff(mine) >= 0).all()
        assert set(mine) == set(range(threads))
    work = np.bincount(share, weights=count, minlength=threads)
    assert work.max() < 1.02 * work.mean() + 2 * CHUNK


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_every_chunk_is_worked_off_once_whoever_comes(threads):
    p = torch.nn.Parameter(torch.zeros(300_000))
    others = [torch.nn.Parameter(torch.zeros(n)) for n in (1, 50_000, 7, 100_000)]
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        for each in (p, *others):
            each.grad = torch.ones_like(each)
        optim.SGD([p, *others], lr=1.0).step()
    finally:
        torch.set_num_threads(before)
    assert all((each == -1).all() for each in (p, *others))


def test_addresses_beyond_two_to_the_31():
    rule = METHODS["sgd"]
    update = Update(rule, torch.ones(10), torch.ones(10), ())
    step = Step([update], [rule.constants(1, {"lr": 1.0})])
    ((_, each),) = step.passes
    assert each.table.dtype == "int64"
    each.job.begin(threads=2)
    assert each.job.fields.format == "l"
    assert int(each.table[2, 0]) == update.parameter.data_ptr() > 2**31


# ------------------------------------------------------------------------------------------- what changes between steps


def descend(optimizer, params, steps=1):
    for _ in range(steps):
        for p in params:
            p.grad = (2 * p.detach().float()).to(p.dtype)
        optimizer.step()


def test_data_exchanged_between_steps():
    p, twin = (torch.nn.Parameter(torch.arange(6.0).reshape(2, 3)) for _ in range(2))
    mine, peer = optim.Adam([p], lr=0.1), torch.optim.Adam([twin], lr=0.1)
    for change in (lambda x: x + 1, lambda x: x.t().contiguous().t(), lambda x: x.clone(), lambda x: x * 0.5):
        for q, optimizer in ((p, mine), (twin, peer)):
            descend(optimizer, [q], 2)
            q.data = change(q.data)
            gc.collect()
    torch.testing.assert_close(p, twin, rtol=1e-6, atol=1e-7)


def test_state_exchanged_between_steps():
    p = torch.nn.Parameter(torch.ones(3))
    optimizer = optim.SGD([p], lr=1.0, momentum=0.5)
    descend(optimizer, [p])
    optimizer.state[p]["momentum_buffer"] = torch.tensor([1.0, 2.0, 3.0])
    before = p.detach().clone()
    p.grad = torch.zeros(3)
    optimizer.step()
    assert p.equal(before - torch.tensor([0.5, 1.0, 1.5]))
    optimizer.state.clear()
    optimizer.step()
    assert p.equal(before - torch.tensor([0.5, 1.0, 1.5]))


def test_counts_set_by_hand_are_heeded():
    p, twin = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    mine, peer = optim.Adam([p], lr=0.1), torch.optim.Adam([twin], lr=0.1)
    for q, optimizer in ((p, mine), (twin, peer)):
        descend(optimizer, [q], 3)
        optimizer.state[q]["step"].fill_(1000.0)
        descend(optimizer, [q], 3)
        assert optimizer.state[q]["step"].item() == 1003
    torch.testing.assert_close(p, twin, rtol=1e-6, atol=1e-7)


def test_a_rate_that_is_a_tensor_may_change_in_place():
    p = torch.nn.Parameter(torch.zeros(2))
    rate = torch.tensor(1.0)
    optimizer = optim.SGD([p], lr=rate)
    for value in (1.0, 0.5, 0.25):
        rate.fill_(value)
        p.grad = torch.ones(2)
        optimizer.step()
    assert p.tolist() == [-1.75, -1.75]


def test_parameters_that_get_gradients_in_turns_share_plans():
    params = [torch.nn.Parameter(torch.ones(2)) for _ in range(12)]
    twins = [torch.nn.Parameter(torch.ones(2)) for _ in range(12)]
    mine, peer = optim.AdamW(params, lr=0.1), torch.optim.AdamW(twins, lr=0.1)
    for step in range(40):
        for index, (p, q) in enumerate(zip(params, twins, strict=True)):
            g = None if (step + index) % 5 == 0 else torch.full((2,), 1.0 + index)
            p.grad, q.grad = g, g if g is None else g.clone()
        mine.step()
        peer.step()
    torch.testing.assert_close(params, twins, rtol=1e-5, atol=1e-6)
    assert [s["step"].item() for s in mine.state.values()] == [s["step"].item() for s in peer.state.values()]


def test_rows_are_dealt_anew_only_when_they_are_others(monkeypatch):
    dealt, assign_rows = [], Step.assign_rows
    monkeypatch.setattr(Step, "assign_rows", lambda self, rows: dealt.append(rows.tolist()) or assign_rows(self, rows))
    params, twins = ([torch.nn.Parameter(torch.ones(2)) for _ in range(2)] for _ in range(2))
    mine, peer = optim.NAdam(params, lr=0.1), torch.optim.NAdam(twins, lr=0.1)
    for differ in (False, False, True, True, False, False):
        for each, optimizer in ((params, mine), (twins, peer)):
            for index, p in enumerate(each):
                p.grad = p.detach().clone()
                if optimizer.state[p]:
                    optimizer.state[p]["mu_product"].fill_(0.5 + 0.25 * index * differ)
            optimizer.step()
    assert dealt == [[0, 1], [0, 0]]
    torch.testing.assert_close(params, twins, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "change"),
    [({"momentum": 0.5}, {"state_dtype": torch.bfloat16}), ({"momentum": 0.5, "nesterov": True}, {"nesterov": False})],
    ids=["slots", "look-ahead"],
)
def test_what_changes_between_two_uses_of_a_plan_is_heeded(options, change):
    """By parameters that nobody looks at: who has asked for `optimizer.state` is compared with it at each step."""
    results = []
    for looked_at in (False, True):
        params = [torch.nn.Parameter(torch.zeros(2)) for _ in range(2)]
        optimizer = optim.SGD(params, lr=1.0, dialect="lecture", **options)
        before = {name: optimizer.param_groups[0][name] for name in change}
        for group, present in ((before, 2), (before, 1), (change, 1), (change, 1), (before, 1), (before, 2)):
            optimizer.param_groups[0].update(group)
            for index, p in enumerate(params):
                p.grad = torch.ones(2) if index < present else None
            optimizer.step()
            if looked_at:
                assert optimizer.state
        results.append(torch.stack([p.detach() for p in params]))
    assert results[0].equal(results[1])


def test_autograd_learns_that_a_parameter_has_changed():
    p = torch.nn.Parameter(torch.ones(3))
    loss = (p**2).sum()
    optimizer = optim.SGD([p], lr=0.1)
    descend(optimizer, [p])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


# -------------------------------------------------------------------------------------------------------------- safety


def big_model(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(300, 400, generator=generator)) for _ in range(3)]


def test_any_number_of_threads_gives_the_same_bits():
    results = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            params = big_model()
            descend(optim.Adam(params), params, 3)
            results.append(params)
    finally:
        torch.set_num_threads(before)
    assert all(same_bits(p, q) for other in results[1:] for p, q in zip(results[0], other, strict=True))


def test_two_optimizers_step_in_two_threads():
    alone = big_model()
    descend(optim.Adam(alone), alone, 20)
    models = [big_model() for _ in range(3)]
    threads = [threading.Thread(target=lambda m=m: descend(optim.Adam(m), m, 20)) for m in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same_bits(p, q) for m in models for p, q in zip(alone, m, strict=True))


def _in_a_child(queue, params, optimizer):
    optimizer.step()  # torch's own operations would wait for the parent's threads here
    queue.put([p.detach().numpy().copy() for p in params])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_process_forked_after_a_step_goes_on():
    params = big_model()
    optimizer = optim.Adam(params)
    descend(optimizer, params, 2)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_a_child, args=(queue, params, optimizer))
    child.start()
    found = queue.get(timeout=60)
    child.join(60)
    optimizer.step()
    assert all((p.detach().numpy() == q).all() for p, q in zip(params, found, strict=True))


# --------------------------------------------------------------------------------------------------- rules of one's own


def own_rule(update, slots="", **hyperparameters):
    facts = (learning_rate(0.1, 0.1), *(decay_rate(name, value, name) for name, value in hyperparameters.items()))
    slots = tuple(Slot(name, name, name) for name in slots.split())
    prepare = {1: lambda lr: {"lr": lr}, 2: lambda lr, beta: {"lr": lr, "beta": beta}}[len(facts)]
    return Rule("own", "own", update, prepare, slots, facts, "", "")


def every_verb(theta, g, m, lr, beta):
    m = beta * m + (1 - beta) * g
    step = where(absolute(m) > 0.5, sign(m), m / 2)
    step = where((m < 0.0) | ~(g >= 0.0) | (lr == g), step, maximum(step, sqrt(absolute(g)))) ** 2
    return theta - lr * maximum(step, 0.01) * 3, m


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_rule_with_every_verb(dtype):
    rule = own_rule(every_verb, "m", beta=0.7)
    expected, found = both_ways(case(rule, dtype), rule.constants(1, {}))
    for key, value in expected.items():
        assert same_bits(value, found[key]), key


def conditions_as_numbers(theta, g, m, lr, beta):
    up = g > 0.0
    step = g * up + (theta > 0.0) - (up & (m > 0.0)) * beta
    return theta - lr * where(up > m, step, m > 0.0), theta > 0.0


def test_a_condition_counts_as_one_or_zero():
    rule = own_rule(conditions_as_numbers, "m", beta=0.7)
    expected, found = both_ways(case(rule, torch.float64), rule.constants(1, {}))
    for key, value in expected.items():
        assert same_bits(value, found[key]), key


def own_numbers_in_place(theta, g, m, lr, beta):
    m = beta * m
    before = m
    m += g
    m *= 2.0
    m /= 3.0
    m -= theta
    m **= 2
    return theta - lr * (m + before), m


def test_what_a_rule_has_made_it_may_write_into_as_tensors_are_written_into():
    rule = own_rule(own_numbers_in_place, "m", beta=0.7)
    p = [torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64) for _ in range(2)]
    g, m = torch.tensor([0.5, 0.25, -1.0], dtype=torch.float64), [torch.ones(3, dtype=torch.float64) for _ in range(2)]
    updates = [Update(rule, theta, g, (slot,)) for theta, slot in zip(p, m, strict=True)]
    constants = [rule.constants(1, {})]
    plain.step(updates[0], constants)
    step = Step(updates[1:], constants)
    step.point_at([g])
    step.run(constants)
    assert p[0].equal(p[1])
    assert m[0].equal(m[1])


def test_constants_among_themselves_are_worked_out_in_double_precision():
    def rule(theta, g, lr, beta):
        return theta - (1 - beta) * lr * g

    traced = trace(lambda x, c: {"theta": rule(x["theta"], x["g"], c["lr"], c["beta"])}, ["theta", "g"], ["lr", "beta"])
    assert traced.program.scalars == ["((1.0 - beta) * lr)"]
    assert traced.numbers(lr=3.0, beta=0.999) == ((1 - 0.999) * 3.0,)


@pytest.mark.parametrize(
    ("update", "why"),
    [
        (lambda theta, g, lr: theta - lr * g if g > 0 else theta, "verbs.where"),
        (lambda theta, g, lr: theta - lr * g**3, "powers 2 and 0.5"),
        (lambda theta, g, lr: theta - lr * g.mean(), "mean"),
        (lambda theta, g, lr: theta - lr * where((g > 0) == (theta > 0), g, theta), "comparison of conditions"),
        (lambda theta, g, lr: theta - lr * where((g > 0) & True, g, theta), "compare it"),
        (lambda theta, g, lr: theta - lr * g if lr == 0.1 else theta, "`if` on a constant"),
        (lambda theta, g, lr: theta if lr != 0.1 else theta - lr * g, "`if` on a constant"),
        (lambda theta, g, lr: theta - lr * g if lr in (0.1, 0.2) else theta, "`if` on a constant"),
        (lambda theta, g, lr: theta - where(lr == 0.1, lr, 0.0) * g, "`if` on a constant"),
    ],
)
def test_a_rule_that_cannot_be_compiled_says_why_and_runs_plainly(update, why):
    update.__name__ = "update"
    rule = own_rule(update)
    p = Update(rule, torch.ones(1), torch.ones(1), ())
    with pytest.warns(UserWarning, match=f"own runs as plain tensor operations.*{why}"):
        step = Step([p], [rule.constants(1, {})])
    step.point_at([p.gradient])
    step.run([rule.constants(1, {})])
    assert p.parameter.item() == pytest.approx(0.9)


def test_an_edited_rule_is_another_kernel():
    for factor in (1.0, 2.0):
        rule = own_rule(eval(f"lambda theta, g, lr: theta - {factor} * lr * g"))
        p = Update(rule, torch.zeros(3), torch.ones(3), ())
        step = Step([p], [rule.constants(1, {})])
        step.point_at([p.gradient])
        step.run([rule.constants(1, {"lr": 0.5})])
        assert p.parameter.tolist() == [-0.5 * factor] * 3


def test_trace_refuses_what_is_no_number():
    with pytest.raises(NotTraceable, match="'x' in a calculation"):
        trace(lambda x, _: {"theta": x["theta"] * "x"}, ["theta"], [])


# ------------------------------------------------------------------------------------- what a hostile user found, kept


def test_a_gradient_with_torchs_negative_bit():
    a, b = (torch.nn.Parameter(torch.tensor(x)) for x in (1.0, 2.0))
    optimizer = optim.SGD([a, b], lr=1.0)
    for expected in (0.0, -2.0):
        a.grad = b.grad = None
        (torch.complex(a, b).conj() * (1 + 2j)).real.backward()
        optimizer.step()
        assert b.item() == expected


def test_conjugated_parameters_are_updated():
    for options in ({}, {"momentum": 0.9}):
        p = torch.nn.Parameter(torch.ones(3, dtype=torch.complex64).conj())
        p.grad = torch.full((3,), 1 + 1j, dtype=torch.complex64)
        optim.SGD([p], lr=0.5, **options).step()
        assert p.tolist() == [0.5 - 0.5j] * 3


def test_parameters_moved_to_another_group_by_hand():
    a, b = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    optimizer = optim.SGD([{"params": [a], "lr": 1.0}, {"params": [b], "lr": 0.1}])
    a.grad = b.grad = torch.ones(1)
    optimizer.step()
    optimizer.param_groups[0]["params"].append(optimizer.param_groups[1]["params"].pop())
    optimizer.step()
    assert b.item() == pytest.approx(-1.1)


@pytest.mark.parametrize("before", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("after", [torch.float32, torch.float64, torch.bfloat16])
def test_a_model_converted_between_steps_goes_on(before, after):
    p = torch.nn.Parameter(torch.ones(3, dtype=before))
    optimizer = optim.Adam([p], lr=0.125)
    descend(optimizer, [p], 2)
    p.data = p.data.to(after)
    p.grad = None
    descend(optimizer, [p], 2)
    assert p.dtype == after
    assert p.tolist() == pytest.approx([0.5] * 3, abs=0.02)


def test_a_tensor_that_wraps_others_moves_as_they_do():
    def wrapped(a, b):
        return TwoTensor(torch.tensor(a), torch.tensor(b))

    def after_steps(p, gradient):
        optimizer = optim.Adam([p], lr=0.1, weight_decay=0.1, ema=0.5)
        for _ in range(3):
            p.grad = gradient.clone()
            optimizer.step()
        return p.detach()

    both = after_steps(torch.nn.Parameter(wrapped([1.0, 2.0], [3.0, 4.0])), wrapped([1.0, -1.0], [2.0, -3.0]))
    for part, theta, gradient in ((both.a, [1.0, 2.0], [1.0, -1.0]), (both.b, [3.0, 4.0], [2.0, -3.0])):
        alone = after_steps(torch.nn.Parameter(torch.tensor(theta)), torch.tensor(gradient))
        torch.testing.assert_close(part, alone)


def test_parameters_that_share_their_memory_move_one_after_the_other():
    memory, n = torch.zeros(30), 20
    params = [torch.nn.Parameter(x) for x in (memory[:n], memory[10:], torch.zeros(5))]
    optimizer = optim.SGD(params, lr=0.5, weight_decay=0.5)
    first, both, second = 0.0, 0.0, 0.0
    for _ in range(5):
        for p, g in zip(params, (1.0, 3.0, 0.0), strict=True):
            p.grad = torch.full_like(p, g)
        optimizer.step()
        first = first - 0.5 * (1 + 0.5 * first)
        both = both - 0.5 * (1 + 0.5 * both)
        both = both - 0.5 * (3 + 0.5 * both)
        second = second - 0.5 * (3 + 0.5 * second)
    torch.testing.assert_close(memory, torch.tensor([first] * 10 + [both] * 10 + [second] * 10))
    step = optimizer._plan._step
    assert step.plain == [0, 1]  # in one pass two threads might write to the same place
    assert [indices for indices, _ in step.passes] == [[2]]


def test_one_gradient_for_two_parameters_is_zeroed_when_both_have_used_it():
    params = [torch.nn.Parameter(torch.zeros(3)) for _ in range(2)]
    shared = torch.ones(3)
    for p in params:
        p.grad = shared
    optim.SGD(params, lr=1.0, zero_grad_after_step=True).step()
    assert [p.tolist() for p in params] == [[-1.0] * 3] * 2
    assert not shared.any()


def test_a_gradient_is_free_once_it_is_used():
    p = torch.nn.Parameter(torch.ones(1000))
    optimizer = optim.SGD([p], lr=0.1, clip_norm=1.0)
    for _ in range(2):
        p.grad = torch.ones(1000)
        used = weakref.ref(p.grad)
        optimizer.step()
        p.grad = None
        gc.collect()
        assert used() is None


@pytest.fixture(params=[True, False], ids=["torch's own functions", "without them"])
def own_functions(request, monkeypatch):
    """What torch keeps to itself makes checks faster and no other."""
    if not request.param:
        monkeypatch.setattr(watch, "TensorGuards", None)
        monkeypatch.setattr(addresses, "_loop", lambda: None)


@pytest.mark.usefixtures("own_functions")
def test_a_step_follows_tensors_that_are_moved():
    params = [torch.nn.Parameter(torch.zeros(3)) for _ in range(3)]
    optimizer = optim.SGD(params, lr=1.0, momentum=0.5)
    expected = torch.zeros(3)
    for step in range(5):
        for p in params:
            p.grad = torch.full((3,), 2.0**step)  # somewhere else in each step
        if step > 2:
            params[step - 3].data = params[step - 3].detach().clone()
        optimizer.step()
        velocity = sum(2.0**i * 0.5 ** (step - i) for i in range(step + 1))
        expected = expected - velocity
        assert all(p.equal(expected) for p in params)


@pytest.mark.usefixtures("own_functions")
def test_a_step_sees_that_tensors_are_laid_out_otherwise_than_before():
    """The addresses stay the same; only sizes and strides tell."""
    p = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    optimizer = optim.SGD([p], lr=1.0)
    p.grad = torch.zeros(2, 3)
    optimizer.step()
    p.grad = torch.arange(6.0).reshape(3, 2).t()  # strides of their own
    expected = p.detach() - p.grad
    optimizer.step()
    assert p.equal(expected)
    p.data = p.data.t()
    p.grad = torch.arange(6.0).reshape(3, 2)
    expected = p.detach() - p.grad
    optimizer.step()
    assert p.equal(expected)
