"""Budgets of passes, steps and seconds: what ends a run, and how seconds become steps that can be repeated."""

import json
from dataclasses import replace

import pytest

from small import SMALL
from steepest.report.method import method
from steepest.study import budget, race, read, summary
from steepest.study.plan import plan

TIMES = {"sgd": 0.001, "adam": 0.0025}
TIMED = {"seconds": 0.1, "rates": 3, "seeds": 2, "jobs": 1}


@pytest.mark.parametrize(
    ("given", "until"),
    [
        ({}, ["passes=10"]),
        ({"until": ["loss=0.1"]}, ["passes=10", "loss=0.1"]),
        ({"steps": 30}, ["steps=30"]),
        ({"passes": 2, "until": ["steps=9"]}, ["passes=2", "steps=9"]),
        ({"seconds": 1.5, "until": ["loss=0.1"]}, ["seconds=1.5", "loss=0.1"]),
    ],
)
def test_a_run_ends_at_the_budgets_given_or_after_ten_passes(given, until):
    assert [str(c) for c in plan(SMALL, ["sgd"], **given).until] == until


def test_the_workloads_own_budget_gives_way_to_any_other():
    own = replace(SMALL, until="seconds=3")
    assert [str(c) for c in plan(own, ["sgd"]).until] == ["seconds=3"]
    assert [str(c) for c in plan(own, ["sgd"], passes=2).until] == ["passes=2"]
    target = replace(SMALL, until="loss=0.1")
    assert [str(c) for c in plan(target, ["sgd"]).until] == ["passes=10", "loss=0.1"]


@pytest.mark.parametrize("bad", [{"seconds": 0}, {"seconds": float("inf")}, {"steps": 1.5}, {"until": ["seconds=-1"]}])
def test_a_budget_is_a_number_above_0(bad):
    with pytest.raises(ValueError, match="Invalid"):
        plan(SMALL, ["sgd"], **bad)


@pytest.fixture
def clock(monkeypatch):
    """Steps that take known times; how often they are measured."""
    asked = []

    def times(trials):
        asked.append([trial.contender for trial in trials])
        return TIMES

    monkeypatch.setattr(budget, "times", times)
    return asked


def test_seconds_become_the_steps_that_each_contender_makes_in_them(tmp_path, clock):
    race(SMALL, ["sgd", "adam"], folder=tmp_path, **TIMED)
    journal = read(tmp_path)
    finals = [run for run in journal.runs if run["phase"] == "final"]
    assert {(run["contender"], run["steps"], *run["until"]) for run in finals} == {
        ("sgd", 100, "steps=100"),
        ("adam", 40, "steps=40"),
    }
    told = method(journal, summary(journal))["The budget"]
    assert told.startswith(
        "0.1 seconds of training became as many steps as each makes in that time: 100 of sgd and 40 of "
    )


def test_steps_are_timed_once_before_anything_trains_and_followed_ever_after(tmp_path, clock, monkeypatch):
    class Interrupted(Exception):
        pass

    def interrupt(status):
        if status.journal.runs:
            raise Interrupted

    race(SMALL, ["sgd", "adam"], folder=tmp_path / "whole", **TIMED)
    with pytest.raises(Interrupted):
        race(SMALL, ["sgd", "adam"], folder=tmp_path / "cut", watch=interrupt, **TIMED)
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "cut" / "journal.jsonl").read_text().splitlines()]
    assert kinds[:2] == ["study", "times"]
    assert clock == [["sgd", "adam"]] * 2
    monkeypatch.setitem(TIMES, "sgd", 7.0)  # another machine
    race(SMALL, ["sgd", "adam"], folder=tmp_path / "cut", **TIMED)
    assert len(clock) == 2
    assert read(tmp_path / "cut").keys == read(tmp_path / "whole").keys


def test_contenders_take_turns_at_being_timed_and_the_median_counts(monkeypatch):
    order, found = [], iter([1.0, 9.0, 2.0, 8.0, 50.0, 7.0, 3.0, 60.0, 2.5, 8.5])

    def seconds_a_step(trial):
        order.append(trial.contender)
        return next(found)

    monkeypatch.setattr(budget, "seconds_a_step", seconds_a_step)
    study = plan(SMALL, ["sgd", "adam"], passes=1)
    times = budget.times([study.tuning(c, 0) for c in study.contenders])
    assert order == ["sgd", "adam"] * budget.ROUNDS
    assert times == {"sgd": 2.5, "adam": 8.5}


def test_a_real_clock_gives_every_contender_some_steps(tmp_path):
    race(SMALL, ["gd", "adam"], folder=tmp_path, seconds=0.01, rates=1, seeds=1, jobs=1)
    journal = read(tmp_path)
    assert set(journal.times) == {"gd", "adam"}
    for run in journal.runs:
        share = 1 if run["phase"] == "final" else budget.TUNING_SHARE
        assert run["diverged"] or run["steps"] == max(1, int(share * 0.01 / journal.times[run["contender"]]))
