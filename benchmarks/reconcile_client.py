"""Compares the large books in a process of its own, as a task would, and prints what it took: so its memory is its own."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import psycopg

from benchmarks.large_books import CLOUD, ENTITY, LEGACY
from hybrid_erp.adapters.store.observations_reading import PostgresComparison
from hybrid_erp.operations.compare import differences


def main(dsn: str, sums: str) -> None:
    """Trial balance, then the documents; `sums` is `from-lines` to sum every line again, else `kept`."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        comparison = PostgresComparison(connection)
        memory_before = _peak_megabytes()
        began_at = time.perf_counter()
        with comparison.at_one_instant():
            cells = comparison.unequal_cells(LEGACY, CLOUD, [ENTITY], from_lines=sums == "from-lines")
            summed_at = time.perf_counter()
            found = list(differences(comparison, LEGACY, CLOUD, [ENTITY]))
        located_at = time.perf_counter()
    result = {
        "trial_balance_s": summed_at - began_at,
        "locate_s": located_at - summed_at,
        "memory_mb": _peak_megabytes() - memory_before,
        "cells": len(cells),
        "found": sorted(each.pair.cloud[0].native_id for each in found),
    }
    print(json.dumps(result))


def _peak_megabytes() -> float:
    """Of this program alone: `getrusage` would tell the peak of the process that started it too."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
