"""Explore the protocol's model: `python -m tests.protocol_model [--full] [--guards] [--write]`."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from tests.protocol_model.catalogue import REMOVALS, table
from tests.protocol_model.delivery import actions as delivery
from tests.protocol_model.delivery.scenarios import FULL, SMALL
from tests.protocol_model.explore import Exploration, told
from tests.protocol_model.runbook import actions as runbook
from tests.protocol_model.runbook.removals import FULL_RUNBOOK, SMALL_RUNBOOK

PAGE = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
TABLE = re.compile(r"(?<=<!-- guards -->\n).*?(?=<!-- /guards -->)", re.DOTALL)


def main() -> int:
    """Explore, and say what came of it; 0 if every promise was kept and every guard's bug was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.protocol_model", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the whole scope: takes hours, and some gigabytes")
    parser.add_argument("--guards", action="store_true", help="also take each guard away, and print its counter-example")
    parser.add_argument("--write", action="store_true", help=f"only write the table of guards in {PAGE.name}")
    asked = parser.parse_args()
    if asked.write:
        PAGE.write_text(TABLE.sub(lambda _: f"{table()}\n", PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    kept = _explore(full=asked.full)
    seen = _take_away() if asked.guards else True
    return 0 if kept and seen else 1


def _explore(*, full: bool) -> bool:
    print(f"{'states':>9} {'transitions':>11} {'seconds':>8}  scope")
    deliveries = [_told(f"delivery: {name}", delivery.search(each)) for name, each in (FULL if full else SMALL).items()]
    runbooks = [_told(f"runbook: {name}", runbook.search(each)) for name, each in (FULL_RUNBOOK if full else SMALL_RUNBOOK).items()]
    return all(deliveries) and all(runbooks)


def _told(name: str, found: Exploration) -> bool:
    verdict = "" if found.complete else ", TRUNCATED"
    print(f"{found.states:>9} {found.transitions:>11} {found.seconds:>8.1f}  {name}{verdict}", flush=True)
    for promise, trace in found.broken.items():
        print(f"  BROKEN: {promise}\n{told(trace)}", flush=True)
    return found.complete and not found.broken


def _take_away() -> bool:
    as_stated = True
    for each in REMOVALS:
        found = each.search()
        trace = found.broken.get(each.breaks, [])
        as_stated &= len(trace) == each.steps and (bool(trace) or (found.complete and not found.broken))
        print(f"without {each.name} ({found.states} states)\n{told(trace)}", flush=True)
    return as_stated


if __name__ == "__main__":
    sys.exit(main())
