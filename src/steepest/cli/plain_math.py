r"""The equations' LaTeX as a terminal can show it.

>>> print(plain(r"r \leftarrow r + g^2,\quad \theta \leftarrow \theta - \frac{\epsilon}{\delta + \sqrt{r}}\, g"))
r ← r + g²
θ ← θ − ε/(δ + √r) g
"""

import re
import unicodedata

GREEK = {"alpha": "α", "delta": "δ", "epsilon": "ε", "theta": "θ", "lambda": "λ", "pi": "π", "rho": "ρ", "tau": "τ"}
SYMBOLS = {**GREEK, "Delta": "Δ", "leftarrow": "←", "qquad": "  "}
RAISED = {"2": "²", "t": "ᵗ", "k": "ᵏ"}
LOWERED = {"0": "₀", "1": "₁", "2": "₂"}


def plain(latex: str) -> str:
    """One line for each equation, in letters, signs and raised figures."""
    return "\n".join(_line(part) for part in re.split(r",\\quad ", latex))


def _line(latex: str) -> str:
    text = re.sub(r"\\text\{([^{}]*)\}", r"\1", latex)
    text = re.sub(r"\\hat\{(\w)\}", "\\1\u0302", text)
    text = re.sub(r"_\{([^{}]*)\}", r"_\1", text)
    text = re.sub(r"\\sqrt\{([^{}]*)\}", lambda m: "√" + _grouped(m[1]), text)
    text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", lambda m: f"{_grouped(m[1])}/{_grouped(m[2])}", text)
    text = re.sub(r"\^(\w)", lambda m: RAISED.get(m[1], m[0]), text)
    text = re.sub(r"_(\d)", lambda m: LOWERED.get(m[1], m[0]), text)
    text = re.sub(r"\\([A-Za-z]+)", lambda m: SYMBOLS.get(m[1], m[1]), text)
    return unicodedata.normalize("NFC", re.sub(r"\\[, ] ?", " ", text).replace("-", "−").strip())


def _grouped(latex: str) -> str:
    is_one = not re.search(r"[-+ ]", latex) or re.fullmatch(r"√\([^()]*\)", latex)
    return latex if is_one else f"({latex})"
