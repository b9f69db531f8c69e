"""Where things are in a checkout, and what does not have to outlive a test."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path
from typing import Final

import psutil

CHECKOUT = Path(__file__).resolve().parent.parent
SANDBOX = CHECKOUT / ".sandbox"  # all that runs and is built; never in the repository
WORK = SANDBOX / "work"  # what the builders of the ERPs download and install, for the next build too
UP = SANDBOX / "up"  # the site of `make up`

# Tests make and delete databases by the thousand: on a disk, deleting the files takes longer than the tests.
MEMORY = Path("/dev/shm") / f"hybrid-erp-{hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:12]}"  # noqa: S108  # used only as our own
ROOM_BYTES: Final = 8 * 2**30


def for_tests(name: str) -> Path:
    """The folder of something that tests run and delete: in memory where there is room, else in the sandbox."""
    return (MEMORY if _has_room() and _is_ours() else SANDBOX) / name


def _has_room() -> bool:
    memory = MEMORY.parent
    return memory.is_dir() and min(shutil.disk_usage(memory).free, psutil.virtual_memory().available) >= ROOM_BYTES


def _is_ours() -> bool:
    """Whether the folder is one that we made: everybody may write beside it, and its name can be guessed."""
    MEMORY.mkdir(mode=0o711, exist_ok=True)  # PostgreSQL runs as another user, who passes through
    found = MEMORY.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
