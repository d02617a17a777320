"""Numbers as they stand in a line of code."""


def shortest(x: float) -> float:
    """The number that was meant, where the last of x's 17 digits came from rounding; else x itself.

    >>> shortest(0.1 + 1e-7), shortest(0.1 / 0.3)
    (0.1000001, 0.33333333333333337)
    """
    rounded = float(f"{x:.15g}")
    return rounded if len(repr(rounded)) < len(repr(x)) - 2 else x
