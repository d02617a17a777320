"""`explain`: every class in every dialect, from the tables of forms; the verdicts against what is known."""

import re
import unicodedata

import pytest

from steepest import explain
from steepest.dialects.conversions import convert
from steepest.dialects.differences import differing
from steepest.dialects.explain import topics
from steepest.dialects.notation import in_letters
from steepest.plain_math import plain
from steepest.rules import RULES


@pytest.mark.parametrize("name", topics())
def test_every_class_is_explained_within_80_columns(name):
    found = explain(name)
    dialects = {dialect for section in found.sections for each in section.spoken for dialect in each.dialects}
    shown = str(found)
    for line in shown.splitlines():
        assert sum(not unicodedata.combining(sign) for sign in line) <= 80
    assert not re.search(r"[\\{}]", shown)  # no LaTeX is left
    for dialect in dialects:
        assert dialect in shown
    assert set(found.decays) == dialects
    assert set(next(iter(found.defaults.values()))) == dialects


@pytest.mark.parametrize(
    ("name", "one", "other", "holds", "settings", "only_where"),
    [
        ("adagrad", "optax", "torch", "always", ("initial_accumulator_value", "eps"), ()),
        ("adagrad", "keras", "torch", "always", ("initial_accumulator_value", "eps"), ("weight_decay",)),
        ("adagrad", "torch", "lecture", "always", (), ()),
        ("rmsprop", "torch", "optax", "always", (), ("eps",)),
        ("rmsprop", "tf1", "torch", "always", (), ("eps", "initial_scale")),
        ("momentum", "lecture", "torch", "constant", (), ()),
        ("momentum", "torch", "lecture", "constant", (), ("dampening",)),
        ("nesterov", "lecture", "torch", "constant", (), ()),
        ("adam", "tf1", "torch", "always", (), ("eps",)),
        ("adam", "keras", "tf1", "always", (), ("weight_decay",)),
        ("adamw", "paper", "torch", "always", ("weight_decay",), ()),
        ("amsgrad", "torch", "optax", None, (), ()),
        ("nadam", "torch", "paper", None, (), ()),
        ("adadelta", "torch", "optax", "always", (), ()),
    ],
)
def test_what_maps_to_what(name, one, other, holds, settings, only_where):
    verdict = explain(name).sections[0].verdict(one, other)
    assert verdict.holds == holds
    assert tuple(said.partition(" = ")[0] for said in verdict.settings) == settings
    assert set(verdict.only_where) == set(only_where)


def test_rmsprop_with_momentum_agrees_under_a_constant_rate_only():
    section = next(s for s in explain("rmsprop").sections if s.title == "RMSprop, momentum")
    verdict = section.verdict("optax", "torch")
    assert (verdict.holds, verdict.only_where) == ("constant", ("eps",))
    with pytest.raises(ValueError, match="unknown dialect 'kears'; did you mean 'keras'"):
        section.verdict("kears", "torch")


def test_a_small_constant_is_not_taken_for_none():
    """1e-15 inside a root is 3e-8: where it stands matters however small it is."""
    numbers = {"lr": 0.1, "alpha": 0.9, "eps": 1e-15}
    assert convert(RULES["rmsprop"], numbers, RULES["rmsprop_inside"]) is None
    assert convert(RULES["rmsprop"], {**numbers, "eps": 0.0}, RULES["rmsprop_inside"]).holds == "always"


def test_what_differs_is_marked_within_the_equation():
    text = str(explain("rmsprop")).splitlines()
    assert text[3].split("   ") == [
        "",
        " θ ← θ − η/(ε + √v) g",
        "  θ ← θ − η ‹g/√(v + ε)›",
        "  ‹b ← μ b − η g/√(v + ε)›",
    ]
    assert not any("‹" in line for line in text[2:3])
    assert any(re.match(r"  lr +0.01 +0.01 +▸ 0.001 ", line) for line in text)


def test_looks_in_the_place_of_marks():
    lines = list(explain("rmsprop").lines(looks=True))
    assert ("g/√(v + ε)", "differs") in lines[3]
    assert not any("‹" in text for line in lines for text, _ in line)
    assert "coloured" in lines[0][1][0]


@pytest.mark.parametrize(
    ("line", "others", "marked"),
    [
        ("θ ← θ − m̂/√(v̂ + ε)", ["θ ← θ − m̂/(√v̂ + ε)"], "θ ← θ − m̂/‹√(v̂ + ε)›"),  # with its bracket
        ("u ← max(β u, |g|)", ["u ← max(β u, |g| + ε)"], "u ← max(β u, ‹|g|›)"),  # where something is missing
        ("b ← μ b", ["θ ← θ − b"], "‹b ← μ b›"),  # no counterpart
        ("v̂ = v/(1−β₂ᵗ)", ["v̂ = v_max/(1−β₂ᵗ)"], "v̂ = ‹v›/(1−β₂ᵗ)"),
        ("a ← b + c + d", ["a ← x + c + y"], "a ← ‹b + c + d›"),  # two close by are one
        ("θ ← θ", ["θ ← θ"], "θ ← θ"),
        ("θ ← θ + b", ["θ ← θ − η/(ε + √v) g"], "θ ← θ ‹+ b›"),  # the other + stands in a bracket
        ("m ← μ m + g", ["m ← μ m + (1−μ) g"], "m ← μ m + ‹g›"),  # a factor is missing before it
        ("θ ← θ − η m/(√v + ε)", ["θ ← θ − ηλθ", "θ ← θ − η m̂/(√v̂ + ε)"], "θ ← θ − η ‹m/(√v + ε)›"),  # the nearer one
    ],
)
def test_terms_that_differ(line, others, marked):
    assert "".join(f"‹{text}›" if new else text for text, new in differing(line, others)) == marked


def test_forms_stand_one_below_the_other_where_the_terminal_is_narrow():
    narrow = ["".join(text for text, _ in line) for line in explain("rmsprop").lines(width=50)]
    assert max(len(line) for line in narrow[:12]) <= 50
    assert narrow[1].strip() == "torch, lecture"


def test_a_narrow_terminal_breaks_lines_at_spaces_and_shows_fewer_dialects_side_by_side():
    for name in ("adamw", "muon", "rmsprop"):
        narrow = ["".join(text for text, _ in line) for line in explain(name).lines(width=40)]
        assert max(map(len, narrow)) <= 42  # accents take no room
    assert sum(line.split()[:1] == ["lr"] for line in narrow) == 3


def test_muon_shows_adamws_betas_and_says_whose_they_are():
    found = explain("muon")
    assert found.defaults["beta2"] == {"torch": None, "paper": 0.95, "optax": 0.999, "keras": 0.999}
    assert "what is no matrix follows AdamW" in str(found)
    assert found.json()["notes"] == list(found.notes)


@pytest.mark.parametrize(
    ("name", "explained"),
    [("optax.adamw", "AdamW"), ("keras.optimizers.Nadam", "NAdam"), ("tf.train.RMSPropOptimizer", "RMSprop")],
)
def test_a_librarys_name_is_explained_too(name, explained):
    assert explain(name).name == explained


@pytest.mark.parametrize(
    ("name", "why"),
    [("keras", "keras is a dialect; give"), ("optax.adm", "'adm'; did you mean 'adam'"), ("", "known are")],
)
def test_what_is_no_optimizer_is_answered(name, why):
    with pytest.raises(ValueError, match=why):
        explain(name)


def test_two_notations():
    assert "θ ← θ − ε/(δ + √r) g" in str(explain("rmsprop", notation="lecture"))
    assert "alpha: decay rate ρ of" in str(explain("rmsprop"))
    assert "initial_scale: what v starts from" in str(explain("rmsprop"))
    with pytest.raises(ValueError, match="unknown notation 'lectur'; did you mean 'lecture'"):
        explain("rmsprop", notation="lectur")


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_fields_letters_are_as_many_as_the_lectures(rule):
    letters = re.compile(r"\\text\{[^{}]*\}|\\(?:bar|hat|tilde)\{?\w?\}?|\\[A-Za-z]+(?:_\d)?|[A-Za-z]")
    ours, theirs = (set(letters.findall(text)) for text in (rule.equation, in_letters(rule, "field")))
    assert len(ours) == len(theirs)
    assert not re.search(r"[\\{}]|frac", plain(rule.equation))


def test_names_and_data():
    with pytest.raises(ValueError, match="did you mean 'rmsprop'"):
        explain("rmspropp")
    assert explain("RMSprop").name == "RMSprop"
    document = explain("adagrad").json()
    assert document["sections"][0]["forms"][0]["dialects"][0] == "torch"
    assert document["defaults"]["initial_accumulator_value"]["keras"] == 0.1
    assert document["weight_decay"]["keras"] == "decoupled"
    markdown = explain("adagrad")._repr_markdown_()
    assert "$$" in markdown
    assert "| `eps` |" in markdown


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\frac{\sqrt{1-\rho_2^t}}{1-\rho_1^t}", "√(1−ρ₂ᵗ)/(1−ρ₁ᵗ)"),
        (r"\sqrt{\frac{a+b}{c}}", "√((a+b)/c)"),
        (r"\bar{g}^2,\quad x^{t+1}", "ḡ²\nxᵗ⁺¹"),
        (r"\max(r_{\max}, r)", "max(r_max, r)"),
        (r"\operatorname{sign}(c)", "sign(c)"),
        (r"x^{ab}", "x^ab"),
    ],
)
def test_latex_as_a_terminal_shows_it(latex, text):
    assert plain(latex) == text


def test_a_genitive_is_no_letter():
    """The mean s of the gradient is m in the field's letters, the s of "gradient's" is not."""
    assert "the gradient's mean" in explain("adan").meanings["beta1"]
