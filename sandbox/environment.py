"""Make .venv hold exactly the locked packages. Runs on the system's Python, before any package is there.

It says what is wrong with that Python in words, so it is written for old versions too.
"""

import hashlib
import subprocess
import sys
import time
from pathlib import Path

UV = "uv==0.13.8"
OLDEST_PYTHON = (3, 11)

CHECKOUT = Path(__file__).resolve().parent.parent
ENVIRONMENT = CHECKOUT / ".venv"
LOCK = CHECKOUT / "sandbox" / "requirements.txt"
# Holds the hash of the lock that was installed completely; absent while an installation is under way.
STAMP = ENVIRONMENT / "installed-lock.sha256"


class EnvironmentUnfitError(Exception):
    """This machine's Python cannot make the environment."""


def main() -> int:
    """Install what the lock names unless that was done already."""
    try:
        check_python()
        wanted = hashlib.sha256(LOCK.read_bytes() + UV.encode()).hexdigest()
        if STAMP.exists() and STAMP.read_text().strip() == wanted and (ENVIRONMENT / "bin" / "python").exists():
            return 0
        install(wanted)
    except EnvironmentUnfitError as error:
        print(f"make setup: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        program = " ".join(map(str, error.cmd[:4]))
        print(f"make setup: `{program} ...` ended with {error.returncode}; its words are above. Run `make setup` again.", file=sys.stderr)
        return 1
    return 0


def check_python() -> None:
    """Refuse a Python that is too old, or that cannot make virtual environments."""
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        raise EnvironmentUnfitError(
            f"Python {found} ({sys.executable}) is too old: 3.11 or newer is needed. "
            "Install one and name it, for example `make setup PYTHON=python3.11`."
        )
    try:
        import ensurepip  # noqa: F401 - Debian packs venv and ensurepip apart from Python
        import venv  # noqa: F401
    except ImportError:
        raise EnvironmentUnfitError(
            f"{sys.executable} cannot make virtual environments. On Debian or Ubuntu: `apt-get install python3-venv`."
        ) from None


def install(wanted: str) -> None:
    """Fill .venv from the lock, every package checked against its hash."""
    started = time.monotonic()
    python = ENVIRONMENT / "bin" / "python"
    STAMP.unlink(missing_ok=True)
    if not python.exists():
        print("make setup: making .venv", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV], check=True)
    print(f"make setup: installing {LOCK.relative_to(CHECKOUT)}", flush=True)
    uv = [str(ENVIRONMENT / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*uv, "--require-hashes", "--compile-bytecode", "-r", str(LOCK)], check=True)
    STAMP.write_text(wanted + "\n")
    print(f"make setup: ready after {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
