"""What the house promises about itself: the way imports point, what importing costs, one version, a licence."""

import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def run(*command):
    """A command's exit code and what it said."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def modules_after(statement):
    """The names of the modules that a fresh interpreter holds after a statement."""
    code, said = run(sys.executable, "-c", f"{statement}; import sys; print(*sys.modules)")
    assert code == 0, said
    return set(said.split())


def test_imports_point_one_way():
    code, said = run(str(Path(sys.executable).parent / "lint-imports"))
    assert code == 0, said


@pytest.mark.parametrize("module", ["steepest", "steepest.rules", "steepest.schedules", "steepest.names"])
def test_the_mathematics_loads_no_framework(module):
    loaded = modules_after(f"import {module}")
    assert module in loaded
    assert not loaded & {"torch", "llvmlite", "altair", "typer", "rich", "scipy", "jinja2", "contourpy"}


def test_optimizers_load_nothing_of_the_lab():
    """`pip install steepest` alone brings torch and NumPy; the rest comes with steepest[lab]."""
    pytest.importorskip("torch")
    brought_by_torch = modules_after("import torch")
    loaded = modules_after("import steepest.optim") - brought_by_torch
    assert not loaded & {"altair", "typer", "rich", "scipy", "jinja2", "contourpy", "vl_convert"}


def test_the_command_starts_without_torch():
    """Names, help and errors come at once; torch is loaded when something trains."""
    pytest.importorskip("typer")
    assert not modules_after("import steepest.cli") & {"torch", "altair", "scipy"}


@pytest.mark.parametrize("example", re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL))
def test_examples_of_the_readme_run(example):
    pytest.importorskip("torch")
    code, said = run(sys.executable, "-W", "error", "-c", example)
    assert code == 0, said


def test_the_page_of_optimizers_is_what_the_rules_say():
    script = ROOT / "scripts" / "optimizers_page.py"
    written = runpy.run_path(str(script))
    assert written["PAGE"].read_text() == written["page"](), "docs/optimizers.md is stale: make docs"


def versions(file):
    """The pins of a constraints file by package."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / file).read_text().splitlines())
    return dict(line.split("==") for line in lines if line)


def test_constraints_name_every_dependency():
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *extras["lab"], *extras["dev"], *extras["peers"]]
    names = {requirement.partition(">=")[0].partition("[")[0] for requirement in wanted} - {"steepest"}
    assert names <= set(versions("constraints.txt"))


def test_lower_bounds_are_the_versions_that_are_tested():
    bounds = dict(r.split(">=") for r in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["lab"]])
    tested = versions("constraints-lowest.txt")
    for name, bound in bounds.items():
        assert tested[name] == bound or tested[name].startswith(bound + "."), name


def test_the_licence_is_the_one_that_is_claimed():
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text()


def test_a_training_step_does_not_load_torchs_compiler():
    """torch's own optimizers load it when they are made, which takes seconds."""
    training = (
        "import torch; from steepest import optim; p = torch.nn.Parameter(torch.ones(3)); o = optim.Adam([p]); "
        "p.sum().backward(); o.step(); o.zero_grad(); o.state_dict()"
    )
    assert "torch._dynamo" not in modules_after(training)
