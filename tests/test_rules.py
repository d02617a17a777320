"""The rules as plain functions: against 50-digit arithmetic, and what each of them promises."""

import importlib
import math
import pkgutil

import numpy as np
import pytest
from mpmath import mpf

import steepest.rules
from oracles import ORACLES, SETTINGS, fixed_gradient_path, fixed_gradients, lecture
from steepest.names import nearest
from steepest.rules import METHODS, RULES, Hyperparameter, InvalidNumber, NotANumber, Rule, Slot, variant
from steepest.rules.rule import as_float
from walk import KINDS, digits, linear_rates, off_by, quartic_gradient, settings, start, walk

TOLERANCE = 1e-12

# rules of numbers; those of whole matrices have tests of their own
SCALAR = {name: rule for name, rule in RULES.items() if not name.startswith("muon")}

every_rule = pytest.mark.parametrize("rule", SCALAR.values(), ids=SCALAR)
every_elementwise_rule = pytest.mark.parametrize(
    "rule", [rule for rule in RULES.values() if rule.elementwise], ids=lambda rule: rule.name
)
every_kind = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
every_hyperparameter = pytest.mark.parametrize(
    ("rule", "name"),
    [pytest.param(rule, h.name, id=f"{rule.name}-{h.name}") for rule in SCALAR.values() for h in rule.hyperparameters],
)

GRADIENTS = [[float(g) for g in row] for row in fixed_gradients()]
ONES = [1.0] * len(GRADIENTS[0])


def fixed_path(rule, make, hyperparameters, rate):
    """θ from 1 under the fixed gradients, all six at once."""
    return list(walk(rule, make(ONES), lambda _, k: make(GRADIENTS[k]), len(GRADIENTS), hyperparameters, rate))


def fixed_path_of_floats(rule, hyperparameters, rate):
    """The same, one Python float after the other."""
    columns = [
        walk(rule, 1.0, lambda _, k, j=j: GRADIENTS[k][j], len(GRADIENTS), hyperparameters, rate)
        for j in range(len(ONES))
    ]
    return list(zip(*columns, strict=True))


# --- the lecture's oracle ---------------------------------------------------------------------------------------------

LECTURE = [name for name in lecture()["fixed_gradients"] if name != "gradients"]


def lecture_hyperparameters(name, entry):
    """The oracle's hyperparameters under the rule's names."""
    ours = {"alpha": "momentum", "delta": "eps", "rho1": "beta1", "rho2": "beta2", "rho": "rho"}
    if name == "rmsprop":
        ours["rho"] = "alpha"
    return {ours[key]: float(value) for key, value in entry["hyper"].items() if key != "inside"}


def lecture_rates(name, schedule):
    """ε_k as the oracle has it; AdaDelta has no rate."""
    if name == "adadelta":
        return lambda k: 1.0
    return linear_rates(0.05) if schedule.startswith("linear") else lambda k: 0.05


@pytest.mark.parametrize("case", lecture()["quartic"])
def test_quartic_of_the_lecture_on_floats(case):
    name, schedule = case.split(" | ")
    entry = lecture()["quartic"][case]
    hyperparameters = lecture_hyperparameters(name, entry)
    path = walk(RULES[name], -2.8, lambda x, _: quartic_gradient(x), 99, hyperparameters, lecture_rates(name, schedule))
    assert off_by(path, entry["theta"]) < TOLERANCE


@every_kind
@pytest.mark.parametrize("case", lecture()["quartic"])
def test_quartic_of_the_lecture_on_arrays_and_tensors(case, make):
    name, schedule = case.split(" | ")
    entry = lecture()["quartic"][case]
    hyperparameters, rates = lecture_hyperparameters(name, entry), lecture_rates(name, schedule)
    path = walk(RULES[name], make([-2.8, -2.8]), lambda x, _: quartic_gradient(x), 99, hyperparameters, rates)
    assert off_by(path, [[theta, theta] for theta in entry["theta"]]) < TOLERANCE


@pytest.mark.parametrize("name", LECTURE)
def test_fixed_gradients_of_the_lecture_on_floats(name):
    entry = lecture()["fixed_gradients"][name]
    rates = lecture_rates(name, entry["schedule"])
    path = fixed_path_of_floats(RULES[name], lecture_hyperparameters(name, entry), rates)
    assert off_by(path, entry["theta"]) < TOLERANCE


@every_kind
@pytest.mark.parametrize("name", LECTURE)
def test_fixed_gradients_of_the_lecture_on_arrays_and_tensors(name, make):
    entry = lecture()["fixed_gradients"][name]
    rates = lecture_rates(name, entry["schedule"])
    path = fixed_path(RULES[name], make, lecture_hyperparameters(name, entry), rates)
    assert off_by(path, entry["theta"]) < TOLERANCE


def test_worked_example_ends_where_the_slides_say():
    """After 99 steps, and where the walk comes to rest: momentum alone escapes the local minimum."""
    for name, after_99, at_rest in (
        ("gradient_descent", -1.586346, -1.58634606),
        ("momentum", 2.042137, 2.04213687),
        ("nesterov", -1.586346, -1.58634606),
    ):
        hyperparameters = {"lr": 0.05, "momentum": 0.7}
        path = list(walk(RULES[name], -2.8, lambda x, _: quartic_gradient(x), 300, hyperparameters))
        assert path[98] == pytest.approx(after_99, abs=5e-7)
        assert path[-1] == pytest.approx(at_rest, abs=5e-9)


# --- every rule against its own oracle --------------------------------------------------------------------------------


def test_every_rule_has_an_oracle():
    assert set(SCALAR) == set(ORACLES)


@every_rule
def test_every_hyperparameter_at_work(rule):
    exact = fixed_gradient_path(rule.name, **digits(rule))
    rates = linear_rates(float(SETTINGS["lr"]))
    assert off_by(fixed_path_of_floats(rule, settings(rule), rates), exact) < TOLERANCE


@every_kind
@every_elementwise_rule
def test_every_hyperparameter_at_work_on_arrays_and_tensors(rule, make):
    exact = fixed_gradient_path(rule.name, **digits(rule))
    assert off_by(fixed_path(rule, make, settings(rule), linear_rates(float(SETTINGS["lr"]))), exact) < TOLERANCE


@every_rule
def test_moving_gradients(rule):
    """On the quartic the gradient depends on where it is taken; 20 steps, before the centered forms lose digits."""
    exact = {name: mpf(value) for name, value in digits(rule).items()}
    lr = exact.pop("lr")

    def gradient(x, _):
        return mpf("1.2") * x**3 - mpf("0.3") * x**2 - 4 * x - mpf("0.8")

    expected = list(ORACLES[rule.name](mpf("-2.8"), gradient, lambda k: lr, 20, **exact))
    path = walk(rule, -2.8, lambda x, _: quartic_gradient(x), 20, settings(rule))
    assert off_by(path, expected) < TOLERANCE


@every_rule
def test_default_hyperparameters(rule):
    """Columns two to five: gradients from 1e-3 to 10; with δ near 0 the centered forms lose digits elsewhere."""
    exact = fixed_gradient_path(rule.name, **{name: repr(value) for name, value in rule.defaults.items()})
    path = fixed_path_of_floats(rule, rule.defaults, linear_rates(rule.defaults["lr"]))
    assert off_by([row[1:5] for row in path], [row[1:5] for row in exact]) < TOLERANCE


@every_hyperparameter
def test_every_hyperparameter_changes_the_result(rule, name):
    """One hundredth of its value moves the result by 100 times the tolerance at least: no term hides below it."""
    if (rule.name, name) in {("asgd", "t0"), ("rprop_late", "weight_decay")}:
        pytest.skip("it moves the mean of θ, not θ; or, beside these gradients, no sign")
    values = settings(rule)
    moved = {**values, name: 1.01 * values[name]}
    path = fixed_path(rule, np.array, values, linear_rates(values["lr"]))
    other = fixed_path(rule, np.array, moved, linear_rates(moved["lr"]))
    assert off_by(other, path) > 100 * TOLERANCE


@every_kind
@every_elementwise_rule
def test_same_numbers_on_floats_arrays_and_tensors(rule, make):
    """Last digits aside: some frameworks divide a number by a tensor in two roundings."""
    rates = linear_rates(float(SETTINGS["lr"]))
    path = fixed_path(rule, make, settings(rule), rates)
    assert off_by(path, fixed_path_of_floats(rule, settings(rule), rates)) < 1e-13


# --- what every rule promises -----------------------------------------------------------------------------------------


def keeps_weights(rule):
    """Whether slots or steps are made of θ: at ∞ they are not finite, whatever the decay."""
    return not rule.elementwise or any(slot.initial == "theta" or slot.name == "ax" for slot in rule.slots)


def one_step(rule, hyperparameters, theta, g, t=1):
    """The result of one step from the rule's own start."""
    constants = rule.constants(t, hyperparameters)
    return rule.step(theta, g, start(rule, hyperparameters, np.zeros_like(theta)), constants)


@pytest.mark.parametrize("rule", [r for r in SCALAR.values() if not keeps_weights(r)], ids=lambda rule: rule.name)
def test_without_weight_decay_its_term_is_left_out(rule):
    """0 · ∞ is NaN: a term that is multiplied by 0 instead of left out would show."""
    with np.errstate(invalid="ignore"):
        at_infinity = one_step(rule, settings(rule, weight_decay=0.0), np.array([np.inf]), np.array([0.5]))
        decayed = one_step(rule, settings(rule), np.array([np.inf]), np.array([0.5]))
    assert at_infinity[0] == np.inf
    assert all(np.isfinite(slot).all() for slot in at_infinity[1:])
    # which divide, or ask for signs alone, and leave ∞ at ∞
    assert np.isnan(decayed[0]) or rule in (RULES["adan_proximal"], RULES["rprop_late"])


def test_decay_of_nesterov_is_the_gradient_of_the_penalty():
    """Coupled decay and λ/2 ‖θ‖² in the loss are the same method, wherever the gradient is taken."""
    decay = 0.02
    for name in ("momentum", "nesterov", "nesterov_torch"):
        rule = RULES[name]
        penalised = walk(
            rule,
            -2.8,
            lambda x, _: quartic_gradient(x) + decay * x,
            30,
            settings(rule, weight_decay=0.0),
        )
        by_rule = walk(rule, -2.8, lambda x, _: quartic_gradient(x), 30, settings(rule, weight_decay=decay))
        assert off_by(by_rule, list(penalised)) < TOLERANCE


@every_rule
def test_arrays_that_are_given_are_not_written(rule):
    hyperparameters = settings(rule)
    theta, g = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    slots = [slot + 0.25 for slot in start(rule, hyperparameters, theta)]
    for given in (theta, g, *slots):
        given.setflags(write=False)  # NumPy refuses the write itself
    rule.step(theta, g, slots, rule.constants(2, hyperparameters))


@every_rule
def test_tensors_that_are_given_are_not_written(rule):
    torch = pytest.importorskip("torch")
    hyperparameters = settings(rule)
    theta, g = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0])
    given = [theta, g, *(slot + 0.25 for slot in start(rule, hyperparameters, theta))]
    before = [x.clone() for x in given]
    rule.step(theta, g, given[2:], rule.constants(2, hyperparameters))
    assert all(torch.equal(x, y) for x, y in zip(given, before, strict=True))


@every_kind
@every_elementwise_rule
@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_bad_element_stays_alone(rule, make, poison):
    """One element is NaN or ∞ in one gradient; the others walk on as if nothing had happened."""
    poisoned = [[poison if (k, j) == (3, 2) else g for j, g in enumerate(row)] for k, row in enumerate(GRADIENTS)]
    hyperparameters, rates = settings(rule), linear_rates(0.05)
    with np.errstate(invalid="ignore"):
        path = walk(rule, make(ONES), lambda _, k: make(poisoned[k]), len(GRADIENTS), hyperparameters, rates)
        *_, end = path
    *_, clean = fixed_path(rule, make, hyperparameters, rates)
    end, clean = np.asarray(end), np.asarray(clean)
    if not (rule.name in ("lion", "rprop_late") and poison == math.inf):  # which ask for signs alone
        assert not np.isfinite(end[2])
    assert np.array_equal(np.delete(end, 2), np.delete(clean, 2))


@every_rule
def test_constants_are_double_precision(rule):
    """1 − ρ formed in float32 would be 1.3e-5 off; here the rule's own formulas run on decimal digits beside it."""
    given = digits(rule) | ({"beta2": "0.999"} if "beta2" in rule.defaults else {})
    constants = rule.constants(3, {name: float(value) for name, value in given.items()})
    exact = rule.constants(3, {name: mpf(value) for name, value in given.items()})
    assert all(type(value) is float for value in constants.values())
    assert all(abs(constants[name] - exact[name]) <= 1e-12 * abs(exact[name]) for name in exact)


@every_rule
def test_steps_are_counted_only_where_they_matter(rule):
    if not rule.counts_steps:
        hyperparameters = settings(rule)
        assert rule.constants(2, hyperparameters) == rule.constants(1000, hyperparameters)


def test_momentum_under_a_schedule_depends_on_where_the_rate_stands():
    """Inside the velocity or outside the buffer: the same path under a constant rate, another one under decay."""
    inside, outside = RULES["momentum"], RULES["momentum_torch"]
    hyperparameters = {"lr": 0.05, "momentum": 0.7}
    constant = [np.array(fixed_path(rule, np.array, hyperparameters, None)) for rule in (inside, outside)]
    decaying = [np.array(fixed_path(rule, np.array, hyperparameters, linear_rates(0.05))) for rule in (inside, outside)]
    assert np.allclose(*constant, rtol=1e-12, atol=0)
    assert np.max(np.abs(decaying[0] - decaying[1])) == pytest.approx(48.8, abs=0.05)


@pytest.mark.parametrize("name", ["momentum", "momentum_torch", "nesterov_torch"])
def test_the_step_tends_to_the_terminal_velocity(name):
    hyperparameters = {"lr": 0.01, "momentum": 0.9}
    *_, last, end = walk(RULES[name], 0.0, lambda x, k: 3.0, 400, hyperparameters)
    assert last - end == pytest.approx(0.01 * 3.0 / (1 - 0.9), rel=1e-12)


# --- the facts --------------------------------------------------------------------------------------------------------


def test_every_rule_in_the_package_is_in_the_table():
    written = set()
    for module in pkgutil.iter_modules(steepest.rules.__path__, "steepest.rules."):
        written |= {id(x): x for x in vars(importlib.import_module(module.name)).values() if isinstance(x, Rule)}.keys()
    assert written == {id(rule) for rule in RULES.values()}


def test_methods_are_rules_of_the_table():
    assert all(any(rule is known for known in RULES.values()) for rule in METHODS.values())


@every_rule
def test_facts_are_complete(rule):
    assert rule.title
    assert rule.reference
    assert rule.equation.count("{") == rule.equation.count("}")
    assert "lr" in rule.defaults
    assert "weight_decay" in rule.defaults
    assert all(slot.name and slot.meaning for slot in rule.slots)
    for h in rule.hyperparameters:
        assert h.meaning
        assert h.phrase
        assert h.check(h.default) == h.default
        assert h.search is None or h.check(h.search) > 0


@every_rule
def test_slots_start_from_their_initial_value(rule):
    given = settings(rule)
    initial = rule.initial(given, theta=0.75)
    assert list(initial) == [slot.symbol for slot in rule.slots]
    for slot in rule.slots:
        known = {slot.initial: slot.initial, **given, "theta": 0.75}
        assert initial[slot.symbol] == known[slot.initial]


@pytest.mark.parametrize("rule", METHODS.values(), ids=METHODS)
def test_methods_say_where_to_search(rule):
    assert any(h.search for h in rule.hyperparameters)


def test_a_variant_changes_the_named_facts_alone():
    adam = RULES["adam_as_published"]
    other = variant(adam, name="other", defaults={"lr": 0.5})
    assert other.name == "other"
    assert other.defaults == {**adam.defaults, "lr": 0.5}
    assert (other.update, other.slots, other.decay) == (adam.update, adam.slots, adam.decay)


# --- a rule checks its own parts --------------------------------------------------------------------------------------

LR = Hyperparameter("lr", 0.1, "learning rate", phrase="learning rate")
SUM = Slot("sum", "r", "a sum")


def make_rule(**changes):
    """A small rule, correct unless the changes break it."""
    parts = {
        "name": "toy",
        "title": "toy",
        "update": lambda theta, g, r, rate: (theta - rate * g, r + g),
        "prepare": lambda lr: {"rate": lr},
        "slots": (SUM,),
        "hyperparameters": (LR,),
        "equation": r"\theta",
        "reference": "none",
    }
    return Rule(**{**parts, **changes})


def test_a_correct_rule_is_accepted():
    rule = make_rule()
    assert rule.step(1.0, 2.0, [0.0], rule.constants(1, {})) == (0.8, 2.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"update": lambda theta, g, v, rate: (theta, v)}, r"toy: update\(theta, g, v, rate\) does not fit its slots"),
        ({"update": lambda g, theta, r, rate: (theta, r)}, "its arguments begin with theta, g, r"),
        ({"slots": ()}, "toy: update asks for r, which prepare does not return"),
        ({"prepare": lambda rate: {"rate": rate}}, "toy: prepare asks for rate, neither t, nor a hyperparameter"),
        ({"prepare": lambda lr: {"speed": lr}}, "toy: update asks for rate, which prepare does not return"),
        ({"decay": "decouplet"}, "toy: decay is 'decouplet'; it is 'coupled', 'decoupled', 'independent' or 'own'"),
        ({"slots": (Slot("sum", "r", "a sum", initial="begin"),)}, "toy: a slot starts from begin"),
    ],
)
def test_a_rule_whose_parts_do_not_fit_is_refused(changes, message):
    with pytest.raises(TypeError, match=message):
        make_rule(**changes)


def test_memory_is_carried_from_step_to_step():
    """A product of factors that only the rule itself can know, as NAdam has it."""
    rule = make_rule(
        prepare=lambda t, lr, product: {"rate": lr * product, "product": product * t}, memory={"product": 1.0}
    )
    path = list(walk(rule, 0.0, lambda *_: -1.0, 4, {"lr": 1.0}))
    assert path == [1.0, 2.0, 4.0, 10.0]


def test_points():
    nesterov = RULES["nesterov"]
    constants = nesterov.constants(1, {"momentum": 0.5})
    assert nesterov.point(nesterov.gradient_point, 1.0, [4.0], constants) == 3.0
    assert nesterov.point(nesterov.evaluation_point, 1.0, [4.0], constants) == 1.0
    assert [name for name, rule in RULES.items() if rule.moves_the_gradient_point] == [
        "nesterov",
        "schedule_free_adamw",
        "schedule_free_adamw_even",
        "schedule_free_adamw_late",
        "schedule_free_sgd",
        "schedule_free_sgd_late",
    ]


# --- hyperparameters check values -------------------------------------------------------------------------------------

BETA = Hyperparameter("beta2", 0.999, "decay rate", high=1.0, phrase="beta parameter at index 1")
SHARE = Hyperparameter("share", 0.5, "a share", high=1.0, below_high=False, phrase="share")
FREE = Hyperparameter("dampening", 0.0, "dampening", low=-math.inf, phrase="dampening value")


@pytest.mark.parametrize(
    ("hyperparameter", "value"),
    [
        *[(LR, value) for value in (0, 0.0, 5, 1e300, np.float32(0.5), np.array(0.5), np.array([[0.5]]))],
        *[(BETA, 0), (BETA, math.nextafter(1, 0)), (SHARE, 1), (FREE, -7.5)],
    ],
)
def test_numbers_in_range_are_accepted(hyperparameter, value):
    checked = hyperparameter.check(value)
    assert type(checked) is float
    assert checked == value


@pytest.mark.parametrize(
    ("hyperparameter", "value", "message"),
    [
        (LR, -1.0, "Invalid learning rate: -1.0; lr must be a finite number, 0 or above"),
        (LR, -5e-324, "Invalid learning rate: -5e-324; lr must be"),
        (LR, math.nan, "Invalid learning rate: nan; lr must be a finite number, 0 or above"),
        (LR, math.inf, "Invalid learning rate: inf; lr must be a finite number, 0 or above"),
        (LR, 10**400, "Invalid learning rate: inf; lr must be"),
        (LR, np.array([np.nan]), "Invalid learning rate: nan; lr must be"),
        (BETA, 1.0, r"Invalid beta parameter at index 1: 1.0; beta2 must be a number in \[0, 1\)"),
        (BETA, -0.1, "Invalid beta parameter at index 1: -0.1"),
        (SHARE, 1.5, r"Invalid share: 1.5; share must be a number in \[0, 1\]"),
        (FREE, -math.inf, "Invalid dampening value: -inf; dampening must be a finite number$"),
    ],
)
def test_numbers_out_of_range_are_refused(hyperparameter, value, message):
    with pytest.raises(InvalidNumber, match=message) as caught:
        hyperparameter.check(value)
    assert not isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "Invalid learning rate: True; lr must be a finite number, 0 or above, not bool"),
        (np.True_, "not bool"),
        ("0.1", "Invalid learning rate: '0.1'; lr must be a finite number, 0 or above, not str"),
        (None, "Invalid learning rate: None; lr must be a finite number, 0 or above, not NoneType"),
        (0.1 + 0j, "not complex"),
        ([0.1], "not list"),
        (np.array([0.1, 0.2]), r"not ndarray of shape \(2,\)"),
        (np.array([]), r"not ndarray of shape \(0,\)"),
    ],
)
def test_what_is_no_number_is_refused(value, message):
    with pytest.raises(NotANumber, match=message) as caught:
        LR.check(value)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TypeError)


def test_tensors_of_one_element_are_numbers():
    torch = pytest.importorskip("torch")
    for value in (torch.tensor(0.5), torch.tensor([0.5]), torch.tensor([[0.5]], requires_grad=True), torch.tensor(3)):
        assert LR.check(value) == value.item()
    for value in (torch.tensor([0.1, 0.2]), torch.tensor([]), torch.tensor(True), torch.tensor(1j)):
        with pytest.raises(NotANumber, match="Invalid learning rate"):
            LR.check(value)
    with pytest.raises(InvalidNumber, match="Invalid learning rate: nan"):
        LR.check(torch.tensor(math.nan))


def test_as_float_of_what_is_no_number():
    assert as_float("1") is None
    assert as_float(False) is None
    assert as_float(-(10**400)) == -math.inf


@every_hyperparameter
def test_every_hyperparameter_refuses_bad_values(rule, name):
    hyperparameter = next(h for h in rule.hyperparameters if h.name == name)
    for bad in (math.nan, math.inf, -math.inf, True, None, "0.1"):
        with pytest.raises(InvalidNumber, match=f"Invalid {hyperparameter.phrase}: "):
            hyperparameter.check(bad)


def test_names_of_rules_are_told_apart():
    """A near-miss of a rule's name finds that rule."""
    assert all(nearest(name + "x", RULES) == name for name in RULES)
