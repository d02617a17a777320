"""The optimizers that torch.optim lacks, with arguments in torch's manner; their own dialect is "paper"."""

from typing import Unpack

from steepest.optim.form import form
from steepest.optim.optimizer import Optimizer
from steepest.optim.shell import Shell
from steepest.optim.signature import Number, Pair, Params, Triple, completed
from steepest.rules.adabelief import ADABELIEF
from steepest.rules.adan import ADAN, ADAN_PROXIMAL, ADAN_ROOT
from steepest.rules.lamb import LAMB as LAMB_RULE
from steepest.rules.lamb import LAMB_UNDECAYED
from steepest.rules.lion import LION
from steepest.rules.quasi_hyperbolic import MOMENTUM_MEAN, QHADAM
from steepest.rules.quasi_hyperbolic import QHM as QHM_RULE
from steepest.rules.schedule_free import (
    SCHEDULE_FREE_ADAMW,
    SCHEDULE_FREE_ADAMW_EVEN,
    SCHEDULE_FREE_ADAMW_LATE,
    SCHEDULE_FREE_SGD,
    SCHEDULE_FREE_SGD_LATE,
)
from steepest.rules.yogi import YOGI, YOGI_CORRECTED


@completed
class Lion(Optimizer):
    r"""Lion: the sign of $\rho_1 s + (1-\rho_1) g$ (Chen et al. 2023).

    Weight decay is decoupled in every dialect; "keras" has another default rate, "optax" another weight decay.

    >>> import torch
    >>> optimizer = Lion(torch.nn.Linear(2, 1).parameters(), lr=1e-4, weight_decay=0.1)
    """

    forms = (
        form("paper", LION),
        form("keras", LION, {"lr": 1e-3}),
        form("optax", LION, {"weight_decay": 1e-3}),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-4,
        betas: Pair = (0.9, 0.99),
        weight_decay: float = 0,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class Adan(Optimizer):
    r"""Adan: Adam with Nesterov's look-ahead by the gradient's change (Xie et al. 2022).

    The betas are 1 − β in the paper. Weight decay divides θ by 1 + ελ after the step; with the authors' `no_prox=True`
    it is decoupled, as always in "optax", which weighs the change by 1 − ρ₂ where the paper has ρ₂ and has `eps_root`
    inside the root.

    >>> import torch
    >>> optimizer = Adan(torch.nn.Linear(2, 1).parameters(), lr=1e-3)
    """

    forms = (
        form("paper", ADAN_PROXIMAL, no_prox=False),
        form("paper", ADAN, no_prox=True),
        form("optax", ADAN_ROOT, {"eps_root": 1e-8}),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        betas: Triple = (0.98, 0.92, 0.99),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        no_prox: bool = False,
        eps_root: float = 0,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class Yogi(Optimizer):
    r"""Yogi: $r \leftarrow r - (1-\rho_2)\,\mathrm{sign}(r - g^2)\, g^2$ (Zaheer et al. 2018).

    ==========  ==========================================================================
    "paper"     the moments as they are
    "optax"     corrected for their start, and the first moment starts from the second's value
    ==========  ==========================================================================

    >>> import torch
    >>> optimizer = Yogi(torch.nn.Linear(2, 1).parameters(), lr=1e-2)
    """

    forms = (
        form("paper", YOGI),
        form("optax", YOGI_CORRECTED),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-3,
        weight_decay: float = 0,
        initial_accumulator_value: float = 1e-6,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class AdaBelief(Optimizer):
    r"""AdaBelief: Adam that divides by the root of the mean of $(g - s)^2$ (Zhuang et al. 2020).

    `eps_root` is added to the mean at every step. The paper has 1e-8 in both places, "optax" 1e-16.

    >>> import torch
    >>> optimizer = AdaBelief(torch.nn.Linear(2, 1).parameters(), lr=1e-3)
    """

    forms = (
        form("paper", ADABELIEF),
        form("optax", ADABELIEF, {"eps": 1e-16, "eps_root": 1e-16}),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        eps_root: float = 1e-8,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class HeavyBall(Optimizer):
    r"""Momentum as a running mean: $m \leftarrow \alpha m + (1-\alpha) g,\ \theta \leftarrow \theta - \epsilon m$.

    `SGD` with momentum α and the rate ε(1 − α), as long as the rate is constant.

    >>> import torch
    >>> optimizer = HeavyBall(torch.nn.Linear(2, 1).parameters(), lr=0.1)
    """

    forms = (form("paper", MOMENTUM_MEAN),)

    def __init__(
        self, params: Params, lr: Number = 1e-2, momentum: float = 0.9, weight_decay: float = 0, **shell: Unpack[Shell]
    ) -> None: ...


@completed
class QHM(Optimizer):
    r"""Quasi-hyperbolic momentum: the step is $(1-\nu) g + \nu m$ (Ma & Yarats 2019).

    ν = 0 is gradient descent, ν = 1 is `HeavyBall`.

    >>> import torch
    >>> optimizer = QHM(torch.nn.Linear(2, 1).parameters(), lr=1.0, momentum=0.999, nu=0.7)
    """

    forms = (form("paper", QHM_RULE),)

    def __init__(
        self,
        params: Params,
        lr: Number = 1.0,
        momentum: float = 0.999,
        nu: float = 0.7,
        weight_decay: float = 0,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class QHAdam(Optimizer):
    r"""QHAdam: Adam with quasi-hyperbolic moments (Ma & Yarats 2019); `nus=(1, 1)` is Adam.

    >>> import torch
    >>> optimizer = QHAdam(torch.nn.Linear(2, 1).parameters(), lr=1e-3, nus=(0.7, 1.0))
    """

    forms = (form("paper", QHADAM),)

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        betas: Pair = (0.995, 0.999),
        nus: Pair = (0.7, 1.0),
        eps: float = 1e-8,
        weight_decay: float = 0,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class ScheduleFreeSGD(Optimizer):
    r"""Schedule-free gradient descent: the model is a running mean of the iterates (Defazio et al. 2024).

    While training the parameters hold the point of the gradient: call `eval()` before the model is judged or saved,
    `train()` before training goes on. No schedule is needed. Over `warmup_steps` the rate rises from
    lr/`warmup_steps`, in "optax" from 0.

    >>> import torch
    >>> optimizer = ScheduleFreeSGD(torch.nn.Linear(2, 1).parameters(), lr=1.0)
    >>> optimizer.eval()
    """

    forms = (
        form("paper", SCHEDULE_FREE_SGD),
        form("optax", SCHEDULE_FREE_SGD_LATE),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 0,
        warmup_steps: int = 0,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class ScheduleFreeAdamW(Optimizer):
    r"""Schedule-free AdamW: the model is a running mean of AdamW's iterates (Defazio et al. 2024).

    While training the parameters hold the point of the gradient: call `eval()` before the model is judged or saved,
    `train()` before training goes on. No schedule is needed. Over `warmup_steps` the rate rises from
    lr/`warmup_steps`, in "optax" from 0. "keras" weighs all steps alike, and its weight decay leaves z alone.

    >>> import torch
    >>> optimizer = ScheduleFreeAdamW(torch.nn.Linear(2, 1).parameters(), lr=2.5e-3)
    >>> optimizer.eval()
    """

    forms = (
        form("paper", SCHEDULE_FREE_ADAMW),
        form("optax", SCHEDULE_FREE_ADAMW_LATE),
        form("keras", SCHEDULE_FREE_ADAMW_EVEN),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 2.5e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        warmup_steps: int = 0,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class LAMB(Optimizer):
    r"""LAMB: Adam's direction, for each tensor as long as the tensor itself (You et al. 2020).

    ==========  ==========================================================================
    "paper"     λθ is part of the direction whose length is measured
    "optax"     the same
    "keras"     θ shrinks by ελ first
    ==========  ==========================================================================

    A step needs the norms of whole tensors, so it reads everything once before the pass that writes.

    >>> import torch
    >>> optimizer = LAMB(torch.nn.Linear(2, 1).parameters(), lr=1e-3)
    """

    forms = (
        form("paper", LAMB_RULE),
        form("keras", LAMB_UNDECAYED, {"eps": 1e-7}),
        form("optax", LAMB_RULE),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0,
        **shell: Unpack[Shell],
    ) -> None: ...
