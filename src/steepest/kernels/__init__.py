"""How a rule meets the tensors of a model.

    Update   one parameter's part in a step, as data
    Step     all of them, prepared once; `run` performs them with the gradients and constants of the moment

    prefer   another way for the steps of a `with` block

A `Step` chooses for each parameter: one fused pass over memory on the CPU, torch.compile on other devices, the plain
rule on tensors for what these cannot take. The plain rule is the definition, the pass gives the same bits.
"""

from steepest.kernels.rounding import KEY as ROUNDING_KEY
from steepest.kernels.rounding import step_key
from steepest.kernels.step import Step
from steepest.kernels.update import AVERAGE_RATE, GRADIENT_SCALE, Update, state_dtype, storage_dtypes
from steepest.kernels.ways import prefer

__all__ = [
    "AVERAGE_RATE",
    "GRADIENT_SCALE",
    "ROUNDING_KEY",
    "Step",
    "Update",
    "prefer",
    "state_dtype",
    "step_key",
    "storage_dtypes",
]
