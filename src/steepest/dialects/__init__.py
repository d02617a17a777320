"""The same name in several libraries: what each means by it, and one in the words of another."""

from steepest.dialects.translate import Translation, translate

__all__ = ["Translation", "translate"]
