"""The optimizers by torch's names, with torch's arguments and defaults; each names the rules that it follows."""

from typing import Any, Unpack

from steepest.optim.form import Form, form
from steepest.optim.optimizer import Optimizer
from steepest.optim.shell import Ours, Shell
from steepest.optim.signature import Number, Pair, Params, completed
from steepest.rules.adadelta import ADADELTA, ADADELTA_PUBLISHED
from steepest.rules.adagrad import ADAGRAD, ADAGRAD_INSIDE
from steepest.rules.adam import (
    ADAM,
    ADAM_AS_PRINTED,
    ADAM_HAT,
    ADAM_ROOT,
    ADAMW,
    AMSGRAD,
    AMSGRAD_CORRECTED,
    AMSGRAD_HAT,
    AMSGRAD_PUBLISHED,
    AMSGRADW,
)
from steepest.rules.adamax import ADAMAX, ADAMAX_OUTSIDE, ADAMAX_PUBLISHED
from steepest.rules.averaged import ASGD as ASGD_RULE
from steepest.rules.gradient_descent import GRADIENT_DESCENT
from steepest.rules.momentum import MOMENTUM_LECTURE, MOMENTUM_TORCH, NESTEROV_SHIFTED, NESTEROV_TORCH
from steepest.rules.nadam import NADAM, NADAM_CONSTANT, NADAM_PUBLISHED
from steepest.rules.nesterov import NESTEROV
from steepest.rules.radam import RADAM, RADAM_CORRECTED, RADAM_PUBLISHED
from steepest.rules.rmsprop import (
    RMSPROP,
    RMSPROP_CENTERED,
    RMSPROP_CENTERED_MOMENTUM,
    RMSPROP_GRAVES,
    RMSPROP_GRAVES_CENTERED,
    RMSPROP_INSIDE,
    RMSPROP_MOMENTUM,
    RMSPROP_SWITCHED,
    RMSPROP_SWITCHED_CENTERED,
)
from steepest.rules.rprop import RPROP, RPROP_LATE


@completed
class SGD(Optimizer):
    r"""Gradient descent, with momentum and Nesterov momentum.

    ==========  ==========================================================================
    "torch"     $b \leftarrow \alpha b + (1-\tau) g,\ \theta \leftarrow \theta - \epsilon b$; Nesterov: $g + \alpha b$
    "lecture"   $v \leftarrow \alpha v - \epsilon g,\ \theta \leftarrow \theta + v$; Nesterov: $g$ at θ + αv
    "keras"     as "lecture", rate 0.01; Nesterov: $\theta \leftarrow \theta + \alpha v - \epsilon g$, $g$ at θ
    "optax"     as "torch", without dampening
    "paper"     as "lecture" (Sutskever et al. 2013)
    ==========  ==========================================================================

    With dialect "lecture" and nesterov=True the parameters hold θ + αv while training: call `eval()` before the
    model is judged, saved or given other weights, `train()` before training goes on; also when α has changed, as
    some schedulers change it: the gradient belongs to the point that the parameters hold. Weights that are put into
    the parameters in train mode are lost at the next step. `initial_velocity` is the v to begin with: a number,
    or one tensor for each parameter.

    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, dialect="lecture")
    >>> model(torch.ones(2)).sum().backward()
    >>> optimizer.step()
    >>> optimizer.eval()
    """

    forms = (
        form("torch", GRADIENT_DESCENT, momentum=False),
        form("torch", MOMENTUM_TORCH, momentum=True, nesterov=False),
        form("torch", NESTEROV_TORCH, momentum=True, nesterov=True),
        form("keras", GRADIENT_DESCENT, {"lr": 1e-2}, "decoupled", momentum=False),
        form("keras", MOMENTUM_LECTURE, {"lr": 1e-2}, "decoupled", momentum=True, nesterov=False),
        form("keras", NESTEROV_SHIFTED, {"lr": 1e-2}, "decoupled", momentum=True, nesterov=True),
        form("optax", GRADIENT_DESCENT, momentum=False, dampening=False),
        form("optax", MOMENTUM_TORCH, momentum=True, nesterov=False, dampening=False),
        form("optax", NESTEROV_TORCH, momentum=True, nesterov=True, dampening=False),
        form("lecture", GRADIENT_DESCENT, momentum=False),
        form("lecture", MOMENTUM_LECTURE, momentum=True, nesterov=False),
        form("lecture", NESTEROV, momentum=True, nesterov=True),
        form("paper", GRADIENT_DESCENT, momentum=False),
        form("paper", MOMENTUM_LECTURE, momentum=True, nesterov=False),
        form("paper", NESTEROV, momentum=True, nesterov=True),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Number = 0,
        nesterov: bool = False,
        *,
        foreach: bool | None = None,
        fused: bool | None = None,
        initial_velocity: Any = None,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class Adagrad(Optimizer):
    r"""AdaGrad: $r \leftarrow r + g^2,\ \theta \leftarrow \theta - \frac{\epsilon}{\delta + \sqrt{r}} g$.

    ==================  ==================================================================
    "torch"             δ outside the root; at step t the rate is ε/(1 + (t−1)·lr_decay)
    "lecture", "paper"  the same
    "keras", "optax"    δ inside the root, r starts from 0.1
    "tf1"               no δ, r starts from 0.1
    ==================  ==================================================================

    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = Adagrad(model.parameters(), lr=0.05)
    """

    forms = (
        form("torch", ADAGRAD),
        form("keras", ADAGRAD_INSIDE, {"initial_accumulator_value": 0.1}, "decoupled"),
        form("optax", ADAGRAD_INSIDE, {"lr": 1e-2, "initial_accumulator_value": 0.1}),
        form("tf1", ADAGRAD_INSIDE, {"lr": 1e-2, "initial_accumulator_value": 0.1, "eps": 0.0}),
        form("lecture", ADAGRAD),
        form("paper", ADAGRAD),
    )
    state_from_the_start = True

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        fused: bool | None = None,
        **shell: Unpack[Shell],
    ) -> None: ...


OPTAX = {"alpha": 0.9, "momentum": 0.0}
UNSWITCHED = {"nesterov": False, "bias_correction": False, "eps_in_sqrt": True}
GRAVES = {"lr": 1e-4, "alpha": 0.95, "eps": 1e-4, "momentum": 0.9}


def in_the_root(dialect: str, defaults: dict[str, float], decay: str | None = None, **flags: bool) -> tuple[Form, ...]:
    """RMSProp with δ inside the root and ε inside the velocity, under its flags."""
    return (
        form(dialect, RMSPROP_INSIDE, defaults, decay, centered=False, momentum=False, **flags),
        form(dialect, RMSPROP_GRAVES, defaults, decay, centered=False, momentum=True, **flags),
        form(dialect, RMSPROP_GRAVES_CENTERED, defaults, decay, centered=True, **flags),
    )


@completed
class RMSprop(Optimizer):
    r"""RMSProp: the gradient over the root of a running mean of its square.

    ==========  ==========================================================================
    "torch"     δ outside the root; with momentum ε is outside the buffer
    "lecture"   as "torch" without momentum and not centered
    "keras"     δ inside the root, ε inside the velocity
    "optax"     the same; also `nesterov`, `bias_correction`, and with `eps_in_sqrt=False` δ outside the root
    "tf1"       as "keras", and r starts from 1
    "paper"     the same as "keras", with Graves's numbers (Graves 2013)
    ==========  ==========================================================================

    Centered, with r − m² in the root's place, the root's argument can fall to 0 under a constant gradient; only δ is
    left then, and the steps become very large. That is torch's form too.

    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = RMSprop(model.parameters(), lr=1e-3, alpha=0.9)
    """

    forms = (
        form("torch", RMSPROP, centered=False, momentum=False),
        form("torch", RMSPROP_MOMENTUM, centered=False, momentum=True),
        form("torch", RMSPROP_CENTERED, centered=True, momentum=False),
        form("torch", RMSPROP_CENTERED_MOMENTUM, centered=True, momentum=True),
        form("lecture", RMSPROP, centered=False, momentum=False),
        *in_the_root("keras", {"lr": 1e-3, "alpha": 0.9, "eps": 1e-7, "momentum": 0.0}, "decoupled"),
        *in_the_root("optax", OPTAX, None, **UNSWITCHED),
        form("optax", RMSPROP_SWITCHED, OPTAX, centered=False),
        form("optax", RMSPROP_SWITCHED_CENTERED, OPTAX, centered=True),
        *in_the_root("tf1", {"alpha": 0.9, "eps": 1e-10, "momentum": 0.0, "initial_scale": 1.0}),
        form("paper", RMSPROP_GRAVES, GRAVES, centered=False),
        form("paper", RMSPROP_GRAVES_CENTERED, GRAVES, centered=True),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        *,
        initial_scale: float = 0,
        nesterov: bool = False,
        bias_correction: bool = False,
        eps_in_sqrt: bool | None = None,
        **shell: Unpack[Ours],
    ) -> None: ...


@completed
class Adadelta(Optimizer):
    r"""AdaDelta: $\Delta\theta = -\frac{\mathrm{RMS}(\Delta\theta)}{\mathrm{RMS}(g)} g$.

    The method has no rate; `lr` multiplies the step.

    ==========  ==========================================================================
    "torch"     RMS(x) is √(mean of x² + δ), as in Zeiler (2012)
    "paper"     the same, and so "keras", "optax", "tf1", each with defaults of its own
    "lecture"   RMS(x) is δ + √(mean of x²)
    ==========  ==========================================================================

    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = Adadelta(model.parameters(), rho=0.95)
    """

    forms = (
        form("torch", ADADELTA_PUBLISHED),
        form("lecture", ADADELTA),
        form("paper", ADADELTA_PUBLISHED, {"rho": 0.95}),
        form("keras", ADADELTA_PUBLISHED, {"lr": 1e-3, "rho": 0.95, "eps": 1e-7}, "decoupled"),
        form("optax", ADADELTA_PUBLISHED),
        form("tf1", ADADELTA_PUBLISHED, {"lr": 1e-3, "rho": 0.95, "eps": 1e-8}),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class Adam(Optimizer):
    r"""Adam: $\theta \leftarrow \theta - \epsilon\,\hat{s}/(\sqrt{\hat{r}} + \delta)$.

    Both moments are corrected for their start at 0.

    ==========  ==========================================================================
    "torch"     δ outside the root; `amsgrad` and `decoupled_weight_decay` (AdamW) are at hand
    "paper"     the same (Kingma & Ba 2015); `amsgrad` without correction and δ (Reddi et al. 2018)
    "keras"     δ beside the uncorrected root (Kingma & Ba's ε̂): $\epsilon\frac{\sqrt{1-\rho_2^t}}{1-\rho_1^t}
                s/(\sqrt{r} + \delta)$
    "tf1"       the same
    "optax"     as "torch"; `eps_root` inside the root; `amsgrad` keeps the largest corrected moment
    "lecture"   as the slide prints it, δ inside the root: $\epsilon\,\hat{s}/\sqrt{\hat{r} + \delta}$
    ==========  ==========================================================================

    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.99), dialect="lecture")
    """

    forms = (
        form("torch", ADAM, amsgrad=False, decoupled_weight_decay=False),
        form("torch", AMSGRAD, amsgrad=True, decoupled_weight_decay=False),
        form("torch", ADAMW, amsgrad=False, decoupled_weight_decay=True),
        form("torch", AMSGRADW, amsgrad=True, decoupled_weight_decay=True),
        form("lecture", ADAM_AS_PRINTED, amsgrad=False, decoupled_weight_decay=False),
        form("paper", ADAM, amsgrad=False, decoupled_weight_decay=False),
        form("paper", AMSGRAD_PUBLISHED, amsgrad=True, decoupled_weight_decay=False),
        form("keras", ADAM_HAT, {"eps": 1e-7}, "decoupled", amsgrad=False),
        form("keras", AMSGRAD_HAT, {"eps": 1e-7}, "decoupled", amsgrad=True),
        form("optax", ADAM, amsgrad=False, eps_root=False, decoupled_weight_decay=False),
        form("optax", ADAM_ROOT, amsgrad=False, eps_root=True, decoupled_weight_decay=False),
        form("optax", AMSGRAD_CORRECTED, amsgrad=True, decoupled_weight_decay=False),
        form("tf1", ADAM_HAT, amsgrad=False, decoupled_weight_decay=False),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        capturable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
        eps_root: float = 0,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class AdamW(Adam):
    r"""Adam with weight decay beside the gradient: $\theta \leftarrow \theta - \epsilon\lambda\theta$, then Adam.

    Loshchilov & Hutter (2019), as torch has it: λ is multiplied by the rate. With dialect "paper" it is not: λ is
    multiplied by the share of the first rate that the scheduler has left. "keras" and "optax" as for `Adam`.

    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
    """

    forms = (
        form("torch", ADAMW, amsgrad=False),
        form("torch", AMSGRADW, amsgrad=True),
        form("keras", ADAM_HAT, {"eps": 1e-7, "weight_decay": 4e-3}, "decoupled", amsgrad=False),
        form("keras", AMSGRAD_HAT, {"eps": 1e-7, "weight_decay": 4e-3}, "decoupled", amsgrad=True),
        form("optax", ADAMW, {"weight_decay": 1e-4}, amsgrad=False, eps_root=False),
        form("optax", ADAM_ROOT, {"weight_decay": 1e-4}, "decoupled", amsgrad=False, eps_root=True),
        form("paper", ADAM, {"weight_decay": 1e-5}, "independent", amsgrad=False),
    )
    fixed_options = {"decoupled_weight_decay": True}  # noqa: RUF012

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        capturable: bool = False,
        fused: bool | None = None,
        eps_root: float = 0,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class NAdam(Optimizer):
    r"""NAdam: Adam whose step takes the momentum of the next step in advance (Dozat 2016).

    ==========  ==========================================================================
    "torch"     $\mu_t = \rho_1(1 - \tfrac12 0.96^{t\psi})$ weighs the step, ρ₁ the first moment
    "keras"     the same with ψ = 1
    "optax"     μ is constant
    "paper"     μ_t weighs the first moment too, and the second is multiplied by ρ₂
    ==========  ==========================================================================

    ψ is `momentum_decay`. The product of all μ is kept in double precision; torch keeps it in its default dtype.

    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = NAdam(model.parameters(), lr=1e-3, dialect="keras")
    """

    forms = (
        form("torch", NADAM, decoupled_weight_decay=False),
        form("torch", NADAM, decay="decoupled", decoupled_weight_decay=True),
        form("keras", NADAM, {"lr": 1e-3, "eps": 1e-7, "momentum_decay": 1.0}, "decoupled"),
        form("optax", NADAM_CONSTANT, decoupled_weight_decay=False),
        form("optax", NADAM_CONSTANT, {"weight_decay": 1e-4}, "decoupled", decoupled_weight_decay=True),
        form("paper", NADAM_PUBLISHED, decoupled_weight_decay=False),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 2e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        capturable: bool = False,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class Adamax(Optimizer):
    r"""AdaMax: Adam with a decaying maximum $u$ of |g| in the root's place (Kingma & Ba 2015).

    ==========  ==========================================================================
    "torch"     $u \leftarrow \max(\rho_2 u, |g| + \delta)$
    "optax"     the same; `decoupled_weight_decay` makes it optax's adamaxw
    "keras"     $u \leftarrow \max(\rho_2 u, |g|)$, and the step divides by u + δ
    "paper"     no δ
    ==========  ==========================================================================

    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = Adamax(model.parameters(), lr=2e-3)
    """

    forms = (
        form("torch", ADAMAX),
        form("keras", ADAMAX_OUTSIDE, {"lr": 1e-3, "eps": 1e-7}, "decoupled"),
        form("optax", ADAMAX, decoupled_weight_decay=False),
        form("optax", ADAMAX, {"weight_decay": 1e-4}, "decoupled", decoupled_weight_decay=True),
        form("paper", ADAMAX_PUBLISHED),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 2e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        decoupled_weight_decay: bool = False,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class RAdam(Optimizer):
    r"""RAdam: Adam whose rate adapts once the second moment can be trusted (Liu et al. 2020).

    ==========  ==========================================================================
    "torch"     δ beside the uncorrected root; rectified from $\rho_t > 5$ on
    "optax"     δ beside the corrected root
    "paper"     no δ; rectified from $\rho_t > 4$ on
    ==========  ==========================================================================

    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = RAdam(model.parameters(), lr=1e-3)
    """

    forms = (
        form("torch", RADAM, decoupled_weight_decay=False),
        form("torch", RADAM, decay="decoupled", decoupled_weight_decay=True),
        form("optax", RADAM_CORRECTED, decoupled_weight_decay=False),
        form("paper", RADAM_PUBLISHED, decoupled_weight_decay=False),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        capturable: bool = False,
        **shell: Unpack[Shell],
    ) -> None: ...


@completed
class ASGD(Optimizer):
    r"""Averaged gradient descent: the state's `ax` is the mean of θ from step `t0` on (Polyak & Juditsky 1992).

    The rate of step t is $\epsilon / (1 + \lambda'\epsilon (t-1))^\alpha$, and θ shrinks by λ' times it. Both this
    rate and the mean's weight are kept in double precision; torch keeps them in its default dtype.

    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = ASGD(model.parameters(), lr=0.1, t0=100)
    """

    forms = (form("torch", ASGD_RULE),)

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
        **shell: Unpack[Ours],
    ) -> None: ...


@completed
class Rprop(Optimizer):
    r"""Rprop: only the gradient's signs count; each weight's step grows while its sign stays (Riedmiller & Braun 1993).

    `lr` is the first step's size. For whole batches: with noisy gradients the signs say little. "optax" takes each step
    one late, when the next gradient has not turned against it.

    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = Rprop(model.parameters(), lr=1e-3, step_sizes=(1e-6, 1.0))
    """

    forms = (form("torch", RPROP), form("optax", RPROP_LATE))

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        etas: Pair = (0.5, 1.2),
        step_sizes: Pair = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        **shell: Unpack[Shell],
    ) -> None: ...
