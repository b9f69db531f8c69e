"""`make check`, `make test` and `make lock`: what is run over the sources, and how the package versions are locked."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from sandbox.golden import golden_cluster
from sandbox.launch import Progress
from sandbox.places import CHECKOUT

PROGRAMS = Path(sys.executable).parent

# Everything that needs neither a server nor another program of ours, nor searches for long.
QUICK = "not site and not processes and not exploration"

# A folder without a Python file is an error to mypy, so it is told which have one.
SOURCES = ("include", "sandbox", "dags", "plugins", "tests", "benchmarks")

# Beside everything else that is checked on the other core.
QUICK_APART = ("tests/dags", "tests/sandbox", "tests/wiring")

CHECKS: dict[str, tuple[str, ...]] = {
    "quick tests of DAGs": ("python", "-m", "pytest", "-q", "-m", QUICK, *QUICK_APART),
    "types": ("mypy", *(folder for folder in SOURCES if any((CHECKOUT / folder).rglob("*.py")))),
    "style": ("ruff", "check", "--quiet"),
    "layout": ("ruff", "format", "--check", "--quiet"),
    "layers": ("lint-imports",),
    "quick tests": ("python", "-m", "pytest", "-q", "-m", QUICK, "tests", *(f"--ignore={folder}" for folder in QUICK_APART)),
}
AT_ONCE = 2
NO_TESTS_CHOSEN = 5  # pytest's exit code

# What is tested at the same time, the longest first; tests that share a site are in one part. What is named in none of them comes last.
PARTS: tuple[tuple[str, ...], ...] = (
    ("tests/e2e",),
    ("tests/operations/cutover",),
    ("tests/contracts",),
    ("tests/operations/reconcile",),
    ("tests/sandbox",),
    ("tests/faults",),
    ("tests/wheel",),
    ("tests/store", "tests/wiring"),
    ("tests/protocol_model",),
)
# A part waits for servers and conditions half of its time: more parts than cores, or the cores would wait too.
PARTS_AT_ONCE = 3

LOCKED = (".", "sandbox", "sandbox/tryton")
# The wheel is tested with the oldest and with the newest of everything in its ranges.
WHEEL_TESTS = "tests/wheel"
WHEEL_WITH = {"oldest": "lowest-direct", "newest": "highest"}


def check() -> int:
    """Run every check, also after one has failed; 0 when all passed."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        passed = list(pool.map(_passes, CHECKS))
    return 0 if all(passed) else 1


def test(progress: Progress) -> int:
    """Run every test, a few parts at a time; each part tells what it did when it has ended. 0 when all passed."""
    with golden_cluster(progress):  # built before any test's time runs
        pass
    named = [folder for part in PARTS for folder in part]
    rest = ("tests", *(f"--ignore={folder}" for folder in named))
    running: list[subprocess.Popen[str]] = []
    with ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
        try:
            codes = list(pool.map(partial(_tested, progress, running), (*PARTS, rest)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for each in running:
                each.terminate()
            raise
    failed = sum(map(bool, codes))
    progress(f"{failed} of {len(codes)} parts FAILED" if failed else "every test passed")
    return 1 if failed else 0


def _tested(progress: Progress, running: list[subprocess.Popen[str]], part: tuple[str, ...]) -> int:
    """Run one part with a site of its own; its exit code."""
    name = " ".join(part) if part[0] != "tests" else "all other tests"
    progress(f"{name}: begun")
    command = [str(PROGRAMS / "python"), "-m", "pytest", "-q", *part]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        tested = subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, text=True)
        running.append(tested)
        code = tested.wait()
        output.seek(0)
        progress(f"{name}: {'FAILED' if code else 'passed'}\n{output.read()}")
    return code


def _passes(name: str) -> bool:
    program, *arguments = CHECKS[name]
    started = time.monotonic()
    done = subprocess.run(
        [PROGRAMS / program, *arguments],
        cwd=CHECKOUT,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    passed = done.returncode in (0, NO_TESTS_CHOSEN) if "tests" in name else done.returncode == 0
    verdict = "passed" if passed else "FAILED"
    words = "" if passed else f"\n{done.stdout.rstrip()}"
    print(f"{name:<19} {verdict} ({time.monotonic() - started:.1f} s){words}", flush=True)
    return passed


def lock() -> int:
    """Write each requirements.txt from the requirements.in beside it, for every platform, with hashes; and the wheel's tests."""
    hashed = ("--universal", "--generate-hashes")
    for folder in LOCKED:
        source, target = (Path(folder) / f"requirements.{ending}" for ending in ("in", "txt"))
        if code := _locked(target, *hashed, str(source)):
            return code
    for name, resolution in WHEEL_WITH.items():
        wanted = ("--resolution", resolution, "pyproject.toml", f"{WHEEL_TESTS}/git.in")
        if code := _locked(Path(WHEEL_TESTS, f"{name}.txt"), "--no-annotate", *wanted):
            return code
    return 0


def _locked(target: Path, *arguments: str) -> int:
    """Resolve into one file, without the name of a package index; uv's exit code."""
    print(f"locking {target}", flush=True)
    command = [str(PROGRAMS / "uv"), "pip", "compile", "--quiet", "--python-version", "3.11", "--no-header", *arguments, "-o", str(target)]
    done = subprocess.run(command, cwd=CHECKOUT, check=False)
    if done.returncode:
        print(f"{target} could not be locked; uv says why above. It is as it was.", file=sys.stderr)
    return done.returncode
