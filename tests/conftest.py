"""Settings for all tests."""

import os

from hypothesis import settings

# Under xdist there is a process for each core: more threads would only stand in each other's way.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test measures time. On a server every run draws the same examples, so that a failure there can be repeated.
settings.register_profile("steepest", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.register_profile("fuzz", deadline=None, max_examples=10_000)
settings.load_profile("steepest")


def pytest_addoption(parser):
    parser.addoption("--write-agreement", action="store_true", help="write docs/agreement.md from what is measured")
