"""What in a library's call has no counterpart here, and why: arguments, and whole optimizers."""

# arguments that change no number of the path
IDLE = (
    "name",
    "use_locking",
    "foreach",
    "fused",
    "capturable",
    "differentiable",
    "accumulator_dtype",
    "mu_dtype",
    "state_dtype",
    "stochastic_rounding",
    "rounding_seed",
)

# arguments whose meaning has no counterpart in any class here, with what they do
ABROAD = {
    "clipnorm": "clips each weight's gradient by its own norm; clip_norm= takes the norm of all together",
    "clipvalue": "clips each element of the gradient",
    "use_ema": "keeps an average of the weights that starts after the first step, where ema= starts before it; "
    "the path of training is the same without it",
    "ema_overwrite_frequency": "puts the average into the weights while training",
    "ema_momentum": "belongs to use_ema",
    "loss_scale_factor": "belongs to the training loop; torch has GradScaler",
    "gradient_accumulation_steps": "belongs to the training loop: step after so many backward passes",
    "mask": "takes some weights from the decay; use parameter groups",
    "weight_decay_mask": "takes some weights from the decay; use parameter groups",
    "nesterov": "is a form of this method that is not here",
    "bias_correction_mu": "is a form of this method that is not here",
    "bias_correction_nu": "is a form of this method that is not here",
    "eps_root": "is a constant inside the root, which this method does not have here",
    "zero_grad_after_step": "belongs to the training loop: zero the gradients there",
    "initial_velocity": "is what the velocity starts from; elsewhere it is 0",
    "ema": "keeps an average of the weights; the path of training is the same without it",
    "decay": "is a schedule, lr / (1 + decay·t): translate without it, and give the schedule to a scheduler",
    "weight_lr_power": "weighs the mean of the iterates otherwise than by the square of the rate",
    "r": "weighs the mean of the iterates by the number of the step",
    "state_dtype": "keeps the state in another dtype",
    "threshold": "rectifies from another step on than this form",
}
# of those, what can be left out without a change of the path; the answer names it
BESIDE_THE_PATH = ("use_ema", "ema_momentum", "ema", "zero_grad_after_step")
# what they are when they do nothing, where that is neither None nor False nor 0
OPAQUE_DEFAULTS = {
    "bias_correction_mu": True,
    "bias_correction_nu": True,
    "eps_in_sqrt": True,
    "ema_momentum": 0.99,
    "weight_lr_power": 2.0,
    "threshold": 5.0,
}

# optimizers of the libraries that no class here follows, in a word why
FOREIGN = {
    "torch": {
        "Adafactor": "its second moment is a product of row and column means",
        "LBFGS": "it searches along lines, with several gradients in a step",
        "SparseAdam": "it takes sparse gradients alone; where every row has one, it is Adam with dialect='keras'",
    },
    "keras": {
        "Adafactor": "its second moment is a product of row and column means",
        "Ftrl": "it follows the regularized leader, and its state is a sum of gradients",
        "LossScaleOptimizer": "it wraps another one; translate that one",
        "MultiOptimizer": "it wraps others; translate each by itself",
        "legacy.Adagrad": "write torch.optim.Adagrad with lr=1e-3, initial_accumulator_value=0.1 and eps=1e-7, whose "
        "numbers it has",
        "legacy.Ftrl": "it follows the regularized leader, and its state is a sum of gradients",
        "legacy.Nadam": "write torch.optim.NAdam with lr=1e-3 and eps=1e-7, whose numbers it has",
        "legacy.RMSprop": "with momentum write keras.optimizers.RMSprop, without it torch.optim.RMSprop with lr=1e-3, "
        "alpha=0.9 and eps=1e-7, whose numbers it has",
    },
    "optax": {
        "adafactor": "its second moment is a product of row and column means",
        "fromage": "its steps are as long as a share of a layer's weights",
        "lars": "its rates go by the norm of each layer",
        "lbfgs": "it searches along lines, with several gradients in a step",
        "lookahead": "it wraps another one, whose weights it averages every few steps",
        "noisy_sgd": "it adds noise to the gradients",
        "novograd": "its second moment is one number for each tensor",
        "optimistic_gradient_descent": "its step extrapolates from the gradient before",
        "optimistic_adam": "its step extrapolates from the one before",
        "optimistic_adam_v2": "its step extrapolates from the one before",
        "polyak_sgd": "its rate follows the loss",
        "signum": "it takes the sign of a mean; Lion with betas=(beta, beta) does the same",
        "sm3": "its second moment is the least of the maxima over rows and over columns",
        "contrib.schedule_free": "it wraps another one; write optax.contrib.schedule_free_sgd or schedule_free_adamw",
        **{
            f"contrib.{name}": "no class here has this rule"
            for name in ("acprop", "ademamix", "adopt", "cocob", "dadapt_adamw", "dog", "dowg", "dpsgd", "galore",
                         "madgrad", "mechanize", "momo", "momo_adam", "prodigy", "sam", "simplified_ademamix", "sophia")
        },
    },
    "tf1": {
        "AdagradDAOptimizer": "it averages the gradients' dual",
        "FtrlOptimizer": "it follows the regularized leader, and its state is a sum of gradients",
        "ProximalAdagradOptimizer": "it shrinks the weights by a proximal step",
        "ProximalGradientDescentOptimizer": "it shrinks the weights by a proximal step",
        "SyncReplicasOptimizer": "it wraps another one; translate that one",
    },
    "schedulefree": {
        "RAdamScheduleFree": "no class here has this rule",
        "RAdamScheduleFreeClosure": "no class here has this rule",
        "AdamWScheduleFreePaper": "its correction is in the rate, so that δ is beside the uncorrected root",
        "AdamWScheduleFreeReference": "it is another program for the same; write schedulefree.AdamWScheduleFree",
        "AdamWScheduleFreeClosure": "it is another program for the same; write schedulefree.AdamWScheduleFree",
        "SGDScheduleFreeReference": "it is another program for the same; write schedulefree.SGDScheduleFree",
        "SGDScheduleFreeClosure": "it is another program for the same; write schedulefree.SGDScheduleFree",
    },
}  # fmt: skip
