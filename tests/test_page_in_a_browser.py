"""The report as people meet it: on a phone and a desk, light and dark, by mouse, keyboard and screen reader."""

import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from browser import CHROMIUM, browser
from made_up_study import NAMES, four_contenders, journal
from small import SMALL
from steepest.report.account import report
from steepest.report.joint import joint
from steepest.report.page import render
from steepest.report.together import entries
from steepest.study.journal import read

AXE = Path(__file__).parents[1] / ".venv" / "axe.min.js"
DRAWN = "document.documentElement?.dataset.charts === 'drawn'"
LOOKS = [(width, scheme) for width in (320, 1280) for scheme in ("light", "dark")]
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => each.open = true)"
SERIOUS = """axe.run().then(({ violations }) => violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => id + ": " + nodes.map(({ target }) => target).join(" ")))"""
# radios share a stop, whatever their number
STOPS = """[...document.querySelectorAll("button, summary, input:checked, [tabindex='0']")]
    .filter((each) => each.checkVisibility()).length"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = journal(tmp_path_factory.mktemp("study"), NAMES, four_contenders())
    path = folder / "report.html"
    path.write_text(render(report(read(folder))), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_chart_is_drawn_and_nothing_is_loaded(chromium, page, width, scheme):
    chromium.look(width, scheme)
    chromium.open(page, DRAWN)
    assert chromium.complaints == []
    assert chromium.requests == []
    charts = chromium.run("[...document.querySelectorAll('.chart')].map((c) => c.querySelectorAll('svg path').length)")
    assert len(charts) == 9
    assert min(charts) > 3
    assert chromium.run("document.documentElement.scrollWidth") == width, "the page can be moved sideways"
    ends = "[...document.querySelectorAll('.chart > svg')].map((s) => s.getBoundingClientRect().right)"
    assert max(chromium.run(ends)) <= width
    axes = "[...document.querySelectorAll('.chart > svg .role-axis-domain line')]"
    plots = f"{axes}.map((line) => Math.abs(line.getAttribute('x2')))"
    assert min(filter(None, chromium.run(plots))) >= {320: 190, 1280: 800}[width], "a chart has little room"
    paper = chromium.run("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper[4:-1].split(", "))) < 384) == (scheme == "dark")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing_serious(chromium, page, width, scheme):
    if not AXE.exists():
        pytest.skip("needs axe-core: make test-report fetches it")
    chromium.look(width, scheme)
    chromium.open(page, DRAWN)
    chromium.run(OPEN_ALL)
    chromium.run(AXE.read_text(encoding="utf-8") + "; true")
    assert chromium.run("axe.version")
    assert chromium.run(SERIOUS) == []


def test_every_control_is_reached_by_keyboard_and_shows_it(chromium, page):
    chromium.look(1280, "light")
    chromium.open(page, DRAWN)
    chromium.run(OPEN_ALL)
    count = chromium.run(STOPS)
    outlines = []
    for _ in range(count):
        chromium.press("Tab")
        chromium.run("document.activeElement.dataset.reached = ''")
        outlines.append(chromium.run("getComputedStyle(document.activeElement).outlineStyle"))
    assert count > 50
    assert chromium.run("document.querySelectorAll('[data-reached]').length") == count
    assert set(outlines) == {"solid"}


def test_a_contender_is_highlighted_by_keyboard(chromium, page):
    chromium.look(1280, "light")
    chromium.open(page, DRAWN)
    faint = "document.querySelectorAll('[data-chart=test-by-seed] svg [opacity=\"0.12\"]').length"
    assert chromium.run(faint) == 0
    chromium.run("document.querySelector('.chip').focus()")
    chromium.press(" ")
    assert chromium.run("document.querySelector('.chip').getAttribute('aria-pressed')") == "true"
    until(lambda: chromium.run(faint) >= 9)


def test_axes_are_chosen_and_charts_saved(chromium, page, tmp_path):
    chromium.look(320, "dark")
    chromium.open(page, DRAWN)
    chromium.run(OPEN_ALL)
    chromium.run("document.querySelector('input[value=training-by-seconds]').click()")
    title = "document.querySelector('#figure-training-loss .chart').textContent"
    until(lambda: "Training time (s)" in chromium.run(title))
    chromium.do("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    for kind in ("svg", "png", "csv"):
        chromium.run(f"document.querySelector('#figure-training-loss [data-save={kind}]').click()")
        file = tmp_path / f"training-by-seconds.{kind}"
        until(lambda file=file: file.exists() and file.stat().st_size)
    assert ElementTree.parse(tmp_path / "training-by-seconds.svg").getroot().tag.endswith("svg")
    assert (tmp_path / "training-by-seconds.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "training-by-seconds.csv").read_text().count("\n") == 1 + len(NAMES)


def test_the_page_of_several_studies(chromium, tmp_path):
    for name in ("one", "two"):
        journal(tmp_path / name, NAMES, four_contenders(), replace(SMALL, name=name, targets=(0.9,)))
    page = tmp_path / "report.html"
    page.write_text(render(joint(entries(tmp_path), tmp_path)), encoding="utf-8")
    chromium.look(320, "dark")
    chromium.open(page, DRAWN)
    assert (chromium.complaints, chromium.requests) == ([], [])
    assert chromium.run("document.querySelectorAll('.chart svg').length") == 2
    assert chromium.run("document.documentElement.scrollWidth") == 320


def until(holds) -> None:
    """Wait for what the page does in its own time."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
