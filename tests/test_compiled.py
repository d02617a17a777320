"""Steps through torch.compile: the same numbers as the plain rule, and nothing compiled twice.

Tests on the CPU use the backend "aot_eager", which traces and rewrites as the real one does but runs torch's own
operations; one test compiles for real.
"""

import copy
import math
import warnings

import pytest
import torch
from torch._dynamo.utils import counters

from small import BF16, give_gradients, model
from steepest import optim
from steepest.kernels import Step, Update, compiled, plain, prefer, state_dtype
from steepest.kernels.update import whole_update
from steepest.rules import METHODS, RULES
from test_kernels import LAYOUTS, case, every_verb, own_rule, rounded_once, same_bits, vars_of, wild_numbers

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
SHAPES = [(7, 5), (30,), (), (0, 3), (20, 31)]
on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
# torch.compile itself warns about what it uses of torch and Python
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore::FutureWarning:torch")


@pytest.fixture(autouse=True)
def by_torchs_own_operations(monkeypatch):
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    monkeypatch.setattr(compiled, "_unusable", {"meta"})


def trained(way, optimizer_of, steps=4, dtype=torch.float32, device="cpu", groups=lambda params: params):
    params = model(dtype, SHAPES, device=device)
    with prefer(way):
        optimizer = optimizer_of(groups(params))
        for step in range(steps):
            give_gradients(params, step)
            optimizer.step()
    return params, optimizer


def ran_compiled(update, constants):
    """The tensors after the compiled step."""
    update = copy.deepcopy(update)
    with warnings.catch_warnings(), prefer("compiled"):
        warnings.simplefilter("error", UserWarning)
        step = Step([update], [constants])
        assert [type(each) for _, each in step.passes] == [compiled.Pass]
        step.point_at([update.gradient])
        step.run([constants])
    return update.tensors()


def by_torch(update, constants):
    """The plain rule with the constants as tensors: a number divided by a tensor would be rounded twice."""
    wide = state_dtype(update.parameter.dtype)
    values = {name: x.to(wide) for name, x in update.tensors().items() if name != "point"}
    new = whole_update(update, values, {name: torch.tensor(c, dtype=torch.float64) for name, c in constants.items()})
    return rounded_once(update, constants, {name: x.numpy() if x.dim() else x for name, x in new.items()})


def ran_plainly(update, constants):
    update = copy.deepcopy(update)
    plain.step(update, [constants])
    return update.tensors()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.elementwise])
def test_every_rule_gives_the_bits_of_torchs_own_operations(name, dtype):
    rule = RULES[name]
    constants = rule.constants(3, {"lr": 0.13, "weight_decay": 0.37})
    update = case(rule, dtype, maximize=True)
    found = ran_compiled(update, constants)
    for key, value in by_torch(update, constants).items():
        assert same_bits(value, found[key]), key


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_parameter_without_dimensions_makes_its_step(dtype):
    p = torch.nn.Parameter(torch.tensor(1.5, dtype=dtype))
    p.grad = torch.tensor(-1.0, dtype=dtype)
    with prefer("compiled"):
        optim.SGD([p], lr=0.25).step()
    assert p.item() == 1.75


@pytest.mark.parametrize("name", ["nesterov", "adadelta"])
@pytest.mark.parametrize("slots_in", [torch.float32, torch.bfloat16])
def test_stochastic_rounding_gives_the_bits_of_its_definition(name, slots_in):
    rule = RULES[name]
    constants = {**rule.constants(3, {"lr": 0.13, "weight_decay": 0.37}), "rounding_key": float(0x1E240B92C71D3F)}
    update = case(rule, torch.bfloat16, slots_in=slots_in, first=2**32 - 500)
    found = ran_compiled(update, constants)
    for key, value in by_torch(update, constants).items():
        assert same_bits(value, found[key]), key


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_rule_with_every_verb(dtype):
    rule = own_rule(every_verb, "m", beta=0.7)
    update = case(rule, dtype)
    found = ran_compiled(update, rule.constants(1, {}))
    for key, value in ran_plainly(update, rule.constants(1, {})).items():
        assert same_bits(value, found[key]), key


def test_all_that_can_happen_beside_the_rule():
    rule = RULES["nesterov"]
    update = case(rule, torch.bfloat16, maximize=True, scaled=True, zero_gradient=True)
    update = Update(**{**vars_of(update), "average": wild_numbers(1003, torch.float32, 20)})
    constants = {**rule.constants(3, {"lr": 0.1}), "gradient_scale": 0.3, "average_rate": 0.01}
    found = ran_compiled(update, constants)
    for key, value in ran_plainly(update, constants).items():
        assert same_bits(value, found[key]), key
    assert not found["g"].any()


def test_clipping_ema_and_zeroing_as_in_the_fused_pass():
    def clipped(params):
        return optim.AdamW(params, lr=0.1, clip_norm=0.5, ema=0.9, zero_grad_after_step=True, maximize=True)

    (ours, mine), (theirs, peer) = trained("compiled", clipped), trained("fused", clipped)
    assert all(not p.grad.any() for p in ours)
    with mine.averaged(), peer.averaged():
        torch.testing.assert_close(ours, theirs, rtol=2e-6, atol=1e-7)
    torch.testing.assert_close(ours, theirs, rtol=2e-6, atol=1e-7)
    unclipped, _ = trained("fused", lambda params: optim.AdamW(params, lr=0.1, ema=0.9, maximize=True))
    assert (ours[0] - unclipped[0]).abs().max() > 1e-4


def test_stochastic_rounding_gives_every_group_and_step_the_bits_of_the_fused_pass():
    def groups(params):
        *others, matrix = params
        matrix.data = matrix.data.t()  # its weights are counted in the order of memory
        return [{"params": others, "lr": 0.1}, {"params": [matrix], "rounding_seed": 3}]

    def rounding(params):
        return optim.SGD(params, lr=0.01, momentum=0.9, state_dtype=BF16, stochastic_rounding=True)

    (ours, mine), (theirs, peer) = (trained(way, rounding, dtype=BF16, groups=groups) for way in ("compiled", "fused"))
    assert [type(each) for _, each in mine._plan._step.passes] == [compiled.Pass]
    for p, q in zip(ours, theirs, strict=True):
        assert p.equal(q)
        assert mine.state[p]["momentum_buffer"].equal(peer.state[q]["momentum_buffer"])


def test_an_infinite_gradient_changes_nothing():
    params, optimizer = trained("compiled", optim.Adam)
    before = copy.deepcopy(([p.detach() for p in params], optimizer.state_dict()))
    scaling = torch.amp.GradScaler("cpu", init_scale=4.0)
    scaling.scale(torch.tensor(1.0))
    give_gradients(params, 1)
    params[1].grad[3] = math.inf
    with prefer("compiled"):
        scaling.step(optimizer)
    assert str(([p.detach() for p in params], optimizer.state_dict())) == str(before)


def test_one_gradient_for_two_parameters():
    params, shared = [torch.nn.Parameter(torch.zeros(3)) for _ in range(2)], torch.ones(3)
    for p in params:
        p.grad = shared
    with prefer("compiled"):
        optim.SGD(params, lr=1.0, zero_grad_after_step=True).step()
    assert [p.tolist() for p in params] == [[-1.0] * 3] * 2
    assert not shared.any()


@pytest.mark.parametrize("name", LAYOUTS)
def test_any_layout(name):
    base = LAYOUTS[name]()
    ours, theirs = torch.nn.Parameter(base), torch.nn.Parameter(base.detach().clone())
    ours.grad, theirs.grad = torch.ones_like(base), torch.ones_like(theirs)
    with prefer("compiled"):
        optim.SGD([ours], lr=0.5).step()
    optim.SGD([theirs], lr=0.5).step()
    assert ours.equal(theirs)


def test_parameters_that_are_views_of_one_storage():
    memory = torch.ones(100)
    params = [torch.nn.Parameter(memory[:40]), torch.nn.Parameter(memory[60:])]
    for k, p in enumerate(params):
        p.grad = torch.full_like(p, 1.0 + k)
    with prefer("compiled"):
        optim.SGD(params, lr=0.5).step()
    assert memory[:40].eq(0.5).all()
    assert memory[40:60].eq(1).all()
    assert memory[60:].eq(0).all()


def test_autograd_learns_that_a_parameter_has_changed():
    p = torch.nn.Parameter(torch.ones(3))
    loss = (p**2).sum()
    p.grad = torch.ones(3)
    with prefer("compiled"):
        optim.SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


# ------------------------------------------------------------------------------------------------- compiled only once


def compilations():
    return counters["stats"]["unique_graphs"]


def test_rates_schedules_and_counts_are_data():
    params = model(shapes=SHAPES)
    optimizer = optim.Adam(params, lr=0.1, weight_decay=0.1, clip_norm=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    torch._dynamo.reset()
    compiled._kernels.clear()
    with prefer("compiled"):
        give_gradients(params, 0)
        optimizer.step()
        before = compilations()
        for step in range(20):
            optimizer.param_groups[0]["eps"] = 1e-8 * (1 + step)
            give_gradients(params, step)
            optimizer.step()
            schedule.step()
    assert before > 0
    assert compilations() == before


def test_many_groups_are_rows_of_one_compiled_function():
    def groups(params):
        return [{"params": [p], "lr": 0.01 * (1 + k)} for k, p in enumerate(params)]

    torch._dynamo.reset()
    compiled._kernels.clear()
    before = compilations()
    ours, _ = trained("compiled", optim.Adam, groups=groups)
    assert compilations() == before + 1
    theirs, _ = trained("plain", optim.Adam, groups=groups)
    assert all(same_bits(p, q) for p, q in zip(ours, theirs, strict=True))


def test_more_models_than_torch_compiles_one_function_for():
    """Each program and each set of shapes is a function of its own, so torch's limit of 8 is never met."""
    torch._dynamo.reset()
    for size in range(1, 13):
        p = torch.nn.Parameter(torch.ones(size))
        p.grad = torch.ones(size)
        with prefer("compiled"), torch._dynamo.config.patch(fail_on_recompile_limit_hit=True):
            optim.SGD([p], lr=0.5).step()
        assert p.eq(0.5).all()


def test_the_same_model_again_is_not_compiled_again():
    trained("compiled", optim.RMSprop)
    before = compilations()
    trained("compiled", optim.RMSprop)
    assert compilations() == before


# ----------------------------------------------------------------------------------------------------- asking for it


def test_a_preference_holds_for_the_block_and_is_heeded_at_once():
    p = torch.nn.Parameter(torch.ones(3))
    optimizer = optim.SGD([p], lr=0.5)
    for way, kind in (("fused", "fused"), ("compiled", "compiled"), ("fused", "fused")):
        p.grad = torch.ones(3)
        with prefer(way):
            optimizer.step()
        ((_, each),) = optimizer._plan._step.passes
        assert type(each).__module__ == f"steepest.kernels.{kind}"
    with prefer("plain"):
        optimizer.step()
    assert not optimizer._plan._step.passes
    assert p.eq(-1).all()


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match="unknown way 'compile'; did you mean 'compiled'?"), prefer("compile"):
        pass


def test_without_a_compiler_the_plain_rule_runs_and_says_so_once():
    def refuse(*_):
        raise RuntimeError("no compiler here")

    compiled_before, compiled.BACKEND = compiled.BACKEND, refuse
    try:
        with pytest.warns(UserWarning, match="torch.compile does not work here for cpu.*plain tensor operations"):
            ours, _ = trained("compiled", lambda p: optim.Adam(p, zero_grad_after_step=True))
        more, _ = trained("compiled", optim.Adam)  # silently
    finally:
        compiled.BACKEND = compiled_before
    theirs, _ = trained("plain", optim.Adam)
    assert all(same_bits(p, q) for p, q in zip(ours, theirs, strict=True))
    assert all(same_bits(p, q) for p, q in zip(more, theirs, strict=True))


# ------------------------------------------------------------------------------------------------------ the real thing


def test_machine_code_gives_the_bits_of_the_fused_pass(monkeypatch):
    """Inductor contracts nothing on a CPU, so what is left is the order of operations, which is the rule's."""
    monkeypatch.setattr(compiled, "BACKEND", "inductor")
    monkeypatch.setenv("TORCHINDUCTOR_COMPILE_THREADS", "1")

    def groups(params):
        return [{"params": params[:2]}, {"params": params[2:], "state_dtype": BF16, "stochastic_rounding": True}]

    def everything(params):
        return optim.Adam(params, lr=0.1, weight_decay=0.1, clip_norm=1.0)

    ours, _ = trained("compiled", everything, dtype=BF16, groups=groups)
    theirs, _ = trained("fused", everything, dtype=BF16, groups=groups)
    assert all(same_bits(p, q) for p, q in zip(ours, theirs, strict=True))


@on_a_gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", METHODS)
def test_on_a_gpu_it_is_the_way_and_gives_the_plain_rules_numbers(name, dtype, monkeypatch):
    """Triton contracts a·b + c, which rounds once less."""
    monkeypatch.setattr(compiled, "BACKEND", "inductor")
    rule = METHODS[name]
    constants = rule.constants(3, {"lr": 0.13, "weight_decay": 0.1})
    generator = torch.Generator().manual_seed(0)
    parameter, gradient = (torch.randn(1003, generator=generator).to("cuda", dtype) for _ in range(2))
    slots = tuple(torch.rand(1003, generator=generator).to("cuda", state_dtype(dtype)) for _ in rule.slots)
    theta = parameter.clone() if rule.moves_the_gradient_point else None
    update = Update(rule, parameter, gradient, slots, theta=theta)
    other = copy.deepcopy(update)
    step = Step([other], [constants])
    assert [type(each) for _, each in step.passes] == [compiled.Pass]
    step.point_at([other.gradient])
    step.run([constants])
    for key, value in ran_plainly(update, constants).items():
        wide = torch.finfo(value.dtype).eps
        torch.testing.assert_close(other.tensors()[key], value, rtol=8 * wide, atol=8 * wide)


@on_a_gpu
def test_on_a_gpu_clipping_ema_and_zeroing(monkeypatch):
    monkeypatch.setattr(compiled, "BACKEND", "inductor")

    def clipped(params):
        return optim.AdamW(params, lr=0.1, clip_norm=0.5, ema=0.9, zero_grad_after_step=True)

    (ours, mine), (theirs, peer) = (trained(way, clipped, device="cuda") for way in ("compiled", "plain"))
    with mine.averaged(), peer.averaged():
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
