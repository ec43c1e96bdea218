"""`python -m tests.fuzz --seeds 0:5000`: a long run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # where tests import each other from, as under pytest

from .command import main

sys.exit(main())
