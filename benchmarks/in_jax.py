"""The sweep of sweep.py in JAX with optax: every rule's members vmapped, all rules one program, scanned over steps."""

import sys
import time
from functools import partial

import jax
import numpy as np
import optax
from jax import numpy as jnp

from steepest.trial.alone import first_model

CHUNK = 1000
RULES = {
    "sgd": optax.identity(),
    "sgd-linear": optax.identity(),
    "momentum": optax.trace(0.9),
    "nesterov": optax.trace(0.9, nesterov=True),
    "adagrad": optax.scale_by_rss(),
    "rmsprop": optax.scale_by_rms(0.9),
    "adadelta": optax.scale_by_adadelta(0.95),
    "adam": optax.scale_by_adam(),
}


def forward(function, params, x):
    """The outputs of one model for these rows."""
    for k in range(0, len(params), 2):
        x = x @ params[k].T + params[k + 1]
        x = function(x) if k + 2 < len(params) else x
    return x


def mean_loss(function, params, x, y):
    """Of one model."""
    return optax.softmax_cross_entropy_with_integer_labels(forward(function, params, x), y).mean()


@partial(jax.jit, static_argnums=0, donate_argnums=1)
def advance(function, carry, rates, budget, inputs, targets, rows):
    """A step of every member for each batch of rows."""

    def one(rule, params, state, rate, x, y):
        value, gradients = jax.value_and_grad(partial(mean_loss, function))(params, x, y)
        updates, state = rule.update(gradients, state, params)
        return [p - rate * u for p, u in zip(params, updates, strict=True)], state, value

    def step(carry, batch):
        k, groups = carry
        x, y, found, losses = inputs[batch], targets[batch], {}, []
        for name, (params, state) in groups.items():
            rate = rates[name] * (1 - k / budget if name == "sgd-linear" else 1.0)
            member = jax.vmap(partial(one, RULES[name]), in_axes=(0, 0, 0, None, None))
            *found[name], loss = member(params, state, rate, x, y)
            losses.append(loss)
        return (k + 1, {name: tuple(each) for name, each in found.items()}), jnp.concatenate(losses)

    return jax.lax.scan(step, carry, rows)


@partial(jax.jit, static_argnums=0)
def judge(function, groups, inputs, targets):
    """Mean loss and accuracy of every member, the rows in chunks."""

    def chunk(rows):
        x, y = rows

        def one(params):
            outputs = forward(function, params, x)
            loss = optax.softmax_cross_entropy_with_integer_labels(outputs, y).mean()
            return jnp.stack([loss, (outputs.argmax(1) == y).mean()])

        return jnp.concatenate([jax.vmap(one)(params) for params, _ in groups.values()])

    chunks = inputs.reshape(-1, CHUNK, inputs.shape[1]), targets.reshape(-1, CHUNK)
    return jax.lax.map(chunk, chunks).mean(0)


def start(params, counts):
    """Groups of members that begin with these weights, so many for each rule."""
    groups = {}
    for name, count in counts.items():
        stacks = [jnp.tile(jnp.asarray(p), (count, *[1] * p.ndim)) for p in params]
        groups[name] = (stacks, jax.vmap(RULES[name].init)(stacks))
    return jnp.zeros(()), groups


def train(function, params, rates, data, batch, steps, seed, final):
    """One seed's members for so many steps, judged as a race judges them; the last validation."""
    rates = {name: jnp.asarray(each, jnp.float32) for name, each in rates.items()}
    carry = start(params, {name: len(each) for name, each in rates.items()})
    generator, (inputs, targets) = np.random.default_rng(seed), data["training"]
    a_pass, done = -(-len(targets) // batch), 0
    while done < steps:
        order = generator.permutation(len(targets))
        now = min(a_pass, steps - done)
        whole = min(now, len(targets) // batch)
        carry, losses = advance(
            function,
            carry,
            rates,
            float(steps),
            inputs,
            targets,
            jnp.asarray(order[: whole * batch].reshape(-1, batch)),
        )
        if now > whole:
            last = jnp.asarray(order[whole * batch :][None])
            carry, losses = advance(function, carry, rates, float(steps), inputs, targets, last)
        done += now
        np.asarray(losses)
        np.asarray(judge(function, carry[1], *data["validation"]))
    splits = ("training", "validation", "test") if final else ("training", "validation")
    return [np.asarray(judge(function, carry[1], *data[split])) for split in splits]


def whole(name, part):
    """Seconds of the whole sweep, wall and processor, and its mean test accuracy."""
    import sweep

    function = jax.nn.relu if sweep.MODELS[name][1] is sweep.nn.ReLU else jnp.tanh
    data = {k: (jnp.asarray(s.inputs.numpy()), jnp.asarray(s.targets.numpy())) for k, s in sweep.data().splits.items()}
    wall, busy = time.perf_counter(), time.process_time()
    accuracies = []
    for seed, group in sweep.by_seed(name, part).items():
        rates = {m: [t.hyperparameters["lr"] for t in group if t.contender == m] for m in RULES}
        params = [p.detach().numpy() for p in first_model(group[0]).parameters()]
        steps = sweep.steps_of(group[0])
        judged = train(function, params, rates, data, group[0].batch_size, steps, seed, group[0].final)
        if group[0].final:
            accuracies.append(judged[-1][:, 1].mean())
    return time.perf_counter() - wall, time.process_time() - busy, float(np.mean(accuracies))


if __name__ == "__main__":
    print(*whole(sys.argv[1], float(sys.argv[2])))
