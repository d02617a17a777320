"""Numbers with sensible digits, names in a sentence."""

import math
from collections.abc import Sequence
from typing import TypeGuard

NOTHING = "—"
NAMED = 12
LETTERS = {"lr": "ε", "eps": "δ", "momentum": "α", "rho": "ρ"}
HYPERPARAMETERS = {"lr": "learning rate ε", "eps": "small constant δ"}


def letter(hyperparameter: str) -> str:
    """Its letter; its name where it has none."""
    return LETTERS.get(hyperparameter, hyperparameter)


def called(hyperparameter: str) -> str:
    """A tuned hyperparameter in words and with its letter."""
    return HYPERPARAMETERS.get(hyperparameter, hyperparameter)


def percent(share: float | None) -> str:
    """A share as a percentage.

    >>> percent(0.97815)
    '97.81 %'
    """
    return f"{100 * share:.2f} %" if _known(share) else NOTHING


def percent_sd(mean: float | None, sd: float | None) -> str:
    """Mean ± standard deviation of a share, as percentages.

    >>> percent_sd(0.978, 0.0011), percent_sd(0.978, None), percent_sd(0.599, 0.13)
    ('97.80 ± 0.11 %', '97.80 %', '59.9 ± 13.0 %')
    """
    if _known(mean) and _known(sd):
        digits = 2 if sd < 0.01 else 1
        return f"{100 * mean:.{digits}f} ± {100 * sd:.{digits}f} %"
    return percent(mean)


def metric(value: float | None, share: bool = True) -> str:
    """A result: a percentage where results are shares.

    >>> metric(0.9781), metric(-1.5, share=False)
    ('97.81 %', '-1.50')
    """
    return percent(value) if share else number(value)


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits, in the notation of code where it is very small or large.

    >>> number(0.0312345), number(0.0001), number(1e-5), number(154.2), number(2.0), number(0.1778, 2)
    ('0.0312', '0.0001', '1e-5', '154', '2.00', '0.18')
    """
    if not _known(value):
        return NOTHING
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if exponent < -4 or exponent >= 6:
        mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{int(power)}"
    text = f"{value:.{max(0, digits - 1 - exponent)}f}"
    return text.rstrip("0").rstrip(".") if abs(value) < 1e-3 and "." in text else text


def number_sd(mean: float | None, sd: float | None) -> str:
    """Mean ± standard deviation: three digits of the mean, more where the deviation would read zero.

    >>> number_sd(0.031234, 0.00114), number_sd(0.5, 0.0), number_sd(12.3, None), number_sd(0.5, 0.00021)
    ('0.0312 ± 0.0011', '0.500', '12.3', '0.5000 ± 0.0002')
    >>> number_sd(-6.8e-14, 1.58e-15), number_sd(9.32e11, 1.58e9)
    ('-6.8e-14 ± 1.6e-15', '9.32e11 ± 1.6e9')
    """
    if not (_known(mean) and _known(sd) and mean and sd):
        return number(mean)
    if "e" in number(mean):
        return f"{number(mean)} ± {number(sd, 2)}"
    decimals = max(2 - math.floor(math.log10(abs(mean))), -math.floor(math.log10(sd)), 0)
    return f"{mean:.{decimals}f} ± {sd:.{decimals}f}"


def rate(value: float | None) -> str:
    """A tried value: two significant digits, trailing zeros left out.

    >>> rate(0.001), rate(0.00316227), rate(0.1), rate(1.0), rate(3.16e-6), rate(None)
    ('0.001', '0.0032', '0.1', '1', '3.2e-6', '—')
    """
    text = number(value, 2)
    if text == NOTHING or "e" in text or "." not in text:
        return text
    return text.rstrip("0").rstrip(".")


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def listed(names: Sequence[str]) -> str:
    """Names in a sentence; of very many the first, and how many more there are.

    >>> listed(["adam"]), listed(["adam", "sgd"]), listed(["adam", "sgd", "gd"])
    ('adam', 'adam and sgd', 'adam, sgd and gd')
    >>> listed([f"c{i}" for i in range(40)])
    'c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10 and 29 more'
    """
    if len(names) > NAMED:
        names = [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def times(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: 1 run, 3 runs."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
