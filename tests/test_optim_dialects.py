"""The lecture's and the papers' forms through the classes: against the 50-digit oracle; Nesterov's two points."""

import copy
import inspect
import io
import json
from pathlib import Path

import pytest
import torch

from steepest import optim
from steepest.optim.form import facts, native
from steepest.optim.lr_scheduler import ScheduledLR
from steepest.optim.options import read_numbers
from steepest.schedules import constant, linear

ORACLE = json.loads((Path(__file__).parent / "data" / "lecture_oracle.json").read_text())

# the oracle's name → class, options for its hyperparameters
FORMS = {
    "gradient_descent": (optim.SGD, lambda _: {}),
    "momentum": (optim.SGD, lambda h: {"momentum": h["alpha"]}),
    "nesterov": (optim.SGD, lambda h: {"momentum": h["alpha"], "nesterov": True}),
    "adagrad": (optim.Adagrad, lambda h: {"eps": h["delta"]}),
    "rmsprop": (optim.RMSprop, lambda h: {"alpha": h["rho"], "eps": h["delta"]}),
    "adadelta": (optim.Adadelta, lambda h: {"rho": h["rho"], "eps": h["delta"]}),
    "adam_as_printed": (optim.Adam, lambda h: {"betas": (h["rho1"], h["rho2"]), "eps": h["delta"]}),
    "adam_as_published": (optim.Adam, lambda h: {"betas": (h["rho1"], h["rho2"]), "eps": h["delta"]}),
}


def make(name, row, params):
    optimizer_class, options = FORMS[name]
    hyper = {key: value if isinstance(value, bool) else float(value) for key, value in row["hyper"].items()}
    dialect = "paper" if name == "adam_as_published" else "lecture"
    rate = {} if name == "adadelta" else {"lr": 0.05}
    return optimizer_class(params, dialect=dialect, **rate, **options(hyper))


def relative(value, reference):
    return abs(value / float(reference) - 1)


@pytest.mark.parametrize("key", ORACLE["quartic"])
def test_the_worked_example(key):
    name, schedule = key.split(" | ")
    row = ORACLE["quartic"][key]
    theta = torch.nn.Parameter(torch.tensor(float(row["theta0"]), dtype=torch.float64))
    optimizer = make(name, row, [theta])
    decay = constant() if schedule.startswith("constant") or name == "adadelta" else linear(steps=40)
    scheduler = ScheduledLR(optimizer, decay)
    for reference in row["theta"]:
        optimizer.zero_grad()
        (0.3 * theta**4 - 0.1 * theta**3 - 2 * theta**2 - 0.8 * theta).backward()
        optimizer.step()
        scheduler.step()
        optimizer.eval()
        assert relative(theta.item(), reference) < 1e-12
        optimizer.train()


@pytest.mark.parametrize("name", FORMS)
def test_fixed_gradients_over_nine_orders_of_magnitude(name):
    row = ORACLE["fixed_gradients"][name]
    theta = torch.nn.Parameter(torch.ones(6, dtype=torch.float64))
    optimizer = make(name, row, [theta])
    scheduler = ScheduledLR(optimizer, constant() if name == "adadelta" else linear(steps=40))
    for grads, reference in zip(ORACLE["fixed_gradients"]["gradients"], row["theta"], strict=True):
        theta.grad = torch.tensor([float(g) for g in grads], dtype=torch.float64)
        optimizer.step()
        scheduler.step()
        optimizer.eval()
        assert max(relative(x, r) for x, r in zip(theta.tolist(), reference, strict=True)) < 1e-12
        optimizer.train()


def walked(optimizer_class, dialect, **options):
    theta = torch.nn.Parameter(torch.linspace(-1, 2, 7, dtype=torch.float64))
    optimizer = optimizer_class([theta], dialect=dialect, **options)
    scheduler = ScheduledLR(optimizer, linear(steps=20))
    for _ in range(30):
        theta.grad = theta.detach().sin() * 3
        optimizer.step()
        scheduler.step()
    optimizer.eval()
    return theta.detach().clone()


@pytest.mark.parametrize(
    ("optimizer_class", "one", "other", "options"),
    [
        (optim.SGD, "torch", "lecture", {"lr": 0.1, "momentum": 0.8}),
        (optim.SGD, "torch", "lecture", {"lr": 0.1, "momentum": 0.8, "nesterov": True}),
        (optim.RMSprop, "torch", "paper", {"lr": 0.1, "eps": 0.1}),
        (optim.RMSprop, "torch", "paper", {"lr": 0.1, "eps": 1e-1, "centered": True, "momentum": 0.5}),
        (optim.Adadelta, "torch", "lecture", {"eps": 1e-3}),
        (optim.Adam, "torch", "lecture", {"lr": 0.1, "eps": 1e-3}),
    ],
)
def test_dialects_are_different_methods(optimizer_class, one, other, options):
    difference = walked(optimizer_class, one, **options) - walked(optimizer_class, other, **options)
    assert difference.abs().max() > 1e-4


@pytest.mark.parametrize(
    ("optimizer_class", "options"),
    [(optim.SGD, {"momentum": 0.9, "nesterov": True}), (optim.SGD, {"momentum": 0.9}), (optim.Adagrad, {})],
)
def test_papers_that_the_lecture_follows(optimizer_class, options):
    assert walked(optimizer_class, "paper", **options).equal(walked(optimizer_class, "lecture", **options))


def nesterov(theta, **options):
    return optim.SGD([theta], lr=0.05, momentum=0.7, nesterov=True, dialect="lecture", **options)


def descend(theta, optimizer, steps):
    for _ in range(steps):
        theta.grad = torch.cos(3 * theta.detach()) + theta.detach()
        optimizer.step()


def test_train_and_eval_switch_between_the_two_points_bit_for_bit():
    theta = torch.nn.Parameter(torch.tensor([0.3, -2.0, 1e-3]))
    optimizer = nesterov(theta)
    descend(theta, optimizer, 5)
    ahead = theta.detach().clone()
    optimizer.train()
    assert theta.equal(ahead)
    optimizer.eval()
    kept = theta.detach().clone()
    assert kept.equal(optimizer.state[theta]["theta"])
    assert not kept.equal(ahead)
    optimizer.eval()
    assert theta.equal(kept)
    optimizer.train()
    optimizer.train()
    assert theta.equal(ahead)
    torch.testing.assert_close(ahead, kept + 0.7 * optimizer.state[theta]["momentum_buffer"])


def test_looking_at_the_model_does_not_change_the_path():
    looked, alone = (torch.nn.Parameter(torch.tensor([0.3, -2.0, 1e-3])) for _ in range(2))
    watched, unwatched = nesterov(looked), nesterov(alone)
    for _ in range(20):
        descend(looked, watched, 1)
        watched.eval()
        watched.train()
        descend(alone, unwatched, 1)
    assert looked.equal(alone)


@pytest.mark.parametrize("make_optimizer", [nesterov, lambda theta: optim.Adam([theta])])
def test_step_in_eval_mode_is_refused_and_the_mode_is_saved(make_optimizer):
    theta = torch.nn.Parameter(torch.tensor([0.3, -2.0]))
    optimizer = make_optimizer(theta)
    descend(theta, optimizer, 3)
    optimizer.eval()
    before = theta.detach().clone()
    with pytest.raises(RuntimeError, match=r"optimizer\.train\(\)"):
        optimizer.step()
    assert theta.equal(before)

    buffer = io.BytesIO()
    torch.save({"model": theta.detach(), "optimizer": optimizer.state_dict()}, buffer)
    buffer.seek(0)
    saved = torch.load(buffer, weights_only=True)
    other = torch.nn.Parameter(saved["model"])
    loaded = make_optimizer(other)
    loaded.load_state_dict(saved["optimizer"])
    with pytest.raises(RuntimeError, match="eval mode"):
        loaded.step()
    for p, o in ((theta, optimizer), (other, loaded)):
        o.train()
        descend(p, o, 5)
    assert theta.equal(other)


def test_a_group_added_in_eval_mode_shares_the_mode():
    theta, late = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(3))
    optimizer = nesterov(theta)
    optimizer.eval()
    optimizer.add_param_group({"params": [late]})
    with pytest.raises(RuntimeError, match="eval mode"):
        optimizer.step()
    optimizer.train()
    descend(late, optimizer, 1)


@pytest.mark.parametrize("options", [{}, {"nesterov": True}])
def test_initial_velocity(options):
    start, velocity = torch.tensor([1.0, -2.0], dtype=torch.float64), torch.tensor([0.5, 0.25], dtype=torch.float64)
    theta = torch.nn.Parameter(start.clone())
    optimizer = optim.SGD([theta], lr=0.1, momentum=0.8, dialect="lecture", initial_velocity=[velocity], **options)
    at = start + 0.8 * velocity if options else start
    assert theta.equal(at)
    gradient = 2 * theta.detach()
    theta.grad = gradient.clone()
    optimizer.step()
    optimizer.eval()
    assert theta.equal(start + (0.8 * velocity - 0.1 * gradient))
    assert velocity.equal(torch.tensor([0.5, 0.25], dtype=torch.float64))


def test_initial_velocity_for_each_group_and_as_a_number():
    a, b = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(3))
    groups = [{"params": iter([a]), "initial_velocity": 1.0}, {"params": b}]
    optimizer = optim.SGD(groups, lr=0.1, momentum=0.5, dialect="lecture", initial_velocity=2.0)
    for p in (a, b):
        p.grad = torch.zeros_like(p)
    optimizer.step()
    assert a.tolist() == [0.5, 0.5]
    assert b.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dialect": "torch", "initial_velocity": 0.0}, "dialect='lecture'"),
        ({"dialect": "lecture", "initial_velocity": [torch.zeros(3)]}, r"allowed is a number.*\(2,\)"),
        ({"dialect": "lecture", "initial_velocity": float("nan")}, "initial_velocity"),
        ({"dialect": "lecture", "initial_velocity": "fast"}, "initial_velocity"),
    ],
)
def test_bad_initial_velocity(options, message):
    with pytest.raises(ValueError, match=message):
        optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.1, momentum=0.5, **options)


def test_copies_go_their_own_way():
    theta = torch.nn.Parameter(torch.tensor([0.3, -2.0]))
    optimizer = nesterov(theta)
    descend(theta, optimizer, 3)
    other, twin = copy.deepcopy((theta, optimizer))
    descend(other, twin, 3)
    before = theta.detach().clone()
    descend(theta, optimizer, 3)
    assert not theta.equal(before)
    assert theta.equal(other)


def test_build_makes_each_method_of_the_lecture():
    for method in ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adam-printed", "adamw"):
        theta = torch.nn.Parameter(torch.tensor([0.3, -2.0]))
        optimizer = optim.build(method, [theta], lr=0.25)
        assert optimizer.param_groups[0]["lr"] == 0.25
        descend(theta, optimizer, 2)
    with pytest.raises(ValueError, match="did you mean 'adam'"):
        optim.build("adan", [theta])
    with pytest.raises(ValueError, match="unknown hyperparameter of sgd 'eps'"):
        optim.build("sgd", [theta], eps=1)


def test_weights_put_in_while_in_eval_mode_are_kept():
    theta = torch.nn.Parameter(torch.tensor([0.3, -2.0]))
    optimizer = nesterov(theta)
    descend(theta, optimizer, 3)
    optimizer.eval()
    theta.data.fill_(50.0)
    optimizer.train()
    optimizer.eval()
    assert theta.tolist() == [50.0, 50.0]


def test_momentum_that_changes_between_steps_needs_train_anew():
    theta = torch.nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    optimizer = optim.SGD([theta], lr=0.1, momentum=0.5, nesterov=True, dialect="lecture")
    x, v = 1.0, 0.0
    for k in range(5):
        alpha = 0.5 + 0.08 * k
        optimizer.param_groups[0]["momentum"] = alpha
        optimizer.train()
        theta.grad = theta.detach().clone()
        optimizer.step()
        v = alpha * v - 0.1 * (x + alpha * v)
        x = x + v
    optimizer.eval()
    assert relative(theta.item(), x) < 1e-14


def test_leaving_nesterov_goes_on_from_theta():
    theta = torch.nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    optimizer = nesterov(theta)
    descend(theta, optimizer, 3)
    kept, velocity = optimizer.state[theta]["theta"].item(), optimizer.state[theta]["momentum_buffer"].item()
    optimizer.param_groups[0]["nesterov"] = False
    theta.grad = torch.zeros(1, dtype=torch.float64)
    optimizer.step()
    assert theta.item() == kept + 0.7 * velocity
    optimizer.param_groups[0]["nesterov"] = True
    optimizer.step()
    assert relative(optimizer.state[theta]["theta"].item(), kept + 0.7 * velocity + 0.49 * velocity) < 1e-14


# --- a dialect's defaults ---------------------------------------------------------------------------------------------


def options_of(group, *names):
    return [group[name] for name in names]


def test_what_is_not_given_is_as_the_dialect_has_it():
    p = torch.nn.Parameter(torch.ones(2))
    (group,) = optim.RMSprop([p], dialect="keras").param_groups
    assert options_of(group, "lr", "alpha", "eps", "momentum", "weight_decay") == [1e-3, 0.9, 1e-7, 0, 0]
    (group,) = optim.RMSprop([p], 1e-2, eps=1e-8, dialect="keras").param_groups
    assert options_of(group, "lr", "alpha", "eps") == [1e-2, 0.9, 1e-8]
    assert optim.AdamW([p], dialect="optax").param_groups[0]["weight_decay"] == 1e-4
    assert optim.Adam([p], dialect="keras", betas=(0.8, 0.9)).defaults["betas"] == (0.8, 0.9)


CLASSES = [
    getattr(optim, name) for name in optim.__all__ if name != "Optimizer" and isinstance(getattr(optim, name), type)
]


@pytest.mark.parametrize("made", CLASSES, ids=lambda made: made.__name__)
def test_a_class_has_the_defaults_of_its_rules(made):
    """In the class's own dialect they stand twice: in torch's manner in the signature, and in the rule."""
    written = {name: p.default for name, p in inspect.signature(made).parameters.items() if name != "params"}
    numbers = read_numbers(facts(made.forms), written)
    for form in native(made.forms):
        of_adamw = {"weight_decay"} if "decoupled_weight_decay" in form.flags else set()
        compared = {n: v for n, v in form.rule.defaults.items() if n in numbers and n not in {*form.flags, *of_adamw}}
        assert {name: numbers[name] for name in compared} == compared


def test_a_group_has_its_own_dialects_defaults():
    a, b, c = (torch.nn.Parameter(torch.ones(2)) for _ in range(3))
    optimizer = optim.Adam([{"params": [a]}, {"params": [b], "dialect": "torch"}], lr=0.5, dialect="keras")
    optimizer = copy.deepcopy(optimizer)
    optimizer.add_param_group({"params": [c], "dialect": "torch", "betas": (0.5, 0.6)})
    assert [options_of(g, "lr", "eps") for g in optimizer.param_groups] == [[0.5, 1e-7], [0.5, 1e-8], [0.5, 1e-8]]


def test_what_a_dialect_does_not_know_is_refused():
    p = torch.nn.Parameter(torch.ones(2))
    with pytest.raises(ValueError, match="lr_decay=0.1 has no place in AdaGrad, δ inside the root as dialect 'keras'"):
        optim.Adagrad([p], lr_decay=0.1, dialect="keras")
    with pytest.raises(ValueError, match="dialect 'optax' has no form with"):
        optim.SGD([p], momentum=0.9, dampening=0.1, dialect="optax")
    with pytest.raises(ValueError, match="unknown dialect 'keas'; did you mean 'keras'"):
        optim.SGD([p], dialect="keas")


def test_adamw_of_the_paper_decays_by_the_schedules_share():
    """θ ← θ − η_t (α m̂/… + λθ): torch's λ is the paper's over α, also under a schedule."""
    ends = []
    for dialect, decay in (("paper", 0.004), ("torch", 0.004 / 0.02)):
        theta = torch.nn.Parameter(torch.linspace(-1, 2, 7, dtype=torch.float64))
        optimizer = optim.AdamW([theta], lr=0.02, weight_decay=decay, dialect=dialect)
        scheduler = ScheduledLR(optimizer, linear(steps=20))
        for _ in range(30):
            theta.grad = theta.detach().sin()
            optimizer.step()
            scheduler.step()
        ends.append(theta.detach())
    torch.testing.assert_close(*ends, rtol=1e-13, atol=0)


def test_adan_divides_by_its_decay_unless_told_not_to():
    """After one step: (θ − u)/(1 + ελ), or (1 − ελ)θ − u, as in the authors' program."""
    moved = {}
    for no_prox, decay in ((False, 0.0), (False, 0.5), (True, 0.5)):
        theta = torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
        theta.grad = torch.tensor([3.0], dtype=torch.float64)
        optim.Adan([theta], lr=0.1, weight_decay=decay, no_prox=no_prox).step()
        moved[no_prox, decay] = theta.item()
    step = 2.0 - moved[False, 0.0]
    assert step == pytest.approx(0.1)
    assert moved[False, 0.5] == pytest.approx((2.0 - step) / 1.05, rel=1e-12)
    assert moved[True, 0.5] == pytest.approx(2.0 * 0.95 - step, rel=1e-12)
