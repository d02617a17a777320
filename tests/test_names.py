"""Errors that help: the nearest name, and the sentence around it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.names import nearest, unknown

KNOWN = ["momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("momentun", "momentum"),
        ("MOMENTUM", "momentum"),
        ("Adagard", "adagrad"),
        ("adam ", "adam"),
        ("nestrov", "nesterov"),
        ("xyz", None),
        ("", None),
    ],
)
def test_nearest(name, found):
    assert nearest(name, KNOWN) == found


def test_nearest_keeps_the_known_spelling():
    assert nearest("ADAMW", ["SGD", "AdamW"]) == "AdamW"


def test_closeness_says_how_near():
    assert nearest("momentun", KNOWN, closeness=0.95) is None
    assert nearest("Momentum", KNOWN, closeness=1.0) == "momentum"


def test_nearest_of_nothing():
    assert nearest("adam", []) is None


@given(st.sampled_from(KNOWN))
def test_a_known_name_is_nearest_to_itself(name):
    assert nearest(name, KNOWN) == name
    assert nearest(name.swapcase(), KNOWN) == name


@given(st.text())
def test_any_text_gets_an_answer(name):
    assert nearest(name, KNOWN) in {None, *KNOWN}
    assert all(known in unknown("optimizer", name, KNOWN) for known in KNOWN)


def test_unknown_says_what_came_what_is_near_and_what_is_allowed():
    assert (
        unknown("optimizer", "adm", ["sgd", "adam"])
        == "unknown optimizer 'adm'; did you mean 'adam'? known are sgd, adam"
    )
    assert unknown("optimizer", "xyz", ["sgd", "adam"]) == "unknown optimizer 'xyz'; known are sgd, adam"


def test_unknown_reads_its_names_once():
    assert unknown("optimizer", "adm", iter(["sgd", "adam"])).endswith("did you mean 'adam'? known are sgd, adam")
