"""The command `steepest`, also as `python -m steepest`; names the cure where only the optimizers are installed."""

import sys


def main() -> int:
    """Run the command that was given; returns the exit code."""
    try:
        from steepest.cli import main as run
    except ModuleNotFoundError as missing:
        print(f"steepest: the commands need {missing.name}; pip install 'steepest[lab]'", file=sys.stderr)
        return 1
    return run()


if __name__ == "__main__":
    sys.exit(main())
