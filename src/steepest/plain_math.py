r"""The equations' LaTeX as a terminal can show it.

>>> print(plain(r"r \leftarrow r + g^2,\quad \theta \leftarrow \theta - \frac{\epsilon}{\delta + \sqrt{r}}\, g"))
r ← r + g²
θ ← θ − ε/(δ + √r) g
"""

import re
import unicodedata
from collections.abc import Iterator


def _pairs(text: str) -> dict[str, str]:
    """Each word of the text with the next one."""
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


SYMBOLS = {
    "quad": " ",
    "qquad": "  ",
    **dict.fromkeys(("left", "right", "big", "Big", "bigl", "bigr"), ""),
    **_pairs("alpha α beta β gamma γ delta δ epsilon ε varepsilon ε eta η theta θ kappa κ lambda λ mu μ nu ν pi π"),
    **_pairs("rho ρ sigma σ tau τ phi φ psi ψ Delta Δ Sigma Σ leftarrow ← to → cdot · times × odot ⊙ le ≤ ge ≥"),
    **_pairs("pm ± gtrless ≷ ne ≠ lt < gt > infty ∞ nabla ∇ sum Σ prod Π top ᵀ in ∈ lVert ‖ rVert ‖ Vert ‖"),
    **_pairs("lvert | rvert | vert |"),
}
ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307"}
AS_IT_IS = ("text", "mathrm", "operatorname", "mathbf")
RAISED = dict(zip("0123456789+-tkn()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵗᵏⁿ⁽⁾", strict=True))
LOWERED = dict(zip("0123456789+-tkn()", "₀₁₂₃₄₅₆₇₈₉₊₋ₜₖₙ₍₎", strict=True))
TOKEN = re.compile(r"\\[A-Za-z]+|\\[, ;!] ?|\\.|.", re.DOTALL)


def plain(latex: str) -> str:
    """One line for each equation, in letters, signs and raised figures."""
    return "\n".join(_line(part) for part in re.split(r",\\quad ", latex))


def _line(latex: str) -> str:
    text = "".join(_pieces(iter(TOKEN.findall(latex))))
    return unicodedata.normalize("NFC", text.replace("-", "−").strip())


def _pieces(tokens: Iterator[str]) -> Iterator[str]:
    """What the tokens look like, up to the brace that closes the group."""
    for token in tokens:
        if token == "}":
            return
        yield _piece(token, tokens)


def _piece(token: str, tokens: Iterator[str]) -> str:
    name = token[1:]
    if token == "{":
        return "".join(_pieces(tokens))
    if token in ("^", "_"):
        return _placed(token, _argument(tokens))
    if not token.startswith("\\"):
        return token
    if name in ("frac", "tfrac"):
        return f"{_grouped(_argument(tokens))}/{_grouped(_argument(tokens))}"
    if name == "sqrt":
        return "√" + _grouped(_argument(tokens))
    if name in ACCENTS:
        return _argument(tokens) + ACCENTS[name]
    if name in AS_IT_IS:
        return _argument(tokens)
    return SYMBOLS.get(name, name) if name[:1].isalpha() else " " if name[:1] in ", ;!" else name


def _argument(tokens: Iterator[str]) -> str:
    """The group or the single sign that comes next."""
    token = next((token for token in tokens if token != " "), "")
    return _piece(token, tokens) if token else ""


def _placed(token: str, text: str) -> str:
    """Raised or lowered figures, where there are such."""
    places = RAISED if token == "^" else LOWERED
    if all(sign in places for sign in text):
        return "".join(places[sign] for sign in text)
    return token + (text if token == "_" else _grouped(text))


def _grouped(text: str) -> str:
    is_one = not re.search(r"[-+ ]", text) or re.fullmatch(r"√\([^()]*\)", text)
    return text if is_one else f"({text})"
