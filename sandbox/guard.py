"""The supervisor's parent: small, so that it hardly ever dies, and there for the case that the supervisor does.

Run as `python -m sandbox.guard FOLDER`. When the supervisor has ended, in whatever way, nothing of the site is left when this ends.
While it lives it holds the folder's lock, by which others know that the site is looked after.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from sandbox.leftovers import adopt_orphans, end, end_with_parent, ports_left_open
from sandbox.plan import Plan

LOCK_FILE = "guard.lock"


def guard(folder: Path) -> int:
    """Run the supervisor to its end, then see to it that nothing is left; returns its exit code, or 1 for leftovers."""
    adopt_orphans()
    plan = Plan.load(folder)
    supervisor = subprocess.Popen([sys.executable, "-m", "sandbox.supervisor", str(folder)], preexec_fn=end_with_parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: supervisor.terminate())
    code = supervisor.wait()
    survivors = end(folder)
    open_ports = ports_left_open(plan.ports)
    if survivors or open_ports:
        print(f"Left behind: programs {[survivor.pid for survivor in survivors]}, ports {open_ports}.", file=sys.stderr, flush=True)
        return 1
    if plan.temporary and code == 0:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if code == 0 else 1


def main() -> int:
    """Guard the folder named on the command line, unless somebody does already."""
    folder = Path(sys.argv[1])
    with (folder / LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{folder} is guarded already.", file=sys.stderr, flush=True)
            return 1
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        return guard(folder)


if __name__ == "__main__":
    sys.exit(main())
