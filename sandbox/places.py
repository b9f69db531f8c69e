"""Where things are in a checkout, and what does not have to outlive a test."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Final

import psutil

CHECKOUT = Path(__file__).resolve().parent.parent
SANDBOX = CHECKOUT / ".sandbox"  # all that runs and is built; never in the repository
WORK = SANDBOX / "work"  # what the builders of the ERPs download and install, for the next build too
UP = SANDBOX / "up"  # the site of `make up`

# Tests make and delete databases by the thousand: on a disk, deleting the files takes longer than the tests.
MEMORY = Path("/dev/shm") / f"hybrid-erp-{hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:12]}"  # noqa: S108  # names nothing others could guess at
ROOM_BYTES: Final = 8 * 2**30


def for_tests(name: str) -> Path:
    """The folder of something that tests run and delete: in memory where there is room, else in the sandbox."""
    if not MEMORY.parent.is_dir() or min(shutil.disk_usage(MEMORY.parent).free, psutil.virtual_memory().available) < ROOM_BYTES:
        return SANDBOX / name
    MEMORY.mkdir(mode=0o755, exist_ok=True)
    return MEMORY / name
