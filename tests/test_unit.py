"""The unit of work: decided once, carried out anywhere, continued after a kill with the same bits."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from small import SMALL, SMALL_DROPOUT
from steepest.stopping import criteria
from steepest.study.workers import results, under_way
from steepest.trial import Result, Trial, carry_out, decide, decision, recall, run, saved, unit
from steepest.trial.alone import Alone
from steepest.trial.stacked import pace
from steepest.trial.unit import ALONE, STACKED, Unit

TRIALS = [
    Trial(SMALL_DROPOUT, f"{method}-{lr}", method, {"lr": lr}, 4, criteria(["passes=3"]), batch_size=8)
    for method in ("sgd", "nesterov", "adam")
    for lr in (0.01, 1e30)
]


def numbers(result: Result) -> str:
    """Every bit of it but the timings, as text: there NaN equals NaN."""
    columns = result.columns()
    del columns["curve"]["seconds"], columns["ms_per_step"]
    return repr(columns)


class Killed(BaseException):
    """Nobody catches it."""


TOGETHER, BY_ITSELF = Unit(tuple(TRIALS), STACKED, ""), Unit((TRIALS[2],), ALONE, "")
TWO_SEEDS = Unit((*TRIALS, *(replace(trial, seed=5) for trial in TRIALS[:3])), STACKED, "")
SOME_END_EARLY = Unit(tuple(replace(t, until=criteria(["passes=3", "loss=0.9"])) for t in TRIALS), STACKED, "")


@pytest.mark.parametrize(
    "each", [TOGETHER, TWO_SEEDS, BY_ITSELF, SOME_END_EARLY], ids=["stack", "seeds", "alone", "end early"]
)
@pytest.mark.parametrize("kills", [1, 3])
def test_a_unit_that_is_killed_again_and_again_gives_the_same_bits(tmp_path, monkeypatch, each, kills):
    expected = [numbers(result) for result in carry_out(each)]
    monkeypatch.setattr(unit, "SECONDS_BETWEEN_SAVES", 0.0)
    state = tmp_path / "states" / "unit.state"
    original = saved.write
    seen = []

    def write(path, content):
        original(path, content)
        seen.append(content["training"]["steps"])
        if len(seen) % 4 == 0:
            raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(saved, "write", write)
        for _ in range(kills):
            with pytest.raises(Killed):
                carry_out(each, state)
    assert [numbers(result) for result in carry_out(each, state)] == expected
    assert seen == sorted(set(seen))  # no step twice
    assert len(seen) == 4 * kills


def test_a_unit_tells_how_far_it_is_while_it_trains_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(unit, "SECONDS_BETWEEN_SHARES", 0.0)
    told, follow = [], unit.follow

    def watched(training, records, save):
        def save_and_look():
            save()
            told.append((training.steps / training.batches.budget, under_way(decisions, tmp_path / "states")))

        return follow(training, records, save_and_look)

    monkeypatch.setattr(unit, "follow", watched)
    decisions = [TOGETHER.description]
    assert set(under_way(decisions, tmp_path / "states").values()) == {0.0}
    for _ in results(TRIALS, jobs=1, decided=decisions, states=tmp_path / "states"):
        pass
    assert len(told) > 2
    for share, shares in told:
        assert shares == {trial.key: pytest.approx(share, abs=1e-4) for trial in TRIALS}
    assert not list((tmp_path / "states").iterdir())


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:40] + b"x" + b[41:], lambda b: b"", lambda b: b[:9]])
def test_a_damaged_state_is_not_believed(tmp_path, damage):
    path = tmp_path / "a.state"
    saved.write(path, {"x": 1})
    assert saved.read(path) == {"x": 1}
    path.write_bytes(damage(path.read_bytes()))
    assert saved.read(path) is None


def test_a_state_of_other_trials_is_left_aside(tmp_path):
    path = tmp_path / "a.state"
    each = Unit(tuple(TRIALS[:2]), STACKED, "")
    saved.write(path, {"unit": "another", "training": {}, "records": []})
    assert [numbers(r) for r in carry_out(each, path)] == [numbers(r) for r in carry_out(each)]


def test_a_unit_can_be_sent_anywhere():
    each = Unit(tuple(TRIALS[:2]), STACKED, "small model")
    assert pickle.loads(pickle.dumps(each)).key == each.key


# ------------------------------------------------------------------------------------------------------ the decision


def test_what_shares_batch_size_and_budget_trains_together():
    others = [replace(t, seed=5) for t in TRIALS] + [replace(TRIALS[0], batch_size=None)]
    units = decide([*TRIALS, *others])
    assert [(u.way, len(u.trials)) for u in units] == [(STACKED, 12), (ALONE, 1)]
    assert [t.key for u in units for t in u.trials] == [t.key for t in (*TRIALS, *others)]


def test_those_of_a_seed_stand_side_by_side():
    other = [replace(t, seed=5) for t in TRIALS]
    units = decide([t for pair in zip(TRIALS, other, strict=True) for t in pair], jobs=3)
    assert [[t.seed for t in u.trials] for u in units] == [[4] * 4, [4, 4, 5, 5], [5] * 4]


@pytest.mark.parametrize("change", [{"batch_size": 7}, {"until": criteria(["passes=2"])}, {"phase": "final"}])
def test_what_differs_in_more_than_its_contender_does_not(change):
    assert [len(u.trials) for u in decide([*TRIALS, *(replace(t, **change) for t in TRIALS)])] == [6, 6]


def test_two_workloads_of_one_name_are_two():
    other = replace(SMALL_DROPOUT, build=SMALL.build)
    units = decide([*TRIALS, *(replace(trial, workload=other) for trial in TRIALS)])
    assert [{trial.workload for trial in unit.trials} for unit in units] == [{SMALL_DROPOUT}, {other}]


def test_the_work_is_spread_over_the_processes():
    units = decide(TRIALS, jobs=2)
    assert [len(u.trials) for u in units] == [3, 3]


def test_each_process_takes_its_part_of_unlike_groups():
    many = [replace(TRIALS[0], contender=str(i)) for i in range(16)]
    whole = [replace(trial, batch_size=None) for trial in many[:9]]
    assert [len(u.trials) for u in decide([*many, *whole], jobs=2)] == [8, 8, 4, 5]


def test_rounded_products_are_another_trial_and_another_stack():
    rounded = [replace(trial, products="bfloat16") for trial in TRIALS]
    assert not {trial.key for trial in rounded} & {trial.key for trial in TRIALS}
    units = decide([*TRIALS, *rounded])
    assert [(u.way, {t.products for t in u.trials}) for u in units] == [(STACKED, {"float32"}), (STACKED, {"bfloat16"})]


@pytest.mark.parametrize("option", [{"stochastic_rounding": True}, {"state_dtype": torch.bfloat16}, {"clip_norm": 1.0}])
def test_who_asks_for_more_than_a_rule_trains_alone(option):
    units = decide([replace(trial, options=option) for trial in TRIALS])
    assert {u.way for u in units} == {ALONE}
    assert all("more than its rule" in u.why for u in units)


@pytest.mark.parametrize(
    ("seeds", "members", "jobs", "sizes"),
    [
        (5, 8, 2, [20, 20]),
        (5, 1, 2, [2, 3]),
        (2, 2, 2, [2, 2]),
        (4, 1, 2, [2, 2]),
        (1, 9, 2, [4, 5]),
        (5, 8, 1, [40]),
        (20, 8, 1, [80, 80]),  # none larger than allowed
        (50, 8, 2, [100, 100, 100, 100]),
    ],
)
def test_each_process_has_as_much_to_do(seeds, members, jobs, sizes):
    trials = [replace(TRIALS[0], contender=str(i), seed=seed) for seed in range(seeds) for i in range(members)]
    units = decide(trials, jobs)
    assert [len(u.trials) for u in units] == sizes
    assert sorted(t.key for u in units for t in u.trials) == sorted(t.key for t in trials)


def test_no_process_waits_for_the_last_stack():
    """Of an odd number of stacks, the smallest is parted: it is the last to be begun."""
    trials = [replace(t, batch_size=size) for size in (5, 6, 7, 8) for t in TRIALS]
    assert [len(u.trials) for u in decide([*trials, *(replace(t, batch_size=9) for t in TRIALS)], jobs=2)] == [
        *[6] * 4,
        *[3] * 2,
    ]


def test_the_largest_unit_is_begun_first():
    single = replace(TRIALS[0], batch_size=7)
    found = [trial.batch_size for trial, _ in results([single, *TRIALS], jobs=1)]
    assert found == [8] * 6 + [7]


def test_little_memory_makes_small_stacks(monkeypatch):
    monkeypatch.setattr("steepest.trial.decision._available_memory", lambda: 0)
    assert {u.way for u in decide(TRIALS)} == {ALONE}


def normalized():
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))


class Hesitant(nn.Linear):
    """Its way depends on what it sees."""

    def forward(self, x):
        y = super().forward(x)
        return y if y.sum() > 0 else 2 * y


class Scaled(torch.autograd.Function):
    """Twice as much in a stack as alone."""

    @staticmethod
    def forward(x):
        return 1.0 * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def vmap(info, in_dims, x):
        return 2.0 * x, in_dims[0]

    @staticmethod
    def backward(ctx, dy):
        return dy


class Deceptive(nn.Linear):
    def forward(self, x):
        return Scaled.apply(super().forward(x))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (normalized, "running statistics"),
        (lambda: Hesitant(4, 3), "torch.func cannot take Hesitant"),
        (lambda: Deceptive(4, 3), "gradients in a stack are not those that it has by itself"),
    ],
)
def test_a_model_that_cannot_be_stacked_trains_alone_and_the_reason_is_told(build, words):
    trials = [replace(t, workload=replace(SMALL, build=build)) for t in TRIALS[:2]]
    units = decide(trials)
    assert [u.way for u in units] == [ALONE, ALONE]
    assert all(words in u.why for u in units)


class Attentive(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.out = nn.Linear(4, 3)

    def forward(self, x):
        x = x.unsqueeze(1)
        mixed, _ = self.attention(x, x, x)
        return self.out(mixed.squeeze(1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x):
        _, (hidden, _) = self.lstm(x.unsqueeze(1))
        return self.out(hidden[0])


@pytest.mark.parametrize("build", [Attentive, Recurrent])
def test_layers_may_return_tuples(build):
    trials = [replace(t, workload=replace(SMALL, build=build)) for t in TRIALS[:4]]
    assert [t for unit in decide(trials) for t in unit.trials] == trials
    weights = sum(p.nbytes for p in build().parameters())
    assert decision._bytes_a_member(trials[0]) > decision.COPIES * weights  # the layers' outputs count too


@pytest.mark.parametrize(("jobs", "sizes"), [(1, [8, 8]), (2, [4, 4, 4, 4])])
def test_processes_share_the_memory(monkeypatch, jobs, sizes):
    trials = [replace(TRIALS[0], contender=str(i)) for i in range(16)]
    for_eight = 8 * decision._bytes_a_member(trials[0]) / decision.SHARE_OF_MEMORY
    monkeypatch.setattr(decision, "_available_memory", lambda: for_eight)
    assert [len(u.trials) for u in decide(trials, jobs)] == sizes


def test_no_process_has_all_the_slow_contenders():
    trials = [replace(TRIALS[0], contender=name) for name in ("fast", "slow") for _ in range(4)]
    assert [[t.contender for t in u.trials] for u in decide(trials, jobs=2)] == [["fast", "fast", "slow", "slow"]] * 2


def test_the_way_is_found_out_once_for_all_seeds(monkeypatch):
    asked = []
    monkeypatch.setattr(decision, "_way", lambda group: asked.append(group[0].seed) or (STACKED, "as it was"))
    decide([replace(trial, seed=seed) for seed in range(3) for trial in TRIALS])
    assert asked == [0]


def test_memory_is_known_where_the_system_does_not_tell_what_is_free(monkeypatch):
    monkeypatch.setattr(decision, "MEMORY", Path("/nowhere/meminfo"))
    monkeypatch.delattr("os.sysconf")  # as on Windows
    assert decision._available_memory() > 1 << 30
    assert [len(u.trials) for u in decide(TRIALS)] == [6]


def test_a_busy_machine_does_not_make_a_step_longer(monkeypatch):
    clock, training = [0.0], Alone(TRIALS[0])
    costs = iter([9.0, 9.0, 9.0, 0.004, *[0.009] * 99])  # warm-up, a step by itself, and steps beside other programs
    monkeypatch.setattr(training, "step", lambda rows: clock.append(clock[-1] + next(costs)))
    monkeypatch.setattr("steepest.trial.stacked.perf_counter", lambda: clock[-1])
    monkeypatch.setattr("steepest.trial.stacked.ENOUGH_SECONDS", 30.0)
    assert pace(training) == pytest.approx(0.004)


def test_the_first_steps_decide_where_it_is_not_plain(monkeypatch):
    monkeypatch.setattr("steepest.trial.decision.SMALL", 0.0)
    for stacked, way in ((1.0, STACKED), (40.0, ALONE)):
        monkeypatch.setattr("steepest.trial.decision.pace", lambda t, s=stacked: s if len(t.trials) > 1 else 1.0)
        units = decide(TRIALS)
        assert {u.way for u in units} == {way}
        assert "ms alone" in units[0].why


def test_a_decision_is_followed_whatever_would_be_decided_now(monkeypatch):
    decided = []
    list(results(TRIALS, jobs=1, decide_on=decided.extend))
    assert [set(d) for d in decided] == [{"way", "members", "why"}]
    monkeypatch.setattr("steepest.trial.decision._available_memory", lambda: 0)
    units = recall(TRIALS, decided)
    assert [(u.way, len(u.trials)) for u in units] == [(STACKED, 6)]
    again = []
    done = {t.key for t in TRIALS[:5]}
    (last,) = results(TRIALS, jobs=1, done=done, decided=decided, decide_on=again.extend)
    assert not again
    assert last[0] is TRIALS[5]
    assert last[1].members == 6


def test_a_decision_about_trials_that_are_not_called_for_is_left_aside():
    decided = [unit.description for unit in decide(TRIALS, jobs=2)]
    assert [list(unit.trials) for unit in recall(TRIALS[:5], decided)] == [TRIALS[::2]]


def test_workers_give_what_each_trial_gives_by_itself(tmp_path):
    for trial, result in results(TRIALS, jobs=1, states=tmp_path):
        alone = run(trial)
        assert (result.steps, result.diverged) == (alone.steps, alone.diverged)
        assert result.val_loss == pytest.approx(alone.val_loss, rel=1e-4)
