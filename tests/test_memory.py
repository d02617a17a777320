"""What a step touches in memory and what it leaves alone: guards around every buffer, peak memory, threads, workers."""

import os
import resource
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from steepest import optim
from steepest.kernels import Step, Update
from steepest.kernels.fused import SERIAL
from steepest.kernels.native import Kernel
from steepest.rules import RULES

GUARD = 32
DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]


def guarded(n, dtype, memories, fill=0.5):
    """n elements in the middle of memory of their own, which is kept to be looked at."""
    memory = torch.full((n + 2 * GUARD,), 7.0, dtype=dtype)
    memory[GUARD : GUARD + n] = fill
    memories.append(memory)
    return memory[GUARD : GUARD + n]


@pytest.mark.parametrize(
    ("dtype", "sixteen_bits"), [*((dtype, False) for dtype in DTYPES), (torch.float32, True), (torch.bfloat16, True)]
)
@pytest.mark.parametrize("name", ["nesterov", "amsgrad"])
def test_guards_around_every_buffer_stand(name, dtype, sixteen_bits):
    rule, wide = RULES[name], torch.float64 if dtype == torch.float64 else torch.float32
    for n in (1, 15, 16, 17, 63, 64, 1000):
        memories = []
        update = Update(
            rule,
            guarded(n, dtype, memories),
            guarded(n, dtype, memories),
            tuple(guarded(n, torch.bfloat16 if sixteen_bits else wide, memories) for _ in rule.slots),
            theta=guarded(n, dtype, memories) if rule.moves_the_gradient_point else None,
            average=guarded(n, wide, memories),
            zero_gradient=True,
            first=3 if sixteen_bits else None,
        )
        constants = {**rule.constants(2, {"lr": 0.1}), "average_rate": 0.1, "rounding_key": 5.0}
        step = Step([update], [constants])
        assert step.passes
        step.point_at([update.gradient])
        step.run([constants])
        for memory in memories:
            assert (memory[:GUARD] == 7).all()
            assert (memory[-GUARD:] == 7).all()
        assert all((x != 7).all() for x in update.tensors().values())
        assert (update.parameter != 0.5).all()


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize("options", [{}, {"clip_norm": 1.0, "ema": 0.9}, {"state_dtype": torch.bfloat16}], ids=str)
def test_a_step_takes_no_memory_beyond_parameters_gradients_and_state(options):
    p = torch.nn.Parameter(torch.ones(8 * 2**20))
    p.grad = torch.ones_like(p)
    optimizer = optim.Adam([p], **options)
    for _ in range(2):
        optimizer.step()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins again
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    optimizer.step()
    status = Path("/proc/self/status").read_text().splitlines()
    peak = int(next(line for line in status if line.startswith("VmHWM")).split()[1]) * 1024
    assert peak - before < p.nbytes / 8


def test_the_step_takes_as_many_threads_as_torch_may(monkeypatch):
    asked, run = [], Kernel.run
    monkeypatch.setattr(Kernel, "run", lambda self, job, threads: asked.append(threads) or run(self, job, threads))
    large, small = torch.nn.Parameter(torch.ones(100_000)), torch.nn.Parameter(torch.ones(100))
    before = torch.get_num_threads()
    try:
        for threads in (1, 3, 2):
            torch.set_num_threads(threads)
            for p in (large, small):
                p.grad = torch.ones_like(p)
                optim.SGD([p], lr=0.1).step()
    finally:
        torch.set_num_threads(before)
    assert asked == [1, 1, 3, 1, 2, 1]


def test_a_parameter_resized_between_steps_goes_on_with_its_own_elements():
    memory = torch.full((100,), 7.0)
    p = torch.nn.Parameter(memory[:60])
    optimizer = optim.SGD([p], lr=1.0)
    for n in (60, 20, 45):
        p.data = memory[:n]
        p.grad = torch.ones(n)
        optimizer.step()
    assert memory.unique_consecutive(return_counts=True)[0].tolist() == [4.0, 5.0, 6.0, 7.0]
    assert memory.unique_consecutive(return_counts=True)[1].tolist() == [20, 25, 15, 40]


class Stepping(Dataset):
    """Each item is a weight after as many steps of size 1, made by whoever asks."""

    def __init__(self):
        self.p = torch.nn.Parameter(torch.zeros(SERIAL + 1))
        self.p.grad = torch.ones_like(self.p)
        self.optimizer = optim.SGD([self.p], lr=1.0, clip_norm=1e6)

    def __len__(self):
        return 3

    def __getitem__(self, _):
        self.optimizer.step()
        return self.p.detach().numpy().mean()  # torch's own sum would wait for the parent's threads


def with_two_threads(_):
    torch.set_num_threads(2)  # a data loader gives its workers one


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_workers_of_a_data_loader_step_after_their_parent_has_and_leave_its_weights_alone():
    stepping, before = Stepping(), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert stepping[0] == -1
        settings = {"multiprocessing_context": "fork", "worker_init_fn": with_two_threads, "timeout": 60}
        seen = [item.item() for item in DataLoader(stepping, batch_size=None, num_workers=1, **settings)]
        assert seen == [-2, -3, -4]
        assert stepping[0] == -2
    finally:
        torch.set_num_threads(before)


@st.composite
def tensors(draw):
    """A shape, the order of its dimensions in memory, and whether there are gaps between the elements."""
    shape = draw(st.lists(st.integers(0, 6), max_size=3))
    return shape, draw(st.permutations(range(len(shape)))), draw(st.booleans())


def laid_out(x, order, gaps):
    """The same numbers in memory ordered otherwise."""
    back = sorted(range(len(order)), key=lambda k: order[k])
    x = x.permute(order).contiguous().permute(back)
    return torch.stack([x, x], dim=-1)[..., 0] if gaps else x


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(tensors(), min_size=1, max_size=3), min_size=1, max_size=3),
    st.lists(tensors(), min_size=1),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.5), st.booleans()), min_size=3, max_size=3),
    st.sampled_from(["SGD", "Adam", "RMSprop", "Adadelta", "Lion"]),
    st.sampled_from(DTYPES),
    st.integers(0, 1000),
)
def test_any_groups_layouts_and_hyperparameters_together(groups, gradients, numbers, name, dtype, seed):
    """Against every parameter by itself, contiguous, in an optimizer of its own."""
    generator = torch.Generator().manual_seed(seed)
    together, alone, pairs = [], [], []
    for group, (lr, decay, maximize) in zip(groups, numbers, strict=False):
        options = {"lr": lr, "weight_decay": decay, "maximize": maximize}
        members = []
        for shape, order, _ in group:
            x = torch.randn(shape, generator=generator).to(dtype)
            p, q = torch.nn.Parameter(laid_out(x, order, gaps=False)), torch.nn.Parameter(x.clone())
            members.append(p)
            pairs.append((p, q))
            alone.append(getattr(optim, name)([q], **options))
        together.append({"params": members, **options})
    optimizer = getattr(optim, name)(together)
    for step in range(2):
        for k, (p, q) in enumerate(pairs):
            q.grad = torch.randn(q.shape, generator=generator).to(dtype)
            _, order, gaps = gradients[k % len(gradients)]
            order = order if len(order) == q.dim() else tuple(range(q.dim()))
            p.grad = None if (k + step) % 4 == 3 else laid_out(q.grad, order, gaps)
            q.grad = None if p.grad is None else q.grad
        optimizer.step()
        for each in alone:
            each.step()
    for p, q in pairs:
        assert p.equal(q)
