"""Spam or not, from which of 10,000 words a mail holds: sparse inputs, where some words are rare and telling."""

from functools import cache
from importlib.resources import files

import numpy as np
import torch
from torch import Tensor, nn

from steepest.workloads.workload import Data, Split, Workload

WORDS = 10_000
TRAIN, VALIDATION = 4_000, 1_000  # of 6,046 mails; the rest is the test split


@cache
def mails() -> Data:
    """4,000 mails for training, 1,000 for validation, 1,046 for the test: 1 for each word that a mail holds, else 0."""
    with files("steepest.workloads").joinpath("data", "spam", "spam.npz").open("rb") as file:
        stored = np.load(file)
        columns, ends, spam = stored["columns"], stored["ends"], stored["spam"]
    holds = torch.zeros(len(ends), WORDS)
    rows = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    holds[torch.from_numpy(rows), torch.from_numpy(columns.astype(np.int64))] = 1.0
    every = Split(holds, torch.from_numpy(spam.astype(np.float32)))
    return Data(every[:TRAIN], every[TRAIN : TRAIN + VALIDATION], every[TRAIN + VALIDATION :])


def logistic() -> nn.Sequential:
    """Logistic regression."""
    return nn.Sequential(nn.Linear(WORDS, 1))


def logistic_with_dropout() -> nn.Sequential:
    """Logistic regression that sees half of the words at each step."""
    return nn.Sequential(nn.Dropout(0.5), nn.Linear(WORDS, 1))


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """The cross-entropy of a logit and 0 or 1."""
    return nn.functional.binary_cross_entropy_with_logits(outputs.squeeze(1), targets)


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """The share of mails on the right side."""
    return ((outputs.squeeze(1) > 0) == (targets > 0.5)).double().mean()


def _workload(name: str, title: str, build) -> Workload:
    return Workload(name, title, build, mails, cross_entropy, accuracy, batch_size=32, targets=(0.95, 0.97))


SPAM = _workload("spam", "SpamAssassin, logistic regression on 10,000 words", logistic)
SPAM_DROPOUT = _workload(
    "spam-dropout", "SpamAssassin, logistic regression on 10,000 words with dropout", logistic_with_dropout
)
