"""What the Makefile's targets call: `python -m sandbox TARGET`."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Callable

from sandbox.launch import Progress, StartError, StopError, remove
from sandbox.places import MEMORY, SANDBOX, UP
from sandbox.plan import PLAN_FILE


def up() -> int:
    """Start the site that stays."""
    from sandbox.up import up

    print(up(telling()))
    return 0


def down() -> int:
    """Stop the site that stays, also what a crash left of it; works on a checkout whose sources are broken."""
    existed = UP.exists()
    remove(UP)
    print("Hybrid ERP is down; nothing of it runs." if existed else "Nothing was up.")
    return 0


def clean() -> int:
    """Stop every site of this checkout and delete what was built."""
    for place in (SANDBOX, MEMORY):
        for plan in place.glob(f"*/{PLAN_FILE}"):
            remove(plan.parent)
        shutil.rmtree(place, ignore_errors=True)
    return 0


def check() -> int:
    """Style, types, layers and quick tests."""
    from sandbox.checks import check

    return check()


def test() -> int:
    """Every test."""
    from sandbox.checks import test

    return test(telling())


def lock() -> int:
    """Lock the package versions again."""
    from sandbox.checks import lock

    return lock()


def telling() -> Progress:
    """Progress lines for a person, with the seconds since the beginning."""
    began_at = time.monotonic()
    return lambda line: print(f"[{time.monotonic() - began_at:6.1f} s] {line}", flush=True)


TARGETS: dict[str, Callable[[], int]] = {"up": up, "down": down, "clean": clean, "check": check, "test": test, "lock": lock}


def main() -> int:
    """Do one target; failures in words, without a traceback when they were foreseen."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return TARGETS[sys.argv[1]]()
    except (StartError, StopError, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; everything was stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
