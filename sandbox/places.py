"""Where things are in a checkout."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
SANDBOX = CHECKOUT / ".sandbox"  # all that runs and is built; never in the repository
WORK = SANDBOX / "work"  # what the builders of the ERPs download and install, for the next build too
UP = SANDBOX / "up"  # the site of `make up`
