"""How a rule meets the tensors of a model.

    Update   one parameter's part in a step, as data
    Step     all of them, prepared once; `run` performs them with the gradients and constants of the moment

A `Step` chooses for each parameter: one fused pass over memory where that is possible (the CPU, dense tensors), the
plain rule on tensors everywhere else. The plain rule is the definition, the pass gives the same bits.
"""

from steepest.kernels.step import Step
from steepest.kernels.update import AVERAGE_RATE, GRADIENT_SCALE, Update, state_dtype

__all__ = ["AVERAGE_RATE", "GRADIENT_SCALE", "Step", "Update", "state_dtype"]
