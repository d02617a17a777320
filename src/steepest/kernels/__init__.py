"""How a rule meets the tensors of a model: one `Update` for each parameter, and `run`, which performs them all."""

from steepest.kernels.plain import run
from steepest.kernels.update import Update, state_dtype

__all__ = ["Update", "run", "state_dtype"]
