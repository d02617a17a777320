"""The report: made from the journal alone, numbers as in the journal, nothing loaded, nothing lost in odd studies."""

import csv
import json
import re
import shutil
import struct
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from statistics import fmean, stdev
from xml.etree import ElementTree

import pytest

from made_up_study import NAMES, final, four_contenders, journal, measured, tuned
from small import LINE, SMALL, minus_error
from steepest import report
from steepest.report.account import report as contents
from steepest.report.page import render
from steepest.study.contenders import CONTENDERS, Contender
from steepest.study.journal import read

VOID = {"meta", "input", "br", "hr", "img", "link"}
AWKWARD = '<b>&"</script>'


def test_the_page_stands_alone(page):
    assert page.stat().st_size < 3_000_000
    markup = without_scripts(page.read_text(encoding="utf-8"))
    assert re.findall(r"""(?:src|href|action|poster|data)\s*=\s*["']?(?!#)[^"'\s>]""", markup) == []
    assert not re.search(r"@import|url\(", markup)
    assert "default-src 'none'" in markup


def test_the_page_is_well_formed(page):
    outline = Outline()
    outline.feed(page.read_text(encoding="utf-8"))
    outline.close()
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(outline.headings, outline.headings[1:], strict=False))
    assert all(name in outline.ids for name in outline.references)


def test_every_chart_has_a_description_and_a_table(page):
    markup = without_scripts(page.read_text(encoding="utf-8"))
    figures = re.findall(r"<figure.*?</figure>", markup, flags=re.DOTALL)
    assert len(figures) == 9
    for figure in figures:
        assert re.search(r'class="chart" role="img" aria-label="[^"]{40,}"', figure)
        assert len(re.findall(r"<tr", figure)) > 3
        assert "<details>" in figure


def test_numbers_are_the_journals(study):
    folder, runs = study
    cells = {row[0]: row for row in tables(folder / "report.html")[0]}
    for name in ("adam", "sgd", "adadelta"):
        accuracies = [run["test_acc"] for run in runs if run["contender"] == name and run["phase"] == "final"]
        assert cells[name][1] == f"{100 * fmean(accuracies):.2f} ± {100 * stdev(accuracies):.2f} %"
    assert cells["adadelta"][4] == "— (δ = 0.0032)"
    assert cells["adam"][4] == "0.001"
    order = list(cells)[1:]
    assert order == sorted(
        order, key=lambda name: -fmean(r["test_acc"] for r in runs if r["contender"] == name and r["test_acc"])
    )


def test_diverged_runs_are_counted_and_drawn(study):
    folder, _ = study
    assert {row[0]: row[-1] for row in tables(folder / "report.html")[0]}["sgd"] == "1 of 10"
    assert "diverged at step 40" in words_of(folder / "report.html")
    crosses = charts(folder / "report.html")["data"]["sensitivity-lr-diverged"]
    assert [(row["contender"], row["value"]) for row in crosses] == [("sgd", CONTENDERS["sgd"].value(3))]
    assert crosses[0]["y"] >= max(row["y"] for row in charts(folder / "report.html")["data"]["sensitivity-lr"])


def test_a_value_on_the_edge_is_flagged(tmp_path):
    runs = [tuned("adam", place, 0.9 + 0.01 * place) for place in range(-3, 4)]
    text = words_of(page_of(journal(tmp_path, ("adam",), runs)))
    assert "0.032 *" in text
    assert "The chosen value of adam is the largest that was tried" in text


def test_files_hold_what_the_journal_holds(study):
    folder, runs = study
    finals = [run for run in runs if run["phase"] == "final"]
    points = rows_of(folder / "training-curves.csv")
    assert len(points) == sum(len(run["curve"]["step"]) for run in finals)
    adam = next(run for run in finals if run["contender"] == "adam")
    losses = [float(p["train_loss"]) for p in points if p["contender"] == "adam" and p["seed"] == str(adam["seed"])]
    assert losses == adam["curve"]["train_loss"]
    trials = rows_of(folder / "tuning-runs.csv")
    assert len(trials) == len(runs) - len(finals)
    assert {t["diverged"] for t in trials if t["contender"] == "sgd"} == {"True", "False"}
    table = {row["contender"]: row for row in rows_of(folder / "table.csv")}
    assert float(table["adam"]["test_accuracy_mean"]) == pytest.approx(
        fmean(run["test_acc"] for run in finals if run["contender"] == "adam"), rel=1e-15
    )


@pytest.mark.parametrize(
    "name",
    [
        "training-by-pass",
        "training-by-step",
        "training-by-seconds",
        "validation-by-pass",
        "test-by-seed",
        "sensitivity-lr",
        "sensitivity-eps",
        "separation",
        "budget",
        "time-per-step",
        "race",
    ],
)
def test_pictures_are_well_formed(study, name):
    drawing = ElementTree.parse(study[0] / f"{name}.svg").getroot()
    assert drawing.tag.endswith("svg")
    assert len(drawing.findall(".//{*}path")) > 5
    head = (study[0] / f"{name}.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, _ = struct.unpack(">II", head[16:24])
    assert width >= 1200


def test_every_contender_is_named_in_the_picture_of_the_race(study):
    text = "".join(ElementTree.parse(study[0] / "race.svg").getroot().itertext())
    assert all(name in text for name in ("adam", "sgd", "momentum", "adadelta"))


def test_names_are_escaped(tmp_path):
    odd = Contender(AWKWARD, "adam")
    runs = [tuned(odd, place, 0.9) for place in range(3)] + [final(odd, n, 0.9) for n in range(2)]
    path = page_of(journal(tmp_path, (odd,), runs))
    outline = Outline()
    outline.feed(path.read_text(encoding="utf-8"))
    assert outline.open == []
    assert "b" not in outline.tags
    assert AWKWARD in words_of(path)
    assert charts(path)["data"]["test-by-seed"][0]["contender"] == AWKWARD


def test_one_contender_one_seed(tmp_path):
    path = page_of(journal(tmp_path, ("adam",), [tuned("adam", 0, 0.9), final("adam", 0, 0.91)]))
    text = words_of(path)
    assert "Alone in the race, adam at 0.001 reaches a test accuracy of 91.00 % (one seed)." in text
    assert "nan" not in text.lower().replace("nanc", "")


def test_no_final_runs_yet(tmp_path):
    path = report.write(journal(tmp_path, ("adam", "sgd"), [tuned("adam", 0, 0.93), tuned("sgd", 0, 0.9)]))
    assert "no final runs yet" in words_of(path)
    assert "So far adam leads on the validation split with 93.00 %." in words_of(path)
    assert not (tmp_path / "race.svg").exists()


def test_no_runs_yet(tmp_path):
    assert "No run has finished yet." in words_of(page_of(journal(tmp_path, ("adam", "sgd"), [])))


def test_everything_diverged(tmp_path):
    runs = [tuned(name, place, diverged=True) for name in ("adam", "sgd") for place in range(3)]
    runs += [final(name, n, diverged=True) for name in ("adam", "sgd") for n in range(2)]
    path = page_of(journal(tmp_path, ("adam", "sgd"), runs))
    assert {row[0]: row[-1] for row in tables(path)[0]} == {
        "Contender": "Diverged runs",
        "adam": "5 of 5",
        "sgd": "5 of 5",
    }


def test_a_run_that_diverges_at_its_first_step(tmp_path):
    lost = final("adam", 0, diverged=True)
    lost["curve"] = {"step": [1], "pass": [1 / 391], "seconds": [0.001], "train_loss": [None]}
    path = page_of(journal(tmp_path, ("adam", "sgd"), [lost, final("sgd", 0, 0.9), final("sgd", 1, 0.91)]))
    assert [row["contender"] for row in charts(path)["data"]["training-diverged"]] == ["adam"]


@pytest.mark.parametrize("value", [lambda a: -20 * (1 - a), lambda a: 5 * a - 1], ids=["below 0", "number"])
def test_a_metric_of_its_own_has_its_own_name_and_axes(tmp_path, value):
    runs = [measured(run, value) for run in four_contenders()]
    what = replace(LINE, metric=minus_error, targets=(value(0.9), value(0.95)))
    path = report.write(journal(tmp_path, NAMES, runs, what))
    text = words_of(path)
    assert "accuracy" not in text
    assert "Test result (minus error)" in text
    assert "; higher is better" in text
    assert "adam at 0.001 wins with a test result (minus error) of" in text
    assert "%" not in "".join(cell for row in tables(path)[0][1:] for cell in row)
    drawn = charts(path)
    for name in ("validation-by-pass", "test-by-seed", "sensitivity-lr", "budget"):
        assert "%" not in json.dumps(drawn["specs"][name])
    seeds = drawn["data"]["test-by-seed"]
    order = sorted(seeds, key=lambda row: row["x"], reverse=value(1) > 0)
    assert [row["value"] for row in order] == sorted((row["value"] for row in seeds), reverse=True)
    best = max(float(row["test_minus_error"]) for row in rows_of(tmp_path / "final-runs.csv"))
    assert best == pytest.approx(value(0.9802))
    assert "validation_minus_error_mean" in rows_of(tmp_path / "table.csv")[0]
    assert "minus_error" in rows_of(tmp_path / "validation-curves.csv")[0]
    assert {row["target"] for row in rows_of(tmp_path / "times-to-target.csv")} == {str(t) for t in what.targets}


def test_a_metric_that_is_no_share_is_drawn(tmp_path):
    runs = [tuned("adam", 0, -3.0), final("adam", 0, -3.0), final("adam", 1, -2.5)]
    assert len(charts(page_of(journal(tmp_path, ("adam",), runs)))["data"]["test-by-seed"]) == 2


def test_a_metric_that_comes_very_near_to_0_keeps_its_values(tmp_path):
    runs = [tuned("adam", 0, -3e-9), final("adam", 0, -3e-9), final("adam", 1, -2e-9)]
    path = page_of(journal(tmp_path, ("adam",), [measured(run, lambda a: -abs(a)) for run in runs]))
    assert sorted(row["x"] for row in charts(path)["data"]["test-by-seed"]) == pytest.approx([2e-9, 3e-9])


@pytest.mark.parametrize("best", [0.55, 0.915, 0.9785])
def test_axes_of_results_that_lie_close_have_ticks(tmp_path, best):
    runs = [tuned(who, place, best - 0.001 * place**2) for who in ("sgd", "adam") for place in range(-2, 3)]
    runs += [final(who, n, best + 0.001 * n) for who in ("sgd", "adam") for n in range(5)]
    runs = [{**run, "curve": {**run["curve"], "train_loss": 100 * [0.6]}} for run in runs if run["steps"] == 2000] + [
        run for run in runs if run["steps"] != 2000
    ]
    specs = charts(page_of(journal(tmp_path, ("sgd", "adam"), runs)))["specs"]
    for name, axis in (("test-by-seed", "x"), ("sensitivity-lr", "y"), ("budget", "y"), ("training-by-pass", "y")):
        scale, ticks = scale_and_ticks(specs[name], axis)
        assert len([tick for tick in ticks if min(scale) <= tick <= max(scale)]) >= 3, name


def scale_and_ticks(spec: dict, axis: str) -> tuple[list[float], list[float]]:
    """The ends of a chart's axis and its ticks."""
    found = next(layer["encoding"][axis] for layer in spec["layer"] if "axis" in layer["encoding"].get(axis, {}))
    return found["scale"]["domain"], found["axis"]["values"]


def test_targets_reached_together_are_written_once(tmp_path):
    what = replace(SMALL, targets=(0.2, 0.5, 0.8))
    runs = [final("adam", n, 0.9) for n in range(3)]
    path = page_of(journal(tmp_path, ("adam",), runs, what))
    assert [row["goal"] for row in charts(path)["data"]["targets-by-step-goals"]] == ["20 to 50 %", "80 %"]


def test_targets_that_nobody_reaches_are_told(tmp_path):
    runs = [final(who, n, 0.9) for who in ("adam", "sgd") for n in range(2)]
    path = page_of(journal(tmp_path, ("adam", "sgd"), runs, replace(SMALL, targets=(0.95, 0.99))))
    assert "No contender reached the lowest target, 95 % on the validation split, in more" in words_of(path)
    assert "Time to target" not in words_of(path)


def test_one_run_that_diverged_is_told_in_the_singular(tmp_path):
    lost = [tuned("adam", 2, diverged=True), final("sgd", 0, 0.9)]
    assert "1 run diverged, not with the chosen hyperparameters: adam (1)." in words_of(
        page_of(journal(tmp_path / "tuning", ("adam", "sgd"), lost))
    )
    lost = [final("adam", 0, diverged=True), final("sgd", 0, 0.9)]
    assert "1 run diverged, with the chosen hyperparameters: adam (1)." in words_of(
        page_of(journal(tmp_path / "final", ("adam", "sgd"), lost))
    )


def test_a_squeezed_axis_has_room_for_its_0(tmp_path):
    runs = [final(who, n, 0.95 + 0.002 * n * (who != "adam")) for who in ("adam", "sgd", "momentum") for n in range(5)]
    runs += [final("gd", n, 0.3 + 0.03 * n) for n in range(5)]
    spec = charts(page_of(journal(tmp_path, ("adam", "sgd", "momentum", "gd"), runs)))["specs"]["separation"]
    x = next(layer["encoding"]["x"] for layer in spec["layer"] if "axis" in layer["encoding"].get("x", {}))
    assert x["scale"]["type"] == "symlog"
    assert 0 in x["axis"]["values"]
    assert min(abs(tick) for tick in x["axis"]["values"] if tick) >= x["scale"]["constant"] / 3


def test_the_same_journal_gives_the_same_page(study, tmp_path):
    folder, _ = study
    shutil.copy(folder / "journal.jsonl", tmp_path)
    assert charts(page_of(tmp_path))["data"] == charts(folder / "report.html")["data"]


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no study"):
        report.write(tmp_path)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    runs = four_contenders()
    folder = journal(tmp_path_factory.mktemp("study"), NAMES, runs)
    report.write(folder)
    return folder, runs


@pytest.fixture(scope="module")
def page(study):
    return study[0] / "report.html"


def page_of(folder: Path) -> Path:
    """The page alone, without the pictures and files beside it."""
    (folder / "report.html").write_text(render(contents(read(folder))), encoding="utf-8")
    return folder / "report.html"


# Reading what was written.


class Outline(HTMLParser):
    """Tags that are open, in order; every end tag must close the one opened last."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.ids, self.references, self.headings, self.text = [], set(), [], [], [], []

    def handle_starttag(self, tag, attributes) -> None:
        found = dict(attributes)
        assert len(found) == len(attributes), f"<{tag}> has an attribute twice"
        self.tags.add(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.references += found.get("aria-labelledby", "").split()
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if not {"script", "style"} & set(self.open):
            self.text.append(data)


def words_of(path: Path) -> str:
    outline = Outline()
    outline.feed(path.read_text(encoding="utf-8"))
    return " ".join("".join(outline.text).split())


def without_scripts(markup: str) -> str:
    return re.sub(r"<script.*?</script>", "", markup, flags=re.DOTALL)


def charts(path: Path) -> dict:
    return json.loads(re.search(r'id="charts">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)[1])


def tables(path: Path) -> list[list[list[str]]]:
    """The cells of each table, row by row."""

    def text(cell: str) -> str:
        return re.sub(r"<[^>]*>", "", cell).strip()

    found = re.findall(r"<table.*?</table>", without_scripts(path.read_text(encoding="utf-8")), re.DOTALL)
    rows = [re.findall(r"<tr.*?</tr>", table, re.DOTALL) for table in found]
    return [
        [[text(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in table] for table in rows
    ]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_method_says_which_runs_trained_together_and_why_others_did_not(tmp_path):
    runs = four_contenders()
    keys = {name: [run["key"] for run in runs if run["contender"] == name] for name in NAMES}
    units = [
        {"way": "alone", "why": "it hesitates", "members": keys["adam"][:1]},
        {"way": "stacked", "why": "small model", "members": keys["sgd"] + keys["momentum"]},
        {"way": "stacked", "why": "small model", "members": keys["adadelta"]},
        {"way": "alone", "why": "no time", "members": ["never run"]},
    ]
    made = journal(tmp_path, NAMES, [*runs, *({"kind": "unit", **unit} for unit in units)])
    assert (
        contents(read(made))
        .method["Trained together"]
        .startswith(
            "30 of 40 runs trained together, up to 20 in a stack: small model. By itself, 1 run of adam: it hesitates. "
        )
    )


def test_a_line_shows_where_0_is(study):
    """Who touches it is not separated from the best."""
    drawing = ElementTree.parse(study[0] / "separation.svg").getroot()
    [line] = [
        each for each in drawing.iter() if "mark-rule" in each.get("class", "") and "layer_0" in each.get("class")
    ]
    [drawn] = line
    assert float(drawn.get("y2")) != 0
    assert drawn.get("stroke-dasharray")


def test_diverged_runs_of_one_value_do_not_hide_each_other(tmp_path):
    runs = [tuned(who, place, 0.9, diverged=place == 2) for who in ("sgd", "sgd-linear") for place in range(3)]
    crosses = charts(page_of(journal(tmp_path, ("sgd", "sgd-linear"), runs)))["data"]["sensitivity-lr-diverged"]
    assert len({row["value"] for row in crosses}) == 1
    assert len({row["y"] for row in crosses}) == 2
