"""Every optimizer that another library has too gives the library's numbers, and another dialect does not.

200 steps on gradients that span nine orders of magnitude, zeros included, in float64: with a constant rate and a
falling one, without weight decay and with it. A difference is relative to a weight's size and its way from the start.
`--write-agreement` writes what is found into docs/agreement.md.
"""

import inspect
import itertools
from dataclasses import replace
from importlib.util import find_spec
from operator import attrgetter

import numpy as np
import pytest
import torch

import agreement_page
import peers
from peer_cases import CASES, NAMES, written_out
from peers import SETTINGS, difference, ours, theirs
from steepest import optim
from steepest.optim.form import choose

if any(find_spec(library) is None for library in ("keras", "optax", "schedulefree", "timm")):
    pytest.skip("`make test-lowest` does not install the libraries to compare with", allow_module_level=True)


@pytest.fixture(scope="module", params=CASES, ids=[f"{c.peer_name}-{c.dialect}-{c.name}" for c in CASES])
def case(request):
    """One after the other, so that each library walks once for all tests of a case."""
    return request.param


@pytest.fixture(scope="module")
def reference(case):
    return theirs(case)


@pytest.fixture(scope="session")
def found(request):
    """What the tests measure, for the page."""
    rows = {}
    yield rows
    if request.config.getoption("--write-agreement"):
        agreement_page.PAGE.write_text(agreement_page.page(rows))


def test_the_librarys_numbers(case, reference, found):
    paths = ours(case)
    found[case.name, case.dialect, case.peer_name] = [difference(paths[each], reference[each]) for each in SETTINGS]
    assert max(found[case.name, case.dialect, case.peer_name]) < case.tolerance
    assert all(np.ptp(path, axis=0).min() > 1e-3 for path in paths.values())


# --- another dialect in a case's place --------------------------------------------------------------------------------


def followed(cls, dialect, options):
    """The rule of a class in a dialect, or None where the dialect has no form for the options."""
    written = {name: p.default for name, p in inspect.signature(getattr(optim, cls)).parameters.items()}
    fixed = getattr(optim, cls).fixed_options
    try:
        return choose(getattr(optim, cls).forms, {**written, **fixed, **options, "dialect": dialect}).rule
    except ValueError:
        return None


def same_mathematics(one, other, given, weight_decay):
    """Whether two rules are one function of the given numbers: also where a default of theirs comes into play."""
    names = set(one.defaults) & set(other.defaults) - {"lr", "weight_decay", *given}
    alike = (one.update, one.prepare) == (other.update, other.prepare) and (
        not weight_decay or one.decay == other.decay
    )
    return alike and all(one.defaults[name] == other.defaults[name] for name in names)


EVERYWHERE = set(SETTINGS)
CONSTANT = {each for each in SETTINGS if not each[0]}
UNDECAYED = {each for each in SETTINGS if not each[1]}

# other rules, but the same numbers: of which class, for which options, between which dialects, in which settings
SAME = (
    # L2 and decoupled decay of plain descent
    ("SGD", lambda o: not o.get("momentum"), ("keras",), ("torch", "optax", "lecture", "paper"), EVERYWHERE),
    # a rate that stays may stand inside the velocity or outside
    ("SGD", lambda o: not o.get("nesterov"), ("torch", "optax"), ("lecture", "paper"), CONSTANT),
    ("SGD", lambda o: True, ("torch", "optax"), ("keras",), CONSTANT & UNDECAYED),
    # Graves's velocity without momentum
    ("RMSprop", lambda o: not o["momentum"] and not o["centered"], ("paper",), ("optax",), EVERYWHERE),
    ("RMSprop", lambda o: not o["momentum"] and not o["centered"], ("paper",), ("keras",), UNDECAYED),
    # no δ has no place
    ("Adagrad", lambda o: o["eps"] == 0, ("tf1",), ("torch", "lecture", "paper"), EVERYWHERE),
    ("LAMB", lambda o: True, ("keras",), ("optax", "paper"), UNDECAYED),
    # weights of the mean under a rate that never rises are all alike
    ("ScheduleFreeAdamW", lambda o: "warmup_steps" not in o, ("keras",), ("optax", "paper"), UNDECAYED),
    ("ScheduleFreeAdamW", lambda o: "warmup_steps" not in o, ("optax",), ("paper",), EVERYWHERE),
    ("ScheduleFreeSGD", lambda o: "warmup_steps" not in o, ("optax",), ("paper",), EVERYWHERE),
    # in bfloat16 the place of δ shows only beside a mean as small: tests/test_muon.py has one
    ("Muon", lambda o: "adamw" not in o, ("torch",), ("paper",), EVERYWHERE),
)


def said_to_be_the_same(case, dialect, setting):
    two = {case.dialect, dialect}
    return any(
        cls == case.cls and holds(case.ours) and setting in where and two & set(one) and two & set(other)
        for cls, holds, one, other, where in SAME
    )


def found_out(case, dialect, expected):
    """A dialect in a case's place moves the result by 1000 times the tolerance, or is the same method."""
    mine, other = (followed(case.cls, each, case.ours) for each in (case.dialect, dialect))
    try:
        paths = ours(case, dialect)
    except ValueError:
        return  # the other dialect has no such form, and says so
    for each in SETTINGS:
        moved = difference(paths[each], expected[each])
        one_method = same_mathematics(mine, other, written_out(case.ours), each[1])
        if one_method or said_to_be_the_same(case, dialect, each):
            assert moved < case.tolerance, (dialect, each)
        else:
            assert moved > 1000 * case.tolerance, (dialect, each)


def dialects(case):
    return dict.fromkeys(form.dialect for form in getattr(optim, case.cls).forms)


def test_another_dialect_is_found_out(case, reference):
    for dialect in dialects(case):
        if dialect != case.dialect:
            found_out(case, dialect, reference)


COMPARED = {(case.cls, case.dialect) for case in CASES}
UNCOMPARED = [
    (replace(case, dialect=one), other)
    for case in {(case.cls, str(case.ours)): case for case in CASES}.values()
    for one, other in itertools.combinations([d for d in dialects(case) if (case.cls, d) not in COMPARED], 2)
]


@pytest.mark.parametrize(
    ("one", "dialect"), [pytest.param(c, d, id=f"{c.name}-{c.dialect}-as-{d}") for c, d in UNCOMPARED]
)
def test_another_dialect_is_found_out_where_no_library_is_compared(one, dialect):
    try:
        expected = ours(one)
    except ValueError:
        return  # it has no such form, and says so
    found_out(one, dialect, expected)


# --- defaults, and what is not compared -------------------------------------------------------------------------------


def librarys(case):
    """The library's function itself."""
    if case.library == "timm":
        return peers.timm_class(case.peer)
    return attrgetter(case.peer)(peers.MODULES[case.library]())


OF_DEFAULTS = {
    c.peer_name: c for c in CASES if c.library in (c.dialect, "schedulefree", "timm") and not c.alone and not c.beside
}


@pytest.mark.parametrize("one", OF_DEFAULTS.values(), ids=OF_DEFAULTS)
def test_a_dialects_defaults_are_the_librarys(one):
    has = written_out({name: p.default for name, p in inspect.signature(librarys(one)).parameters.items()})
    if one.library in NAMES:
        names = {**NAMES[one.library], **one.renamed, "weight_decay": "weight_decay", "lr": "learning_rate"}
    else:
        names = {name: name for name in has}
    made = getattr(optim, one.cls)
    group = made([torch.nn.Parameter(torch.ones(1, 1))], dialect=one.dialect).param_groups[0]
    form = choose(made.forms, group)
    compared = {n: v for n, v in written_out(group).items() if n in {*form.rule.defaults, *form.flags} and n in names}
    compared = {name: value for name, value in compared.items() if value is not None and names[name] in has}
    expected = {name: has[names[name]] for name in compared}
    if expected["lr"] in (inspect.Parameter.empty, None):
        assert one.library == "optax"
        del compared["lr"], expected["lr"]
    assert {n: v or 0 for n, v in compared.items()} == {n: v or 0 for n, v in expected.items()}
    assert compared


@pytest.mark.parametrize("library", peers.MODULES)
def test_every_optimizer_of_a_library_is_compared_or_said_to_be_another(library):
    compared = {c.peer for c in CASES if c.library == library}
    others = peers.optimizers_of(library) - compared
    assert others == set(agreement_page.others(library))


def test_every_argument_of_a_library_is_tried_or_said_to_be_another():
    for (library, peer), names in peers.untried().items():
        unknown = set(names) - set(agreement_page.REASONS)
        assert not unknown, (library, peer)


# --- the faults that the page names -----------------------------------------------------------------------------------

WARMING = [replace(c, options={**c.options, "warmup_steps": 20}) for c in CASES if "schedule_free" in c.peer]


@pytest.mark.parametrize("one", WARMING, ids=lambda case: case.cls)
def test_optax_warms_up_from_nothing(one):
    """With a constant rate, the only one that it takes there, and whose part it computes in float32."""
    reference = theirs(one)[False, 0.02]
    assert difference(ours(one)[False, 0.02], reference) < 1e-6
    assert difference(ours(one, "paper")[False, 0.02], reference) > 1e-3


def test_optax_adadelta_without_a_rate_ascends():
    """The fault that the page names; with the rate 1 it descends as ours does."""
    optax, start = peers.optax(), np.array([1.0])
    for made, sign in ((optax.adadelta(), 1), (optax.adadelta(1.0), -1)):
        updates, _ = made.update(np.array([2.0]), made.init(start), start)
        assert np.sign(updates[0]) == sign
    theta = torch.nn.Parameter(torch.ones(1))
    theta.grad = torch.tensor([2.0])
    optim.Adadelta([theta], dialect="optax").step()
    assert theta.item() < 1


def test_keras_on_torch_averages_what_it_has_overwritten():
    """The fault that the page names, and that our comparison cures."""
    one = next(case for case in CASES if case.peer == "ScheduleFreeAdamW")
    path = ours(one)[False, 0.0]
    assert difference(path, peers.keras_path(one, False, 0.0, cured=True)) < one.tolerance
    assert difference(path, peers.keras_path(one, False, 0.0, cured=False)) > 1e-2


def test_the_page_has_a_row_for_every_case():
    written = agreement_page.PAGE.read_text()
    rows = [line.strip("| ").split(" | ") for line in written.splitlines() if line.startswith("| `")]
    assert [row[:3] for row in rows] == [[f"`{c.name}`", c.dialect, c.peer_name] for c in CASES]
    assert all(float(x) <= c.tolerance for c, row in zip(CASES, rows, strict=True) for x in row[3:])
    assert written.endswith(agreement_page.rest()), "docs/agreement.md is stale: make agreement"
