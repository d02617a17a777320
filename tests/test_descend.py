"""Descents against the lecture's oracle in 50 digits, the slides, and what a result says about itself."""

import csv
import io
import json
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.descent import FUNCTIONS, OPTIMIZERS, descend
from steepest.descent.functions import function, turning_points
from steepest.descent.run import WITHOUT_RATE
from steepest.rules import METHODS
from steepest.schedules import SCHEDULES, constant, linear

ORACLE = json.loads((Path(__file__).parent / "data" / "lecture_oracle.json").read_text())["quartic"]
# The oracle's names for methods and hyperparameters, in ours.
NAMES = {
    "gradient_descent": "sgd",
    "momentum": "momentum",
    "nesterov": "nesterov",
    "adagrad": "adagrad",
    "rmsprop": "rmsprop",
    "adadelta": "adadelta",
    "adam_as_printed": "adam-printed",
    "adam_as_published": "adam",
}
HYPER = {"delta": "eps", "rho1": "beta1", "rho2": "beta2"}


def ours(method, hyper):
    """The oracle's hyperparameters under our names; ρ is called `alpha` by RMSProp and `rho` by AdaDelta."""
    names = {**HYPER, "alpha": "momentum", "rho": "alpha" if method == "rmsprop" else "rho"}
    return {names[name]: float(value) for name, value in hyper.items() if name != "inside"}


@pytest.mark.parametrize("case", ORACLE)
def test_every_method_follows_the_oracle(case):
    method, _, schedule = case.partition(" | ")
    want = ORACLE[case]
    # The lecture's AdaDelta has no rate that a schedule could change.
    constantly = method == "adadelta" or schedule.startswith("constant")
    result = descend(
        "quartic",
        NAMES[method],
        start=-2.8,
        steps=99,
        lr=1.0 if method == "adadelta" else 0.05,
        schedule=constant() if constantly else linear(40),
        **ours(method, want["hyper"]),
    )
    got = [point[0] for point in result.runs[0].theta]
    assert got == pytest.approx([float(x) for x in want["theta"]], rel=1e-12)


def test_the_quartic_without_more_is_the_lecture_s_example():
    result = descend()
    run = result.runs[0]
    assert (run.start, len(run.theta), dict(run.hyperparameters)["lr"]) == ((-2.8,), 99, 0.05)
    assert run.end[0] == pytest.approx(-1.58634606, abs=5e-9)
    momentum = descend("quartic", "momentum")
    assert momentum.runs[0].hyperparameters["momentum"] == 0.7
    assert momentum.runs[0].end[0] == pytest.approx(2.0421366218659542, abs=1e-12)
    assert momentum.outcome(momentum.runs[0]) == "at the global minimum 2.04213687"
    nesterov = descend("quartic", "nesterov")
    assert nesterov.outcome(nesterov.runs[0]) == "at the local minimum -1.58634606"


def test_stationary_points_of_the_quartic():
    with mpmath.workdps(40):
        roots = mpmath.polyroots([mpmath.mpf("1.2"), mpmath.mpf("-0.3"), -4, mpmath.mpf("-0.8")])
    low, top, high = sorted(float(mpmath.re(r)) for r in roots)
    f = FUNCTIONS["quartic"]
    assert turning_points(f, -3, 3, upwards=True) == pytest.approx([low, high], rel=1e-14)
    assert turning_points(f, -3, 3, upwards=False) == pytest.approx([top], rel=1e-14)
    assert [low, top, high] == pytest.approx([-1.58634606, -0.20579080, 2.04213687], abs=5e-9)
    assert [f.value(np.array([x])) for x in (low, high)] == pytest.approx([-1.46489, -5.60851], abs=5e-6)


def test_the_slide_stands_beside_our_rows():
    table = descend("quartic", "momentum").short_table
    assert [c.title for c in table.columns] == ["step", "g", "v", "θ", "slide: g", "slide: v", "slide: θ"]
    assert [row[0] for row in table.rows] == [1, 2, 3, 4, "…", 99]
    assert [row[4:] for row in table.rows[:4]] == [
        ("-18.2", "0", "-1.885"),
        ("-2.36", "-15.1", "-1.12"),
        ("1.61", "-9.0", "-0.67"),
        ("1.39", "-9.2", "-0.21"),
    ]
    v = [row[2] for row in table.rows[:4]]
    assert v == pytest.approx([-18.2944, -15.17222, -9.01090, -4.91118], abs=1e-5)
    # Only the fourth row's v and θ are a slip; everything else is ours with digits cut off.
    for row in table.rows[:4]:
        for mine, slide in zip(row[1:4], row[4:], strict=True):
            slip = slide in ("-9.2", "-0.21")
            before = slide == "0"
            last_digit = 10.0 ** -len(slide.partition(".")[2])
            assert slip or before or abs(mine - float(slide)) < last_digit
    assert any("slip" in note and "-4.911" in note.replace("−", "-") for note in descend("quartic", "momentum").notes)


@pytest.mark.parametrize(
    "other", [{"lr": 0.04}, {"start": -2.7}, {"steps": 50}, {"schedule": "linear"}, {"initial_velocity": 0.1}]
)
def test_other_settings_than_the_lecture_s_have_no_slide(other):
    result = descend("quartic", "momentum", **other)
    assert not result.notes
    assert not any(c.title.startswith("slide") for c in result.short_table.columns)


def test_the_notes_tell_what_the_numbers_say():
    """The slide's last g is 0.0002; ours is that small at step 26 and is gone by step 99."""
    run = descend("quartic", "sgd").runs[0]
    g = [abs(x[0]) for x in run.gradients]
    assert min(range(99), key=lambda k: abs(g[k] - 0.0002)) + 1 in (26, 27)
    assert g[98] < 1e-14
    momentum = descend("quartic", "momentum").runs[0]
    assert momentum.velocity is not None
    assert max(abs(momentum.gradients[98][0]), abs(momentum.velocity[98][0] / 0.05)) < 1e-5


@pytest.mark.parametrize("name", FUNCTIONS)
def test_minima_are_minima(name):
    f = FUNCTIONS[name]
    low, high = f.view[0]
    minima = f.minima_between(low, high)
    assert minima
    for point in minima:
        here = np.array(point)
        assert np.linalg.norm(f.gradient(here)) < 1e-12 * max(1.0, 1e2 * np.abs(here).max())
        around = [here + 1e-3 * np.array([math.cos(a), math.sin(a)])[: len(point)] for a in np.linspace(0.1, 6.3, 16)]
        assert min(f.value(p) for p in around) > f.value(here)
        assert all(a <= x <= b for x, (a, b) in zip(point, f.view, strict=True))


@pytest.mark.parametrize(
    ("text", "minima"),
    [("log(x)", []), ("log(abs(x))", []), ("1/x**2 - 3", []), ("abs(x)", [0.0]), ("x²", [0.0])],
)
def test_a_pole_is_no_minimum(text, minima):
    assert [point[0] for point in function(text).minima_between(-2.0, 3.0)] == pytest.approx(minima, abs=1e-300)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("optimizer", METHODS)
def test_every_method_goes_down_every_function_at_the_settings_it_gets(name, optimizer):
    f = FUNCTIONS[name]
    run = descend(name, optimizer).runs[0]
    assert run.diverged is None
    assert run.values[-1] < f.value(np.array(f.start))


@given(
    optimizer=st.sampled_from(sorted(METHODS)),
    start=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    schedule=st.sampled_from(sorted(SCHEDULES)),
)
def test_two_separate_variables_descend_like_each_by_itself(optimizer, start, schedule):
    """None of the rules mixes weights."""
    both = descend("x**4 - x**2 + y**2 + sin(y)", optimizer, start=start, steps=5, schedule=schedule)
    x = descend("x**4 - x**2", optimizer, start=start[0], steps=5, schedule=schedule)
    y = descend("x**2 + sin(x)", optimizer, start=start[1], steps=5, schedule=schedule)
    want = list(zip((p[0] for p in x.runs[0].theta), (p[0] for p in y.runs[0].theta), strict=True))
    assert list(both.runs[0].theta) == want


def test_an_initial_velocity_moves_the_first_step():
    still, pushed = (descend("quartic", "momentum", steps=1, initial_velocity=v).runs[0] for v in (None, 0.5))
    assert pushed.theta[0][0] == pytest.approx(still.theta[0][0] + 0.7 * 0.5, rel=1e-15)
    assert descend("nice", "nesterov", steps=1, initial_velocity=(1, -1)).runs[0].theta


def test_each_hyperparameter_changes_the_path():
    changed = {"lr": 0.02, "momentum": 0.5, "alpha": 0.5, "rho": 0.5, "beta1": 0.5, "beta2": 0.5, "eps": 0.3}
    changed |= {"weight_decay": 0.3, "lr_decay": 0.3, "initial_accumulator_value": 9.0}
    for name, rule in METHODS.items():
        usual = descend("quartic", name, steps=10).runs[0].end[0]
        for h in rule.hyperparameters:
            other = descend("quartic", name, steps=10, **{h.name: changed[h.name]}).runs[0].end[0]
            assert abs(other - usual) > 1e-6, (name, h.name)


def test_comparison_shares_what_each_method_has():
    result = descend("quartic", list(METHODS), lr=0.04, momentum=0.6, eps=1e-4)
    for run in result.runs:
        assert run.hyperparameters["lr"] == (1.0 if run.optimizer in WITHOUT_RATE else 0.04)
        assert run.hyperparameters.get("momentum", 0.6) == 0.6
        assert run.hyperparameters.get("eps", 1e-4) == 1e-4
    assert [row[0] for row in result.table.rows] == list(METHODS)
    assert {row[0] for row in result.steps.rows} == set(METHODS)


def test_divergence_is_told_and_stops():
    result = descend("quartic", "sgd", lr=1.0)
    run = result.runs[0]
    assert run.diverged is not None
    assert run.diverged < 10
    assert len(run.theta) == run.diverged - 1
    assert np.isfinite(run.theta).all()
    assert result.outcome(run) == f"diverges at step {run.diverged}"


def test_standing_still_on_a_minimum_with_no_small_constant_is_not_an_exception():
    result = descend("x**2", "adagrad", start=0.0, eps=0.0, steps=3)
    assert result.runs[0].diverged == 1  # 0/0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"what": "quartc"}, "did you mean 'quartic'"),
        ({"what": "x +"}, "cannot read"),
        ({"optimizer": "momentun"}, "did you mean 'momentum'"),
        ({"optimizer": []}, "no optimizer"),
        ({"schedule": "linaer"}, "did you mean 'linear'"),
        ({"start": math.nan}, "Invalid start"),
        ({"start": math.inf}, "Invalid start"),
        ({"start": (1, 2)}, "needs one number"),
        ({"start": "1"}, "needs one number"),
        ({"start": True}, "needs one number"),
        ({"what": "nice", "start": 1.0}, "needs two numbers"),
        ({"what": "nice", "start": (1.0, math.nan)}, "Invalid start"),
        ({"what": "log(x)", "start": -1.0}, "no finite value"),
        ({"what": "sqrt(x)", "start": 0.0}, "no finite value"),
        ({"steps": 0}, "Invalid number of steps"),
        ({"steps": 10**9}, "Invalid number of steps"),
        ({"steps": 1.5}, "Invalid number of steps"),
        ({"steps": True}, "Invalid number of steps"),
        ({"lr": -0.1}, "Invalid learning rate"),
        ({"lr": math.nan}, "Invalid learning rate"),
        ({"momentum": 0.9}, "sgd has no momentum; it has lr"),
        ({"optimizer": "momentum", "momentum": 1.0}, "momentum must be"),
        ({"optimizer": ["sgd", "momentum"], "beta1": 0.9}, "unknown hyperparameter 'beta1'"),
        ({"initial_velocity": 1.0}, "sgd has no velocity"),
        ({"optimizer": "momentum", "initial_velocity": (1, 2)}, "Invalid initial velocity"),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as refused:
        descend(**arguments)
    assert "\n" not in str(refused.value)


def test_table_as_csv_and_latex():
    result = descend("quartic", "momentum")
    rows = list(csv.DictReader(io.StringIO(result.steps.csv())))
    assert len(rows) == 99
    assert [float(row["theta"]) for row in rows] == [p[0] for p in result.runs[0].theta]
    assert [float(r["velocity"]) / -0.05 for r in rows] == [float(r["velocity_in_gradient_units"]) for r in rows]
    for table in (
        result.short_table,
        descend("harder", "adam").short_table,
        descend("himmelblau", list(METHODS)).table,
    ):
        well_formed(table.latex())


def well_formed(latex):
    """As many cells in every row as there are columns, braces and dollars in pairs, nothing but ASCII."""
    assert latex.isascii()
    columns = re.match(r"\\begin\{tabular\}\{([lr]+)\}\n", latex)
    assert columns
    assert latex.endswith("\\end{tabular}\n")
    for row in latex.splitlines()[1:-1]:
        assert len(re.findall(r"(?<!\\)&", row)) == len(columns[1]) - 1
        assert len(re.findall(r"(?<!\\)\$", row)) % 2 == 0
        assert row.count("{") == row.count("}")
        assert re.search(r"\\\\( \\hline)?$", row)
    assert not re.search(r"(?<!\\)[_#%](?![^$]*\$)", latex.replace("$f(\\theta)$", ""))


def drawn(svg):
    """The number of each kind of mark in a picture."""
    marks = [e.get("class", "") for e in ET.fromstring(svg).iter() if "role-mark" in e.get("class", "")]
    return {kind: sum(f"mark-{kind}" in m for m in marks) for kind in ("line", "symbol")}


@pytest.mark.parametrize(
    ("what", "optimizer", "more"),
    [
        ("quartic", "momentum", {}),
        ("harder", "sgd", {}),
        ("quartic", "sgd", {"lr": 1.0}),
        ("x**2 + 3*y**2", "nesterov", {"lr": 1.0}),
        ("x**2 + 3*y**2", "sgd", {"start": (0, 0)}),
        ("x + 0*y", "sgd", {}),
        ("log(x) + 1/x", "adam", {"start": 3.0}),
    ],
)
def test_pictures_are_drawn_even_when_nothing_moves_or_all_runs_away(what, optimizer, more, tmp_path):
    pytest.importorskip("vl_convert")
    from steepest.pictures import save

    paths = save(descend(what, optimizer, steps=20, **more).picture, tmp_path / "path")
    starts = {path.suffix: path.read_bytes()[:8] for path in paths}
    assert starts[".png"] == b"\x89PNG\r\n\x1a\n"
    assert starts[".pdf"].startswith(b"%PDF-")
    marks = drawn(paths[0].read_text())
    assert marks["symbol"] >= 4  # minima, path, start, end
    assert marks["line"] >= 1


def test_a_comparison_has_one_panel_a_method():
    pytest.importorskip("vl_convert")
    from steepest.pictures import svg

    text = svg(descend("quartic", list(METHODS)).picture)
    for rule in METHODS.values():
        assert rule.title[1:] in text
    assert "diverges at step" in svg(descend("quartic", ["sgd", "adam"], lr=1.0).picture)


def test_a_notebook_shows_picture_and_table():
    pytest.importorskip("vl_convert")
    html = descend("quartic", "momentum")._repr_html_()
    assert html.startswith("<svg")
    assert "<td>2.0421366</td>" in html


def test_the_chart_can_be_changed_with_altair():
    altair = pytest.importorskip("altair")
    assert isinstance(descend().chart, altair.TopLevelMixin)


def test_gd_is_another_name_of_exact_gradient_descent():
    assert descend("quartic", "gd").runs[0].theta == descend("quartic", "sgd").runs[0].theta
    assert set(OPTIMIZERS) == {"gd", *METHODS}
