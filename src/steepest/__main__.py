"""`python -m steepest` is the command `steepest`."""

import sys

from steepest.cli import main

sys.exit(main())
