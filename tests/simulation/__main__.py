"""What `python -m tests.simulation` runs."""

from __future__ import annotations

import sys

from tests.simulation.many import main

sys.exit(main())
