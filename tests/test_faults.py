"""What other libraries' optimizers were found to do wrong, one test for each fault: ours does not.

Each expected number is written out here, in double precision, from the published rule.
"""

import math

import pytest
import torch

from steepest import optim
from steepest.kernels import prefer

METHODS = ["SGD", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW"]
WAYS = ["fused", "plain"]
HALF = [torch.bfloat16, torch.float16]


def stepped(name, p, g, way="fused", **options):
    p.grad = g
    with prefer(way):
        getattr(optim, name)([p], **options).step()
    return p.detach()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("n", [63, 64, 65, 128, 4096])
def test_sgd_moves_64_elements_of_16_bits(n, dtype, way):
    """torch 2.13, fused, CPU: 64 weights of 16 bits stay as they were, other numbers of them go wrong too."""
    p = torch.nn.Parameter(torch.ones(n, dtype=dtype))
    assert stepped("SGD", p, torch.ones(n, dtype=dtype), way, lr=0.5).eq(0.5).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", METHODS)
def test_a_gradient_whose_strides_differ_from_the_parameters_reaches_its_own_weights(name, way):
    """torch 2.13, fused, CPU: gradient and parameter are walked through in memory order."""
    g = torch.arange(1.0, 13.0).reshape(3, 4)
    alike, otherwise = torch.nn.Parameter(torch.ones(3, 4)), torch.nn.Parameter(torch.ones(3, 4))
    stepped(name, alike, g.clone(), way, lr=0.1)
    stepped(name, otherwise, g.t().contiguous().t(), way, lr=0.1)
    assert alike.equal(otherwise)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", METHODS)
def test_channels_last_weights_get_their_own_gradients(name, way):
    g = torch.arange(120.0).reshape(2, 3, 4, 5)
    alike = torch.nn.Parameter(torch.ones(2, 3, 4, 5))
    otherwise = torch.nn.Parameter(torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last))
    stepped(name, alike, g.clone(), way, lr=0.1)
    stepped(name, otherwise, g.clone(), way, lr=0.1)
    assert alike.equal(otherwise)
    assert otherwise.is_contiguous(memory_format=torch.channels_last)


VIEWS = {
    "one of pairs": lambda base: base[..., 0],
    "a column": lambda base: base[:, 1],
    "every other row": lambda base: base[::2],
    "the inside": lambda base: base[1:-1, 1:-1],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", METHODS)
def test_a_view_with_gaps_moves_and_its_neighbours_do_not(name, view, way):
    """torch 2.13, fused, CPU: wrong values, and writes into the memory between."""
    memory = torch.full((8, 6, 2), 7.0)
    p = torch.nn.Parameter(VIEWS[view](memory))
    twin = torch.nn.Parameter(torch.full(p.shape, 7.0))
    g = torch.randn(p.shape, generator=torch.Generator().manual_seed(0))
    stepped(name, p, g, way, lr=0.1)
    stepped(name, twin, g.clone(), way, lr=0.1)
    torch.testing.assert_close(p, twin, rtol=1e-6, atol=0)
    assert p.ne(7).any()
    VIEWS[view](memory).fill_(7.0)
    assert memory.eq(7).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}, {"maximize": True}, {"clip_norm": 0.1}], ids=str)
@pytest.mark.parametrize("name", [*METHODS, "Nesterov"])
def test_a_step_never_writes_into_its_gradient(name, options, way):
    """torch 2.13: SGD(foreach=True, nesterov=True) makes 1.9 of a gradient of 1; other libraries clip in place."""
    name, momentum = ("SGD", {"momentum": 0.9, "nesterov": True}) if name == "Nesterov" else (name, {})
    p, g = torch.nn.Parameter(torch.ones(70)), torch.ones(70)
    optimizer = getattr(optim, name)([p], lr=0.1, **momentum, **options)
    for _ in range(3):
        p.grad = g
        with prefer(way):
            optimizer.step()
    assert g.eq(1).all()


def test_adagrads_numerator_has_the_weight_decay_in_it():
    """DeepSpeed, CPU: the numerator is read before the decay is added."""
    p = torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    stepped("Adagrad", p, torch.tensor([0.5], dtype=torch.float64), lr=0.1, weight_decay=0.3)
    stepped("Adagrad", q := torch.nn.Parameter(torch.tensor([2.0]).double()), torch.tensor([0.5]).double(), lr=0.1)
    with_decay = 0.5 + 0.3 * 2.0
    assert p.item() == pytest.approx(2.0 - 0.1 * with_decay / (with_decay + 1e-10), rel=1e-15)
    # at the first step g/√g² hides what the numerator is, so a second gradient of the other sign shows it
    optimizer = optim.Adagrad([q], lr=0.1, weight_decay=0.3)
    theta, total = q.item(), 0.0
    for g in (0.5, -0.2, 0.1):
        q.grad = torch.tensor([g], dtype=torch.float64)
        optimizer.step()
        decayed = g + 0.3 * theta
        total += decayed**2
        theta -= 0.1 * decayed / (math.sqrt(total) + 1e-10)
        assert q.item() == pytest.approx(theta, rel=1e-14)


@pytest.mark.parametrize("dialect", ["torch", "keras", "optax", "lecture"])
def test_adadelta_without_a_rate_descends(dialect):
    """optax.adadelta() without a learning rate does not turn the sign: it ascends."""
    p = torch.nn.Parameter(torch.tensor([1.0]))
    assert stepped("Adadelta", p, torch.tensor([1.0]), dialect=dialect).item() < 1.0


@pytest.mark.parametrize("way", WAYS)
def test_rmsprop_heeds_its_momentum(way):
    """bitsandbytes, CPU: it is ignored."""
    p = torch.nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    optimizer = optim.RMSprop([p], lr=0.1, alpha=0.9, momentum=0.8, eps=1e-3)
    theta, v, b = 1.0, 0.0, 0.0
    for g in (1.0, 0.5, -0.25):
        p.grad = torch.tensor([g], dtype=torch.float64)
        with prefer(way):
            optimizer.step()
        v = 0.9 * v + 0.1 * g * g
        b = 0.8 * b + g / (math.sqrt(v) + 1e-3)
        theta -= 0.1 * b
    assert p.item() == pytest.approx(theta, rel=1e-14)


def test_adamw_adds_epsilon_to_the_root_and_takes_no_maximum():
    """HeavyBall's AdamW divides by max(√v, ε)."""
    p = torch.nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    stepped("AdamW", p, torch.tensor([0.01], dtype=torch.float64), lr=0.1, eps=0.01, weight_decay=0.0)
    assert p.item() == pytest.approx(1.0 - 0.1 * 0.01 / (0.01 + 0.01), rel=1e-13)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", METHODS)
def test_a_nan_in_one_gradient_stays_in_its_weight(name, way):
    p, g = torch.nn.Parameter(torch.ones(100)), torch.ones(100)
    g[37] = math.nan
    stepped(name, p, g, way, lr=0.1)
    assert p.isnan().nonzero().tolist() == [[37]]


@pytest.mark.parametrize("value", [math.nan, -1.0, math.inf, True, "0.1", None])
@pytest.mark.parametrize("name", METHODS)
def test_a_learning_rate_that_is_none_is_refused(name, value):
    """torch 2.13 takes NaN in SGD, and ∞ and True everywhere."""
    with pytest.raises(ValueError, match="Invalid learning rate"):
        getattr(optim, name)([torch.nn.Parameter(torch.ones(1))], lr=value)


@pytest.mark.parametrize("dtype", HALF)
def test_a_loaded_state_of_a_16_bit_parameter_keeps_its_precision(dtype):
    """torch 2.13 rounds the averages of a 16-bit parameter to 16 bits when it loads them."""
    p = torch.nn.Parameter(torch.ones(3, dtype=dtype))
    optimizer = optim.Adam([p])
    p.grad = torch.full((3,), 0.1, dtype=dtype)
    optimizer.step()
    other = optim.Adam([p])
    other.load_state_dict(optimizer.state_dict())
    assert other.state[p]["exp_avg"].dtype == torch.float32
    assert other.state[p]["exp_avg"].equal(optimizer.state[p]["exp_avg"])


def test_a_misspelt_option_of_a_group_is_refused():
    """torch 2.13 takes {"momentun": 0.9} and does without."""
    with pytest.raises(ValueError, match="did you mean 'momentum'"):
        optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], "momentun": 0.9}], lr=0.1)
