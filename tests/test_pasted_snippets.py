"""What people paste, from READMEs, forums and notebooks, and what `translate` answers."""

import pytest

from steepest import translate

OURS = "steepest.optim."
TORCHS = "torch.optim."

# what is pasted, for which library, and the line that does the same there, or of `steepest.optim` where none does
LINES = [
    (
        "optimizer = optim.AdamW(model.parameters(), lr=3e-4, betas=(.9,.95), weight_decay=.1)",
        "optax",
        "optax.adamw(learning_rate=0.0003, b2=0.95, weight_decay=0.1)",
    ),
    (
        "optimizer = optim.AdamW(model.parameters(), lr=3e-4, betas=(.9,.95), weight_decay=.1)",
        "keras",
        OURS + "AdamW(model.parameters(), lr=0.0003, betas=(0.9, 0.95), weight_decay=0.1)",
    ),
    ("tf.keras.optimizers.legacy.Adam(1e-4)", "torch", OURS + "Adam(model.parameters(), lr=0.0001, dialect='keras')"),
    (
        "tf.keras.optimizers.legacy.SGD(0.01, decay=1e-6, momentum=0.9, nesterov=True)",
        "keras",
        "keras.optimizers.SGD(learning_rate=keras.optimizers.schedules.InverseTimeDecay(initial_learning_rate=0.01, "
        "decay_steps=1, decay_rate=1e-06), momentum=0.9, nesterov=True)",
    ),
    (
        "keras.optimizers.SGD(learning_rate=0.01, momentum=0.9, global_clipnorm=1.0)",
        "steepest",
        OURS + "SGD(model.parameters(), lr=0.01, momentum=0.9, clip_norm=1.0, dialect='keras')",
    ),
    ("keras.optimizers.SGD(learning_rate=0.01, use_ema=True)", "torch", TORCHS + "SGD(model.parameters(), lr=0.01)"),
    (
        "optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-3))",
        "torch",
        OURS + "AdamW(model.parameters(), lr=0.001, clip_norm=1.0, dialect='optax')",
    ),
    (
        "optax.chain(optax.scale_by_adam(b1=0.9, b2=0.98), optax.scale(-1e-3))",
        "torch",
        TORCHS + "Adam(model.parameters(), lr=0.001, betas=(0.9, 0.98))",
    ),
    (
        "optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(), optax.add_decayed_weights(1e-4), "
        "optax.scale_by_learning_rate(3e-4))",
        "steepest",
        OURS + "AdamW(model.parameters(), lr=0.0003, weight_decay=0.0001, clip_norm=1.0, dialect='optax')",
    ),
    (
        "optax.chain(optax.trace(decay=0.9, nesterov=True), optax.scale(-0.1))",
        "torch",
        TORCHS + "SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)",
    ),
    (
        "optax.contrib.schedule_free(optax.sgd(0.1), learning_rate=0.1, b1=0.9)",
        "steepest",
        OURS + "ScheduleFreeSGD(model.parameters(), lr=0.1, momentum=0.9, dialect='optax')",
    ),
    (
        "schedulefree.ScheduleFreeWrapper(torch.optim.SGD(model.parameters(), lr=0.1), momentum=0.9)",
        "steepest",
        OURS + "ScheduleFreeSGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.0)",
    ),
    (
        "optimizer = schedulefree.AdamWScheduleFree(model.parameters(), lr=0.0025, warmup_steps=1000)",
        "torch",
        OURS + "ScheduleFreeAdamW(model.parameters(), lr=0.0025, warmup_steps=1000)",
    ),
    ("optax.contrib.muon(learning_rate=0.02)", "torch", OURS + "Muon(model.parameters(), lr=0.02, dialect='optax')"),
    ("keras.optimizers.Muon(learning_rate=0.02)", "torch", OURS + "Muon(model.parameters(), lr=0.02, dialect='keras')"),
    ("torch.optim.Muon(model.parameters(), lr=0.02)", "optax", OURS + "Muon(model.parameters(), lr=0.02)"),
    (
        "optax.adamw(1e-3, nesterov=True)",
        "torch",
        OURS + "NAdam(model.parameters(), lr=0.001, weight_decay=0.0001, decoupled_weight_decay=True, dialect='optax')",
    ),
    (
        "tf.compat.v1.train.RMSPropOptimizer(learning_rate=0.045, decay=0.9, momentum=0.9, epsilon=1.0)",
        "torch",
        OURS + "RMSprop(model.parameters(), lr=0.045, alpha=0.9, eps=1.0, momentum=0.9, dialect='tf1')",
    ),
    (
        "train_op = tf.train.AdamOptimizer(1e-4).minimize(cross_entropy)",
        "keras",
        "keras.optimizers.Adam(learning_rate=0.0001, epsilon=1e-08)",
    ),
    (
        "opt = tf.train.MomentumOptimizer(learning_rate=0.1, momentum=0.9)",
        "torch",
        TORCHS + "SGD(model.parameters(), lr=0.1, momentum=0.9)",
    ),
    ("tf.train.GradientDescentOptimizer(0.5)", "keras", "keras.optimizers.SGD(learning_rate=0.5)"),
    (
        "model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])",
        "keras",
        "keras.optimizers.Adam(learning_rate=0.001)",
    ),
    (
        "model.compile(tf.keras.optimizers.RMSprop(1e-4), loss='mse')",
        "optax",
        "optax.rmsprop(learning_rate=0.0001, eps=1e-07)",
    ),
    ("tf.keras.optimizers.experimental.SGD(0.1)", "torch", TORCHS + "SGD(model.parameters(), lr=0.1)"),
    (
        "import torch, timm\nmodel = timm.create_model('resnet50')\nopt = torch.optim.SGD(model.parameters(), 0.1)",
        "keras",
        "keras.optimizers.SGD(learning_rate=0.1)",
    ),
    (
        "import optax\ntx = optax.adam(1e-3)\nloss = optax.softmax_cross_entropy(logits, labels)\n"
        "updates, state = tx.update(grads, state)\nparams = optax.apply_updates(params, updates)",
        "torch",
        TORCHS + "Adam(model.parameters(), lr=0.001)",
    ),
    (
        "state = train_state.TrainState.create(apply_fn=cnn.apply, params=params, tx=optax.sgd(0.1, momentum=0.9))",
        "torch",
        TORCHS + "SGD(model.parameters(), lr=0.1, momentum=0.9)",
    ),
    (
        "optimizer = nnx.Optimizer(model, optax.adamw(0.005, 0.9))",
        "torch",
        TORCHS + "AdamW(model.parameters(), lr=0.005, weight_decay=0.0001)",
    ),
    (
        "trainer = Trainer(model, optimizers=(torch.optim.AdamW(model.parameters(), lr=1e-4), None))",
        "optax",
        "optax.adamw(learning_rate=0.0001, weight_decay=0.01)",
    ),
    (
        'def configure_optimizers(self):\n    """Adam."""\n    lr = 0.02\n    return optim.Adam(self.parameters(), lr)',
        "optax",
        "optax.adam(learning_rate=0.02)",
    ),
    ("    return torch.optim.Adam(self.parameters(), lr=0.02)", "optax", "optax.adam(learning_rate=0.02)"),
    (">>> opt = torch.optim.SGD(model.parameters(), lr=0.1)", "keras", "keras.optimizers.SGD(learning_rate=0.1)"),
    (
        ">>> from torch import optim\n>>> opt = optim.SGD(\n...     model.parameters(), lr=0.1)",
        "keras",
        "keras.optimizers.SGD(learning_rate=0.1)",
    ),
    ("    optimizer=keras.optimizers.SGD(learning_rate=0.1),", "torch", TORCHS + "SGD(model.parameters(), lr=0.1)"),
    ("keras.optimizers.SGD(learning_rate=0.1),", "torch", TORCHS + "SGD(model.parameters(), lr=0.1)"),
    (
        "torch.optim.SGD(list(enc.parameters()) + list(dec.parameters()), lr=0.1)",
        "torch",
        TORCHS + "SGD(list(enc.parameters()) + list(dec.parameters()), lr=0.1)",
    ),
    (
        "optim.SGD(itertools.chain(a.parameters(), b.parameters()), lr=0.1)",
        "torch",
        TORCHS + "SGD(itertools.chain(a.parameters(), b.parameters()), lr=0.1)",
    ),
    (
        "optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)",
        "torch",
        TORCHS + "SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)",
    ),
    (
        "schedule = optax.exponential_decay(0.1, 50, 0.5)\n"
        "optax.chain(optax.scale_by_adam(), optax.scale_by_schedule(schedule), optax.scale(-1.0))",
        "optax",
        "optax.adam(learning_rate=optax.exponential_decay(init_value=0.1, transition_steps=50, decay_rate=0.5))",
    ),
    (
        "schedulefree.ScheduleFreeWrapper(torch.optim.SGD(model.parameters()), weight_decay_at_y=0.1)",
        "steepest",
        OURS + "ScheduleFreeSGD(model.parameters(), lr=0.001, weight_decay=0.1)",
    ),
    (
        "optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)\n"
        "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=30)",
        "optax",
        "optax.chain(optax.add_decayed_weights(0.0005), optax.sgd(learning_rate=optax.exponential_decay(init_value=0.1,"
        " transition_steps=30, decay_rate=0.1, staircase=True), momentum=0.9))",
    ),
]


@pytest.mark.parametrize(("pasted", "to", "line"), LINES, ids=[each[0].strip()[:60] for each in LINES])
def test_what_is_pasted_is_read_and_said_in_the_other_library(pasted, to, line):
    answer = translate(pasted, to)
    assert (answer.line or answer.steepest) == line
    assert answer.line or answer.reasons


REFUSED = [
    ("keras.optimizers.SGD(lr=0.01, decay=1e-6)", r"has no lr; .*write keras.optimizers.legacy.SGD\(learning_rate=…"),
    ("from tensorflow.keras.optimizers import Adam\nopt = Adam(lr=0.001)", "has no lr; Keras 3 says learning_rate"),
    ("optax.chain(optax.clip(1.0), optax.adam(1e-3))", "optax.clip before the optimizer is not read"),
    ("optax.chain(optax.scale_by_adam(), optax.scale(1e-3))", "does not descend"),
    ("optax.chain(optax.scale_by_rms(), optax.add_decayed_weights(0.1), optax.scale(-0.1))", "no decay of its own"),
    ("optax.chain(optax.scale_by_adam(), optax.scale(-0.1), optax.scale_by_schedule(f), optax.trace(0.9))", "of parts"),
    ("optax.sgd(0.1), optax.adam(0.1)", "is a call besides that of optax.sgd"),
    ("optax.MultiSteps(optax.adam(1e-3), every_k_schedule=4)", "a step follow k backward passes of loss / k"),
    ("optax.lookahead(optax.adam(1e-3), sync_period=5, slow_step_size=0.5)", "wraps another one"),
    ("optax.contrib.schedule_free(optax.adamw(1e-3), 1e-3)", "a momentum of its own.*with b1=0.0"),
    ("optax.contrib.schedule_free(optax.sgd(1e-3), 1e-2)", "have different rates"),
    ("optax.contrib.schedule_free(optax.rmsprop(0.1), 0.1)", "SGD and Adam are read"),
    ("optax.contrib.schedule_free(base, 0.1)", "takes an optimizer's call here"),
    ("schedulefree.ScheduleFreeWrapper(torch.optim.SGD(p, 0.1, weight_decay=0.1))", "weight_decay_at_y"),
    ("schedulefree.ScheduleFreeWrapper(torch.optim.SGD(p, 0.1, momentum=0.1))", "momentum of its own"),
    ("Adafactor(model.parameters(), scale_parameter=True)", "product of row and column means"),
    (
        "from transformers import Adafactor\nAdafactor(model.parameters(), lr=1e-3)",
        "transformers.Adafactor is not read",
    ),
    ("from transformers import AdamW\nAdamW(model.parameters(), lr=5e-5)", "torch.optim.Adam with eps=1e-6"),
    (
        "from jax.example_libraries import optimizers\ninit, update, get = optimizers.adam(step_size=1e-3)",
        "jax.example_libraries.optimizers.adam is not read",
    ),
    ("torch_optimizer.RAdam(m.parameters(), lr=1e-3)", "write the class of torch.optim or steepest.optim"),
    ("import torch_optimizer as optim\noptim.DiffGrad(m.parameters())", "torch_optimizer.DiffGrad is not read"),
    ("from pytorch_optimizer import AdamP\nAdamP(m.parameters())", "pytorch_optimizer.AdamP is not read"),
    ("import bitsandbytes as bnb\nbnb.optim.AdamW8bit(m.parameters(), lr=2e-4)", "round what they remember"),
    ("bnb.optim.PagedAdamW(m.parameters())", "round what they remember"),
    ("apex.optimizers.FusedAdam(m.parameters(), lr=1e-3)", "FusedAdam is torch.optim.AdamW"),
    ("from deepspeed.ops.adam import DeepSpeedCPUAdam\nDeepSpeedCPUAdam(m.parameters())", "adamw_mode=False"),
    ("from lion_pytorch import Lion\nopt = Lion(m.parameters(), lr=1e-4)", "is steepest.optim.Lion"),
    ("from timm.optim import RMSpropTF\nRMSpropTF(m.parameters(), lr=0.01)", "dialect='tf1'"),
    ("tfa.optimizers.AdamW(learning_rate=1e-3, weight_decay=1e-4)", "the call of keras.optimizers"),
    ("torch.optim.Adam(model.parameters(), lr=args.lr)", "lr=args.lr of torch.optim.Adam is no constant"),
    ("torch.optim.Adam([{'params': a.parameters()}, {'params': b.parameters(), 'lr': 1e-3}], lr=1e-2)", "groups"),
]


@pytest.mark.parametrize(("pasted", "why"), REFUSED)
def test_what_is_pasted_and_not_read_is_answered_with_the_cure(pasted, why):
    with pytest.raises(ValueError, match=why) as error:
        translate(pasted)
    assert len(str(error.value)) < 400
