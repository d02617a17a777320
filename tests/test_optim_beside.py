"""What happens beside the rule in the same pass: clipping, the average of the weights, zeroing, gradient scaling."""

import copy
import math
import multiprocessing
import os
from functools import partial

import pytest
import torch

import small
from small import give_gradients
from steepest import optim

model = partial(small.model, shapes=[(7, 5), (300,), (), (200, 301)])


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4], ids=["below the bound", "above it", "far above it"])
def test_clipping_is_torchs_clipping_in_double_precision(scale):
    ours, theirs = model(dtype=torch.float64), model(dtype=torch.float64)
    mine, peer = optim.AdamW(ours, lr=0.01, clip_norm=0.5), torch.optim.AdamW(theirs, lr=0.01)
    for step in range(5):
        for params in (ours, theirs):
            give_gradients(params, step, scale)
        before = [p.grad.clone() for p in ours]
        mine.step()
        assert all(p.grad.equal(g) for p, g in zip(ours, before, strict=True))
        torch.nn.utils.clip_grad_norm_(theirs, 0.5)
        peer.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)


def _clip_a_part(rank, store, queue):
    from torch.distributed.tensor import Shard, distribute_tensor

    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    mesh = torch.distributed.init_device_mesh("cpu", (2,))
    whole = torch.arange(6.0)
    p = torch.nn.Parameter(distribute_tensor(torch.zeros(6), mesh, [Shard(0)]))
    p.grad = distribute_tensor(whole, mesh, [Shard(0)])
    optim.SGD([p], lr=1.0, clip_norm=1.0).step()
    found = p.detach().full_tensor()
    queue.put(found.tolist())
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(not (hasattr(os, "fork") and torch.distributed.is_gloo_available()), reason="no fork or gloo here")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_gradient_that_lies_in_several_processes_is_clipped_by_its_whole_norm(tmp_path):
    import torch._dynamo  # both children need it, and it takes long to load
    import torch.distributed.tensor  # noqa: F401

    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=_clip_a_part, args=(rank, tmp_path / "store", queue)) for rank in range(2)]
    for child in children:
        child.start()
    for _ in children:
        expected = [-x / math.sqrt(55) for x in range(6)]
        assert queue.get(timeout=60) == pytest.approx(expected, rel=1e-5)
    for child in children:
        child.join(60)


def test_clipping_moves_the_result():
    ours, free = model(), model()
    for params, clip in ((ours, 0.5), (free, None)):
        give_gradients(params, 0)
        optim.SGD(params, lr=1.0, clip_norm=clip).step()
    assert (ours[0] - free[0]).abs().max() > 0.1


def test_the_norm_has_the_same_bits_for_any_number_of_threads():
    found, before = set(), torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            params = model()
            give_gradients(params, 1)
            optim.SGD(params, lr=1.0, clip_norm=0.1).step()
            found.add(tuple(p.detach().double().sum().item() for p in params[:1]))
    finally:
        torch.set_num_threads(before)
    assert len(found) == 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bit_gradients_are_summed_without_overflow(dtype):
    p = torch.nn.Parameter(torch.zeros(100_000, dtype=dtype))
    p.grad = torch.full_like(p, 4.0)
    optim.SGD([p], lr=1.0, clip_norm=math.sqrt(100_000) * 0.5).step()
    torch.testing.assert_close(p.detach(), torch.full_like(p, -0.5))


def test_clipping_is_one_for_the_whole_model():
    a, b = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    optimizer = optim.SGD([{"params": [a]}, {"params": [b], "lr": 10.0}], lr=1.0, clip_norm=1.0)
    a.grad, b.grad = torch.tensor([3.0]), torch.tensor([4.0])
    optimizer.step()
    assert a.item() == pytest.approx(-0.6)
    assert b.item() == pytest.approx(-8.0)
    optimizer.param_groups[0]["clip_norm"] = 2.0
    with pytest.raises(ValueError, match="same in every group"):
        optimizer.step()


@pytest.mark.parametrize("name", ["clip_norm", "ema"])
@pytest.mark.parametrize("value", [-1.0, math.nan, "1", True])
def test_bad_values_are_refused(name, value):
    with pytest.raises(ValueError, match=f"^Invalid {name} value"):
        optim.Adam(model(), **{name: value})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("nesterov", [False, True])
def test_the_average_follows_theta(dtype, nesterov):
    params = model(dtype=dtype)
    optimizer = optim.SGD(params, lr=0.1, momentum=0.9, nesterov=nesterov, dialect="lecture", ema=0.75)
    expected = [p.detach().float().clone() for p in params]
    for step in range(6):
        give_gradients(params, step)
        optimizer.step()
        optimizer.eval()
        expected = [e + 0.25 * (p.detach().float() - e) for e, p in zip(expected, params, strict=True)]
        optimizer.train()
    held = [p.detach().clone() for p in params]
    with optimizer.averaged():
        for p, e in zip(params, expected, strict=True):
            # the average takes θ before it is rounded to 16 bits
            tolerance = 2e-6 if dtype == torch.float32 else 2e-2
            torch.testing.assert_close(p.detach().float(), e, rtol=tolerance, atol=tolerance)
        with pytest.raises(RuntimeError, match="hold their averages"):
            optimizer.step()
    assert all(p.equal(h) for p, h in zip(params, held, strict=True))
    give_gradients(params, 9)
    optimizer.step()


def test_the_average_is_saved_and_starts_when_it_is_asked_for():
    params = model()
    optimizer = optim.Adam(params, ema=0.9)
    for step in range(3):
        give_gradients(params, step)
        optimizer.step()
    other = copy.deepcopy(params)
    loaded = optim.Adam(other)
    loaded.load_state_dict(optimizer.state_dict())
    for q, o in ((params, optimizer), (other, loaded)):
        give_gradients(q, 5)
        o.step()
    with optimizer.averaged(), loaded.averaged():
        assert all(p.equal(q) for p, q in zip(params, other, strict=True))
    with pytest.raises(ValueError, match="ema="), optim.Adam(params).averaged():
        pass


def test_zero_grad_after_step():
    for shape in ((3,), (4, 4)):
        p = torch.nn.Parameter(torch.zeros(shape))
        optimizer = optim.SGD([p], lr=1.0, zero_grad_after_step=True)
        for strided in (False, True):
            p.grad = torch.ones(shape).t() if strided else torch.ones(shape)
            optimizer.step()
            assert not p.grad.any()
        assert (p == -2).all()


def scaler(scale):
    return torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=10_000)


def test_gradient_scaling_happens_in_the_pass():
    ours, theirs = model(), model()
    mine, peer = optim.Adam(ours, lr=0.01, clip_norm=1.0), torch.optim.Adam(theirs, lr=0.01)
    for params, optimizer in ((ours, mine), (theirs, peer)):
        scaling = scaler(1024.0)
        for _ in range(4):
            optimizer.zero_grad()
            scaling.scale(sum((p**2).sum() for p in params)).backward()
            if optimizer is peer:
                scaling.unscale_(peer)
                torch.nn.utils.clip_grad_norm_(theirs, 1.0)
            scaling.step(optimizer)
            scaling.update()
    torch.testing.assert_close(ours, theirs, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "left_to_the_step"), [({}, False), ({"fused": True}, True), ({"clip_norm": 1e9}, True)], ids=str
)
def test_gradients_are_unscaled_for_whoever_clips_them_unless_the_step_was_asked_to(options, left_to_the_step):
    p = torch.nn.Parameter(torch.zeros(3))
    optimizer = optim.SGD([p], lr=1.0, **options)
    scaling = scaler(4.0)
    scaling.scale(p.sum()).backward()
    scaling.step(optimizer)
    assert p.tolist() == [-1.0] * 3
    assert p.grad.tolist() == [4.0 if left_to_the_step else 1.0] * 3


@pytest.mark.parametrize("fused", [None, True])
def test_an_infinite_gradient_changes_nothing_at_all(fused):
    params = model()
    optimizer = optim.Adam(params, lr=0.1, ema=0.9, fused=fused)
    give_gradients(params, 0)
    optimizer.step()
    before = copy.deepcopy(([p.detach() for p in params], optimizer.state_dict()))
    scaling = scaler(4.0)
    scaling.scale(torch.tensor(1.0))
    give_gradients(params, 1)
    params[1].grad[3] = math.inf
    scaling.step(optimizer)
    scaling.update()
    assert str(([p.detach() for p in params], optimizer.state_dict())) == str(before)
    assert scaling.get_scale() == 2.0


def scaled_step(optimizer, scale=4.0):
    """A step under a GradScaler; returns the scaler's next scale."""
    scaling = scaler(scale)
    scaling.scale(torch.tensor(1.0))
    scaling.step(optimizer)
    scaling.update()
    return scaling.get_scale()


def all_numbers(optimizer):
    """Every tensor and number that a step may change, copied."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    kept = optimizer.state_dict()
    states = {(index, key): value for index, state in kept["state"].items() for key, value in state.items()}
    own = {(index, key): x for index, p in enumerate(params) for key, x in (("theta", p.detach()), ("grad", p.grad))}
    return copy.deepcopy({**states, **own}), copy.deepcopy(kept["param_groups"])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"momentum": 0.9, "nesterov": True, "dialect": "lecture", "ema": 0.5, "fused": True}),
        ("Adam", {"ema": 0.9, "clip_norm": 1.0, "zero_grad_after_step": True}),
        ("NAdam", {"clip_norm": 1.0}),
        ("AdamW", {"state_dtype": torch.bfloat16, "stochastic_rounding": True, "fused": True}),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
@pytest.mark.parametrize("before", [0, 2])
def test_a_step_that_a_scaler_skips_changes_nothing_at_all(name, options, before):
    params, twins = model(), model()
    optimizer, other = (getattr(optim, name)(each, lr=0.1, **options) for each in (params, twins))
    for step in range(before):
        for each, stepping in ((params, optimizer), (twins, other)):
            give_gradients(each, step)
            scaled_step(stepping)
    give_gradients(params, 9)
    params[1].grad[3] = math.inf
    numbers, groups = all_numbers(optimizer)
    assert scaled_step(optimizer) == 2.0
    left, left_groups = all_numbers(optimizer)
    assert left_groups == groups
    assert left.keys() == numbers.keys()
    assert all(left[key].equal(value) for key, value in numbers.items())
    for each, stepping in ((params, optimizer), (twins, other)):
        give_gradients(each, 5)
        scaled_step(stepping)
    assert all(p.equal(q) for p, q in zip(params, twins, strict=True))


@pytest.mark.parametrize(("dialect", "norm"), [("torch", 5 + 1e-6), ("lecture", 5 + 1e-6), ("keras", 5), ("optax", 5)])
def test_a_dialect_divides_by_its_librarys_norm(dialect, norm):
    p = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    optimizer = optim.SGD([p], lr=1.0, clip_norm=1.0, dialect=dialect)
    p.grad = torch.tensor([3.0, 4.0], dtype=torch.float64)
    optimizer.step()
    torch.testing.assert_close(p.detach(), -p.grad / norm, rtol=1e-14, atol=0)
    p.grad.zero_()
    optimizer.step()
    torch.testing.assert_close(p.detach(), -torch.tensor([3.0, 4.0], dtype=torch.float64) / norm, rtol=1e-14, atol=0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_clipping_by_a_norm_that_is_no_number_is_torchs(bad):
    """NaN spreads to every weight, and an infinite norm leaves of the gradients nothing but NaN where they were so."""
    ours, theirs = model(), model()
    for params in (ours, theirs):
        give_gradients(params, 0)
        params[1].grad[3] = bad
    optim.SGD(ours, lr=1.0, clip_norm=0.5).step()
    torch.nn.utils.clip_grad_norm_(theirs, 0.5)
    torch.optim.SGD(theirs, lr=1.0).step()
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0, equal_nan=True)
    assert ours[1].isnan().sum() == (300 if math.isnan(bad) else 1)


def test_clipping_and_averaging_may_begin_change_and_end_between_steps():
    p = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    optimizer = optim.SGD([p], lr=1.0)
    theta, average = 0.0, None
    for clip_norm, ema in ((None, None), (1.0, None), (5.0, 0.5), (0.5, 0.5), (None, 0.75), (2.0, None), (2.0, 0.25)):
        optimizer.param_groups[0].update(clip_norm=clip_norm, ema=ema)
        p.grad = torch.tensor([3.0, 4.0], dtype=torch.float64)
        optimizer.step()
        if ema is not None and average is None:
            average = theta
        theta -= 1.0 if clip_norm is None else min(1.0, clip_norm / (5.0 + 1e-6))
        torch.testing.assert_close(p.detach(), theta * p.grad, rtol=1e-12, atol=0)
        if ema is not None:
            average = ema * average + (1 - ema) * theta
            with optimizer.averaged():
                torch.testing.assert_close(p.detach(), average * p.grad, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam", "Adadelta", "Lion"])
def test_complex_weights_have_all_of_it_as_pairs_of_numbers(name):
    values = torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ours = torch.nn.Parameter(torch.view_as_complex(values.clone()))
    theirs = torch.nn.Parameter(values.clone())
    options = {"lr": 0.1, "weight_decay": 0.1, "maximize": True, "clip_norm": 0.5, "ema": 0.5}
    options |= {"zero_grad_after_step": True} | ({"momentum": 0.9} if name == "SGD" else {})
    optimizers = [getattr(optim, name)([p], **options) for p in (ours, theirs)]
    for step in range(4):
        give_gradients([theirs], step)
        ours.grad = torch.view_as_complex(theirs.grad.clone())
        for optimizer in optimizers:
            optimizer.step()
        assert not ours.grad.any()
    torch.testing.assert_close(torch.view_as_real(ours.detach()), theirs.detach(), rtol=1e-12, atol=1e-12)
    with optimizers[0].averaged(), optimizers[1].averaged():
        torch.testing.assert_close(torch.view_as_real(ours.detach()), theirs.detach(), rtol=1e-12, atol=1e-12)
        assert (theirs - values).abs().max() > 1e-4


def test_within_averaged_nothing_else_can_be_done():
    params = model()
    optimizer = optim.Adam(params, ema=0.5)
    give_gradients(params, 0)
    optimizer.step()
    with optimizer.averaged():
        for forbidden in (optimizer.step, optimizer.train, optimizer.eval, lambda: optimizer.averaged().__enter__()):
            with pytest.raises(RuntimeError, match="averages"):
                forbidden()
        assert optimizer.state_dict()["param_groups"][0]["train_mode"]
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(2))]})
    optimizer.step()
