"""`translate`: the pasted line walks the source's path, or the answer says that none does; nothing is ever executed."""

import inspect
import random
import re
import string
from functools import lru_cache

import pytest
import torch

import steepest
from steepest import optim, translate
from steepest.dialects.call import LONGEST, Expression, read_call
from steepest.dialects.libraries import constructors

STEPS = 40


def gradients(eps=(1e-10, 1e-8, 1e-7, 1e-3)):
    sizes = torch.tensor([1e3, 1.0, 1e-2, 1e-6, 0.0, 1.0, *eps, *(e**0.5 for e in eps)], dtype=torch.float64)
    noise = torch.randn(STEPS, len(sizes), dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    return noise * sizes


GRADIENTS = gradients()


class Model:
    """Something whose `parameters()` a pasted line can take."""

    def __init__(self, size):
        theta = torch.arange(size, dtype=torch.float64) % 2
        theta[4] = 1.0
        self.theta = torch.nn.Parameter(theta)

    def parameters(self):
        return [self.theta]


def path(line, changing=False):
    """Where a line leads, step by step."""
    return walked(*runnable(line), changing)


@lru_cache(maxsize=256)
def walked(line, shrinks, changing):
    model = Model(GRADIENTS.shape[1])
    theta, slope = model.theta.data, torch.where(torch.arange(GRADIENTS.shape[1]) == 5, 0.1, 0.0)
    optimizer = eval(line, {"torch": torch, "steepest": steepest, "model": model})
    rate, visited = optimizer.param_groups[0]["lr"], [theta.clone()]
    if changing:  # as schedulers do it
        optimizer.param_groups[0]["initial_lr"] = rate
    for t, g in enumerate(GRADIENTS):
        if changing and t % 3 == 0:
            optimizer.param_groups[0]["lr"] = rate * (0.3 + 0.2 * (t * t % 7))
        model.theta.grad = torch.addcmul(g, slope, theta)
        optimizer.step()
        if shrinks:
            theta -= shrinks * visited[-1]
        visited.append(theta.clone())
    return torch.stack(visited)


def difference(a, b):
    """The largest difference of two paths, relative to the way that each weight goes in all; 0/0 counts for nothing."""
    never_moved_by_a_gradient = [4]
    without = [c for c in range(a.shape[1]) if not (c in never_moved_by_a_gradient and (a + b)[:, c].isnan().any())]
    a, b = a[:, without], b[:, without]
    way = torch.fmax((a - a[0]).abs(), (b - b[0]).abs()).nan_to_num(0.0).amax(0)
    apart = torch.where((a.isnan() & b.isnan()) | (a == b), 0.0, (a - b).abs() - 1e-13 * a[0].abs())
    return (apart / (way + 1e-300)).nan_to_num(1.0).max().item()


def runnable(line):
    """The line itself, or for a library that need not be here the one of `steepest.optim` that speaks for it.

    What optax.chain adds after an optimizer is returned too: the share by which a step shrinks the weights.
    """
    if line.startswith(("torch.", "steepest.")):
        return line, 0.0
    if after := re.fullmatch(r"optax\.chain\((.*), optax\.add_decayed_weights\(-(.*)\)\)", line):
        inner = after[1] if after[1].count("optax.") == 1 else f"optax.chain({after[1]})"
        return runnable(inner)[0], float(after[2])
    return translate(line, to="steepest").line, 0.0


@pytest.mark.parametrize(
    ("call", "to", "line", "holds"),
    [
        ("keras.optimizers.Adagrad()", "torch", "initial_accumulator_value=0.1000001, eps=0.0", "always"),
        ("optax.adagrad(0.1)", "torch", "lr=0.1, initial_accumulator_value=0.1000001, eps=0.0", "always"),
        ("torch.optim.SGD(p, 0.1, weight_decay=0.01)", "keras", "learning_rate=0.1, weight_decay=0.01", "always"),
        ("keras.optimizers.SGD(0.1, 0.9)", "torch", "lr=0.1, momentum=0.9", "constant"),
        ("keras.optimizers.SGD(0.1, 0.9, True)", "torch", "lr=0.1, momentum=0.9, nesterov=True", "constant"),
        ("keras.optimizers.RMSprop(0.1, epsilon=0)", "torch", "lr=0.1, alpha=0.9, eps=0.0", "always"),
        ("steepest.optim.Adam(p, dialect='lecture')", "optax", "eps=0.0, eps_root=1e-08", "always"),
        ("steepest.optim.AdamW(p, 0.5, weight_decay=0.1, dialect='paper')", "torch", "weight_decay=0.2", "always"),
        ("tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True)", "torch", "momentum=0.9, nesterov=True", "always"),
        ("optax.rmsprop(0.1, eps_in_sqrt=False)", "torch", "lr=0.1, alpha=0.9", "always"),
        ("keras.optimizers.RMSprop(0.1, weight_decay=0.5)", "optax", "optax.add_decayed_weights(-0.05))", "constant"),
        ("torch.optim.RMSprop(p)", "optax", "learning_rate=0.01, decay=0.99, eps_in_sqrt=False", "always"),
        ("torch.optim.Adadelta(p)", "keras", "learning_rate=1.0, rho=0.9, epsilon=1e-06", "always"),
    ],
)  # fmt: skip
def test_conversions_that_are_known(call, to, line, holds):
    answer = translate(call, to)
    assert line in answer.line
    assert answer.holds == holds
    assert ("constant" in str(answer)) == (holds == "constant")


@pytest.mark.parametrize(
    ("call", "to", "term"),
    [
        ("tf.keras.optimizers.RMSprop(learning_rate=1e-3, momentum=0.9)", "torch", "where eps stands"),
        ("tf.compat.v1.train.RMSPropOptimizer(0.1)", "keras", "has no argument for initial_scale=1"),
        ("tf.compat.v1.train.AdamOptimizer()", "torch", "where eps stands"),
        ("torch.optim.Adam(p, weight_decay=0.1, eps=0)", "keras", "how weight decay enters"),
        ("torch.optim.SGD(p, 0.1, 0.9, dampening=0.9)", "keras", "dampening"),
        ("optax.amsgrad(0.1)", "torch", "max"),
        ("optax.lion(0.1, b1=0.0)", "keras", "has no argument for beta1=0"),
        ("optax.adam(0.1, eps_root=1e-8)", "torch", "the constant inside the root"),
        ("keras.optimizers.Adam(0.1, clipnorm=1.0)", "torch", "clipnorm clips each weight"),
        ("keras.optimizers.Adam(0.1, clipvalue=1.0)", "steepest", "clipvalue"),
        ("keras.optimizers.Adam(0.1, global_clipnorm=1.0)", "torch", "clip_norm"),
        ("keras.optimizers.Adam(0.1, loss_scale_factor=8.0)", "torch", "loss_scale_factor"),
        ("keras.optimizers.SGD(0.1, gradient_accumulation_steps=4)", "torch", "gradient_accumulation_steps"),
        ("keras.optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=9)", "torch", "ema_overwrite_frequency"),
        ("optax.adamw(0.1, mask=True)", "torch", "mask"),
        ("torch.optim.SGD(p, 0.1, maximize=True)", "keras", "maximize"),
    ],
)
def test_what_cannot_be_said_is_named(call, to, term):
    answer = translate(call, to)
    assert answer.line is None
    assert term in " ".join(answer.reasons)
    assert f"No line of {to}" in str(answer)
    assert answer.steepest or "no counterpart either" in str(answer)


def test_the_exact_line_is_at_hand_where_the_library_cannot():
    answer = translate("tf.keras.optimizers.RMSprop(learning_rate=1e-3, momentum=0.9)")
    assert answer.steepest == "steepest.optim.RMSprop(model.parameters(), lr=0.001, momentum=0.9, dialect='keras')"
    assert answer.steepest in str(answer)
    assert answer.json()["reasons"] == list(answer.reasons)
    assert "`steepest.optim.RMSprop" in answer._repr_markdown_()


def test_clipping_and_decay_stand_in_a_chain():
    line = "optax.chain(optax.clip_by_global_norm(0.5), optax.add_decayed_weights(0.1), optax.adam(learning_rate=0.01))"
    own = "steepest.optim.Adam(net.parameters(), lr=0.01, weight_decay=0.1, clip_norm=0.5)"
    assert translate(own, to="optax").line == line
    assert difference(path(own.replace("net", "model")), path(line)) < 1e-6 / 0.5
    assert "clips by the norm + 1e-6" in translate(own, to="optax").notes[0]
    assert not translate(line, to="keras").notes
    for bad, why in [
        ("optax.chain(optax.adam(0.1), optax.clip_by_global_norm(1.0))", "an optimizer ends the chain"),
        ("optax.chain(optax.add_decayed_weights(0.1), optax.adamw(0.1))", "decay of its own"),
        ("optax.chain(optax.add_decayed_weights(0.1), optax.clip_by_global_norm(1.0), optax.sgd(0.1))", "too late"),
        ("optax.chain(optax.scale(2.0), optax.sgd(0.1))", "change of sign"),
        ("optax.chain(1, 2)", "takes calls"),
        ("optax.chain(optax.clip_by_global_norm(x), optax.sgd(0.1))", "one number"),
    ]:
        with pytest.raises(ValueError, match=why):
            translate(bad)


def test_a_chain_that_is_written_is_read_again():
    given = "lr=0.1, weight_decay=0.2, clip_norm=0.5, maximize=True, dialect='optax'"
    own = f"steepest.optim.SGD(model.parameters(), {given})"
    assert translate(translate(own, to="optax").line, to="steepest").line == own


def test_a_conversion_is_one_for_every_rate():
    """At the rate 1 the plain numbers would do too; what is said of them is said of no rate alone."""
    answer = translate("steepest.optim.AdamW(p, 1.0, weight_decay=0.1, dialect='paper')")
    assert answer.settings == ("weight_decay = weight_decay / lr",)


def test_what_leaves_the_path_alone_is_left_out_and_said():
    answer = translate("keras.optimizers.SGD(0.1, use_ema=True, name='mine')")
    assert answer.line == "torch.optim.SGD(model.parameters(), lr=0.1)"
    assert any("use_ema is left out" in note for note in answer.notes)
    assert "name changes no number" in answer.notes
    assert "fused changes no number" in translate("torch.optim.Adam(p, fused=True)", to="keras").notes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("Adam(1e-3)", "torch, keras, steepest"),
        ("torch.optim.Adamm(p)", "did you mean 'Adam'"),
        ("optax.adm(0.1)", "did you mean 'adam'"),
        (
            "keras.optimizers.Adam(lr=0.1)",
            r"has no lr; Keras 3 says learning_rate.*write keras.optimizers.legacy.Adam\(",
        ),
        ("torch.optim.Adam(p, rl=0.1)", "unknown argument of torch.optim.Adam 'rl'"),
        ("keras.optimizers.Adam(learning_rat=0.1)", "did you mean 'learning_rate'"),
        ("keras.optimizers.legacy.RMSprop()", "legacy"),
        ("optax.novograd(0.1)", "has no counterpart here: its second moment"),
        ("torch.optim.LBFGS(p)", "searches along lines"),
        ("tf.train.FtrlOptimizer(0.1)", "regularized leader"),
        ("optax.contrib.prodigy(0.1)", "no class here"),
        ("some.lib.Adam()", "known are those of torch.optim, keras.optimizers, optax"),
        ("optax.adam()", "needs learning_rate"),
        ("optax.adadelta(None)", "climbs"),
        ("torch.optim.Adam(p, 0.1, lr=0.2)", "twice"),
        ("torch.optim.Adam(p, lr=0.1, lr=0.2)", "second time"),
        ("keras.optimizers.SGD(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)", "takes 13 arguments, and 14"),
        ("torch.optim.Adam(p, lr=-1)", "lr must be"),
        ("keras.optimizers.Adam('fast')", "lr must be"),
        ("torch.optim.Adam(p, betas=0.9)", "betas must be two numbers"),
        ("torch.optim.Adam([{'params': p, 'lr': 0.1}])", "parameter groups"),
        ("torch.optim.Adam(0.1)", "parameters"),
    ],
)
def test_errors_help(call, message):
    with pytest.raises(ValueError, match=message) as error:
        translate(call)
    assert len(str(error.value)) < 600


def test_muon_says_what_sets_the_libraries_apart():
    answer = translate("torch.optim.Muon(m.parameters(), lr=0.02)", to="optax")
    assert answer.line is None
    assert answer.reasons[0].splitlines() == [
        "optax.contrib.muon differs in the update itself",
        "  torch.optim.Muon: d = (1−μ) g + μ m, X₀ = d/(max(‖ d ‖, ε))",
        "  optax.contrib.muon: d = (1−μ) g/(1−μᵗ) + μ m/(1−μᵗ⁺¹), X₀ = d/(‖ d ‖ + ε)",
    ]
    same = translate("steepest.optim.Muon(m.parameters(), dialect='keras')", to="keras")
    assert "keras.optimizers.Muon is read and not written" in same.reasons[0]
    lengths = "torch.optim.Muon(m.parameters(), adjust_lr_fn='match_rms_adamw')"
    assert translate(lengths, to="torch").line == lengths.replace("m.p", "m.p").replace("()", "(), lr=0.001", 1)
    assert translate("steepest.optim.Muon(m.parameters(), adjust_lr_fn=0.3)", to="torch").line is None


@pytest.mark.parametrize(
    ("call", "to", "reason"),
    [
        ("torch.optim.Rprop(p)", "optax", "optax.rprop differs in the update itself"),
        ("torch.optim.ASGD(p)", "optax", "optax has no ASGD"),
    ],
)
def test_a_library_is_not_said_to_lack_what_it_has_otherwise(call, to, reason):
    answer = translate(call, to=to)
    assert answer.reasons[0].startswith(reason)
    assert "does the same" in str(answer)


# optax.rmsprop's flags, each of which moves the path: no line may leave one of them out
RMSPROP_FLAGS = [
    "momentum=0.9, nesterov=True",
    "bias_correction=True",
    "eps_in_sqrt=False, bias_correction=True",
    "eps_in_sqrt=False, momentum=0.9",
    "eps_in_sqrt=False, momentum=0.9, nesterov=True",
    "eps_in_sqrt=False, initial_scale=0.1",
    "eps_in_sqrt=None, momentum=0.9",
]


@pytest.mark.parametrize("flags", RMSPROP_FLAGS)
def test_no_flag_of_rmsprop_in_optax_is_left_out(flags):
    call = f"optax.rmsprop(0.1, {flags})"
    for to in ("torch", "keras"):
        answer = translate(call, to)
        assert answer.holds != "always"
        assert answer.line is None or difference(path(call), path(answer.line)) < 1e-8
    there = translate(call, "optax").line
    assert translate(there, "steepest").line == translate(call, "steepest").line
    assert difference(path(call), path("optax.rmsprop(0.1)")) > 1e-4


def test_optax_takes_none_for_a_no():
    """So does what it is compared with: `if eps_in_sqrt`."""
    asked, meant = (translate(f"optax.rmsprop(0.1, eps_in_sqrt={no})", to="torch") for no in (None, False))
    assert asked.line == meant.line == "torch.optim.RMSprop(model.parameters(), lr=0.1, alpha=0.9)"


def test_switches_and_whole_numbers_are_written_as_they_are_taken():
    plain = "torch.optim.Muon(m.parameters(), lr=0.02, nesterov=False)"
    assert translate(plain, to="torch").line == plain
    warm = translate("schedulefree.SGDScheduleFree(p, lr=0.1, warmup_steps=4)", to="steepest")
    assert warm.line == "steepest.optim.ScheduleFreeSGD(p, lr=0.1, warmup_steps=4)"
    late = "steepest.optim.ScheduleFreeSGD(p, lr=0.1, warmup_steps=4, dialect='optax')"
    assert translate(late, to="optax").line == "optax.contrib.schedule_free_sgd(learning_rate=0.1, warmup_steps=4)"


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("optax.contrib.schedule_free_sgd(0.1, warmup_steps=0)", "never moves: its rate is 0; leave warmup_steps out"),
        ("optax.contrib.schedule_free_adamw(0.1, b1=0.0)", "does not work with b1=0; b1 must be above 0"),
        ("keras.optimizers.Lion(0.1, beta_1=0)", "does not work with beta_1=0"),
        ("schedulefree.SGDScheduleFree(p, momentum=0)", "does not work with momentum=0"),
    ],
)
def test_what_a_library_makes_nonsense_of_is_refused(call, why):
    with pytest.raises(ValueError, match=why):
        translate(call)


def test_a_bare_name_needs_its_library():
    assert translate("Adam(p, 0.1)", to="torch", from_="steepest").line == "torch.optim.Adam(p, lr=0.1)"
    assert "starts from" in translate("RMSPropOptimizer(0.1, epsilon=0)", to="torch", from_="tf1").reasons[0]
    with pytest.raises(ValueError, match="unknown library 'tourch'; did you mean 'torch'"):
        translate("Adam(p)", to="tourch")
    with pytest.raises(ValueError, match="unknown library 'tf2'"):
        translate("Adam(p)", from_="tf2")


class Trap:
    """Fails the test when anything of a call is executed."""

    def __getattr__(self, name):
        raise AssertionError(f"{name} was touched")


HOSTILE = [
    "__import__('os').system('touch pwned')",
    "torch.optim.Adam(p, lr=__import__('os').system('touch pwned'))",
    "torch.optim.Adam((lambda: open('pwned', 'w'))())",
    "torch.optim.Adam(p, lr=[open('pwned', 'w') for _ in range(1)])",
    "torch.optim.Adam(p, lr=(x := 1))",
    "torch.optim.Adam(p, lr=f'{open(1)}')",
    "torch.optim.Adam(p, lr=1 if True else 2)",
    "torch.optim.Adam(p, lr=True + 1)",
    "torch.optim.Adam(p, lr='1' * 9)",
    "torch.optim.Adam(p, lr=9**9**9)",
    "torch.optim.Adam(p, lr=1 << 9**9)",
    "torch.optim.Adam(p, lr=1/0)",
    "torch.optim.Adam(p, lr=(-1)**0.5)",
    "torch.optim.Adam(p, lr=1j)",
    "torch.optim.Adam(p, lr=b'1')",
    "torch.optim.Adam(p, lr=...)",
    "torch.optim.Adam(p, lr={1: 2})",
    "torch.optim.Adam(p, lr=x[0])",
    "torch.optim.Adam(*args)",
    "torch.optim.Adam(**kwargs)",
    "torch.optim.Adam(p, betas=(*b,))",
    "torch.optim['Adam'](p)",
    "torch.optim.Adam(p)(q)",
    "getattr(torch.optim, 'Adam')(p)",
    "import os",
    "x = y = 3",
    "torch.optim.Adam(p); torch.optim.Adam(p)",
    "torch.optim.Adam(p",
    "torch.optim.Adam(p))",
    "torch.optim.Adam(p,\0lr=1)",
    "",
    "   \n",
    "(" * 900,
    "-" * 1900 + "1",
    "torch.optim.Adam(p, lr=" + "-" * 1900 + "1)",
    "torch.optim.Adam(p, lr=" + "1+" * 900 + "x)",
    "f(" * 450 + ")" * 450,
    "torch.optim.Adam(p, lr=" + "9" * (LONGEST - 40) + ")",
    "x" * 10**6,
    "торч.optim.Adam(p)",
    "torch.optim.Adam(p, lr=１)",
    "torch.optim.Адам(p)",
    "torch.optim.Adam(p, λ=1)",
    "\ud800",
    "😀",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused_in_one_sentence_and_never_run(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"\w") as error:
        translate(text)
    assert not list(tmp_path.iterdir())
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("value", [None, 3, b"torch.optim.Adam(p)", ["torch.optim.Adam(p)"]])
def test_only_text_is_read(value):
    with pytest.raises(ValueError, match="reads text"):
        translate(value)


def test_a_comment_is_no_call():
    with pytest.raises(ValueError, match="'# torch.optim.SGD.p.' is a comment; wanted is a call"):
        translate("# torch.optim.SGD(p)")


def test_paths_that_overflow_are_compared_all_the_same():
    assert translate("optax.sgd(1e308, momentum=0.9)").holds == "always"


def test_random_text_is_refused_or_read():
    rng = random.Random(5)
    signs = string.printable + "αε²😀"
    base = "torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.99), eps=-1e-8*-2)"
    for _ in range(1500):
        text = list(base)
        for _ in range(rng.randrange(1, 4)):
            text[rng.randrange(len(text))] = rng.choice(signs)
        try:
            translate("".join(text), to="steepest")
        except ValueError as error:
            assert len(str(error)) < 600, text  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3*2", 0.002),
        ("-1", -1),
        ("+2.5", 2.5),
        ("1/4", 0.25),
        ("10**-3", 0.001),
        ("(1, 2.5, None)", (1, 2.5, None)),
        ("[0.9, 0.99]", (0.9, 0.99)),
        ("'name'", "name"),
        ("None", None),
        ("True", True),
        ("model.parameters()", Expression("model.parameters()")),
    ],
)
def test_constants_that_are_read(text, value):
    assert read_call(f"a.b({text}, c={text})").positional == (value,)
    for target in ("opt", "self.opt", "opt: Optimizer"):
        assert read_call(f"{target} = a.b(c={text})").keywords == {"c": value}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import optax\nopt = optax.sgd(1e-3*4)", "torch.optim.SGD(model.parameters(), lr=0.004)"),
        ("from tensorflow.keras.optimizers import SGD as S\nopt = S(1/1000)", "SGD(model.parameters(), lr=0.001)"),
        ("import torch.optim as o\nwd = 2**-10\no.AdamW(p, weight_decay=wd)", "weight_decay=0.0009765625"),
        ("from steepest import optim\noptim.Rprop(p, 0.1)", "torch.optim.Rprop(p, lr=0.1)"),
        ("r = 0.1\nr = 2*r\nnet = Net()\noptax.sgd(r)", "lr=0.2"),
        ("self.lr = 0.5\nself.o = torch.optim.SGD(self.parameters(), self.lr)", "SGD(self.parameters(), lr=0.5)"),
        ("tx = optax.sgd(0.1)\ntx = optax.chain(optax.add_decayed_weights(0.2), tx)", "lr=0.1, weight_decay=0.2"),
        ("tx = optax.sgd(0.1)\ns = TrainState.create(params=p, tx=tx)", "lr=0.1"),
        ("model.compile(optimizer=keras.optimizers.SGD(0.1), loss='mse')", "lr=0.1"),
        ("optax.inject_hyperparams(optax.sgd)(learning_rate=0.1)", "lr=0.1"),
    ],
)
def test_several_lines_come_to_one_call(text, line):
    assert line in translate(text).line


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("lr = 0.1\nAdam(lr)", "Adam is in torch, keras, steepest"),
        ("from torch.optim import *\nAdam(p)", "imports names that are not written here"),
        ("from .mine import Adam\nAdam(p)", "no call of a library's optimizer"),
        ("for p in q: pass\noptax.sgd(1)", "'for p in q: pass' at character 1 is neither an import"),
        ("lr = 0.1\nlr += 1\noptax.sgd(lr)", "'lr .= 1' at character 10"),
        ("lr = 0.1\nlr, b = f()\noptax.sgd(lr)", "learning_rate=lr of optax.sgd is no constant"),
        ("lr = 0.1\nlr = g()\noptax.sgd(lr)", "learning_rate=lr of optax.sgd is no constant"),
        ("optax.sgd(1)\noptax.adam(1)", "'optax.adam.1.' at character 14 is a call besides that of optax.sgd"),
        ("optax.sgd(1)\noptax.adam(1", "at character 11 in line 2"),
        ("\n".join(["a0=(1,1)", *(f"a{i + 1}=(a{i},a{i})" for i in range(99))]), "holds too much"),
        ("x = 3\ny = 4", "no call of a library's optimizer"),
    ],
)
def test_several_lines_that_come_to_none(text, why):
    with pytest.raises(ValueError, match=why):
        translate(text)


@pytest.mark.parametrize(
    "parameters",
    ["net.parameters()", "params", "list(net.parameters())", "filter(lambda p: p.requires_grad, net.parameters())"],
)
def test_parameters_are_kept_as_they_were_written(parameters):
    answer = translate(f"torch.optim.Adam({parameters}, lr=0.1)", to="steepest")
    assert answer.line == f"steepest.optim.Adam({parameters}, lr=0.1)"


def test_errors_name_the_character():
    with pytest.raises(ValueError, match="'x\\[0\\]' at character 30 "):
        translate("torch.optim.Adam(α.params(), x[0])")
    with pytest.raises(ValueError, match="'y' at character 24 "):
        translate("torch.optim.Adam(p, lr=y - 1)")


def test_torchs_arguments_are_ours():
    for constructor in constructors("torch"):
        assert getattr(torch.optim, constructor.name)
        ours = inspect.signature(getattr(optim, constructor.method)).parameters
        assert set(constructor.parameters.values()) - {""} <= set(ours)
