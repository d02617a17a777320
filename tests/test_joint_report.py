"""The report of several studies together: numbers by hand, words, files, and odd collections of studies."""

import json
import math
from dataclasses import replace

import pytest

from made_up_study import final, journal, tuned
from small import SMALL
from steepest import report
from steepest.cli import main
from steepest.report import together
from steepest.report.joint import joint, verdict
from steepest.report.page import render
from test_report import charts, rows_of, tables, words_of

EASY = replace(SMALL, name="easy", title="The easy one", targets=(0.5, 0.9))
HARD = replace(SMALL, name="hard", title="The hard one", targets=(0.5, 0.7, 0.99))
UNTRAINED = 0.1


def run(who: str, seed: int, accuracies: list[float], lost: bool = False) -> dict:
    """A final run whose validation accuracy is as given after each pass; a pass is 400 steps of 1 ms."""
    made = final(who, seed, accuracies[-1], diverged=lost)
    if not lost:
        seen = [UNTRAINED, *accuracies]
        made["validation"] |= {"accuracy": seen, "pass": list(range(len(seen))), "loss": [1.0] * len(seen)}
    return made


@pytest.fixture
def parent(tmp_path):
    """adam is fastest on the easy one; on the hard one sgd is twice as fast as adam, and gd never arrives."""
    easy = {"adam": [0.91, 0.9, 0.9, 0.9, 0.9], "sgd": [0.3, 0.4, 0.92, 0.9, 0.9], "gd": [0.2, 0.3, 0.4, 0.6, 0.6]}
    hard = {"adam": [0.2, 0.3, 0.4, 0.72, 0.74], "sgd": [0.2, 0.71, 0.72, 0.72, 0.74], "gd": [0.1, 0.1, 0.1, 0.1, 0.26]}
    for what, curves in ((EASY, easy), (HARD, hard)):
        runs = [tuned(who, place, 0.5) for who in curves for place in range(2)]
        runs += [run(who, seed, accuracies) for who, accuracies in curves.items() for seed in range(3)]
        journal(tmp_path / f"race-{what.name}", curves, runs, what)
    return tmp_path


def test_the_profile_and_its_score_by_hand(parent):
    found = together.entries(parent)
    who = together.everywhere(found)
    assert [entry.name for entry in found] == ["easy", "hard"]
    assert who == ("adam", "sgd", "gd")
    assert [together.target(entry) for entry in found] == [0.9, 0.7]
    taken = together.times(found, who, "step")
    assert taken == {
        "easy": {"adam": 400, "sgd": 1200, "gd": math.inf},
        "hard": {"adam": 1600, "sgd": 800, "gd": math.inf},
    }
    # ratios: adam 1 and 2, sgd 3 and 1
    assert together.scores(taken, who) == {
        "adam": pytest.approx((1 + 2 / 3) / 2),
        "sgd": pytest.approx((1 / 3 + 1) / 2),
        "gd": 0.0,
    }
    corners = {}
    for row in together.profiles(taken, who):
        corners.setdefault(row["contender"], []).append((row["ratio"], row["share"]))
    assert corners == {
        "adam": [(1, 0.5), (2, 1.0), (4, 1.0)],
        "sgd": [(1, 0.5), (3, 1.0), (4, 1.0)],
        "gd": [(1, 0.0), (4, 0.0)],
    }


def test_results_are_scaled_from_the_untrained_model_to_the_best(parent):
    found = together.entries(parent)
    rows = {row["contender"]: row for row in together.standings(found, together.everywhere(found))}
    # easy: 0.1 to 0.9; hard: 0.1 to 0.74; three equal seeds each
    assert rows["adam"]["mean"] == rows["sgd"]["mean"] == pytest.approx(1.0)
    low, high = (0.26 - 0.1) / 0.64, (0.6 - 0.1) / 0.8
    assert rows["gd"]["mean"] == pytest.approx((low + high) / 2)
    assert rows["gd"]["low"] == pytest.approx(rows["gd"]["mean"])
    assert list(rows)[-1] == "gd"


def test_a_diverged_run_counts_as_untrained(tmp_path):
    runs = [run("adam", seed, [0.9, 0.9]) for seed in range(4)]
    runs += [run("sgd", seed, [0.5, 0.5], lost=seed == 0) for seed in range(4)]
    journal(tmp_path / "one", ("adam", "sgd"), runs, EASY)
    [entry] = together.entries(tmp_path)
    assert sorted(together.between_start_and_best(entry, ("adam", "sgd"))["sgd"]) == pytest.approx([0, 0.5, 0.5, 0.5])


def test_the_page_and_its_files(parent):
    page = report.write(parent)
    assert page == parent / "report.html"
    assert set(charts(page)["specs"]) == {"profile-by-step", "profile-by-seconds", "standings"}
    overview, easy, hard = tables(page)[:3]
    assert overview[0] == ["Contender", "Interquartile mean", "Score by updates", "Score by seconds"] + [
        f"{name}: test accuracy" for name in ("easy", "hard")
    ]
    assert overview[-1][0] == "gd"
    assert {row[0]: row[2] for row in overview[1:]} == {"adam": "0.83", "sgd": "0.67", "gd": "0.00"}
    assert len(easy) == len(hard) == 4
    text = words_of(page)
    assert "Targets on the validation split: easy 90 %; hard 70 %." in text
    assert "In updates to the target adam leads with a score of 0.83." in text
    assert 'href="race-easy/report.html"' in page.read_text(encoding="utf-8")
    assert {row["contender"] for row in rows_of(parent / "profile-by-step.csv")} == {"adam", "sgd", "gd"}
    assert float(rows_of(parent / "table.csv")[-1]["mean"]) == pytest.approx((0.25 + 0.625) / 2)
    for name in ("profile-by-step", "profile-by-seconds", "standings"):
        assert (parent / f"{name}.svg").stat().st_size > 1000
        assert (parent / f"{name}.png").read_bytes()[:4] == b"\x89PNG"


def test_the_command_tells_the_same(parent, capsys):
    assert main(["report", str(parent), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["workloads"] == ["easy", "hard"]
    assert found["scores"]["updates"]["adam"] == pytest.approx(5 / 6)
    assert found["verdict"] == list(verdict(together.entries(parent)))


def test_who_does_not_race_everywhere_is_left_out_and_named(parent):
    journal(parent / "third", ("sgd", "momentum"), [final("sgd", 0, 0.9)], replace(EASY, name="third", title="Third"))
    found = together.entries(parent)
    assert together.everywhere(found) == ("sgd",)
    page = joint(found, parent)
    assert "not racing on every workload: adam, gd and momentum." in page.notes[0]
    assert render(page)


def test_two_studies_of_one_workload_are_told_apart_by_their_folders(parent):
    journal(parent / "again", ("adam", "sgd", "gd"), [], EASY)
    found = together.entries(parent)
    assert [entry.name for entry in found] == ["again", "hard", "race-easy"]
    assert verdict(found)[0] == (
        "Over 2 workloads adam has the highest interquartile mean, 1.000 (1.000 to 1.000); "
        "the interval of sgd overlaps with it."
    )
    assert "Not counted, for having no final runs yet: again." in joint(found, parent).notes
    assert render(joint(found, parent))


def test_nothing_has_finished_yet(tmp_path):
    journal(tmp_path / "begun", ("adam", "sgd"), [tuned("adam", 0, 0.9)], EASY)
    found = together.entries(tmp_path)
    assert verdict(found)[0].startswith("Nothing can be said over all workloads yet")
    assert joint(found, tmp_path).sections == ()
    assert render(joint(found, tmp_path))


def test_nobody_reaches_a_target_and_nobody_learns(tmp_path):
    runs = [run(who, seed, [0.05, 0.05]) for who in ("adam", "sgd") for seed in range(2)]
    for what in (EASY, HARD):
        journal(tmp_path / what.name, ("adam", "sgd"), runs, what)
    found = together.entries(tmp_path)
    assert together.scores(together.times(found, ("adam", "sgd"), "step"), ("adam", "sgd")) == {"adam": 0, "sgd": 0}
    assert [row["mean"] for row in together.standings(found, ("adam", "sgd"))] == [0, 0]
    assert render(joint(found, tmp_path))


def test_a_folder_without_studies_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no study"):
        report.write(tmp_path)
    with pytest.raises(ValueError, match="holds no study"):
        report.write(tmp_path / "nowhere")
