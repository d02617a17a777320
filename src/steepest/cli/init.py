"""`steepest init`: a commented workload to start from."""

import shlex
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from steepest.cli.common import progress

__all__ = ["init"]


def init(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")] = Path("my_model.py"),
) -> None:
    """Write an example of a workload of your own, which runs as it is: model, data, loss, metric, budget."""
    if file.suffix != ".py":
        raise ValueError(f"{file} does not end in .py; a workload is a Python file")
    name = shlex.quote(str(file))
    text = files("steepest.cli").joinpath("example.py").read_text(encoding="utf-8")
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(text.replace("THIS_FILE", name))
    except FileExistsError:
        raise ValueError(f"{file} exists already; choose another name") from None
    except OSError as error:
        raise ValueError(f"{file} cannot be written: {error.strerror}") from None
    progress().print(f"Written: {file}. Next: steepest race {name}", soft_wrap=True)
