"""Which class of ours, in which dialect and under which options, is which optimizer of another library."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NAMES = {
    "keras": {
        "alpha": "rho",
        "rho": "rho",
        "eps": "epsilon",
        "beta1": "beta_1",
        "beta2": "beta_2",
        "weight_decay": "weight_decay",
        "momentum": "momentum",
        "initial_accumulator_value": "initial_accumulator_value",
        "nesterov": "nesterov",
        "centered": "centered",
        "amsgrad": "amsgrad",
        "warmup_steps": "warmup_steps",
    },
    "optax": {
        "alpha": "decay",
        "rho": "rho",
        "eps": "eps",
        "beta1": "b1",
        "beta2": "b2",
        "beta3": "b3",
        "momentum": "momentum",
        "nesterov": "nesterov",
        "centered": "centered",
        "initial_accumulator_value": "initial_accumulator_value",
        "initial_scale": "initial_scale",
        "eps_root": "eps_root",
        "bias_correction": "bias_correction",
        "eps_in_sqrt": "eps_in_sqrt",
        "etaminus": "eta_minus",
        "etaplus": "eta_plus",
        "step_size_min": "min_step_size",
        "step_size_max": "max_step_size",
    },
}
HOMES = {
    "torch": "torch.optim",
    "keras": "keras.optimizers",
    "optax": "optax",
    "schedulefree": "schedulefree",
    "timm": "timm.optim",
    "tensorflow": "tf.raw_ops",
}
LIKE_TORCH = ("torch", "schedulefree", "timm")  # whose arguments have torch's names


def written_out(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with beta1, beta2, … in the place of betas, and the like."""
    given = dict(options)
    given |= {f"beta{i}": beta for i, beta in enumerate(given.pop("betas", ()), 1)}
    given |= zip(("etaminus", "etaplus"), given.pop("etas", ()), strict=False)
    given |= zip(("step_size_min", "step_size_max"), given.pop("step_sizes", ()), strict=False)
    return given


@dataclass(frozen=True)
class Case:
    """One of our classes in a dialect under some options, and what the same is called in a library.

    alone, beside: options of ours and arguments of theirs that say what the other's function is (AMSGrad).
    of: the library, where it is not the one that the dialect is named after.
    """

    cls: str
    dialect: str
    peer: str
    options: Mapping[str, Any] = field(default_factory=dict)
    alone: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)
    of: str = ""
    rate: float = 0.05
    renamed: Mapping[str, str] = field(default_factory=dict)
    shape: tuple[int, ...] = (6,)
    tolerance: float = 1e-12

    @property
    def library(self) -> str:
        """The library's name."""
        return self.of or {"paper": "schedulefree", "tf1": "tensorflow"}.get(self.dialect, self.dialect)

    @property
    def ours(self) -> dict[str, Any]:
        """All options of ours."""
        return {**self.options, **self.alone}

    @property
    def name(self) -> str:
        """What tests and tables call it."""
        shown = {k: v for k, v in self.ours.items() if k in SHOWN and (v or k == "eps_in_sqrt")}
        given = [k if v is True else f"{k}={v}" for k, v in shown.items()]
        return f"{self.cls}({', '.join(given)})" if given else self.cls

    @property
    def peer_name(self) -> str:
        """What the library calls it, with what is said beside."""
        said = {name: value for name, value in self.beside.items() if value != NO_DELTA}
        written = ", ".join(f"{name}={value}" for name, value in said.items())
        return f"{HOMES[self.library]}.{self.peer}" + (f"({written})" if written else "")

    def theirs(self) -> dict[str, Any]:
        """The options under the library's names."""
        if self.library in LIKE_TORCH:
            return {**self.options, **self.beside}
        known = {**NAMES.get(self.library, {}), **self.renamed}
        given = {known.get(name, name): value for name, value in written_out(self.options).items()}
        return {**given, **self.beside}


SHOWN = (
    "adamw",
    "momentum",
    "dampening",
    "nesterov",
    "centered",
    "amsgrad",
    "eps_root",
    "initial_scale",
    "bias_correction",
    "eps_in_sqrt",
    "decoupled_weight_decay",
    "warmup_steps",
    "lr_decay",
    "momentum_decay",
    "no_prox",
    "t0",
    "ns_steps",
    "adjust_lr_fn",
)
# none of them a default, in any library
BETAS = (0.85, 0.98)
ADAM = {"betas": BETAS, "eps": 2e-3}
RMSPROP = {"alpha": 0.85, "eps": 1e-3}
ADADELTA = {"rho": 0.85, "eps": 1e-3}
MOMENTUM = {"momentum": 0.8}
NESTEROV = {**MOMENTUM, "nesterov": True}
PROXIMAL = {"betas": (0.95, 0.9, 0.985), "eps": 1e-3}
RPROP = {"etas": (0.4, 1.3), "step_sizes": (0.02, 0.09)}
NO_DELTA = 1e-300  # far below all that is added to it: a library's 0/δ is 0 where a paper's 0/0 is no step
MUON = {"momentum": "beta", "beta1": "adam_b1", "beta2": "adam_b2"}
MUON_KERAS = {"beta1": "adam_beta_1", "beta2": "adam_beta_2"}
ITERATION = {"ns_steps": 3, "ns_coefficients": (2.0, -1.5, 0.5)}
DECOUPLED = {"decoupled_weight_decay": True}
SHAPES = ((True, (3, 2)), (False, (2, 3)))

TORCH = [
    *(Case("SGD", "torch", "SGD", options) for options in ({}, MOMENTUM, NESTEROV, {**MOMENTUM, "dampening": 0.3})),
    Case("Adagrad", "torch", "Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-3}),
    *(
        Case("RMSprop", "torch", "RMSprop", {**RMSPROP, "momentum": momentum, "centered": centered})
        for momentum in (0.0, 0.8)
        for centered in (False, True)
    ),
    Case("Adadelta", "torch", "Adadelta", ADADELTA, rate=1.0),
    *(
        Case("Adam", "torch", "Adam", {**ADAM, "amsgrad": amsgrad, **decoupled})
        for amsgrad in (False, True)
        for decoupled in ({}, DECOUPLED)
    ),
    *(Case("AdamW", "torch", "AdamW", {**ADAM, "amsgrad": amsgrad}) for amsgrad in (False, True)),
    *(Case("NAdam", "torch", "NAdam", {**ADAM, "momentum_decay": 0.1, **decoupled}) for decoupled in ({}, DECOUPLED)),
    Case("Adamax", "torch", "Adamax", ADAM),
    *(Case("RAdam", "torch", "RAdam", {**ADAM, **decoupled}) for decoupled in ({}, DECOUPLED)),
    Case("ASGD", "torch", "ASGD", {"lambd": 0.1, "alpha": 0.6, "t0": 20}),
    Case("Rprop", "torch", "Rprop", RPROP),
    *(
        Case("Muon", "torch", "Muon", {**MOMENTUM, "nesterov": nesterov, "eps": 1e-3}, shape=shape)
        for nesterov, shape in SHAPES
    ),
    *(
        Case("Muon", "torch", "Muon", {**ITERATION, "adjust_lr_fn": adjusted}, shape=(3, 2))
        for adjusted in (None, "match_rms_adamw")
    ),
    Case("Adam", "tf1", "SparseAdam", ADAM, of="torch"),
]

KERAS = [
    *(Case("SGD", "keras", "SGD", options) for options in ({}, MOMENTUM, NESTEROV)),
    Case("Adagrad", "keras", "Adagrad", {"initial_accumulator_value": 0.2, "eps": 1e-3}),
    *(
        Case("RMSprop", "keras", "RMSprop", {**RMSPROP, "momentum": momentum, "centered": centered})
        for momentum in (0.0, 0.8)
        for centered in (False, True)
    ),
    Case("Adadelta", "keras", "Adadelta", ADADELTA, rate=1.0),
    *(Case(cls, "keras", cls, {**ADAM, **flags}) for cls in ("Adam", "AdamW") for flags in ({}, {"amsgrad": True})),
    Case("NAdam", "keras", "Nadam", ADAM, {"momentum_decay": 1.0}),
    Case("Adamax", "keras", "Adamax", ADAM),
    Case("Lion", "keras", "Lion", {"betas": BETAS}),
    Case("LAMB", "keras", "Lamb", ADAM),
    Case("ScheduleFreeAdamW", "keras", "ScheduleFreeAdamW", ADAM),
    Case("ScheduleFreeAdamW", "keras", "ScheduleFreeAdamW", {**ADAM, "warmup_steps": 20}, tolerance=1e-8),
    *(
        Case("Muon", "keras", "Muon", {**MOMENTUM, "nesterov": n}, renamed=MUON_KERAS, shape=shape, tolerance=1e-7)
        for n, shape in SHAPES
    ),
    Case(
        "Muon",
        "keras",
        "Muon",
        {"eps": 1e-3},
        {**ITERATION, "adjust_lr_fn": 0.3},
        {"ns_steps": 3, "muon_a": 2.0, "muon_b": -1.5, "muon_c": 0.5, "rms_rate": 0.3},
        renamed=MUON_KERAS,
        shape=(3, 2),
        tolerance=1e-7,
    ),
    Case("Muon", "keras", "Muon", ADAM, {"adamw": True}, renamed=MUON_KERAS),
]

OPTAX = [
    *(Case("SGD", "optax", "sgd", options) for options in ({}, MOMENTUM, NESTEROV)),
    Case("Adagrad", "optax", "adagrad", {"initial_accumulator_value": 0.2, "eps": 1e-3}),
    *(
        Case("RMSprop", "optax", "rmsprop", {**RMSPROP, "momentum": momentum, "centered": centered})
        for momentum in (0.0, 0.8)
        for centered in (False, True)
    ),
    *(
        Case("RMSprop", "optax", "rmsprop", {**RMSPROP, **MOMENTUM, **switches})
        for switches in (
            {"initial_scale": 0.5},
            {"nesterov": True},
            {"bias_correction": True},
            {"eps_in_sqrt": False},
            {"eps_in_sqrt": False, "centered": True},
            {"nesterov": True, "bias_correction": True, "centered": True},
        )
    ),
    Case("Adadelta", "optax", "adadelta", ADADELTA, rate=1.0),
    *(Case("Adam", "optax", "adam", {**ADAM, **root}) for root in ({}, {"eps_root": 1e-3})),
    *(Case("Adam", "optax", "amsgrad", {**ADAM, **root}, {"amsgrad": True}) for root in ({}, {"eps_root": 1e-3})),
    *(Case("AdamW", "optax", "adamw", {**ADAM, **root}) for root in ({}, {"eps_root": 1e-3})),
    Case("NAdam", "optax", "nadam", ADAM),
    Case("NAdam", "optax", "adam", ADAM, beside={"nesterov": True}),
    Case("NAdam", "optax", "nadamw", ADAM, DECOUPLED),
    Case("NAdam", "optax", "adamw", ADAM, DECOUPLED, {"nesterov": True}),
    Case("Adam", "optax", "nadam", ADAM, beside={"nesterov": False}),
    Case("AdamW", "optax", "nadamw", ADAM, beside={"nesterov": False}),
    Case("Adamax", "optax", "adamax", ADAM),
    Case("Adamax", "optax", "adamaxw", ADAM, DECOUPLED),
    Case("RAdam", "optax", "radam", ADAM),
    Case("Rprop", "optax", "rprop", RPROP),
    Case("Lion", "optax", "lion", {"betas": BETAS}),
    Case("Lion", "optax", "sign_sgd", alone={"betas": (0.0, 0.0)}),
    Case("Lion", "optax", "signum", alone={"betas": (0.8, 0.8)}, beside={"beta": 0.8}),
    Case("Adan", "optax", "adan", {**PROXIMAL, "eps_root": 1e-3}),
    Case("Yogi", "optax", "yogi", ADAM),
    Case("AdaBelief", "optax", "adabelief", {**ADAM, "eps_root": 1e-3}),
    Case("LAMB", "optax", "lamb", ADAM),
    Case("ScheduleFreeSGD", "optax", "contrib.schedule_free_sgd", MOMENTUM, renamed={"momentum": "b1"}),
    Case("ScheduleFreeAdamW", "optax", "contrib.schedule_free_adamw", ADAM),
    *(
        Case(
            "Muon",
            "optax",
            "contrib.muon",
            {**MOMENTUM, "nesterov": nesterov, "eps": 1e-3},
            renamed=MUON,
            shape=shape,
        )
        for nesterov, shape in SHAPES
    ),
    Case(
        "Muon",
        "optax",
        "contrib.muon",
        alone={**ITERATION, "adjust_lr_fn": 0.3},
        beside={"ns_steps": 3, "ns_coeffs": (2.0, -1.5, 0.5), "consistent_rms": 0.3},
        shape=(3, 2),
    ),
    *(
        Case("Muon", "optax", "contrib.muon", {**ADAM, "nesterov": nesterov}, {"adamw": True}, renamed=MUON)
        for nesterov in (True, False)
    ),
]

PAPERS = [
    Case("Adam", "paper", "amsgrad", {"betas": BETAS}, {"amsgrad": True}, {"bias_correction_mu": False,
         "bias_correction_nu": False, "eps": NO_DELTA}, of="optax"),
    Case("Adamax", "paper", "adamax", {"betas": BETAS}, beside={"eps": NO_DELTA}, of="optax"),
    Case("RAdam", "paper", "radam", {"betas": BETAS}, beside={"threshold": 4.0, "eps": NO_DELTA}, of="optax"),
    Case("RMSprop", "paper", "rmsprop", {**RMSPROP, **MOMENTUM, "centered": True}, of="optax"),
    *(Case("Adan", "paper", "Adan", {**PROXIMAL, "no_prox": no_prox}, of="timm") for no_prox in (False, True)),
    Case("Lion", "paper", "Lion", {"betas": BETAS}, of="timm"),
    Case("AdaBelief", "paper", "AdaBelief", ADAM, {"eps_root": 2e-3}, {"decoupled_decay": False, "rectify": False},
         of="timm"),
    Case("LAMB", "paper", "Lamb", ADAM, beside={"max_grad_norm": None, "always_adapt": True}, of="timm"),
    *(
        Case(cls, "paper", peer, {**options, **warming})
        for warming in ({}, {"warmup_steps": 20})
        for cls, peer, options in (
            ("ScheduleFreeSGD", "SGDScheduleFree", MOMENTUM),
            ("ScheduleFreeAdamW", "AdamWScheduleFree", ADAM),
        )
    ),
]  # fmt: skip

TENSORFLOW = [
    Case("Adagrad", "tf1", "ApplyAdagrad", {"initial_accumulator_value": 0.2, "eps": 0.0}),
    *(
        Case("RMSprop", "tf1", peer, {**RMSPROP, "momentum": momentum}, {"centered": centered})
        for peer, centered in (("ApplyRMSProp", False), ("ApplyCenteredRMSProp", True))
        for momentum in (0.0, 0.8)
    ),
    *(
        Case("RMSprop", "tf1", "RMSpropTF", {**RMSPROP, "momentum": momentum, "centered": centered}, of="timm")
        for momentum in (0.0, 0.8)
        for centered in (False, True)
    ),
    Case("Adadelta", "tf1", "ApplyAdadelta", ADADELTA, rate=1.0),
    Case("Adam", "tf1", "ApplyAdam", ADAM),
]

CASES = [*TORCH, *KERAS, *OPTAX, *PAPERS, *TENSORFLOW]
