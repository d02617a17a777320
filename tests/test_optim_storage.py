"""How state lies in memory: in bfloat16 on request, computed in float32 all the same."""

import copy
import io

import pytest
import torch

from small import BF16, CLASSES, descend, model
from steepest import optim
from steepest.kernels import prefer
from steepest.rules.own import rule

# weights, counts, numbers of the step
PRECISE = {"ax", "z", "theta", "step", "eta", "mu", "mu_product", "weight_sum", "lr_max"}


def make(name, params, **options):
    return getattr(optim, name)(params, lr=0.01, **options)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", CLASSES)
def test_the_state_of_every_class_may_lie_in_16_bits(name, dtype):
    params, twins = model(dtype), model(dtype)
    if name == "Muon":  # it takes matrices alone
        del params[1:], twins[1:]
    mine, wide = make(name, params, state_dtype=BF16), make(name, twins)
    for optimizer, each in ((mine, params), (wide, twins)):
        descend(optimizer, each, 5)
    for p in params:
        for key, value in mine.state[p].items():
            assert value.dtype == (BF16 if key not in PRECISE else wide.state[p].get(key, value).dtype), key
    # 8 bits of mantissa: near the path of a precise state, and not on it
    torch.testing.assert_close(params, twins, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("name", ["Adam", "SGD", "RMSprop"])
def test_every_way_keeps_the_same_16_bits(name):
    options = {"momentum": 0.9} if name == "SGD" else {}
    results = []
    for way in ("fused", "plain"):
        params = model(seed=3)
        with prefer(way):
            optimizer = make(name, params, state_dtype=BF16, **options)
            descend(optimizer, params, 3)
        results.append([*params, *(x for p in params for x in optimizer.state[p].values())])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=2**-7 if one.dtype == BF16 else 1e-3, atol=1e-6)


def test_memory_of_the_state_is_halved():
    for options, expected in (({}, 8), ({"state_dtype": BF16}, 4)):
        p = torch.nn.Parameter(torch.ones(1000))
        optimizer = optim.Adam([p], **options)
        descend(optimizer, [p], 1)
        state = optimizer.state[p]
        assert sum(x.untyped_storage().nbytes() for x in (state["exp_avg"], state["exp_avg_sq"])) == expected * 1000


def test_what_cancels_or_is_a_copy_of_the_weights_stays_precise():
    params = model()
    optimizer = optim.RMSprop(params, centered=True, momentum=0.5, state_dtype=BF16, ema=0.9)
    descend(optimizer, params, 2)
    kinds = {key: value.dtype for key, value in optimizer.state[params[0]].items()}
    assert kinds.pop("momentum_buffer") == BF16
    assert set(kinds.values()) == {torch.float32}
    for name, key in (("ASGD", "ax"), ("ScheduleFreeSGD", "z"), ("ScheduleFreeAdamW", "z")):
        optimizer = make(name, params, state_dtype=BF16)
        descend(optimizer, params, 1)
        assert optimizer.state[params[0]][key].dtype == torch.float32


def test_centered_rmsprop_meets_no_negative_root():
    p = torch.nn.Parameter(torch.ones(1000))
    optimizer = optim.RMSprop([p], centered=True, state_dtype=BF16)
    g = torch.rand(1000, generator=torch.Generator().manual_seed(0)) + 10  # in 16 bits r − m² would fall below 0
    for _ in range(50):
        p.grad = g + torch.rand(1000, generator=torch.Generator().manual_seed(1))
        optimizer.step()
    assert p.isfinite().all()


def test_a_rule_of_ones_own_may_keep_16_bits():
    @rule(lr=0.1, beta=0.9)
    def heavy_ball(theta, g, v, lr, beta):
        v = beta * v + g
        return theta - lr * v, v

    params = model()
    optimizer = optim.following(heavy_ball)(params, state_dtype=BF16)
    descend(optimizer, params, 2)
    assert optimizer.state[params[0]]["v"].dtype == BF16


@pytest.mark.parametrize("loaded_by", ["the same", "its defaults"])
def test_saving_and_loading_keeps_the_16_bits(loaded_by):
    params = model()
    optimizer = optim.Adam(params, lr=0.01, state_dtype=BF16)
    descend(optimizer, params, 3)
    others = copy.deepcopy(params)
    other = optim.Adam(others, **({"state_dtype": BF16} if loaded_by == "the same" else {}))
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert other.state[others[0]]["exp_avg"].dtype == BF16
    for each, them in ((optimizer, params), (other, others)):
        descend(each, them, 3, seed=5)
    assert all(p.equal(q) for p, q in zip(params, others, strict=True))


def test_a_state_of_torchs_is_taken_as_the_optimizer_wants_it():
    params = model()
    theirs = torch.optim.Adam(params)
    descend(theirs, params, 2)
    mine = optim.Adam(params, state_dtype=BF16, clip_norm=2.0)
    mine.load_state_dict(theirs.state_dict())
    assert mine.state[params[0]]["exp_avg"].dtype == BF16
    assert mine.param_groups[0]["clip_norm"] == 2.0


def test_the_option_may_change_between_steps():
    params = model()
    optimizer = optim.Adam(params, lr=0.01)
    for wanted, expected in ((None, torch.float32), (BF16, BF16), (None, torch.float32)):
        optimizer.param_groups[0]["state_dtype"] = wanted
        before = optimizer.state[params[0]].get("exp_avg", torch.zeros(7, 5)).float()
        for p in params:
            p.grad = torch.zeros_like(p)
        optimizer.step()
        assert optimizer.state[params[0]]["exp_avg"].dtype == expected
        torch.testing.assert_close(optimizer.state[params[0]]["exp_avg"].float(), 0.9 * before, rtol=0.01, atol=0)
        descend(optimizer, params, 1)


def test_each_group_has_its_own():
    a, b = model()[:2]
    optimizer = optim.Adam([{"params": [a], "state_dtype": BF16}, {"params": [b]}])
    descend(optimizer, [a, b], 2)
    assert optimizer.state[a]["exp_avg"].dtype == BF16
    assert optimizer.state[b]["exp_avg"].dtype == torch.float32


def test_the_lectures_nesterov_moves_between_its_points_as_precisely_as_it_steps():
    params = model()
    optimizer = optim.SGD(params, lr=0.1, momentum=0.9, nesterov=True, dialect="lecture", state_dtype=BF16)
    descend(optimizer, params, 3)
    held = [p.detach().clone() for p in params]
    optimizer.eval()
    optimizer.train()
    for p, before in zip(params, held, strict=True):
        v = optimizer.state[p]["momentum_buffer"].float()
        torch.testing.assert_close(p.detach(), optimizer.state[p]["theta"] + 0.9 * v, rtol=1e-6, atol=1e-6)
        assert ((p - before).abs() <= v.abs() * 2**-8).all()


@pytest.mark.parametrize("value", [torch.float16, torch.float32, torch.int8, "bfloat16", 16, True])
def test_other_dtypes_are_refused(value):
    with pytest.raises(ValueError, match=r"^Invalid state_dtype value: .*must be None or torch\.bfloat16"):
        optim.Adam(model(), state_dtype=value)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64])
def test_parameters_that_want_a_wider_state_are_refused_before_anything_changes(dtype):
    p = torch.nn.Parameter(torch.ones(2, dtype=dtype))
    optimizer = optim.Adagrad(model(), state_dtype=BF16)
    before = str(optimizer.state_dict())
    with pytest.raises(ValueError, match=r"^Invalid state_dtype value.*group with state_dtype=None"):
        optimizer.add_param_group({"params": [p]})
    assert str(optimizer.state_dict()) == before
    optimizer = optim.Adam([p])
    optimizer.param_groups[0]["state_dtype"] = BF16
    p.grad = torch.ones_like(p)
    with pytest.raises(ValueError, match="^Invalid state_dtype value"):
        optimizer.step()
    assert not optimizer.state
    assert (p == 1).all()
