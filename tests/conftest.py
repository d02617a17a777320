"""Settings for all tests."""

import os

from hypothesis import settings

# No test measures time. On a server every run draws the same examples, so that a failure there can be repeated.
settings.register_profile("steepest", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("steepest")
