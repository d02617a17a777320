"""The constructor of an optimizer class, from the arguments that are its own: the shell's and help() are derived."""

import functools
import inspect
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import torch

from steepest.names import nearest
from steepest.optim.form import Form, facts
from steepest.optim.options import ALIASES, together
from steepest.optim.shell import FLAGS_OR_NONE, OWN_FLAGS, SHELL, arguments

Params: TypeAlias = Iterable[torch.Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, torch.Tensor]]
Number: TypeAlias = float | torch.Tensor
Pair: TypeAlias = tuple[Number, Number]
Triple: TypeAlias = tuple[Number, Number, Number]

Class = TypeVar("Class", bound=type)

MEANINGS = {
    "params": "tensors, pairs of name and tensor, or groups: dicts with `params` and options of their own",
    "initial_velocity": "the v to begin with: a number, or one tensor for each parameter",
    **OWN_FLAGS,
    **FLAGS_OR_NONE,
    **{name: argument.meaning for name, argument in SHELL.items()},
}


def completed(cls: Class) -> Class:
    """Makes the constructor of a class out of its `__init__`, a signature without a body, and its `forms`.

    `**shell: Unpack[Shell]` at the signature's end stands for every argument that all optimizers share. Each argument
    but `params` becomes an option of the groups.
    """
    signature = _written_out(inspect.signature(cls.__init__), cls.forms)
    constructor = _constructor(cls.__init__, signature)
    constructor.__doc__ = _documentation(signature, cls.forms)
    cls.__init__ = constructor
    return cls


def _written_out(signature: inspect.Signature, forms: Sequence[Form]) -> inspect.Signature:
    """The signature with the shell's arguments, keyword by keyword, in the place of `**shell`."""
    *own, rest = signature.parameters.values()
    (shell,) = rest.annotation.__args__
    beside = [
        inspect.Parameter(name, rest.KEYWORD_ONLY, default=argument.default, annotation=argument.type)
        for name, argument in arguments(shell).items()
    ]
    spoken = [p.replace(default=forms[0].dialect) if p.name == "dialect" else p for p in beside]
    return signature.replace(parameters=[*own, *spoken])


def _constructor(signature_only: Callable[..., None], signature: inspect.Signature) -> Callable[..., None]:
    names = list(signature.parameters)[2:]

    @functools.wraps(signature_only)
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        for key in kwargs:
            if key not in signature.parameters:
                meant = ALIASES[key] if ALIASES.get(key) in names else nearest(key, names)
                hint = f"; did you mean {meant!r}?" if meant in names else f"; it takes {', '.join(names)}"
                raise TypeError(f"{type(self).__name__} got an unexpected keyword argument {key!r}{hint}")
        bound = signature.bind(self, *args, **kwargs)
        given = frozenset(bound.arguments)
        bound.apply_defaults()
        options = dict(bound.arguments)
        options.pop("self")
        self._construct(options.pop("params"), options, given)

    construct.__signature__ = signature  # pyright: ignore[reportAttributeAccessIssue]
    return construct


def _documentation(signature: inspect.Signature, forms: Sequence[Form]) -> str:
    """What each argument means and which numbers it takes, as the rules say it."""
    known = facts(forms)
    tuples = together(known, signature.parameters)
    lines = []
    for name in list(signature.parameters)[1:]:
        numbers = [known[each] for each in tuples.get(name, [name]) if each in known]
        meaning = "; ".join(f"{fact.meaning}, {fact.range}" for fact in numbers) or MEANINGS[name]
        lines.append(textwrap.fill(f"{name}: {meaning}", 116, subsequent_indent="    "))
    dialects = dict.fromkeys(form.dialect for form in forms)
    sources = dict.fromkeys(form.rule.reference for form in forms if form.rule.reference)
    return "\n".join(
        [
            f"Dialects: {', '.join(map(repr, dialects))}.",
            "",
            *lines,
            "",
            "Raises ValueError for a number out of its range, TypeError for what is no number or no argument.",
            *([textwrap.fill(f"Source: {'; '.join(sources)}", 116, subsequent_indent="    ")] if sources else []),
        ]
    )
