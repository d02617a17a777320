r"""The equations in the letters of the lecture, as the rules have them, or in those that the field uses.

                    lecture   field
    rate            ε         η
    small constant  δ         ε
    momentum        α         μ
    decay rates     ρ₁, ρ₂    β₁, β₂
    moments         s, r      m, v

>>> from steepest.rules import RULES
>>> in_letters(RULES["momentum_torch"], "field").partition("\\quad")[0]
'b \\leftarrow \\mu b + (1-\\tau)\\, g,'
"""

import re
from collections.abc import Iterable

from steepest.rules import Rule, Slot

NOTATIONS = ("field", "lecture")

CONSTANTS = {r"\epsilon": r"\eta", r"\delta": r"\varepsilon", r"\alpha": r"\mu", r"\rho_1": r"\beta_1"}
CONSTANTS |= {r"\rho_2": r"\beta_2", r"\rho_3": r"\beta_3"}
# a slot's letter by its name in a state_dict
SLOTS = {
    "exp_avg": "m",
    "exp_avg_sq": "v",
    "square_avg": "v",
    "grad_avg": r"\bar{g}",
    "momentum_buffer": "b",
    "sum": "s",
    "acc_delta": "u",
}
TOKEN = re.compile(r"\\text\{[^{}]*\}|\\operatorname\{[^{}]*\}|\\rho_\d|\\[A-Za-z]+|[A-Za-z]")
WORDS = {"ε": "η", "δ": "ε", "α": "μ", "ρ₁": "β₁", "ρ₂": "β₂", "ρ₃": "β₃"}


def in_letters(rule: Rule, notation: str) -> str:
    """The rule's equation in LaTeX, in the letters of "lecture" or "field"."""
    if notation == "lecture":
        return rule.equation
    letters = {**CONSTANTS, **{slot.symbol: SLOTS.get(slot.name, slot.symbol) for slot in rule.slots}}
    taken = set(TOKEN.findall(rule.equation)) - set(letters)  # a letter that means something else already
    letters = {ours: theirs for ours, theirs in letters.items() if theirs not in taken}
    return TOKEN.sub(lambda found: letters.get(found[0], found[0]), rule.equation)


def meaning_in_letters(meaning: str, notation: str, slots: Iterable[Slot] = ()) -> str:
    """A hyperparameter's meaning, whose letters are the lecture's, likewise."""
    if notation == "lecture":
        return meaning
    letters = {**WORDS, **{slot.symbol: SLOTS.get(slot.name, slot.symbol) for slot in slots}}
    return re.sub(r"ρ[₁₂₃]|[εδα]|(?<!')\b[a-z]\b", lambda found: letters.get(found[0], found[0]), meaning)
