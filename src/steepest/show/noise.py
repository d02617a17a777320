"""Gradient noise: a batch of B examples misses the full gradient by σ/√B; its cost does not depend on N."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from steepest.pictures import SERIES, Spec, axis, finished, layer
from steepest.rules import METHODS
from steepest.show.shown import Shown
from steepest.tables import Column, Table
from steepest.trial import threads
from steepest.workloads import Split, Workload, workload
from steepest.workloads.randomness import derive, isolated, reseed

__all__ = ["noise"]

SIZES = (1, 4, 16, 64, 256, 1024, 4096)
BATCHES = 60
EXAMPLES_FOR_SIGMA = 2048
TRAINING = 200
RATE = 0.1
CHUNK, CHUNK_ONE_BY_ONE = 10_000, 128
COST_SIZES = (1_000, 5_000, 20_000, 50_000)
TIMED = 15
STAGES = ("at the start", f"after {TRAINING} steps")
NOISE_COLUMNS = (
    Column("stage", "network"),
    Column("batch_size", "B", "$B$"),
    Column("noise", "noise", digits=4),
    Column("expected", "σ√((N−B)/(N−1)/B)", r"$\sigma\sqrt{\frac{N-B}{(N-1)B}}$", 4),
    Column("times_gradient", "noise / ‖∇‖", r"noise / $\|\nabla\|$", 3),
)
COST_COLUMNS = (
    Column("examples", "N", "$N$"),
    Column("ms_batch", "ms, batch", digits=3),
    Column("ms_full", "ms, all N", digits=3),
)


@dataclass(frozen=True)
class Gradients:
    """The gradients of a workload's loss at a model's present weights, all weights in one vector."""

    task: Workload
    model: nn.Module

    def mean(self, data: Split) -> Tensor:
        """The gradient of the mean loss over all examples, in chunks that fit in memory."""
        self.model.zero_grad()
        for rows in torch.arange(len(data)).split(CHUNK):
            part = data[rows]
            (self.task.loss(self.model(part.inputs), part.targets) * (len(part) / len(data))).backward()
        return parameters_to_vector([p.grad for p in self.model.parameters() if p.grad is not None])

    def sigma(self, data: Split) -> float:
        """The root of the summed variances of single examples' gradients."""
        weights = {name: p.detach() for name, p in self.model.named_parameters()}

        def loss(weights, x, y):
            return self.task.loss(functional_call(self.model, weights, x[None]), y[None])

        one_by_one = vmap(grad(loss), in_dims=(None, 0, 0))
        squares = []
        for rows in torch.arange(len(data)).split(CHUNK_ONE_BY_ONE):
            part = data[rows]
            each = one_by_one(weights, part.inputs, part.targets)
            squares.append(sum(g.flatten(1).square().sum(1) for g in each.values()))
        return float((torch.cat(squares).mean() - self.mean(data).square().sum()).sqrt())


def batches(data: Split, size: int, count: int, generator: torch.Generator) -> Iterator[Split]:
    """Batches drawn without replacement, each by itself."""
    for _ in range(count):
        yield data[torch.randperm(len(data), generator=generator)[:size]]


def noise(what: str | Workload = "mnist", seed: int = 0) -> Shown:
    """How far batch gradients lie from the full gradient, and what an update costs for data sets of different sizes.

    Measured as √E‖g_B − g‖² over batches drawn without replacement, at the first weights and after a little training;
    the expectation is σ√((N−B)/((N−1)B)), with σ from single examples. Everything but the times follows from the seed.
    One thread, so that sums do not depend on the machine's cores. Raises ValueError for an unknown workload.
    """
    task = what if isinstance(what, Workload) else workload(what)
    data = task.data().train
    with isolated(), threads(1):
        reseed(seed, "weights")
        model = task.build()
        # Dropout would add its own noise to that of the batch.
        model.eval()
        gradients = Gradients(task, model)
        generator = torch.Generator().manual_seed(derive(seed, "noise"))
        rows = _measured(gradients, data, STAGES[0], generator)
        _train(gradients, data, generator)
        rows += _measured(gradients, data, STAGES[1], generator)
        cost = _cost(gradients, data, generator)
    tables = {
        "noise": Table("Distance between a batch's gradient and the full one", NOISE_COLUMNS, tuple(rows)),
        "cost": Table(f"Time for one gradient, batch of {task.batch_size}", COST_COLUMNS, tuple(cost)),
    }
    notes = (
        f"The noise is √E‖g_B − g‖² over {BATCHES} batches. Four times the batch, half the noise: it falls as 1/√B.",
        "A batch is drawn without replacement, so the noise falls a little faster near N and is 0 at B = N.",
        "A batch's gradient costs the same whatever N is; the full gradient's cost grows with N.",
    )
    return Shown("noise", tables, _picture(tables, task), notes)


def _measured(gradients: Gradients, data: Split, stage: str, generator: torch.Generator) -> list[tuple]:
    full = gradients.mean(data)
    chosen = torch.randperm(len(data), generator=generator)[:EXAMPLES_FOR_SIGMA]
    sigma = gradients.sigma(data[chosen])
    rows = []
    for size in (b for b in SIZES if b <= len(data)):
        misses = [(gradients.mean(b) - full).square().sum() for b in batches(data, size, BATCHES, generator)]
        missed = float(torch.stack(misses).mean().sqrt())
        expected = sigma * ((len(data) - size) / (len(data) - 1) / size) ** 0.5
        rows.append((stage, size, missed, expected, missed / float(full.norm())))
    return rows


def _train(gradients: Gradients, data: Split, generator: torch.Generator) -> None:
    rule = METHODS["sgd"]
    constants = rule.constants(1, {"lr": RATE})
    theta = parameters_to_vector(gradients.model.parameters()).detach()
    for batch in batches(data, gradients.task.batch_size, TRAINING, generator):
        (theta,) = rule.step(theta, gradients.mean(batch), (), constants)
        vector_to_parameters(theta, gradients.model.parameters())


def _cost(gradients: Gradients, data: Split, generator: torch.Generator) -> list[tuple]:
    rows = []
    for n in (n for n in COST_SIZES if n <= len(data)):
        part = data[:n]
        picks = [torch.randint(n, (gradients.task.batch_size,), generator=generator) for _ in range(TIMED)]
        rows.append((n, _fastest_ms([part[p] for p in picks], gradients), _fastest_ms([part] * 3, gradients)))
    return rows


def _fastest_ms(parts: Sequence[Split], gradients: Gradients) -> float:
    """Milliseconds; the fastest is the one that other programs disturbed least."""
    gradients.mean(parts[0])
    times = []
    for part in parts:
        start = time.perf_counter()
        gradients.mean(part)
        times.append(1000 * (time.perf_counter() - start))
    return min(times)


def _picture(tables: dict[str, Table], task: Workload) -> Spec:
    panels = {
        "hconcat": [_noise_panel(tables["noise"]), _cost_panel(tables["cost"], task)],
        "spacing": 36,
        "resolve": {"scale": {"color": "independent"}},
    }
    return finished(panels, "Larger batches, less noise; the cost of a batch does not depend on N", task.title)


def _noise_panel(table: Table) -> Spec:
    rows = table.records()
    colour = _colour("stage", "network", list(STAGES))
    x = axis("batch_size", "batch size B", {"type": "log"}, grid=False, values=list(SIZES), format="d")
    y = {"type": "log"}
    measured = {"x": x, "y": axis("noise", "distance from the full gradient", y, format="~g"), "color": colour}
    expected = {**measured, "y": axis("expected", "distance from the full gradient", y, format="~g")}
    layers = [
        layer("line", rows, expected, strokeWidth=1.5, strokeDash=[5, 4]),
        layer("point", rows, measured, filled=True, size=60, opacity=1, clip=False),
    ]
    title = {"text": "Noise", "subtitle": "points: measured; dashed: σ/√B, corrected for finite N", "fontSize": 13}
    return {"layer": layers, "width": 330, "height": 260, "title": title}


def _cost_panel(table: Table, task: Workload) -> Spec:
    names = [f"a batch of {task.batch_size}", "all N"]
    rows = [
        {"examples": r["examples"], "ms": r[column], "gradient": name}
        for r in table.records()
        for column, name in zip(("ms_batch", "ms_full"), names, strict=True)
    ]
    encoding = {
        "x": axis("examples", "examples N", {"type": "log"}, grid=False, values=list(COST_SIZES), format=",d"),
        "y": axis("ms", "milliseconds", {"type": "log"}, format="~g"),
        "color": _colour("gradient", "gradient of", names),
    }
    line = layer("line", rows, encoding, strokeWidth=2.5, point={"size": 50}, clip=False)
    title = {"text": "Cost of one gradient", "subtitle": "the fastest of several", "fontSize": 13}
    return {**line, "width": 330, "height": 260, "title": title}


def _colour(field: str, title: str, names: list[str]) -> Spec:
    scale, legend = {"domain": names, "range": list(SERIES)}, {"orient": "bottom"}
    return {"field": field, "type": "nominal", "title": title, "sort": names, "scale": scale, "legend": legend}
