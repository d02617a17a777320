"""A workload of your own: what the optimizers are to train. Run it with: steepest race THIS_FILE"""

import torch
from torch import nn

import steepest


def model() -> nn.Module:
    """The network, with fresh initial weights; it is built anew for each run."""
    return nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))


def data():
    """All examples, which are split 70:15:15; (train, test) or (train, validation, test) may be returned as well.

    A split is a pair of tensors, inputs and targets with one row an example, or a Dataset of such pairs,
    which is read once: what it draws at random is drawn once. For augmentation there is `augment` below.
    """
    angle = 3 * torch.pi * torch.rand(3000).sqrt()
    arm = torch.randint(2, (3000,))  # two spirals, one inside the other
    turned = angle + torch.pi * arm
    points = torch.stack([angle * turned.cos(), angle * turned.sin()], dim=1) / 5
    return points + 0.05 * torch.randn(3000, 2), arm


workload = steepest.workload(
    model,
    data,
    loss=nn.functional.cross_entropy,  # (outputs, targets) → the mean loss of a batch
    metric=lambda outputs, targets: (outputs.argmax(dim=1) == targets).float().mean(),  # what is wanted high
    # each training batch, changed at random:
    # augment=lambda inputs, targets: (inputs + 0.01 * torch.randn_like(inputs), targets),
    batch_size=32,
    until="passes=20",  # the budget of a final run; or steps=NUMBER, or seconds=NUMBER
    targets=[0.9, 0.98],  # on the validation split: who gets there first?
    title="Two spirals",
)
