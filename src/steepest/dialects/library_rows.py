"""What the libraries call their optimizers and arguments, and the class of `steepest.optim` that each one is.

Defaults are not here: the dialect in `steepest.optim` has them. A row is the constructor's arguments in their order,
each with our name behind a colon where it is another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from steepest import optim

WRITTEN = {
    "torch": "torch.optim.",
    "keras": "keras.optimizers.",
    "optax": "optax.",
    "tf1": "tf.compat.v1.train.",
    "schedulefree": "schedulefree.",
    "steepest": "steepest.optim.",
}


KERAS_BESIDE = (
    "clipnorm: clipvalue: global_clipnorm:clip_norm use_ema: ema_momentum: ema_overwrite_frequency: "
    "loss_scale_factor: gradient_accumulation_steps: name:"
)
KERAS_REST = "weight_decay " + KERAS_BESIDE
KERAS_MOMENTS = "beta_1:beta1 beta_2:beta2 epsilon:eps"
OTHERS = "others."  # before what a call says of the weights that are no matrices
LEGACY_REST = "name: decay: clipnorm: clipvalue: global_clipnorm:clip_norm"
OPTAX_ADAM = "learning_rate:lr! b1:beta1 b2:beta2 eps"


@dataclass(frozen=True)
class Constructor:
    """One optimizer of a library.

    method      the class of `steepest.optim`
    dialect     under which dialect it is this one
    parameters  its arguments in order: each with the name it has here, or "" where it has none
    required    those without a default
    fixed       what the library's name itself says, in our arguments
    says        arguments of the library that must have these values for it, in its own words
    positive    our hyperparameters for which the library refuses 0, or divides by it
    written     whether lines with it are written, or its calls only read
    """

    library: str
    name: str
    method: str
    dialect: str
    parameters: Mapping[str, str]
    required: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    says: Mapping[str, Any] = field(default_factory=dict)
    positive: tuple[str, ...] = ()
    written: bool = True

    @property
    def shown(self) -> str:
        """The name as code has it."""
        return WRITTEN[self.library] + self.name

    @property
    def optimizer_class(self) -> type[optim.Optimizer]:
        return getattr(optim, self.method)


def row(
    library: str,
    name: str,
    method: str,
    parameters: str,
    dialect: str = "",
    says: Mapping[str, Any] | None = None,
    positive: tuple[str, ...] = (),
    written: bool = True,
    **fixed: Any,
) -> Constructor:
    """A row of the table: `"learning_rate:lr! momentum"` is an argument of another name and must be given."""
    read, required = {}, []
    for word in parameters.split():
        theirs, colon, ours = word.rstrip("!").partition(":")
        read[theirs] = ours if colon else theirs
        if word.endswith("!"):
            required.append(theirs)
    return Constructor(
        library, name, method, dialect or library, read, tuple(required), fixed, says or {}, positive, written
    )


ROWS = (
    row("keras", "SGD", "SGD", "learning_rate:lr momentum nesterov " + KERAS_REST),
    row("keras", "RMSprop", "RMSprop", "learning_rate:lr rho:alpha momentum epsilon:eps centered " + KERAS_REST),
    row("keras", "Adam", "Adam", f"learning_rate:lr {KERAS_MOMENTS} amsgrad {KERAS_REST}"),
    row("keras", "AdamW", "AdamW", f"learning_rate:lr weight_decay {KERAS_MOMENTS} amsgrad {KERAS_BESIDE}"),
    row("keras", "Adadelta", "Adadelta", "learning_rate:lr rho epsilon:eps " + KERAS_REST),
    row("keras", "Adagrad", "Adagrad", "learning_rate:lr initial_accumulator_value epsilon:eps " + KERAS_REST),
    row("keras", "Adamax", "Adamax", f"learning_rate:lr {KERAS_MOMENTS} {KERAS_REST}"),
    row("keras", "Nadam", "NAdam", f"learning_rate:lr {KERAS_MOMENTS} {KERAS_REST}"),
    row("keras", "Lion", "Lion", f"learning_rate:lr beta_1:beta1 beta_2:beta2 {KERAS_REST}", positive=("beta1",)),
    row("keras", "Lamb", "LAMB", f"learning_rate:lr {KERAS_MOMENTS} {KERAS_REST}"),
    row(
        "keras",
        "ScheduleFreeAdamW",
        "ScheduleFreeAdamW",
        f"learning_rate:lr {KERAS_MOMENTS} warmup_steps {KERAS_REST}",
        positive=("beta1",),
    ),
    row(
        "keras",
        "Muon",
        "Muon",
        "learning_rate:lr adam_beta_1:beta1 adam_beta_2:beta2 adam_weight_decay:others.weight_decay "
        f"epsilon:others.eps {KERAS_REST} exclude_layers: exclude_embeddings: muon_a:ns_a muon_b:ns_b muon_c:ns_c "
        "adam_lr_ratio: momentum ns_steps nesterov rms_rate",
        positive=("rms_rate",),
        written=False,
    ),
    row("keras", "legacy.SGD", "SGD", f"learning_rate:lr momentum nesterov {LEGACY_REST}"),
    row("keras", "legacy.Adam", "Adam", f"learning_rate:lr {KERAS_MOMENTS} amsgrad {LEGACY_REST}"),
    row("keras", "legacy.Adadelta", "Adadelta", f"learning_rate:lr rho epsilon:eps {LEGACY_REST}"),
    row("keras", "legacy.Adamax", "Adamax", f"learning_rate:lr {KERAS_MOMENTS} {LEGACY_REST}"),
    row("optax", "sgd", "SGD", "learning_rate:lr! momentum nesterov accumulator_dtype:"),
    row(
        "optax",
        "rmsprop",
        "RMSprop",
        "learning_rate:lr! decay:alpha eps initial_scale eps_in_sqrt centered momentum nesterov bias_correction",
    ),
    row(
        "optax",
        "rprop",
        "Rprop",
        "learning_rate:lr! eta_minus:etaminus eta_plus:etaplus min_step_size:step_size_min max_step_size:step_size_max",
    ),
    row("optax", "adam", "Adam", f"{OPTAX_ADAM} eps_root mu_dtype: nesterov:"),
    row("optax", "adamw", "AdamW", f"{OPTAX_ADAM} eps_root mu_dtype: weight_decay mask: nesterov:"),
    row(
        "optax",
        "amsgrad",
        "Adam",
        f"{OPTAX_ADAM} eps_root mu_dtype: bias_correction_mu: bias_correction_nu:",
        amsgrad=True,
    ),
    row("optax", "adadelta", "Adadelta", "learning_rate:lr! rho eps weight_decay weight_decay_mask:"),
    row("optax", "adagrad", "Adagrad", "learning_rate:lr! initial_accumulator_value eps"),
    row("optax", "adamax", "Adamax", OPTAX_ADAM),
    row(
        "optax",
        "adamaxw",
        "Adamax",
        f"{OPTAX_ADAM} weight_decay mask:",
        decoupled_weight_decay=True,
        weight_decay=1e-4,
    ),
    row("optax", "nadam", "NAdam", f"{OPTAX_ADAM} eps_root: mu_dtype: nesterov:"),
    row("optax", "adam", "NAdam", f"{OPTAX_ADAM} eps_root: mu_dtype: nesterov:", says={"nesterov": True}),
    row(
        "optax",
        "adamw",
        "NAdam",
        f"{OPTAX_ADAM} eps_root: mu_dtype: weight_decay mask: nesterov:",
        says={"nesterov": True},
        decoupled_weight_decay=True,
        weight_decay=1e-4,
    ),
    row("optax", "sign_sgd", "Lion", "learning_rate:lr!", betas=(0.0, 0.0), weight_decay=0.0),
    row("optax", "lion", "Lion", "learning_rate:lr! b1:beta1 b2:beta2 mu_dtype: weight_decay mask:"),
    row(
        "optax",
        "nadamw",
        "NAdam",
        f"{OPTAX_ADAM} eps_root: mu_dtype: weight_decay mask: nesterov:",
        decoupled_weight_decay=True,
        weight_decay=1e-4,
    ),
    row("optax", "radam", "RAdam", f"{OPTAX_ADAM} eps_root: threshold: nesterov:"),
    row("optax", "adabelief", "AdaBelief", f"{OPTAX_ADAM} eps_root nesterov:"),
    row("optax", "yogi", "Yogi", OPTAX_ADAM),
    row("optax", "adan", "Adan", "learning_rate:lr! b1:beta1 b2:beta2 b3:beta3 eps eps_root weight_decay mask:"),
    row("optax", "lamb", "LAMB", f"{OPTAX_ADAM} eps_root: weight_decay mask:"),
    row(
        "optax",
        "contrib.schedule_free_sgd",
        "ScheduleFreeSGD",
        "learning_rate:lr warmup_steps b1:momentum weight_decay weight_lr_power: state_dtype:",
        positive=("momentum",),
    ),
    row(
        "optax",
        "contrib.schedule_free_adamw",
        "ScheduleFreeAdamW",
        "learning_rate:lr warmup_steps b1:beta1 b2:beta2 eps weight_decay weight_lr_power: state_dtype:",
        positive=("beta1",),
    ),
    row(
        "optax",
        "contrib.muon",
        "Muon",
        "learning_rate:lr! ns_coeffs:ns_coefficients ns_steps beta:momentum eps weight_decay weight_decay_mask: "
        "mu_dtype: nesterov adaptive: preconditioning: adam_b1:beta1 adam_b2:beta2 adam_eps_root: "
        "adam_weight_decay:others.weight_decay adam_learning_rate:others.lr muon_weight_dimension_numbers: "
        "consistent_rms:rms_rate",
        written=False,
    ),
    row(
        "schedulefree",
        "SGDScheduleFree",
        "ScheduleFreeSGD",
        "params lr momentum weight_decay warmup_steps r: weight_lr_power: foreach:",
        dialect="paper",
        positive=("momentum",),
    ),
    row(
        "schedulefree",
        "AdamWScheduleFree",
        "ScheduleFreeAdamW",
        "params lr betas eps weight_decay warmup_steps r: weight_lr_power: foreach:",
        dialect="paper",
    ),
    row("tf1", "GradientDescentOptimizer", "SGD", "learning_rate:lr! use_locking: name:", dialect="torch"),
    row(
        "tf1",
        "MomentumOptimizer",
        "SGD",
        "learning_rate:lr! momentum! use_locking: name: use_nesterov:nesterov",
        dialect="torch",
    ),
    row("tf1", "AdagradOptimizer", "Adagrad", "learning_rate:lr! initial_accumulator_value use_locking: name:"),
    row("tf1", "AdadeltaOptimizer", "Adadelta", "learning_rate:lr rho epsilon:eps use_locking: name:"),
    row(
        "tf1",
        "RMSPropOptimizer",
        "RMSprop",
        "learning_rate:lr! decay:alpha momentum epsilon:eps use_locking: centered name:",
    ),
    row("tf1", "AdamOptimizer", "Adam", "learning_rate:lr beta1 beta2 epsilon:eps use_locking: name:"),
)
