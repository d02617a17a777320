"""Everything random in a study is derived from (seed, purpose, step), so contenders share it and a run can be repeated.

>>> derive(0, "weights") == derive(0, "weights"), derive(0, "dropout", 1) == derive(0, "dropout", 2)
(True, False)
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def derive(seed: int, purpose: str, step: int = 0) -> int:
    """A number below 2³² for this purpose and step; different ones have nothing to do with each other."""
    digest = hashlib.sha256(f"{seed} {purpose} {step}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


@contextmanager
def isolated() -> Iterator[None]:
    """Inside, torch's default generator may be seeded at will; afterwards it is as the caller left it."""
    before = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(before)


def reseed(seed: int, purpose: str, step: int = 0) -> None:
    """Seed torch's default generator (initial weights and dropout masks come from it); use it inside `isolated`."""
    torch.default_generator.manual_seed(derive(seed, purpose, step))


def order(seed: int, examples: int, number: int) -> Tensor:
    """The order in which pass `number`, from 0, visits the examples."""
    generator = torch.Generator().manual_seed(derive(seed, "order", number))
    return torch.randperm(examples, generator=generator)
