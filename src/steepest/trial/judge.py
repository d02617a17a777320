"""A model is judged by its mean loss and metric on a split, however many examples that has."""

from collections.abc import Iterator

import torch
from torch import nn

from steepest.workloads import Split, Workload
from steepest.workloads.faults import called

CHUNK = 1000  # examples that go through the model at once


def evaluate(model: nn.Module, workload: Workload, examples: Split, chunk: int = CHUNK) -> tuple[float, float]:
    """Mean loss and mean metric over the examples."""
    return called("judging the model", _evaluate, model, workload, examples, chunk)


@torch.no_grad()
def _evaluate(model: nn.Module, workload: Workload, examples: Split, chunk: int) -> tuple[float, float]:
    loss = metric = 0.0
    for piece, share in pieces(examples, chunk):
        outputs = model(piece.inputs)
        loss += share * workload.loss(outputs, piece.targets).item()
        metric += share * workload.metric(outputs, piece.targets).item()
    return loss, metric


def pieces(examples: Split, chunk: int = CHUNK) -> Iterator[tuple[Split, float]]:
    """Pieces of at most `chunk` examples, each with its share of all."""
    if len(examples) <= chunk:
        yield examples, 1.0
        return
    for start in range(0, len(examples), chunk):
        piece = examples[start : start + chunk]
        yield piece, len(piece) / len(examples)
