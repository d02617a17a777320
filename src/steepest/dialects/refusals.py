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

UNCORRECTED = "leaves a moment as it is; steepest.optim.Adam(amsgrad=True, dialect='paper') leaves both, and has no eps"
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
    "bias_correction_mu": UNCORRECTED,
    "bias_correction_nu": UNCORRECTED,
    "eps_root": "is a constant inside the root, which this method does not have here",
    "zero_grad_after_step": "belongs to the training loop: zero the gradients there",
    "initial_velocity": "is what the velocity starts from; elsewhere it is 0",
    "ema": "keeps an average of the weights; the path of training is the same without it",
    "weight_lr_power": "weighs the mean of the iterates otherwise than by the square of the rate",
    "r": "weighs the mean of the iterates by the number of the step",
    "state_dtype": "keeps the state in another dtype",
    "adaptive": "scales the flattened matrix by its product with the mean",
    "preconditioning": "scales the matrix before it is flattened otherwise than by its norm",
    "adam_eps_root": "is a constant inside the root for what is no matrix, which is not here",
    "muon_weight_dimension_numbers": "says which weights are matrices; give the others a group with adamw=True",
    "adam_lr_ratio": "is the share of the rate that others than matrices have; give them a group with adamw=True",
    "exclude_layers": "lets some layers follow AdamW; give them a group with adamw=True",
    "exclude_embeddings": "lets embeddings follow AdamW; give them a group with adamw=True",
    "rms_rate": "at None leaves the length of a step to the matrix",
    "threshold": "rectifies from another step on than this form",
}
# of those, what can be left out without a change of the path; the answer names it
BESIDE_THE_PATH = ("use_ema", "ema_momentum", "ema", "zero_grad_after_step", "exclude_embeddings")
# what they are when they do nothing, where that is neither None nor False nor 0
OPAQUE_DEFAULTS = {
    "bias_correction_mu": True,
    "bias_correction_nu": True,
    "eps_in_sqrt": True,
    "ema_momentum": 0.99,
    "adam_lr_ratio": 1,
    "preconditioning": "frobenius",
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
        "MultiSteps": "it wraps another one and hands it the mean of k gradients; translate that one, and let a step "
        "follow k backward passes of loss / k",
        "adafactor": "its second moment is a product of row and column means",
        "apply_if_finite": "it wraps another one; translate that one, and skip steps whose gradient is not finite",
        "fromage": "its steps are as long as a share of a layer's weights",
        "lars": "its rates go by the norm of each layer",
        "lbfgs": "it searches along lines, with several gradients in a step",
        "lookahead": "it wraps another one, whose weights it averages every few steps",
        "masked": "it wraps another one for some of the weights; give those a parameter group",
        "multi_transform": "it has an optimizer for each set of weights; translate each by itself",
        "named_chain": "it is a chain with names; write optax.chain",
        "partition": "it has an optimizer for each set of weights; translate each by itself",
        "noisy_sgd": "it adds noise to the gradients",
        "novograd": "its second moment is one number for each tensor",
        "optimistic_gradient_descent": "its step extrapolates from the gradient before",
        "optimistic_adam": "its step extrapolates from the one before",
        "optimistic_adam_v2": "its step extrapolates from the one before",
        "polyak_sgd": "its rate follows the loss",
        "signum": "it takes the sign of a mean; Lion with betas=(beta, beta) does the same",
        "sm3": "its second moment is the least of the maxima over rows and over columns",
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

# libraries whose optimizers are not read: what to write for them; another name of it behind a comma
ELSEWHERE = {
    "transformers": "without decay its AdamW is torch.optim.Adam with eps=1e-6; its Adafactor has no counterpart, for "
    "its second moment is a product of row and column means",
    "bitsandbytes, bnb": "its 8-bit optimizers round what they remember, which no line does; the method alone is "
    "that of torch.optim's class of the name",
    "apex": "FusedAdam is torch.optim.AdamW (with adam_w_mode=False Adam), both without decay where none is given",
    "deepspeed": "FusedAdam and DeepSpeedCPUAdam are torch.optim.AdamW (with adamw_mode=False Adam), both without "
    "decay where none is given",
    "torch_optimizer": "write the class of torch.optim or steepest.optim with all its numbers",
    "pytorch_optimizer": "write the class of torch.optim or steepest.optim with all its numbers",
    "lion_pytorch": "its Lion is steepest.optim.Lion, with the same arguments",
    "timm": "RMSpropTF is steepest.optim.RMSprop with dialect='tf1'; write the others as torch's",
    "jax.example_libraries, jax.experimental.optimizers": "write the call of optax with all its numbers",
    "tfa, tensorflow_addons": "write the call of keras.optimizers with all its numbers",
    "paddle": "write the call of torch.optim with all its numbers",
    "mxnet": "write the call of torch.optim with all its numbers",
}
