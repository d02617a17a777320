"""The state of a long unit of work on disk: written whole or not at all, and only believed when its checksum fits."""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import torch

DIGEST = hashlib.sha256().digest_size


def write(path: Path, state: Any) -> None:
    """Replace the file by this state; whoever is killed meanwhile leaves the old one."""
    content = io.BytesIO()
    torch.save(state, content)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        file.write(hashlib.sha256(content.getbuffer()).digest())
        file.write(content.getbuffer())
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def read(path: Path) -> Any:
    """The state in the file; None when there is none, or a damaged one."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:
        return None
    return torch.load(io.BytesIO(content[DIGEST:]))
