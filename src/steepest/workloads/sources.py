"""The files that a user's workload consists of: its own, and those beside it that it imports."""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path


def digest(file: Path) -> str:
    """A hash of a file and of all that it imports from its own folder; OSError when it cannot be read."""
    found = hashlib.sha256(file.read_bytes())
    for other in beside(file):
        found.update(other.read_bytes())
    return found.hexdigest()[:16]


def beside(file: Path) -> list[Path]:
    """The files below the folder of this one that it imports, directly or not, in order of their names."""
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        new = {other for other in _imported(waiting.pop(), file.parent) if other != file} - found
        found |= new
        waiting += new
    return sorted(found)


def _imported(file: Path, folder: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # whoever runs it is told
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield from _files(folder, name.name)
        elif isinstance(node, ast.ImportFrom):
            start = file.parents[node.level - 1] if node.level else folder
            module = f"{node.module}." if node.module else ""
            for name in node.names:
                yield from _files(start, module + name.name)


def _files(folder: Path, name: str) -> Iterator[Path]:
    """What `import name` reads, and what it reads on the way; the last part may be no module."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        place = folder.joinpath(*parts[:length])
        yield from (each for each in (place.with_suffix(".py"), place / "__init__.py") if each.is_file())
