"""JSON as its standard has it: NaN and ±∞, which it does not know, become null."""

import json
import math
from collections.abc import Mapping
from typing import Any


def dumps(value: Any) -> str:
    """The value on one line.

    >>> dumps({"loss": [0.5, float("nan")]})
    '{"loss": [0.5, null]}'
    """
    return json.dumps(finite(value), ensure_ascii=False, allow_nan=False)


def finite(value: Any) -> Any:
    """The same data with None for each number that JSON does not know."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
