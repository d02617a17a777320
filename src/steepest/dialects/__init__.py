"""The same name in several libraries: what each means by it, and one in the words of another.

    explain    a method's equation in each dialect, the defaults, and which form maps to which by constants
    translate  a call of one library as a call of another, when that walks the same path

Both take the forms from `steepest.optim`, and find out by running two rules whether they are the same.
"""

from steepest.dialects.explain import Explanation, explain
from steepest.dialects.translate import translate
from steepest.dialects.translation import Translation

__all__ = ["Explanation", "Translation", "explain", "translate"]
