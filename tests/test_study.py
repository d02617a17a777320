"""Fair rules, a journal that loses nothing, and a summary computed from it alone."""

import json
import statistics
from dataclasses import replace
from itertools import pairwise

import pytest
from filelock import FileLock

from small import LINE, SMALL, SMALL_DROPOUT
from steepest import strict_json
from steepest.rules import METHODS
from steepest.study import CONTENDERS, DEFAULT, Contender, FolderBusy, protocol, race, read, summary
from steepest.study.calls import called_for
from steepest.study.contenders import first_places, more_places
from steepest.study.header import header
from steepest.study.plan import plan
from steepest.study.summary import choice, leaders, to_confirm
from steepest.trial import Result, Trial
from steepest.trial.specification import PHASES

SHORT = {"passes": 2, "rates": 3, "seeds": 2, "jobs": 1}


# --------------------------------------------------------------------------------------------------------- contenders


def test_the_lecture_races_by_default():
    nine = ["gd", "sgd", "sgd-linear", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam"]
    assert list(DEFAULT) == nine
    assert set(METHODS) <= set(CONTENDERS)


@pytest.mark.parametrize("contender", CONTENDERS.values(), ids=CONTENDERS)
def test_a_grid_is_half_decades_around_the_rules_own_centre(contender):
    values = [contender.value(place) for place in first_places(7)]
    assert all(b / a == pytest.approx(10**0.5, rel=0.01) for a, b in pairwise(values))
    tuned = next(h for h in contender.rule.hyperparameters if h.name == contender.tunes)
    assert values[3] == pytest.approx(contender.centre or tuned.search)
    assert all(tuned.check(value) for value in values)
    assert contender.hyperparameters(0.5) == {**contender.rule.defaults, contender.tunes: 0.5}


def test_more_places_lie_beyond_the_end_that_is_nearer():
    assert more_places([-3, -2, -1, 0, 1, 2, 3], best=2, count=2) == [4, 5]
    assert more_places([-3, -2, -1, 0, 1, 2, 3], best=-1, count=2) == [-5, -4]


def test_an_unknown_contender_gets_the_nearest_name():
    with pytest.raises(ValueError, match=r"unknown contender 'adma'; did you mean 'adam'\?"):
        plan(SMALL, ["sgd", "adma"])
    with pytest.raises(ValueError, match="at least one contender"):
        plan(SMALL, [])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rates": 0}, "Invalid rates: 0"),
        ({"seeds": 0}, "Invalid seeds: 0"),
        ({"seed": -1}, "Invalid seed: -1"),
        ({"passes": 0}, "Invalid passes: 0"),
        ({"batch_size": 0}, "Invalid batch size: 0; small has 60 examples, allowed is 1 to 60"),
        ({"batch_size": 61}, "Invalid batch size: 61; small has 60 examples"),
        ({"batch_size": 2.5}, "Invalid batch size: 2.5"),
        ({"jobs": 0}, "Invalid jobs: 0"),
        ({"products": "float16"}, "Invalid products: 'float16'; allowed are float32 and bfloat16"),
        ({"until": ["los=1"]}, "did you mean 'loss'"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_written(tmp_path, settings, words):
    with pytest.raises(ValueError, match=words):
        race(SMALL, folder=tmp_path / "study", **settings)
    assert not (tmp_path / "study").exists()


# --------------------------------------------------------------------------------------------------------- the protocol


def invented(trial: Trial, val_acc: float) -> dict:
    """A finished run as the journal has it."""
    result = Result({}, {}, 1.0, val_acc, 1.0, val_acc if trial.final else None, 1, 1.0, False, None, "passes=1")
    return protocol.record(trial, result)


def play(study, val_acc):
    """All runs of a study whose accuracies are invented; returns them in order."""
    runs = []
    while left := [t for t in called_for(study, runs) if t.key not in {run["key"] for run in runs}]:
        runs += [invented(trial, val_acc(trial)) for trial in left]
    return runs


def peaked_at(place):
    """Accuracies with their peak at this place of the momentum grid; all other contenders' peaks are in the middle."""

    def val_acc(trial):
        contender = CONTENDERS[trial.contender]
        wanted = place if contender.name == "momentum" else 0
        places = {contender.value(p): p for p in range(-20, 21)}
        return 1 - abs(places[trial.hyperparameters[contender.tunes]] - wanted) / 100

    return val_acc


@pytest.mark.parametrize(
    ("place", "tried", "chosen", "edge"),
    [(0, 7, 0, None), (2, 7, 2, None), (3, 9, 3, None), (-4, 9, -4, None), (5, 11, 5, None), (9, 11, 7, "high")],
)
def test_the_grid_grows_for_all_when_the_best_of_one_lies_at_its_end(tmp_path, place, tried, chosen, edge):
    study = plan(SMALL, ["sgd", "momentum", "adadelta"], seeds=2, rates=7)
    runs = play(study, peaked_at(place))
    for name in ("sgd", "momentum", "adadelta"):
        own = [run for run in runs if run["contender"] == name]
        assert [run["phase"] for run in own] == ["tune"] * tried + ["confirm"] * 3 + ["final"] * 2
    final = next(run for run in runs if run["contender"] == "momentum" and run["phase"] == "final")
    assert final["hyperparameters"]["lr"] == CONTENDERS["momentum"].value(chosen)
    journal = written(tmp_path, header(study), runs)
    assert {row.name: row.edge for row in summary(journal)} == {"sgd": None, "adadelta": None, "momentum": edge}


def test_the_choice_is_frozen_before_fresh_seeds_and_only_they_see_the_test_split():
    study = plan(SMALL, ["gd", "sgd", "adam"])
    runs = play(study, lambda trial: 0.5)
    phases = [run["phase"] for run in runs]
    assert phases == sorted(phases, key=PHASES.index)
    tuning = {run["seed"] for run in runs if run["phase"] == "tune"}
    confirming = {run["seed"] for run in runs if run["phase"] == "confirm"}
    final = {run["contender"]: [] for run in runs}
    for run in runs:
        assert (run["test_acc"] is None) == (run["phase"] != "final")
        if run["phase"] == "final":
            final[run["contender"]].append(run["seed"])
    assert len(tuning) == len(confirming) == 1
    assert final["gd"] == final["sgd"] == final["adam"]
    assert len({*final["gd"], *tuning, *confirming}) == study.seeds + 2


def test_the_best_of_two_seeds_goes_on(tmp_path):
    """On the first seed, luck is with a rate that is lost on the second, and with one that is worse there."""
    study = plan(SMALL, ["sgd"], seeds=2, rates=5)
    luck, again = {-2: 0.5, -1: 0.6, 0: 0.9, 1: 0.8, 2: 0.7}, {0: 0.1, 1: 0.3, 2: 0.45}
    places = {CONTENDERS["sgd"].value(place): place for place in luck}

    def val_acc(trial):
        return (again if trial.phase == "confirm" else luck)[places[trial.hyperparameters["lr"]]]

    runs = play(study, val_acc)
    chosen = next(run for run in runs if run["phase"] == "final")
    assert places[chosen["hyperparameters"]["lr"]] == 2  # 0.7 and 0.45 beat 0.9 and 0.1, and 0.8 and 0.3
    (row,) = summary(written(tmp_path, header(study), runs))
    assert (row.tried, row.confirmed, row.finals, row.runs, row.edge) == (5, 3, 2, 10, "high")


def tried(lr, val_acc, diverged=False, val_loss=1.0):
    return {"hyperparameters": {"lr": lr}, "val_acc": val_acc, "val_loss": val_loss, "diverged": diverged}


def test_of_two_seeds_a_value_that_never_diverged_is_chosen_then_the_mean_metric_then_the_mean_loss():
    first = [tried(1.0, 0.9), tried(2.0, 0.8), tried(3.0, 0.7), tried(4.0, 0.99)]
    assert to_confirm(first, "lr") == [first[3], first[0], first[1]]
    assert choice(first, [tried(1.0, 0.9, diverged=True), tried(2.0, 0.1)], "lr") == first[1]
    assert choice(first, [tried(1.0, 0.3), tried(2.0, 0.35)], "lr") == first[0]
    assert choice(first, [tried(1.0, 0.3), tried(2.0, 0.4, val_loss=0.9)], "lr") == first[1]
    assert choice(first, [], "lr") == first[3]


def test_a_single_value_is_nothing_to_choose_from():
    study = plan(SMALL, ["sgd"], seeds=2, rates=1)
    assert [run["phase"] for run in play(study, lambda trial: 0.5)] == ["tune", "final", "final"]


def test_every_contender_has_the_same_budget_and_batch():
    study = plan(SMALL, DEFAULT, passes=5, batch_size=6)
    trials = called_for(study, [])
    assert {tuple(map(str, t.until)) for t in trials} == {("passes=3",)}
    assert {t.batch_size for t in trials} == {None, 6}
    assert {t.contender for t in trials if t.batch_size is None} == {"gd"}


@pytest.mark.parametrize(
    ("until", "tuning", "final"),
    [
        ([], ["passes=5"], ["passes=10"]),
        (["loss=0.1"], ["passes=5", "loss=0.1"], ["passes=10", "loss=0.1"]),
        (["steps=1000"], ["steps=500"], ["steps=1000"]),
        (["passes=0.5"], ["passes=0.5"], ["passes=0.5"]),
    ],
)
def test_tuning_has_a_share_of_the_budget_and_the_same_targets(until, tuning, final):
    study = plan(SMALL, ["sgd"], until=until)
    assert [str(c) for c in study.tuning_until] == tuning
    assert [str(c) for c in study.until] == final


def test_a_diverged_run_does_not_win_although_it_counts_as_a_lucky_start():
    runs = [
        {"hyperparameters": {"lr": 1.0}, "val_acc": 0.2, "val_loss": 1.0, "diverged": False},
        {"hyperparameters": {"lr": 9.0}, "val_acc": 0.3, "val_loss": 0.5, "diverged": True},
        {"hyperparameters": {"lr": 3.0}, "val_acc": 0.2, "val_loss": 1.0, "diverged": False},
    ]
    assert leaders(runs, "lr")[0] == leaders(runs[::-1], "lr")[0] == runs[0]
    assert choice(runs, [], "lr") == runs[0]


def test_diverged_runs_are_counted(tmp_path):
    outcome = race(SMALL, [Contender("wild", "sgd", centre=1e5)], folder=tmp_path, **SHORT)
    row = outcome.rows[0]
    assert row.diverged == sum(run["diverged"] for run in read(tmp_path).runs) > 0
    assert row.runs == len(read(tmp_path).runs)
    assert all(run["val_acc"] is not None for run in read(tmp_path).runs)


# ---------------------------------------------------------------------------------------------------------- the journal


def written(folder, header, runs):
    lines = [strict_json.dumps(line) for line in (header, *runs)]
    folder.joinpath("journal.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read(folder)


def results(folder):
    """Everything of a study that is no timing and no matter of how many trained together, by trial."""
    found = {}
    for run in read(folder).runs:
        found[run["key"]] = {k: v for k, v in run.items() if k not in ("ms_per_step", "finished", "members")}
        found[run["key"]]["curve"] = {k: v for k, v in run["curve"].items() if k != "seconds"}
    return found


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def test_two_processes_give_the_same_bits_as_one(tmp_path):
    one = race(SMALL_DROPOUT, ["gd", "nesterov", "adam"], folder=tmp_path / "one", **SHORT)
    two = race(SMALL_DROPOUT, ["gd", "nesterov", "adam"], folder=tmp_path / "two", **{**SHORT, "jobs": 2})
    assert results(tmp_path / "one") == results(tmp_path / "two")
    assert [row.name for row in one.rows] == [row.name for row in two.rows]


IF_SLOW = pytest.mark.filterwarnings("ignore::steepest.trial.products.SlowProducts")


@IF_SLOW
def test_rounded_products_are_in_every_line_and_change_the_numbers(tmp_path):
    race(SMALL_DROPOUT, ["adam"], folder=tmp_path / "exact", **SHORT)
    race(SMALL_DROPOUT, ["adam"], folder=tmp_path / "rounded", **SHORT, products="bfloat16")
    exact, rounded = (read(tmp_path / name) for name in ("exact", "rounded"))
    for journal, products in ((exact, "float32"), (rounded, "bfloat16")):
        assert {run["products"] for run in journal.runs} == {journal.header["settings"]["products"]} == {products}
    assert exact.runs[0]["hyperparameters"] == rounded.runs[0]["hyperparameters"]
    assert exact.runs[0]["train_loss"] != rounded.runs[0]["train_loss"]


def test_every_line_is_strict_json_even_when_runs_diverge(tmp_path):
    race(SMALL, [Contender("wild", "sgd", centre=1e38), CONTENDERS["adam"]], folder=tmp_path, **SHORT)
    lines = (tmp_path / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    parsed = [json.loads(line, parse_constant=refuse) for line in lines]
    assert any(None in line["curve"]["train_loss"] for line in parsed[1:] if line["kind"] == "trial")
    assert parsed[0]["kind"] == "study"
    assert {line["kind"] for line in parsed[1:]} == {"trial", "unit"}


@pytest.fixture
def counted(monkeypatch):
    """The trials that really run."""
    ran = []
    original = protocol.results

    def counting(*given, **options):
        for trial, result in original(*given, **options):
            ran.append(trial.key)
            yield trial, result

    monkeypatch.setattr(protocol, "results", counting)
    return ran


def test_the_same_command_continues_and_nothing_runs_twice(tmp_path, counted):
    class Interrupted(Exception):
        pass

    def watch(status):
        if len(status.journal.runs) in stops:
            stops.remove(len(status.journal.runs))
            raise Interrupted

    stops = [1, 4, 7, 8]
    names = ["sgd", "adam"]
    for _ in range(4):
        with pytest.raises(Interrupted):
            race(SMALL, names, folder=tmp_path / "cut", watch=watch, **SHORT)
    race(SMALL, names, folder=tmp_path / "cut", watch=watch, **SHORT)
    in_pieces = list(counted)
    race(SMALL, names, folder=tmp_path / "whole", **SHORT)
    assert sorted(in_pieces) == sorted(counted[len(in_pieces) :])
    assert results(tmp_path / "cut") == results(tmp_path / "whole")
    before = len(counted)
    race(SMALL, names, folder=tmp_path / "whole", **SHORT)
    assert len(counted) == before


def test_whoever_stops_listening_stops_the_work_at_once(tmp_path, monkeypatch):
    at_work, original = [], protocol.results

    def results(*given, **options):
        at_work.append(True)
        try:
            yield from original(*given, **options)
        finally:
            at_work.pop()

    def watch(status):
        if status.journal.runs:
            raise KeyError

    monkeypatch.setattr(protocol, "results", results)
    with pytest.raises(KeyError) as _held:  # as long as the traceback is held, so are the generators in it
        race(SMALL, ["sgd"], folder=tmp_path, watch=watch, **SHORT)
    assert not at_work


@pytest.mark.parametrize("kept", [0, 1, 40, 500, -1])
def test_a_torn_last_line_is_forgotten(tmp_path, counted, kept):
    race(SMALL, ["sgd"], folder=tmp_path, **SHORT)
    whole, journal = results(tmp_path), tmp_path / "journal.jsonl"
    *lines, last = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines) + last[:kept])
    assert len(read(tmp_path).runs) == len(whole) - 1
    counted.clear()
    race(SMALL, ["sgd"], folder=tmp_path, **SHORT)
    assert len(counted) == 1
    assert results(tmp_path) == whole


def test_a_torn_first_line_is_a_new_study(tmp_path):
    tmp_path.joinpath("journal.jsonl").write_bytes(b'{"kind": "stu')
    race(SMALL, ["sgd"], folder=tmp_path, **SHORT)
    assert read(tmp_path).header["kind"] == "study"


def test_a_damaged_line_elsewhere_is_named(tmp_path):
    race(SMALL, ["sgd"], folder=tmp_path, **SHORT)
    journal = tmp_path / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2][:50] + b"\n"
    journal.write_bytes(b"".join(lines))
    with pytest.raises(ValueError, match="line 3 of .*journal.jsonl is damaged; remove that line"):
        race(SMALL, ["sgd"], folder=tmp_path, **SHORT)


@IF_SLOW
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": 3}, "holds a study with seeds = 2, not 3; choose another folder with --out"),
        ({"seed": 1}, "seed = 0, not 1"),
        ({"batch_size": 7}, "batch_size = 8, not 7"),
        ({"until": ["loss=0.1"]}, "until = passes=2, not passes=2, loss=0.1"),
        ({"products": "bfloat16"}, "products = float32, not bfloat16"),
    ],
)
def test_a_study_with_other_settings_is_refused(tmp_path, change, words):
    race(SMALL, ["sgd"], folder=tmp_path, **SHORT)
    before = tmp_path.joinpath("journal.jsonl").read_bytes()
    with pytest.raises(ValueError, match=words):
        race(SMALL, ["sgd"], folder=tmp_path, **{**SHORT, **change})
    assert tmp_path.joinpath("journal.jsonl").read_bytes() == before


def test_another_file_in_the_journals_place_is_left_alone(tmp_path):
    tmp_path.joinpath("journal.jsonl").write_text('{"kind": "diary"}\n')
    with pytest.raises(ValueError, match="is no journal of a study"):
        race(SMALL, ["sgd"], folder=tmp_path, **SHORT)
    assert tmp_path.joinpath("journal.jsonl").read_text() == '{"kind": "diary"}\n'


def test_the_second_process_on_a_folder_is_told(tmp_path):
    with FileLock(tmp_path / ".lock"), pytest.raises(FolderBusy, match="in use by another race"):
        race(SMALL, ["sgd"], folder=tmp_path, **SHORT)


def test_a_folder_without_a_study_says_so(tmp_path):
    with pytest.raises(ValueError, match="holds no study"):
        read(tmp_path)


# ---------------------------------------------------------------------------------------------------------- the summary


def test_the_summary_is_that_of_the_final_runs_best_first(tmp_path):
    outcome = race(SMALL, ["gd", "adam", "adadelta"], folder=tmp_path, **SHORT)
    journal = read(tmp_path)
    assert summary(journal) == list(outcome.rows)
    means = [row.test_acc.mean for row in outcome.rows]
    assert means == sorted(means, reverse=True)
    for row in outcome.rows:
        finals = [run for run in journal.runs if run["contender"] == row.name and run["phase"] == "final"]
        accuracies = [run["test_acc"] for run in finals]
        assert vars(row.test_acc) == {
            "mean": pytest.approx(statistics.mean(accuracies)),
            "sd": pytest.approx(statistics.stdev(accuracies)),
            "n": 2,
        }
        assert row.train_loss.mean == pytest.approx(statistics.mean(run["train_loss"] for run in finals))
        assert row.hyperparameters == finals[0]["hyperparameters"]
        assert (row.lr is None) == (row.name == "adadelta")


def test_the_order_of_the_lines_does_not_matter(tmp_path):
    race(SMALL, ["gd", "adam"], folder=tmp_path, **SHORT)
    journal = read(tmp_path)
    assert summary(replace(journal, runs=journal.runs[::-1])) == summary(journal)


def test_a_study_that_has_just_begun_has_rows_without_results(tmp_path):
    journal = written(tmp_path, header(plan(SMALL, ["gd", "adam"])), [])
    assert [(row.name, row.value, row.test_acc, row.runs) for row in summary(journal)] == [
        ("gd", None, None, 0),
        ("adam", None, None, 0),
    ]


def test_each_line_says_what_was_trained_with_what(tmp_path):
    outcome = race(SMALL, ["sgd"], folder=tmp_path, **SHORT)
    journal = read(tmp_path)
    for run in journal.runs:
        assert run["workload_hash"] == SMALL.fingerprint()
        assert set(run["versions"]) == {"steepest", "torch"}
        assert run["device"] == "cpu"
    assert "<td>sgd</td>" in outcome._repr_html_()


def test_a_workload_whose_data_changed_is_another_study(tmp_path):
    race(SMALL, ["sgd"], folder=tmp_path, **SHORT)

    def other():
        data = SMALL.data()
        return replace(data, train=replace(data.train, inputs=data.train.inputs + 1))

    with pytest.raises(ValueError, match="workload_hash"):
        race(replace(SMALL, data=other), ["sgd"], folder=tmp_path, **SHORT)


def test_targets_are_the_workloads_or_a_ladder_fixed_in_advance():
    def targets(workload):
        return header(plan(workload, ["sgd"]))["workload"]["targets"]

    assert targets(replace(SMALL, targets=(0.8, 0.9))) == [0.8, 0.9]
    ladder = targets(SMALL)
    assert ladder == sorted(ladder) == targets(SMALL)
    assert len(ladder) == 5
    assert 0 < ladder[0] < ladder[-1] < 1
    losses = targets(LINE)
    assert losses == sorted(losses)
    assert losses[-1] < 0
