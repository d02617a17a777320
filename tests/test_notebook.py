"""The result of `steepest.race` in a notebook: it displays itself, light or dark; its numbers are plain data."""

import html
import re
from xml.etree import ElementTree

import pytest

import steepest
from browser import CHROMIUM, browser
from made_up_study import NAMES, final, four_contenders, journal, tuned
from small import SMALL
from steepest.report.looks import DARK, LIGHT
from steepest.report.notebook import Race
from steepest.study import Outcome, summary
from steepest.study.contenders import Contender
from steepest.study.journal import read

AWKWARD = '<b>&"</script>'


def finished(folder, who, runs) -> Race:
    journal(folder, who, runs)
    found = read(folder)
    return Race(Outcome(folder, tuple(summary(found))), found)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("study"), NAMES, four_contenders())


@pytest.fixture(scope="module")
def shown(result):
    return result._repr_html_()


def test_race_returns_what_a_notebook_shows(tmp_path):
    result = steepest.race(SMALL, ["sgd"], folder=tmp_path, passes=1, rates=1, seeds=2, jobs=1)
    assert result.rows[0].name == "sgd"
    assert result.table.records()[0]["contender"] == "sgd"
    assert {point["seed"] for point in result.curves} == {run["seed"] for run in result.journal.runs[1:]}
    assert {"contender", "seed", "step", "pass", "seconds", "train_loss"} <= set(result.curves[0])
    assert result.validation[0]["pass"] == 0
    assert result.verdict.startswith("Alone in the race, sgd")
    assert "optim.SGD(" in result.winner
    assert "<svg" in result._repr_html_()
    assert steepest.race.__doc__.startswith("Race contenders on a workload")


def test_the_html_is_one_well_formed_piece_that_loads_and_runs_nothing(shown):
    tree = ElementTree.fromstring(shown.replace("<style>", "<style><![CDATA[").replace("</style>", "]]></style>"))
    assert len(tree.findall(".//{*}svg")) == 4
    assert len(tree.findall(".//tr")) == 1 + len(NAMES)
    assert len(shown) < 500_000
    assert not re.search(r"<script|<iframe|\bon\w+=|url\((?!#)|src=|@import", shown)


def test_rules_of_style_touch_nothing_else(shown):
    rules = re.findall(r"([^{}]+)\{", re.search(r"<style>(.*?)</style>", shown, re.DOTALL)[1])
    assert all(".steepest-race" in selector for rule in rules for selector in rule.split(","))


def test_names_are_escaped(tmp_path):
    odd = Contender(AWKWARD, "adam")
    shown = finished(tmp_path, (odd,), [tuned(odd, 0, 0.9), final(odd, 0, 0.9), final(odd, 1, 0.9)])._repr_html_()
    assert "</script>" not in shown
    assert html.escape(AWKWARD) in shown


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: chromium")
@pytest.mark.parametrize(
    ("body", "series"),
    [
        ('data-jp-theme-light="true"', LIGHT.series),
        ('data-jp-theme-light="false"', DARK.series),
        ('class="vscode-dark"', DARK.series),
        ("", LIGHT.series),
    ],
)
def test_colours_follow_the_notebook(shown, tmp_path, body, series):
    page = tmp_path / "notebook.html"
    page.write_text(f"<!doctype html><meta charset=utf-8><body {body} style='color: rgb(1, 2, 3)'>{shown}")
    with browser(tmp_path / "profile") as chromium:
        chromium.look(640, "light")
        chromium.open(page, "document.readyState === 'complete'")
        colours = set(chromium.run("[...document.querySelectorAll('svg path')].map((p) => getComputedStyle(p).stroke)"))
        text = chromium.run("getComputedStyle(document.querySelector('svg text')).fill")
        width = chromium.run("document.querySelector('svg').getBoundingClientRect().width")
    assert {rgb(colour) for colour in series[: len(NAMES)]} <= colours
    assert text == "rgb(1, 2, 3)"
    assert width <= 640


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"
