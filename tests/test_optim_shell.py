"""The shell: groups, closures, hooks, saving, and every kind of bad input; a call that raises changes nothing."""

import copy
import functools
import io
import math
import pickle

import numpy as np
import pytest
import torch
from torch.distributed.fsdp._common_utils import _set_fsdp_flattened

from steepest import optim
from steepest.optim.form import form
from steepest.optim.lr_scheduler import ScheduledLR
from steepest.rules import Rule, Slot, rule
from steepest.rules.facts import learning_rate
from steepest.rules.verbs import sign
from steepest.schedules import SCHEDULES, schedule

CLASSES = [optim.SGD, optim.Adagrad, optim.RMSprop, optim.Adadelta, optim.Adam, optim.AdamW]
STATEFUL = [(c, {"momentum": 0.9} if c is optim.SGD else {}) for c in CLASSES]


def parameter(*shape, dtype=torch.float32):
    return torch.nn.Parameter(torch.randn(*shape, generator=torch.Generator().manual_seed(2)).to(dtype))


def take_steps(optimizer, params, steps):
    for _ in range(steps):
        for p in params:
            p.grad = (p.detach().float() * 2 + 1).to(p.dtype)
        optimizer.step()


# ------------------------------------------------------------------------------------------------------ refused input


@pytest.mark.parametrize("optimizer_class", CLASSES)
@pytest.mark.parametrize("lr", [-1.0, math.nan, math.inf, True, "0.1", None, [0.1], torch.ones(2), 1j])
def test_a_bad_learning_rate_is_refused_everywhere(optimizer_class, lr):
    p = parameter(2)
    with pytest.raises(ValueError, match=r"^Invalid learning rate: .*; lr must be a finite number, 0 or above"):
        optimizer_class([p], lr=lr)
    optimizer = optimizer_class([p])
    with pytest.raises(ValueError, match=r"^Invalid learning rate: "):
        optimizer.add_param_group({"params": [parameter(3)], "lr": lr})
    assert len(optimizer.param_groups) == 1
    take_steps(optimizer, [p], 1)
    before, state = p.detach().clone(), copy.deepcopy(optimizer.state_dict())
    optimizer.param_groups[0]["lr"] = lr
    with pytest.raises(ValueError, match=r"^Invalid learning rate: "):
        optimizer.step()
    assert p.equal(before)
    assert str(optimizer.state_dict()["state"]) == str(state["state"])


@pytest.mark.parametrize("lr", [0, 1, 0.5, np.float32(0.5), np.array(0.5), torch.tensor(0.5), torch.tensor([0.5])])
def test_every_kind_of_number_is_a_learning_rate(lr):
    p = parameter(2)
    start = p.detach().clone()
    optimizer = optim.SGD([p], lr=lr)
    p.grad = torch.ones(2)
    optimizer.step()
    assert p.equal(start - float(lr))


@pytest.mark.parametrize(
    ("optimizer_class", "options", "message"),
    [
        (optim.SGD, {"momentum": -0.1}, "^Invalid momentum value: -0.1; momentum must be a number in"),
        (optim.SGD, {"momentum": 1.5}, "^Invalid momentum value: 1.5"),
        (optim.SGD, {"weight_decay": -1}, "^Invalid weight_decay value: -1"),
        (optim.SGD, {"dampening": math.nan}, "^Invalid dampening value: nan"),
        (optim.SGD, {"nesterov": True}, "^Nesterov momentum requires a momentum and zero dampening"),
        (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "^Nesterov momentum requires"),
        (optim.SGD, {"nesterov": "yes", "momentum": 0.9}, "^Invalid nesterov value: 'yes'"),
        (optim.Adagrad, {"lr_decay": -1}, "^Invalid lr_decay value: -1"),
        (optim.Adagrad, {"initial_accumulator_value": -1}, "^Invalid initial_accumulator_value value: -1"),
        (optim.Adagrad, {"eps": -1}, "^Invalid epsilon value: -1"),
        (optim.RMSprop, {"alpha": 1.0}, "^Invalid alpha value: 1.0; alpha must be a number in"),
        (optim.RMSprop, {"alpha": 1.5}, "^Invalid alpha value: 1.5"),
        (optim.Adadelta, {"rho": 1.0}, "^Invalid rho value: 1.0"),
        (optim.Adam, {"betas": (1.0, 0.9)}, "^Invalid beta parameter at index 0: 1.0"),
        (optim.Adam, {"betas": (0.9, -0.1)}, "^Invalid beta parameter at index 1: -0.1"),
        (optim.Adam, {"betas": 0.9}, "^Invalid betas: 0.9; betas must be two numbers"),
        (optim.Adam, {"betas": (0.9, 0.99, 0.999)}, "^Invalid betas"),
        (optim.Adam, {"eps": math.inf}, "^Invalid epsilon value: inf"),
        (optim.AdamW, {"weight_decay": True}, "^Invalid weight_decay value: True"),
        (optim.AdamW, {"amsgrad": 2}, "^Invalid amsgrad value: 2"),
        (optim.Adam, {"dialect": "lectur"}, "unknown dialect 'lectur'; did you mean 'lecture'"),
        (optim.Adam, {"dialect": None}, "unknown dialect 'None'"),
        (optim.Adam, {"dialect": "lecture", "amsgrad": True}, "dialect 'lecture' has no form with amsgrad=True"),
        (optim.SGD, {"dialect": "lecture", "momentum": 0.9, "dampening": 0.1}, "dampening=0.1 has no place"),
    ],
)
def test_bad_options_are_refused(optimizer_class, options, message):
    with pytest.raises(ValueError, match=message):
        optimizer_class([parameter(2)], **options)
    with pytest.raises(ValueError, match=message):
        optimizer_class([{"params": [parameter(2)], **options}])


def test_no_parameters():
    with pytest.raises(ValueError, match="optimizer got an empty parameter list"):
        optim.Adam([])


def test_foreach_and_fused_together_are_refused_as_in_torch():
    with pytest.raises(RuntimeError, match=r"^`fused` and `foreach` cannot be `True` together"):
        optim.Adam([parameter(2)], foreach=True, fused=True)


@pytest.mark.parametrize(
    ("optimizer_class", "key", "meant"),
    [
        (optim.SGD, "momentun", "momentum"),
        (optim.SGD, "weight_deacy", "weight_decay"),
        (optim.SGD, "LR", "lr"),
        (optim.SGD, "learning_rate", "lr"),
        (optim.Adam, "beta", "betas"),
        (optim.Adam, "epsilon", "eps"),
        (optim.Adam, "dialekt", "dialect"),
    ],
)
def test_a_near_miss_of_an_option_is_refused(optimizer_class, key, meant):
    with pytest.raises(ValueError, match=f"{key!r}.* did you mean {meant!r}"):
        optimizer_class([{"params": [parameter(2)], key: 0.5}])
    optimizer = optimizer_class([parameter(2)])
    with pytest.raises(ValueError, match=f"did you mean {meant!r}"):
        optimizer.add_param_group({"params": [parameter(2)], key: 0.5})
    assert len(optimizer.param_groups) == 1
    with pytest.raises(TypeError, match=f"unexpected keyword argument {key!r}; did you mean {meant!r}"):
        optimizer_class([parameter(2)], **{key: 0.5})


def test_keys_of_ones_own_pass():
    optimizer = optim.SGD(
        [{"params": [parameter(2)], "initial_lr": 0.1, "lr_scale": 0.5, "name": "head"}], momentum=0.9
    )
    assert optimizer.param_groups[0]["name"] == "head"
    schedulers = torch.optim.lr_scheduler
    schedulers.OneCycleLR(optimizer, max_lr=0.1, total_steps=10)


def test_a_group_that_raises_takes_nothing_from_the_callers_dict():
    group = {"params": [parameter(2)], "lr": -1.0}
    with pytest.raises(ValueError, match="Invalid learning rate"):
        optim.SGD([group])
    assert set(group) == {"params", "lr"}


def test_the_callers_dict_is_the_group_as_in_torch():
    """Who keeps the dict changes the rate by it."""
    kept, late = {"params": [parameter(2)], "lr": 1.0}, {"params": iter([parameter(2)])}
    optimizer = optim.SGD([kept, {"params": [parameter(2)]}], lr=0.5)
    optimizer.add_param_group(late)
    assert optimizer.param_groups[0] is kept
    assert optimizer.param_groups[-1] is late
    assert (late["lr"], len(late["params"])) == (0.5, 1)
    p, before = kept["params"][0], kept["params"][0].detach().clone()
    kept["lr"] = 0.25
    p.grad = torch.ones(2)
    optimizer.step()
    assert p.equal(before - 0.25)


def test_a_constructor_that_raises_takes_nothing_from_any_group():
    good = {"params": [parameter(2)]}
    with pytest.raises(ValueError, match="Invalid learning rate"):
        optim.SGD([good, {"params": [parameter(2)], "lr": -1.0}], lr=0.5)
    assert set(good) == {"params"}


def test_clipping_by_the_norm_of_a_shard_is_refused():
    p = parameter(2)
    _set_fsdp_flattened(p)  # as FSDP marks what it has flattened and sharded
    refused = r"^Invalid clip_norm value: 1.0 under FSDP.*model.clip_grad_norm_"
    with pytest.raises(ValueError, match=refused):
        optim.SGD([p], clip_norm=1.0)
    optimizer, p.grad = optim.SGD([p]), torch.ones(2)
    optimizer.step()
    before = p.detach().clone()
    optimizer.param_groups[0]["clip_norm"] = 1.0
    with pytest.raises(ValueError, match=refused):
        optimizer.step()
    assert p.equal(before)


def test_sparse_gradients_are_refused_before_anything_moves():
    dense, embedding = parameter(2), torch.nn.Embedding(5, 2, sparse=True)
    optimizer = optim.Adam([dense, *embedding.parameters()])
    dense.grad = torch.ones(2)
    embedding(torch.tensor([1])).sum().backward()
    before = dense.detach().clone()
    with pytest.raises(RuntimeError, match="does not support sparse gradients"):
        optimizer.step()
    assert dense.equal(before)
    assert not optimizer.state


# ---------------------------------------------------------------------------------------------------------- the shell


@pytest.mark.parametrize("optimizer_class", CLASSES)
def test_whole_numbers_are_refused_before_anything_moves(optimizer_class):
    params = [parameter(2), torch.ones(2, dtype=torch.int64)]
    before, optimizer = params[0].detach().clone(), optimizer_class(params, lr=0.1)
    params[0].grad, params[1].grad = torch.ones(2), torch.ones(2, dtype=torch.int64)
    with pytest.raises(RuntimeError, match=r"^a parameter is of torch\.int64.*\.float\(\)"):
        optimizer.step()
    assert params[0].equal(before)
    assert params[1].tolist() == [1, 1]


def test_it_is_a_torch_optimizer_with_hooks_and_a_closure_that_runs_first():
    p = parameter(3)
    optimizer = optim.Adam([p], lr=0.1)
    assert isinstance(optimizer, torch.optim.Optimizer)
    calls = []
    optimizer.register_step_pre_hook(lambda *_: calls.append("before"))
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))

    def closure():
        calls.append("closure")
        assert torch.is_grad_enabled()
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    expected = (p.detach() ** 2).sum()
    with torch.no_grad():
        loss = optimizer.step(closure)
    assert loss.detach().equal(expected)
    assert calls == ["before", "closure", "after"]


def test_a_closure_may_spoil_the_rate_and_the_step_still_refuses():
    p = parameter(3)
    optimizer = optim.SGD([p], lr=0.1)
    before = p.detach().clone()

    def closure():
        p.grad = torch.ones(3)
        optimizer.param_groups[0]["lr"] = math.nan
        return 0.0

    with pytest.raises(ValueError, match="Invalid learning rate: nan"):
        optimizer.step(closure)
    assert p.equal(before)


def test_named_parameters_and_groups_with_their_own_options():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
    optimizer = optim.SGD(model.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    groups = [{"params": model[0].parameters(), "lr": 1.0}, {"params": model[1].parameters(), "momentum": 0.9}]
    optimizer = optim.SGD(groups, lr=0.5)
    starts = [p.detach().clone() for p in model.parameters()]
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    for p, start, rate in zip(model.parameters(), starts, (1.0, 1.0, 0.5, 0.5), strict=True):
        assert p.equal(start - rate)
    assert len(optimizer.state) == 2


def test_add_param_group_at_any_time():
    first, late = parameter(2), parameter(3)
    optimizer = optim.Adam([first], lr=0.1)
    take_steps(optimizer, [first], 4)
    optimizer.add_param_group({"params": late, "lr": 0.2})
    take_steps(optimizer, [first, late], 2)
    assert [int(optimizer.state[p]["step"]) for p in (first, late)] == [6, 2]


@pytest.mark.parametrize(("optimizer_class", "options"), STATEFUL)
def test_a_step_never_changes_its_gradient(optimizer_class, options):
    p = parameter(4)
    for nesterov in {False, optimizer_class is optim.SGD}:
        optimizer = optimizer_class(
            [p], weight_decay=0.1, maximize=True, **options, **({"nesterov": True} if nesterov else {})
        )
        p.grad = torch.ones(4)
        optimizer.step()
        assert p.grad.equal(torch.ones(4))


@pytest.mark.parametrize(("optimizer_class", "options"), STATEFUL)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_saved_and_loaded_it_continues_bit_for_bit(optimizer_class, options, dtype):
    p = parameter(4, 3, dtype=dtype)
    optimizer = optimizer_class([p], **options)
    take_steps(optimizer, [p], 5)
    buffer = io.BytesIO()
    torch.save(optimizer.state_dict(), buffer)
    buffer.seek(0)
    q = torch.nn.Parameter(p.detach().clone())
    loaded = optimizer_class([q], **options)
    loaded.load_state_dict(torch.load(buffer, weights_only=True))
    for state in (optimizer.state[p], loaded.state[q]):
        wanted = torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype
        assert all(value.dtype == wanted for key, value in state.items() if key != "step")
    take_steps(optimizer, [p], 5)
    take_steps(loaded, [q], 5)
    assert p.equal(q)
    for key, value in optimizer.state[p].items():
        assert value.equal(loaded.state[q][key]), key


@pytest.mark.parametrize(("optimizer_class", "options"), STATEFUL)
def test_pickle_and_deepcopy_continue_bit_for_bit(optimizer_class, options):
    p = parameter(4)
    optimizer = optimizer_class([p], **options)
    take_steps(optimizer, [p], 3)
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        (q,) = other.param_groups[0]["params"]
        assert q is not p
        take_steps(other, [q], 3)
    take_steps(optimizer, [p], 3)
    assert p.equal(q)


def test_16_bit_parameters_are_computed_in_float32_and_rounded_once():
    p = torch.nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
    optimizer = optim.Adam([p], lr=0.25, eps=0)
    p.grad = torch.tensor([3.0], dtype=torch.bfloat16)
    optimizer.step()
    assert p.item() == 0.75
    assert optimizer.state[p]["exp_avg"].dtype == torch.float32


# ------------------------------------------------------------------------------------------------------------- loading


def saved_after(optimizer_class, shape=(4,), **options):
    p = parameter(*shape)
    optimizer = optimizer_class([p], **options)
    take_steps(optimizer, [p], 2)
    return optimizer.state_dict()


@pytest.mark.parametrize("target", CLASSES)
@pytest.mark.parametrize("source", [*CLASSES, torch.optim.NAdam, torch.optim.RAdam, torch.optim.Adamax])
def test_another_optimizers_state_is_refused_at_load(source, target):
    if source is target or {source, target} == {optim.Adam, optim.AdamW}:
        return
    p = parameter(4)
    optimizer = target([p])
    take_steps(optimizer, [p], 1)
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match=f"this state_dict is not of {target.__name__}"):
        optimizer.load_state_dict(saved_after(source))
    assert str(optimizer.state_dict()) == str(before)
    take_steps(optimizer, [p], 1)


@pytest.mark.parametrize(("optimizer_class", "options"), STATEFUL)
def test_other_shapes_are_refused_at_load(optimizer_class, options):
    optimizer = optimizer_class([parameter(5)], **options)
    with pytest.raises(ValueError, match=r"other shapes: \w+ is \(4,\) for a parameter of shape \(5,\)"):
        optimizer.load_state_dict(saved_after(optimizer_class, **options))
    with pytest.raises(ValueError, match="parameter group"):
        optimizer_class([parameter(4), parameter(4)], **options).load_state_dict(
            saved_after(optimizer_class, **options)
        )


def test_a_spoilt_state_is_refused_at_load():
    state = saved_after(optim.Adam)
    del state["state"][0]["exp_avg"]
    with pytest.raises(ValueError, match="lacks exp_avg"):
        optim.Adam([parameter(4)]).load_state_dict(state)
    state = saved_after(optim.Adam)
    state["param_groups"][0]["lr"] = math.nan
    with pytest.raises(ValueError, match="Invalid learning rate: nan"):
        optim.Adam([parameter(4)]).load_state_dict(state)


@pytest.mark.parametrize(
    ("dtype", "saved"),
    [
        (torch.float32, {"state_dtype": torch.float16}),
        (torch.float32, {"state_dtype": "bfloat16"}),
        (torch.float32, {"rounding_seed": -1}),
        (torch.float32, {"stochastic_rounding": True, "rounding_seed": 0.5}),
        (torch.float32, {"ema": -1.0}),
        (torch.float64, {"state_dtype": torch.bfloat16}),
        (torch.float16, {"stochastic_rounding": True}),
        (torch.float32, {"clip_norm": 2.0}),
    ],
    ids=str,
)
def test_options_that_a_step_would_refuse_are_refused_at_load_and_nothing_changes(dtype, saved):
    params = [parameter(4, dtype=dtype), parameter(3, dtype=dtype)]
    optimizer = optim.Adam([{"params": [p]} for p in params])
    take_steps(optimizer, params, 2)
    before, state = copy.deepcopy(params), str(optimizer.state_dict())
    given = copy.deepcopy(optimizer.state_dict())
    given["param_groups"][1].update(saved)
    with pytest.raises(ValueError, match=r"^Invalid \w+ value|^stochastic_rounding rounds to bfloat16"):
        optimizer.load_state_dict(given)
    assert str(optimizer.state_dict()) == state
    assert all(p.equal(q) for p, q in zip(params, before, strict=True))
    take_steps(optimizer, params, 1)


# ---------------------------------------------------------------------------------------------------------- schedulers


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_work_as_lr_schedulers_and_survive_saving(name):
    followed = schedule(name, 20).after_warmup(3)
    optimizer = torch.optim.SGD([{"params": [parameter(2)], "lr": 0.5}, {"params": [parameter(3)]}], lr=0.1)
    scheduler = ScheduledLR(optimizer, followed)
    for k in range(30):
        assert [group["lr"] for group in optimizer.param_groups] == [followed.rate(k, 0.5), followed.rate(k, 0.1)]
        optimizer.step()
        scheduler.step()
        if k == 11:
            buffer = io.BytesIO()
            torch.save((optimizer.state_dict(), scheduler.state_dict()), buffer)
            buffer.seek(0)
            saved_optimizer, saved_scheduler = torch.load(buffer, weights_only=True)
            optimizer = torch.optim.SGD([{"params": [parameter(2)]}, {"params": [parameter(3)]}], lr=7.0)
            scheduler = ScheduledLR(optimizer, followed)
            optimizer.load_state_dict(saved_optimizer)
            scheduler.load_state_dict(saved_scheduler)


# ------------------------------------------------------------------------------------------- a rule with a memory


def test_a_rule_can_remember_numbers_from_step_to_step():
    def average(theta, g, rate, weight):
        return theta - rate * g / weight

    def prepare(lr, weight):
        return {"rate": lr, "weight": weight + lr}

    averaging = Rule(
        "averaging", "averaging", average, prepare, (), (learning_rate(0.5, 1.0),), "", "", memory={"weight": 0.0}
    )

    class Averaging(optim.SGD):
        forms = (form("torch", averaging),)

    p = torch.nn.Parameter(torch.tensor([10.0]))
    optimizer = Averaging([p], lr=0.5)
    for _ in range(3):
        p.grad = torch.tensor([2.0])
        optimizer.step()
    assert p.item() == pytest.approx(10 - 2 - 1 - 2 / 3)
    assert optimizer.state_dict()["state"][0]["weight"].item() == 1.5


def test_a_rule_may_hand_one_slot_on_as_another():
    def delayed(theta, g, young, old, rate):
        return theta - rate * old, g, young

    slots = (Slot("young", "young", "the last gradient"), Slot("old", "old", "the one before"))
    delaying = Rule("delayed", "delayed", delayed, lambda lr: {"rate": lr}, slots, (learning_rate(1.0, 1.0),), "", "")

    class Delayed(optim.SGD):
        forms = (form("torch", delaying),)

    p = torch.nn.Parameter(torch.tensor([0.0]))
    optimizer = Delayed([p], lr=1.0)
    seen = []
    for g in (1.0, 10.0, 100.0, 1000.0):
        p.grad = torch.tensor([g])
        optimizer.step()
        seen.append(p.item())
    assert seen == [0.0, 0.0, -1.0, -11.0]


@pytest.mark.parametrize("optimizer_class", [c for c in CLASSES if c is not optim.AdamW])  # nor can torch's AdamW
def test_its_defaults_make_another_like_it(optimizer_class):
    optimizer = optimizer_class([parameter(4)], lr=0.3, clip_norm=2.0)
    other = type(optimizer)([parameter(4)], **optimizer.defaults)
    assert other.defaults == optimizer.defaults
    groups = [each.param_groups[0] for each in (optimizer, other)]
    assert [{k: v for k, v in group.items() if k != "params"} for group in groups] == [
        {**other.defaults, "train_mode": True}
    ] * 2


@pytest.mark.parametrize(
    ("optimizer_class", "options"),
    [
        *STATEFUL,
        (optim.NAdam, {"decoupled_weight_decay": True}),
        (optim.SGD, {"momentum": 0.9, "dialect": "lecture", "nesterov": True, "initial_velocity": 0.5}),
    ],
)
def test_the_device_on_which_torch_makes_new_tensors_does_not_matter(optimizer_class, options):
    params = [parameter(4), parameter(4)]
    take_steps(optimizer_class(params[:1], **options), params[:1], 3)
    with torch.device("meta"):
        optimizer = optimizer_class(params[1:], **options)
        for _ in range(3):
            params[1].grad = params[1].detach() * 2 + 1
            optimizer.step()
    assert params[0].equal(params[1])


def test_a_count_of_steps_may_be_a_plain_number():
    params = [parameter(4), parameter(4)]
    for p, count in zip(params, (torch.tensor(7.0), 7), strict=True):
        optimizer = optim.Adam([p])
        take_steps(optimizer, [p], 1)
        optimizer.state[p]["step"] = count
        take_steps(optimizer, [p], 2)
        assert optimizer.state[p]["step"] == 9
    assert params[0].equal(params[1])


# ------------------------------------------------------------------------------------------------- a rule of one's own


@rule(lr=0.1, beta1=0.9, beta2=0.99)
def lion(theta, g, m, lr, beta1, beta2):
    step = sign(beta1 * m + (1 - beta1) * g)
    return theta - lr * step, beta2 * m + (1 - beta2) * g


def test_a_rule_of_ones_own_has_everything_that_the_others_have():
    lion_class = optim.following(lion)
    p = torch.nn.Parameter(torch.tensor([3.0, -2.0, 0.0], dtype=torch.float64))
    optimizer = lion_class([p], lr=0.5, weight_decay=0.1, ema=0.5, clip_norm=100.0)
    theta, m = np.array([3.0, -2.0, 0.0]), np.zeros(3)
    for step in range(5):
        g = np.cos(step + theta)
        p.grad = torch.tensor(g)
        optimizer.step()
        g = g + 0.1 * theta
        theta, m = theta - 0.5 * np.sign(0.9 * m + 0.1 * g), 0.99 * m + 0.01 * g
        np.testing.assert_allclose(p.detach().numpy(), theta, rtol=1e-14)
    assert set(optimizer.state_dict()["state"][0]) == {"m", "ema"}
    other = lion_class([torch.nn.Parameter(p.detach().clone())])
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups[0]["beta2"] == 0.99
    with pytest.raises(ValueError, match=r"^Invalid learning rate: -1"):
        lion_class([p], lr=-1)
    with pytest.raises(TypeError, match="did you mean 'beta1'"):
        lion_class([p], beta_1=0.5)
    with pytest.raises(ValueError, match="this state_dict is not of lion"):
        lion_class([parameter(4)]).load_state_dict(saved_after(optim.Adam))


@pytest.mark.parametrize("step", [1, 3])
def test_a_number_from_outside_a_rule_may_not_change(step):
    factor = 2.0

    @rule(lr=1.0)
    def scaled(theta, g, lr):
        return theta - lr * factor * g

    p = torch.nn.Parameter(torch.zeros(1))
    optimizer = optim.following(scaled)([p])
    for _ in range(step - 1):
        p.grad = torch.ones(1)
        optimizer.step()
    factor = 3.0
    p.grad = torch.ones(1)
    with pytest.raises(ValueError, match=r"^scaled: factor was 2.0 when the rule was made and is 3.0 now; make it a"):
        optimizer.step()
    assert p.item() == -2.0 * (step - 1)


NO_RULES = {
    "partial": (functools.partial(lambda theta, g, lr: theta), {"lr": 1.0}, "a partial is no rule: wanted is a plain"),
    "a rule": (lion, {"lr": 1.0}, "a Rule is no rule: wanted is a plain function"),
    "keyword": (
        lambda theta, g, *, lr: theta,
        {"lr": 1.0},
        r"\(theta, g, \*, lr\) is no rule: lr cannot be given by place",
    ),
    "args": (lambda theta, g, *v, lr: theta, {"lr": 1.0}, r"\*v, lr cannot be given by place; write every slot"),
    "default": (
        lambda theta, g, lr=1.0: theta,
        {"lr": 1.0},
        r"lr has its default in the function; give it in @rule\(lr",
    ),
    "order": (
        lambda g, theta, lr: theta,
        {"lr": 1.0},
        "is no rule: its arguments are theta, g, its slots, then its num",
    ),
    "no rate": (lambda theta, g: theta, {}, "is no rule: it has no argument lr, the learning rate$"),
    "no default": (lambda theta, g, lr: theta, {}, r"its learning rate has no default; give one, as in @rule\(lr=0.1"),
    "misspelt": (lambda theta, g, lr, beta: theta, {"lr": 1.0, "bta": 0.9}, "has no argument bta; did you mean beta"),
    "forgotten": (
        lambda theta, g, lr, beta: theta,
        {"lr": 1.0},
        r"beta comes among its numbers; give it in @rule\(beta=…",
    ),
}


@pytest.mark.parametrize(("update", "defaults", "message"), NO_RULES.values(), ids=NO_RULES)
def test_a_function_that_is_no_rule_is_refused_with_the_cure(update, defaults, message):
    with pytest.raises(TypeError, match=message) as caught:
        rule(**defaults)(update)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [0.1, lambda theta, g, lr: theta], ids=["a number", "no parentheses"])
def test_rule_takes_numbers_by_name(given):
    with pytest.raises(
        TypeError, match=r"^rule takes hyperparameters by name, as in @rule\(lr=0.1\) above the function"
    ):
        rule(given)


def test_what_torch_says_of_wrong_arguments_is_cut_to_one_line():
    p = parameter(2)
    p.grad = torch.ones(2)
    clamped = rule(lr=0.5)(lambda theta, g, lr: theta - lr * torch.clamp(g, min=0))
    with pytest.warns(UserWarning, match="runs as plain tensor operations") as warned:
        optim.following(clamped)([p]).step()
    assert ["\n" in str(w.message) for w in warned] == [False]
    wrong = rule(lr=0.5)(lambda theta, g, lr: theta - lr * torch.where(g > 0, g))
    with pytest.raises(TypeError, match=r"got \(Tensor, Tensor\); a rule computes") as caught:
        optim.following(wrong)([p]).step()
    assert "\n" not in str(caught.value)


def test_a_parameter_that_stands_in_a_group_twice_is_refused():
    p = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(ValueError, match="twice.*give it once"):
        optim.SGD([p, p])
    with pytest.raises(ValueError, match="twice.*give it once"):
        optim.SGD([("a", p), ("b", p)])


def test_a_rule_may_ask_for_the_step():
    @rule(lr=1.0)
    def harmonic(theta, g, lr, t):
        return theta - lr / t * g

    p = torch.nn.Parameter(torch.zeros(1))
    optimizer = optim.following(harmonic)([p])
    for _ in range(3):
        p.grad = torch.ones(1)
        optimizer.step()
    assert p.item() == pytest.approx(-(1 + 1 / 2 + 1 / 3))


@pytest.mark.parametrize(
    "name", ["min_lr", "initial_lr", "max_momentum", "nesterov", "fused", "betas", "initial_velocity", "self", "shell"]
)
def test_a_rule_whose_number_would_be_overwritten_or_misread_is_refused(name):
    """OneCycleLR wrote its own min_lr over the rule's; betas would be read as two numbers."""
    made = {}
    exec(f"def own(theta, g, lr, {name}): return theta - lr * {name} * g", made)
    with pytest.raises(ValueError, match=f"rule own has a number called {name}.*choose another name"):
        optim.following(rule(**{"lr": 0.1, name: 0.5})(made["own"]))


def test_a_rule_that_forgets_a_slot_is_refused_and_nothing_changes():
    @rule(lr=0.1)
    def forgetful(theta, g, v, lr):
        return theta - lr * g

    p = parameter(2)
    before = p.detach().clone()
    p.grad = torch.ones(2)
    with pytest.raises(TypeError, match="forgetful: update returned 1 values; it returns theta, v, in this order"):
        optim.following(forgetful)([p]).step()
    assert p.equal(before)


@pytest.mark.parametrize(
    "update",
    [
        lambda theta, g, v, lr: (theta - lr * max(g, 0.0), v),
        lambda theta, g, v, lr: (theta - lr * (0.0 if not g > 0 else g), v),
        lambda theta, g, v, lr: (theta - lr * math.sqrt(g), v),
        lambda theta, g, v, lr: (theta - lr * g.clipped(), v),
    ],
    ids=["max", "not", "math", "no such method"],
)
def test_a_rule_that_does_not_run_on_tensors_is_refused_before_anything_changes(update):
    params = [parameter(3), parameter(2)]
    optimizer = optim.following(rule(lr=0.1)(update))(params, clip_norm=1.0)
    before = [p.detach().clone() for p in params]
    for p in params:
        p.grad = torch.ones_like(p)
    for _ in range(2):
        with pytest.raises(TypeError, match="does not run on tensors: .*the verbs of steepest.rules.verbs"):
            optimizer.step()
    assert all(p.equal(q) for p, q in zip(params, before, strict=True))
    assert all(not any(x.any() for x in state.values()) for state in optimizer.state.values())


def returns_none(theta, g, v, lr):
    return theta - lr * g, None


def writes_into_a_slot(theta, g, v, lr):
    before = v
    v *= 0.9
    return theta - lr * (v + before), v


def writes_into_the_gradient(theta, g, v, lr):
    g += v
    return theta - lr * g, v


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (returns_none, "returns_none: update returned None in the place of v"),
        (writes_into_a_slot, "a rule writes into nothing that it is given, this one into v: write v = v …"),
        (writes_into_the_gradient, "a rule writes into nothing that it is given, this one into g: write g = g …"),
    ],
)
def test_a_rule_that_would_give_other_numbers_elsewhere_is_refused_and_nothing_changes(update, message):
    p = parameter(2)
    before = p.detach().clone()
    p.grad = torch.ones(2)
    with pytest.raises(TypeError, match=message):
        optim.following(rule(lr=0.1)(update))([p]).step()
    assert p.equal(before)
    assert p.grad.equal(torch.ones(2))


@pytest.mark.parametrize("name", ["step", "ema", "theta", "weight_decay", "maximize", "rounding_key"])
def test_names_that_the_optimizer_needs_are_refused(name):
    scope = {}
    exec(f"def own(theta, g, {name if name != 'theta' else 'average'}, lr): return theta", scope)
    with pytest.raises(TypeError, match="needs the name"):
        rule(lr=0.1)(scope["own"])


@pytest.mark.parametrize("value", ["a", math.nan, -1.0, None])
def test_a_rule_with_a_bad_rate_is_refused(value):
    with pytest.raises(ValueError, match="^Invalid learning rate"):
        rule(lr=value)(lambda theta, g, lr: theta - lr * g)


@pytest.mark.parametrize(
    "step", [torch.ones(2), None, torch.tensor(math.nan), torch.tensor(-1.0), -5, "x", torch.tensor(0.5)]
)
def test_a_bad_count_is_refused_at_load(step):
    state = saved_after(optim.Adam)
    state["state"][0]["step"] = step
    with pytest.raises(ValueError, match="^Invalid step"):
        optim.Adam([parameter(4)]).load_state_dict(state)


@pytest.mark.parametrize("value", [3.0, torch.ones(4, dtype=torch.int64), torch.ones(4, dtype=torch.complex64), "x"])
def test_a_slot_that_holds_no_numbers_like_its_parameters_is_refused_at_load(value):
    state = saved_after(optim.Adam)
    state["state"][0]["exp_avg"] = value
    with pytest.raises(ValueError, match="^Invalid (exp_avg|state)"):
        optim.Adam([parameter(4)]).load_state_dict(state)


@pytest.mark.parametrize("state", [{}, None, [], {"state": {}}])
def test_what_is_no_state_dict_is_refused(state):
    with pytest.raises(ValueError, match="this is no state_dict"):
        optim.Adam([parameter(4)]).load_state_dict(state)


def test_what_was_loaded_is_not_touched_again_and_what_was_given_out_stays_live():
    p = parameter(4)
    optimizer = optim.Adagrad([p])
    live = optimizer.state_dict()
    take_steps(optimizer, [p], 2)
    assert live["state"][0]["step"].item() == 2
    saved = copy.deepcopy(live)
    other = optim.Adagrad([parameter(4)])
    other.load_state_dict(saved)
    before = str(saved)
    take_steps(other, other.param_groups[0]["params"], 3)
    assert str(saved) == before


def test_a_clip_norm_of_its_own_is_refused_when_the_group_is_added():
    optimizer = optim.SGD([parameter(2)], clip_norm=1.0)
    with pytest.raises(ValueError, match="same in every group"):
        optimizer.add_param_group({"params": [parameter(2)], "clip_norm": 2.0})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("betas", [{"a": 0.1, "b": 0.2}, {0.1, 0.2}, "ab", None])
def test_betas_that_are_no_pair(betas):
    with pytest.raises(ValueError, match="^Invalid betas"):
        optim.Adam([parameter(2)], betas=betas)


def test_a_compiled_training_step_may_hold_the_optimizers_step():
    p = parameter(3)
    optimizer = optim.SGD([p], lr=0.5)
    p.grad = torch.ones(3)
    before = p.detach().clone()
    compiled = torch.compile(lambda: optimizer.step(), backend="eager")
    compiled()
    compiled()
    assert p.equal(before - 1)


@pytest.mark.parametrize("seen", ["before the first step", "later", "in a state_dict"])
def test_a_slot_that_is_moved_through_a_reference_taken_earlier_is_followed(seen):
    p = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    p.grad = torch.ones(2)
    optimizer = optim.SGD([p], lr=0.5, momentum=0.5)
    states = optimizer.state if seen == "before the first step" else None
    optimizer.step()
    optimizer.step()
    if seen == "in a state_dict":
        slot = optimizer.state_dict()["state"][0]["momentum_buffer"]
    else:
        slot = (optimizer.state if states is None else states)[p]["momentum_buffer"]
    optimizer.step()
    optimizer.step()
    slot.data = torch.tensor([10.0, 20.0])
    before = p.detach().clone()
    optimizer.step()
    torch.testing.assert_close(before - p.detach(), torch.tensor([3.0, 5.5]))
    torch.testing.assert_close(slot, torch.tensor([6.0, 11.0]))
