"""Stochastic rounding to bfloat16: up or down at random, so that the mean of the result is the number itself.

The random bits of a weight are a hash of seed, step, array and the weight's place in memory: the same for any number
of threads, for every way that a step can take, and again when training goes on from a saved state. The fused pass has
the same hash in `kernels.emit`.
"""

import torch

KEY = "rounding_key"  # its name among a step's constants
ROUNDS = ((16, 0x7FEB352D), (15, 0x846CA68B))  # C. Wellons's lowbias32: shifts and factors, then a last shift by 16
ARRAY_SHIFT = 24  # the key's upper word leaves this much room below the array's number
WORD = 0xFFFFFFFF


def step_key(seed: int, t: int) -> float:
    """53 random bits for a step, as a number that double precision holds exactly."""
    return float(_scrambled(_scrambled(seed) + t) >> 11)


def _scrambled(x: int) -> int:
    """splitmix64 (Steele, Lea & Flood 2014)."""
    x = (x + 0x9E3779B97F4A7C15) % 2**64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) % 2**64
    return x ^ (x >> 31)


def places(x: torch.Tensor) -> torch.Tensor:
    """Where each element lies in memory, counted in elements from the first."""
    place = torch.zeros(x.shape, dtype=torch.int64, device=x.device)
    for dimension, (size, stride) in enumerate(zip(x.shape, x.stride(), strict=True)):
        own = [1] * x.dim()
        own[dimension] = size
        place += (torch.arange(size, device=x.device) * stride).reshape(own)
    return place


def words(key: float, first: int) -> tuple[int, int]:
    """What `noise` needs for weights that are counted from this one."""
    return (int(key) + first) & WORD, int(key) >> 32


def noise(weights: torch.Tensor, low: int | torch.Tensor, high: int | torch.Tensor, array: int) -> torch.Tensor:
    """16 random bits for each weight of an array, by the weights' numbers; numbers 2³² apart share theirs."""
    return _mixed(_mixed((weights + low) & WORD) ^ (high | array << ARRAY_SHIFT)) >> 16


def _mixed(x: torch.Tensor) -> torch.Tensor:
    for shift, factor in ROUNDS:
        x = ((x ^ (x >> shift)) * factor) & WORD
    return x ^ (x >> 16)


def to_bfloat16(x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Float32 numbers with 16 random bits added below bfloat16's last place, then cut off; ∞ and NaN stay."""
    bits = x.contiguous().view(torch.int32).to(torch.int64) & WORD
    top = ((bits + noise) >> 16).to(torch.int16).view(torch.bfloat16)
    return torch.where(x.isnan(), torch.nan, top)
