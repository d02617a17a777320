"""`python -m steepest.cli` is the command `steepest`."""

import sys

from steepest.cli import main

sys.exit(main())
