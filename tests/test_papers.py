"""The dialect "paper": its defaults as the papers give them, and its numbers by their lines in 50 digits.

`tests/oracles.py` holds the lines of the rules of single numbers; those of whole tensors are here.
"""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from mpmath import matrix, mpf, sqrt

from oracles import ORACLES, SETTINGS, fixed_gradients, linear_decay
from steepest import optim
from steepest.rules import RULES
from walk import linear_rates, off_by

TOLERANCE = 1e-12


@dataclass(frozen=True)
class Paper:
    """A class in the dialect "paper".

    says    the numbers that the paper gives, `where` it gives them
    unsaid  ours where it gives none
    """

    cls: str
    oracle: str
    where: str
    says: dict[str, str]
    unsaid: dict[str, str] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)

    @property
    def numbers(self):
        """All of them, as decimal strings."""
        return {"weight_decay": "0", **self.unsaid, **self.says}


def adamw_as_published(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    """Loshchilov & Hutter (2019), algorithm 2: the schedule's η multiplies λ, the rate α does not."""
    m = v = mpf(0)
    for k in range(steps):
        g = gradient(theta, k)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1 ** (k + 1))
        v_hat = v / (1 - beta2 ** (k + 1))
        eta = rate(k) / rate(0)
        theta = theta - eta * (rate(0) * m_hat / (sqrt(v_hat) + eps) + weight_decay * theta)
        yield theta


ADAMS = {"lr": "0.001", "beta1": "0.9", "beta2": "0.999", "eps": "1e-8"}
NO_DELTA = {name: value for name, value in ADAMS.items() if name != "eps"}

PAPERS = [
    Paper("SGD", "gradient_descent", "Robbins & Monro (1951) give none", {}, {"lr": "0.001"}),
    Paper(
        "SGD",
        "momentum",
        "Sutskever et al. (2013), equations 1 and 2: μ in [0, 1]",
        {},
        {"lr": "0.001", "momentum": "0.9"},
    ),
    Paper(
        "SGD",
        "nesterov",
        "Sutskever et al. (2013), equations 3 and 4: likewise",
        {},
        {"lr": "0.001", "momentum": "0.9"},
        {"nesterov": True},
    ),
    Paper(
        "Adagrad",
        "adagrad",
        "Duchi, Hazan & Singer (2011), figure 1 gives neither η nor δ",
        {},
        {"lr": "0.01", "lr_decay": "0", "initial_accumulator_value": "0", "eps": "1e-10"},
    ),
    *(
        Paper(
            "RMSprop",
            oracle,
            "Graves (2013), below equation 41: ℵ = 0.95, ℶ = 0.9, ℷ = 0.0001, ℸ = 0.0001",
            {"alpha": "0.95", "momentum": "0.9", "lr": "0.0001", "eps": "0.0001"},
            {"initial_scale": "0"},
            {"centered": centered},
        )
        for oracle, centered in (("rmsprop_graves_centered", True), ("rmsprop_graves", False))
    ),
    Paper(
        "Adadelta",
        "adadelta_published",
        "Zeiler (2012), section 4.1: ρ = 0.95, ε = 1e−6; algorithm 1 has no rate",
        {"rho": "0.95", "eps": "1e-6", "lr": "1"},
    ),
    Paper(
        "Adam",
        "adam_as_published",
        "Kingma & Ba (2015), algorithm 1: α = 0.001, β₁ = 0.9, β₂ = 0.999 and ε = 10⁻⁸",
        ADAMS,
    ),
    Paper(
        "Adam",
        "amsgrad_as_published",
        "Reddi, Kale & Kumar (2018), algorithm 2 has no ε and gives no numbers; Adam's",
        {},
        NO_DELTA,
        {"amsgrad": True},
    ),
    Paper(
        "AdamW",
        "adamw_as_published",
        "Loshchilov & Hutter (2019), algorithm 2, line 1: α = 0.001, β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸, λ ∈ ℝ",
        ADAMS,
        {"weight_decay": "1e-5"},
    ),
    Paper(
        "NAdam",
        "nadam_as_published",
        "Dozat (2016), algorithm 2 and experiments: μ_t = μ(1 − 0.5·0.96^{t/250}), μ = 0.99, ν = 0.999, ε = 1e−8",
        {"beta1": "0.99", "beta2": "0.999", "eps": "1e-8", "momentum_decay": "0.004"},
        {"lr": "0.002"},
    ),
    Paper(
        "Adamax",
        "adamax_as_published",
        "Kingma & Ba (2015), algorithm 2: α = 0.002, β₁ = 0.9 and β₂ = 0.999",
        {"lr": "0.002", "beta1": "0.9", "beta2": "0.999"},
    ),
    Paper("RAdam", "radam_as_published", "Liu et al. (2020), algorithm 2 gives no numbers; Adam's", {}, NO_DELTA),
    Paper(
        "Lion",
        "lion",
        "Chen et al. (2023), section 5: β₁ = 0.9, β₂ = 0.99; the rate 3 to 10 times below AdamW's",
        {"beta1": "0.9", "beta2": "0.99"},
        {"lr": "0.0001"},
    ),
    *(
        Paper(
            "Adan",
            oracle,
            "Xie et al. (2022), experiments: β₁ = 0.02, β₂ = 0.08, β₃ = 0.01, whose rest to 1 ours are",
            {"beta1": "0.98", "beta2": "0.92", "beta3": "0.99"},
            {"lr": "0.001", "eps": "1e-8"},
            {"no_prox": no_prox},
        )
        for oracle, no_prox in (("adan_proximal", False), ("adan", True))
    ),
    Paper(
        "Yogi",
        "yogi",
        "Zaheer et al. (2018), experiments: ε = 10⁻³, β₁ = 0.9, β₂ = 0.999, the rate 10⁻², v₀ = 10⁻⁶",
        {"lr": "0.01", "beta1": "0.9", "beta2": "0.999", "eps": "0.001", "initial_accumulator_value": "1e-6"},
    ),
    Paper(
        "AdaBelief",
        "adabelief",
        "Zhuang et al. (2020), algorithm 2 has one ε in both places; experiments: 10⁻⁸, else as Adam",
        {**ADAMS, "eps_root": "1e-8"},
    ),
    Paper(
        "HeavyBall",
        "momentum_mean",
        "Polyak (1964) gives none",
        {},
        {"lr": "0.01", "momentum": "0.9"},
    ),
    Paper(
        "QHM",
        "qhm",
        "Ma & Yarats (2019), their rule of thumb: ν = 0.7 and β = 0.999; their program's example: α = 1",
        {"nu": "0.7", "momentum": "0.999", "lr": "1"},
    ),
    Paper(
        "QHAdam",
        "qhadam",
        "Ma & Yarats (2019), their program: ν₁ = 0.7, ν₂ = 1, β₁ = 0.995, β₂ = 0.999, else as Adam",
        {**ADAMS, "nu1": "0.7", "nu2": "1", "beta1": "0.995"},
    ),
    Paper(
        "ScheduleFreeSGD",
        "schedule_free_sgd",
        "Defazio et al. (2024) and their program: β = 0.9, the rate 1",
        {"momentum": "0.9", "lr": "1", "warmup_steps": "0"},
    ),
    Paper(
        "ScheduleFreeAdamW",
        "schedule_free_adamw",
        "Defazio et al. (2024), algorithm 1: β₁ = 0.9, β₂ = 0.999; their program: the rate 0.0025, ε = 1e−8",
        {"beta1": "0.9", "beta2": "0.999", "eps": "1e-8", "lr": "0.0025", "warmup_steps": "0"},
    ),
]
OF_TENSORS = {"LAMB", "Muon"}  # below
ALL = {**ORACLES, "adamw_as_published": adamw_as_published}
PAIRS = {"betas": "beta", "nus": "nu"}

every_paper = pytest.mark.parametrize("paper", PAPERS, ids=[f"{p.cls}-{p.oracle}" for p in PAPERS])


def test_every_class_with_a_paper_is_here():
    classes = {name for name in optim.__all__ if hasattr(getattr(optim, name), "forms")} - {"Optimizer"}
    spoken = {name for name in classes if "paper" in {form.dialect for form in getattr(optim, name).forms}}
    assert spoken == {p.cls for p in PAPERS} | OF_TENSORS
    forms = [form for name in spoken - OF_TENSORS for form in getattr(optim, name).forms if form.dialect == "paper"]
    assert len(forms) == len(PAPERS)


def as_arguments(numbers):
    """Floats under the classes' names: betas for beta1, beta2, …"""
    given = {name: float(value) for name, value in numbers.items()}
    for several, one in PAIRS.items():
        if values := [given.pop(name) for name in sorted(given) if name.startswith(one) and name[-1].isdigit()]:
            given[several] = tuple(values)
    return given


def asked(paper):
    """SGD's momentum has no default but 0: it is what makes the method."""
    return {n: float(v) for n, v in paper.numbers.items() if (paper.cls, n) == ("SGD", "momentum")}


@every_paper
def test_the_papers_defaults(paper):
    p = torch.nn.Parameter(torch.ones(2))
    group = getattr(optim, paper.cls)([p], dialect="paper", **paper.flags, **asked(paper)).param_groups[0]
    expected = as_arguments(paper.numbers)
    assert {name: group[name] for name in expected} == expected


def walked(paper, options, rates):
    """Six weights from 1 under the fixed gradients, in the paper's dialect."""
    theta = torch.nn.Parameter(torch.ones(6, dtype=torch.float64))
    optimizer = getattr(optim, paper.cls)([theta], dialect="paper", **paper.flags, **options)
    optimizer.param_groups[0]["initial_lr"] = rates(0)
    for k, row in enumerate(fixed_gradients()):
        optimizer.param_groups[0]["lr"] = rates(k)
        theta.grad = torch.tensor([float(g) for g in row], dtype=torch.float64)
        optimizer.step()
        optimizer.eval()
        yield theta.tolist()
        optimizer.train()


def by_hand(paper, numbers):
    """The same by the paper's lines."""
    exact = {name: mpf(value) for name, value in numbers.items()}
    rate, rows = linear_decay(exact.pop("lr")), [[mpf(g) for g in row] for row in fixed_gradients()]
    columns = [ALL[paper.oracle](mpf(1), lambda _, k, j=j: rows[k][j], rate, len(rows), **exact) for j in range(6)]
    return list(zip(*columns, strict=True))


@every_paper
def test_the_papers_numbers_at_its_defaults(paper):
    """Columns two to five: gradients from 1e-3 to 10; with δ near 0 the centered form loses digits elsewhere."""
    path = walked(paper, asked(paper), linear_rates(float(paper.numbers["lr"])))
    assert off_by([row[1:5] for row in path], [row[1:5] for row in by_hand(paper, paper.numbers)]) < TOLERANCE


@every_paper
def test_the_papers_numbers_with_every_term_at_work(paper):
    numbers = {name: SETTINGS[name] for name in paper.numbers}
    path = walked(paper, as_arguments(numbers), linear_rates(float(numbers["lr"])))
    assert off_by(path, by_hand(paper, numbers)) < TOLERANCE


# --- rules of whole tensors -------------------------------------------------------------------------------------------


def norm(x):
    """√Σx² of a list or a matrix."""
    return sqrt(sum(each**2 for each in x))


def lamb(gradients, rate, beta1, beta2, eps, weight_decay):
    """You et al. (2020), algorithm 2, with φ(z) = z, for one layer of six weights."""
    x = [mpf(1)] * 6
    m, v = [mpf(0)] * 6, [mpf(0)] * 6
    for t, g in enumerate(gradients, 1):
        m = [beta1 * a + (1 - beta1) * b for a, b in zip(m, g, strict=True)]
        v = [beta2 * a + (1 - beta2) * b**2 for a, b in zip(v, g, strict=True)]
        m_hat = [a / (1 - beta1**t) for a in m]
        v_hat = [a / (1 - beta2**t) for a in v]
        r = [a / (sqrt(b) + eps) for a, b in zip(m_hat, v_hat, strict=True)]
        step = [a + weight_decay * b for a, b in zip(r, x, strict=True)]
        x = [a - rate(t - 1) * norm(x) / norm(step) * b for a, b in zip(x, step, strict=True)]
        yield x


LAMB = {"lr": "0.001", "beta1": "0.9", "beta2": "0.999", "eps": "1e-6", "weight_decay": "0"}


@pytest.mark.parametrize("numbers", [LAMB, {n: SETTINGS[n] for n in LAMB}], ids=["defaults", "every term"])
def test_lamb_in_fifty_digits(numbers):
    """You et al. (2020), section 4: β₁ = 0.9, β₂ = 0.999; the program of BERT's training: ε = 1e−6."""
    paper = Paper("LAMB", "", "", {})
    options = {} if numbers is LAMB else as_arguments(numbers)
    exact = {name: mpf(value) for name, value in numbers.items()}
    rows = [[mpf(g) for g in row] for row in fixed_gradients()]
    path = walked(paper, options, linear_rates(float(numbers["lr"])))
    assert off_by(path, list(lamb(rows, linear_decay(exact.pop("lr")), **exact))) < TOLERANCE


def rounded(x):
    """A matrix in bfloat16, eight bits: as the authors' program begins."""
    return x.apply(lambda each: mpf(float(torch.tensor(float(each), dtype=torch.float64).to(torch.bfloat16))))


def newton_schulz(x, a, b, c, steps):
    """Jordan et al. (2024), `zeropower_via_newtonschulz5` after the scaling, here in full precision."""
    tall = x.rows > x.cols
    x = x.T if tall else x
    for _ in range(steps):
        gram = x * x.T
        x = a * x + (b * gram + c * gram * gram) * x
    return x.T if tall else x


def mean(m, g, beta):
    return beta * m + (1 - beta) * g


def summed(m, g, beta):
    return beta * m + g


def ahead(m, g, beta, _):
    return (1 - beta) * g + beta * m


def ahead_corrected(m, g, beta, t):
    return (1 - beta) * g / (1 - beta**t) + beta * m / (1 - beta ** (t + 1))


def ahead_of_the_sum(m, g, beta, _):
    return g + beta * m


def itself(m, g, beta, t):
    return m


def itself_corrected(m, g, beta, t):
    return m / (1 - beta**t)


def clamped(length, eps):
    return max(length, eps)


def added(length, eps):
    return length + eps


# what is remembered, what of it is flattened, what that is divided by, and whether it is rounded to bfloat16 first
MUONS = {
    "muon": (mean, ahead, clamped, True),
    "muon_plain": (mean, itself, clamped, True),
    "muon_published": (mean, ahead, added, True),
    "muon_published_plain": (mean, itself, added, True),
    "muon_corrected": (mean, ahead_corrected, added, False),
    "muon_corrected_plain": (mean, itself_corrected, added, False),
    "muon_sum": (summed, ahead_of_the_sum, added, False),
    "muon_sum_plain": (summed, itself, added, False),
}


def muon(name, theta, gradients, rate, momentum, ns, ns_steps, eps, weight_decay, rms_rate):
    """Jordan et al. (2024): momentum, its direction, the iteration, and a step as long as √max(1, rows/columns)."""
    buffer, direction, divisor, coarse = MUONS[name]
    m = theta * 0
    for t, g in enumerate(gradients, 1):
        m = buffer(m, g, momentum)
        d = direction(m, g, momentum, t)
        d = rounded(d) if coarse else d
        d = newton_schulz(d / divisor(norm(d), eps), *ns, ns_steps)
        by_shape = sqrt(max(mpf(1), mpf(theta.rows) / theta.cols))
        scale = rms_rate * sqrt(mpf(max(theta.rows, theta.cols))) if rms_rate else by_shape
        theta = theta - rate(t - 1) * weight_decay * theta - rate(t - 1) * scale * d
        yield theta


def test_every_rule_of_matrices_has_an_oracle():
    assert set(MUONS) == {name for name in RULES if name not in ORACLES}


@pytest.mark.parametrize("rms_rate", ["0", "0.3"])
@pytest.mark.parametrize("shape", [(2, 3), (3, 2)])
@pytest.mark.parametrize("name", MUONS)
def test_muons_rules_in_fifty_digits(name, shape, rms_rate):
    """On arrays, whose products are not rounded to bfloat16: the iteration's start is."""
    rule = RULES[name]
    numbers = {**SETTINGS, "ns_a": "2.0", "ns_b": "-1.5", "ns_c": "0.5", "ns_steps": "3", "rms_rate": rms_rate}
    given = {h.name: float(numbers[h.name]) for h in rule.hyperparameters}
    rows = [[float(g) for g in row] for row in fixed_gradients()[:12]]
    exact = {n: mpf(numbers[n]) for n in ("momentum", "eps", "weight_decay", "rms_rate")}
    ns = [mpf(numbers[n]) for n in ("ns_a", "ns_b", "ns_c")]
    grads = [matrix([row[i * shape[1] : (i + 1) * shape[1]] for i in range(shape[0])]) for row in rows]
    expected = muon(name, matrix(*shape) + 1, grads, linear_decay(mpf(numbers["lr"])), ns=ns, ns_steps=3, **exact)
    assert off_by(muons_path(rule, shape, rows, given), [[list(row) for row in x.tolist()] for x in expected]) < 1e-11


def muons_path(rule, shape, rows, given):
    theta, m, rates = np.ones(shape), np.zeros(shape), linear_rates(given["lr"])
    for k, row in enumerate(rows):
        constants = rule.constants(k + 1, {**given, "lr": rates(k)})
        theta, m = rule.step(theta, np.array(row).reshape(shape), [m], constants)
        yield theta


def test_muons_defaults_are_the_authors():
    """Jordan et al. (2024), their program: the rate 0.02, momentum 0.95, five steps of (3.4445, −4.7750, 2.0315)."""
    matrix_and_bias = [torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.ones(2))]
    ours, adamw = optim.Muon(matrix_and_bias, dialect="paper").param_groups
    says = {"lr": 0.02, "momentum": 0.95, "nesterov": True, "ns_steps": 5, "weight_decay": 0.0, "eps": 1e-7}
    assert {name: ours[name] for name in says} == says
    assert ours["ns_coefficients"] == (3.4445, -4.7750, 2.0315)
    says = {"lr": 3e-4, "betas": (0.9, 0.95), "eps": 1e-10, "weight_decay": 0.0}
    assert {name: adamw[name] for name in says} == says
