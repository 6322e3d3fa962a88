"""``python -m benchlab`` is the same as the command ``benchlab``."""

import sys

from benchlab.cli.main import main

sys.exit(main())
