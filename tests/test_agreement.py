"""Every optimizer that another library has too gives the library's numbers, and another dialect does not.

200 steps on gradients that span nine orders of magnitude, zeros included, in float64. A difference is relative to a
weight's size and its way from the start.
"""

import inspect
import itertools
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

import peers
from nine_orders import DECAY
from peers import CASES, difference, ours, theirs
from steepest import optim
from steepest.optim.form import choose

if any(find_spec(library) is None for library in ("keras", "optax", "schedulefree")):
    pytest.skip("`make test-lowest` does not install the libraries to compare with", allow_module_level=True)

PAGE = Path(__file__).parent.parent / "docs" / "agreement.md"

every_case = pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{c.dialect}-{c.name}" for c in CASES])


WARMING = [
    replace(case, options={**case.options, "warmup_steps": 20})
    for case in CASES
    if case.peer.startswith("schedule_free")
]


@cache
def reference(number, decaying, weight_decay):
    """The library's path, walked once in each process."""
    return theirs(CASES[number], decaying, weight_decay)


@every_case
@pytest.mark.parametrize("decaying", [False, True], ids=["constant", "decaying"])
@pytest.mark.parametrize("weight_decay", [0.0, DECAY], ids=["plain", "decay"])
def test_the_librarys_numbers(number, decaying, weight_decay):
    path = ours(CASES[number], decaying, weight_decay)
    assert difference(path, reference(number, decaying, weight_decay)) < CASES[number].tolerance
    assert np.ptp(path, axis=0).min() > 1e-3


def followed(cls, dialect, options):
    """The rule of a class in a dialect, or None where the dialect has no form for the options."""
    written = {name: p.default for name, p in inspect.signature(getattr(optim, cls)).parameters.items()}
    fixed = getattr(optim, cls).fixed_options
    try:
        return choose(getattr(optim, cls).forms, {**written, **fixed, **options, "dialect": dialect}).rule
    except ValueError:
        return None


def same_mathematics(one, other, given):
    """Whether two rules are one function of the given numbers: also where a default of theirs comes into play."""
    names = set(one.defaults) & set(other.defaults) - {"lr", "weight_decay", *given}
    alike = (one.update, one.prepare, one.decay) == (other.update, other.prepare, other.decay)
    return alike and all(one.defaults[name] == other.defaults[name] for name in names)


SWAPS = [
    (number, dialect)
    for number, case in enumerate(CASES)
    for dialect in dict.fromkeys(f.dialect for f in getattr(optim, case.cls).forms)
    if dialect != case.dialect
]

# other rules, but the same numbers at these options: L2 and decoupled decay of plain descent; no δ; no momentum
SAME = {
    *(("SGD", a, b) for a in ("keras", "optax") for b in ("torch", "keras", "optax", "lecture", "paper")),
    *(("Adagrad", "tf1", other) for other in ("torch", "lecture", "paper")),
    ("RMSprop", "optax", "paper"),
    # without warm-up
    *(
        (name, *two)
        for name in ("ScheduleFreeSGD(momentum=0.8)", "ScheduleFreeAdamW")
        for two in (("paper", "optax"), ("optax", "paper"))
    ),
    # in bfloat16 the place of δ shows only beside a mean as small: tests/test_muon.py has one
    *((f"Muon(momentum=0.8{more})", "torch", "paper") for more in ("", ", nesterov")),
}


@pytest.mark.parametrize(
    ("number", "dialect"),
    [pytest.param(n, d, id=f"{CASES[n].dialect}-{CASES[n].name}-as-{d}") for n, d in SWAPS],
)
def test_another_dialect_is_found_out(number, dialect):
    """A swapped dialect moves the result by 1000 times the tolerance at least, unless the two are the same method."""
    found_out(CASES[number], dialect, reference(number, True, DECAY))


# dialects that no library here speaks, two by two; with a library's they are compared above
UNSPOKEN = [
    (replace(case, dialect=one), other)
    for case in {(c.cls, str(c.options), str(c.alone)): c for c in CASES}.values()
    for spoken in [dict.fromkeys(f.dialect for f in getattr(optim, case.cls).forms)]
    for one, other in itertools.combinations([d for d in spoken if d not in ("keras", "optax", "tf1")], 2)
]


@pytest.mark.parametrize(
    ("case", "dialect"), [pytest.param(c, d, id=f"{c.dialect}-{c.name}-as-{d}") for c, d in UNSPOKEN]
)
def test_another_dialect_without_a_library_is_found_out(case, dialect):
    try:
        path = ours(case, True, DECAY)
    except ValueError:
        return  # it has no such form, and says so
    found_out(case, dialect, path)


def found_out(case, dialect, expected):
    """Whether a dialect in a case's place moves the result, or is the same method."""
    options = {**case.options, **case.alone}
    mine, other = followed(case.cls, case.dialect, options), followed(case.cls, dialect, options)
    try:
        path = ours(case, True, DECAY, dialect=dialect)
    except ValueError:
        return  # the other dialect has no such form, and says so
    moved = difference(path, expected)
    if same_mathematics(mine, other, peers.written_out(options)) or (case.name, case.dialect, dialect) in SAME:
        assert moved < case.tolerance
    else:
        assert moved > 1000 * case.tolerance


# what a library calls each of our options, where its signature has a default for it
@pytest.mark.parametrize(
    ("cls", "dialect", "peer"),
    sorted({(c.cls, c.dialect, c.peer) for c in CASES if c.dialect in ("keras", "optax") and not c.alone}),
)
def test_a_dialects_defaults_are_the_librarys(cls, dialect, peer):
    if dialect == "keras":
        library = peers.keras().optimizers
    else:
        library = peers.optax() if hasattr(peers.optax(), peer) else peers.optax().contrib
    has = {name: p.default for name, p in inspect.signature(getattr(library, peer)).parameters.items()}
    names = {**peers.NAMES[dialect], "weight_decay": "weight_decay", "lr": "learning_rate"}
    names |= {"momentum": "b1"} if "schedule_free" in peer else {}
    group = getattr(optim, cls)([torch.nn.Parameter(torch.ones(1, 1))], dialect=dialect).param_groups[0]
    written = {name: value for name, value in peers.written_out(group).items() if value is not None}
    compared = {name: value for name, value in written.items() if names.get(name) in has}
    expected = {name: has[names[name]] for name in compared}
    without = ["lr"] if expected["lr"] in (inspect.Parameter.empty, None) else []
    assert without == (["lr"] if dialect == "optax" and "schedule_free" not in peer else [])
    assert {n: v or 0 for n, v in compared.items() if n not in without} == {
        n: v or 0 for n, v in expected.items() if n not in without
    }
    assert len(compared) > 1


@pytest.mark.parametrize("case", WARMING, ids=[case.cls for case in WARMING])
def test_optax_warms_up_from_nothing(case):
    """With a constant rate, the only one that it takes there, and whose part it computes in float32."""
    path, reference = ours(case, False, DECAY), theirs(case, False, DECAY)
    assert difference(path, reference) < 1e-6
    assert difference(ours(case, False, DECAY, dialect="paper"), reference) > 1e-3


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
    case = next(case for case in CASES if case.peer == "ScheduleFreeAdamW")
    path = ours(case, False, 0.0)
    assert difference(path, peers.by_keras(case, False, 0.0)) < case.tolerance
    assert difference(path, peers.by_keras(case, False, 0.0, cured=False)) > 1e-2


def test_the_page_has_a_row_for_every_case():
    rows = [line.split(" | ")[:2] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert rows == [[f"| `{case.name}`", case.library] for case in CASES]
    assert all(fault in PAGE.read_text() for fault in peers.FAULTS)
