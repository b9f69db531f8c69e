"""`make demo`: start everything, run the main job on the real ERPs, ask the ERPs, print and write the report, stop everything."""

from __future__ import annotations

import sys

from sandbox.__main__ import telling
from sandbox.demo.story import tell
from sandbox.launch import StartError, StopError


def main() -> int:
    """0 if the ERPs hold exactly what they should."""
    try:
        return tell(telling())
    except (StartError, StopError, TimeoutError, RuntimeError, OSError) as error:
        print(f"\nThe demonstration did not finish: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped by you; nothing runs any more.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
