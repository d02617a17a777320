"""Signature, help() and checks of every class come from one place: the rules and the shell."""

import inspect

import pytest
import torch

from steepest import optim
from steepest.optim.form import facts, native
from steepest.optim.options import read_numbers, together
from steepest.optim.shell import SHELL
from steepest.rules import rule
from steepest.rules.own import RESERVED


@rule(lr=0.5, beta=0.25)
def plain(theta, g, lr, beta):
    return theta - lr * beta * g


CLASSES = {name: made for name, made in vars(optim).items() if name in optim.__all__ and hasattr(made, "forms")}
CLASSES["following"] = optim.following(plain)
every_class = pytest.mark.parametrize("cls", CLASSES.values(), ids=CLASSES)


@every_class
def test_every_class_takes_the_whole_shell(cls):
    written = inspect.signature(cls).parameters
    assert {name: written[name].default for name in SHELL} == {
        **{name: argument.default for name, argument in SHELL.items()},
        "dialect": cls.forms[0].dialect,
    }
    assert "shell" not in written
    with pytest.raises(TypeError, match="did you mean 'zero_grad_after_step'"):
        cls([torch.nn.Parameter(torch.ones(1, 1))], zero_grad_after_stop=True)


@every_class
def test_help_explains_every_argument_by_its_rule(cls):
    lines = " ".join(inspect.getdoc(cls.__init__).split())
    known = facts(cls.forms)
    for name in list(inspect.signature(cls).parameters):
        assert f" {name}: " in lines
        for each in together(known, [name]).get(name, [name]):
            assert each not in known or f"{known[each].meaning}, {known[each].range}" in lines


@every_class
def test_a_signatures_defaults_are_the_rules(cls):
    """Save where a flag chooses the rule: momentum is off until it is asked for."""
    written = {name: p.default for name, p in inspect.signature(cls).parameters.items()}
    own = facts(native(cls.forms))
    chosen_by = {flag for form in cls.forms for flag in form.flags}
    read = read_numbers(facts(cls.forms), written)
    for name in (own.keys() & read.keys()) - chosen_by:
        assert read[name] == own[name].default, name


def test_a_rule_of_ones_own_cannot_take_a_name_of_the_shell():
    assert set(SHELL) <= RESERVED
