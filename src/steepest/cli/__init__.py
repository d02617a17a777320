"""The command line: one module a command, registered here, and the boundary that turns errors into one line.

Exit codes: 0 fine, 1 something failed while running, 2 bad input, 130 interrupted, 143 asked to end by SIGTERM.
"""

import io
import os
import re
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from steepest.cli import descend, dialects, init, race, reports, show
from steepest.cli.common import Failed, Interrupted
from steepest.cli.names import list_names
from steepest.names import nearest

app = typer.Typer(
    name="steepest",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
INTERRUPTED = 130
# typer brings its own copy of click or depends on it; this finds the class in either case.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"steepest {version('steepest')}")
        raise typer.Exit


@app.callback()
def _steepest(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """First-order optimizers for neural networks: the lecture's methods, exact, and a fair race between them."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code. An error is one line on stderr."""
    # a closed stream (>&-) is None to Python; what would go there goes nowhere
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without θ shows a question mark
    try:
        given = sys.argv[1:] if arguments is None else arguments
        code = app(args=given or ["--help"], prog_name="steepest", standalone_mode=False)
        sys.stdout.flush()
    except UsageError as error:
        return _complain(_usage(error), 2)
    except BrokenPipeError:
        # Whoever read our output has stopped; what is left must not fail again when Python closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Interrupted as request:
        return _complain(str(request), request.code)
    except ValueError as error:
        return _complain(str(error), 2)
    except OSError as error:
        return _complain(_os_error(error), 1)
    except Failed as error:
        return _complain(str(error), 1)
    if code == INTERRUPTED:  # as typer ends a command when it is interrupted, without a word
        return _complain("interrupted", code)
    return code if isinstance(code, int) else 0


def _complain(message: str, code: int) -> int:
    print("steepest: " + " ".join(message.split()), file=sys.stderr)
    return code


def _os_error(error: OSError) -> str:
    about = f"{error.filename}: " if error.filename else ""
    return about + (error.strerror or str(error))


def _usage(error: Exception) -> str:
    """A usage error with the nearest known name and where to read on."""
    context = getattr(error, "ctx", None)
    if context is None:
        return error.format_message()  # type: ignore[attr-defined]
    if option := getattr(error, "option_name", None) if type(error).__name__ == "NoSuchOption" else None:
        known = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
        minus = "" if option.startswith("--") else "; what begins with a minus but is no option goes after --"
        message = f"unknown option {option}" + _guess(option, known) + minus
    elif found := re.match(r"No such command '(.*?)'", error.format_message()):  # type: ignore[attr-defined]
        message = f"unknown command {found[1]!r}" + _guess(found[1], context.command.commands)
    else:
        message = error.format_message().rstrip(".")  # type: ignore[attr-defined]
    return f"{message}; see {context.command_path} --help"


def _guess(name: str, known) -> str:
    guess = nearest(name, known)
    return f"; did you mean {guess}?" if guess else ""


# One line for each command, in the order in which --help shows them.
app.command()(race.race)
app.command()(init.init)
app.command()(reports.report)
app.command()(reports.runs)
app.command()(reports.export)
app.command()(descend.descend)
app.add_typer(show.app, name="show")
app.command()(dialects.explain)
app.command()(dialects.translate)
app.command("list")(list_names)
