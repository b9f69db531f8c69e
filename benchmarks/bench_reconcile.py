"""Reconciliation of 10 million lines a side: sums, the ten documents that differ, and what it costs after a day's changes.

The baseline is `reladiff` from PyPI on the same lines in two plain tables with a primary key, in its fastest way for one database. It needs
no hash prepared, no schema of ours, and compares tables of different databases too. We keep a hash of each document when it is
posted or first read, so that a comparison reads sums, digests and what differs; what keeping them costs is told beside the figures.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import psycopg

from benchmarks.large_books import CLOUD, ENTITY, LEGACY, Made, make_mirrors, make_plain
from benchmarks.report import Figure, Report
from benchmarks.reread import entries
from hybrid_erp.adapters.store.migrate import migrate
from hybrid_erp.adapters.store.observations import PostgresObservations
from sandbox.places import SANDBOX
from sandbox.postgres import Cluster
from sandbox.store_setup import login_of, make_logins

LINES, ERRORS, ROUNDS = 10_000_000, 10, 3
CHANGED = LINES // 1_000
CENT = Decimal("0.01")
PLAIN: Final = ("plain_legacy", "plain_cloud")
PACKAGES = ("reladiff==0.6.0", "psycopg2-binary==2.9.13")
DATABASE = "bench_reconcile"


def run(cluster: Cluster, report: Report) -> None:
    """`reconcile_10m_lines_s` with its parts, and `reconcile_incremental_s`."""
    chance = random.Random(10)
    numbers = chance.sample(range(1, LINES // 4), ERRORS + CHANGED)
    wrong, changed = numbers[:ERRORS], numbers[ERRORS:]
    cluster.create_database(DATABASE)
    migrate(cluster.dsn(DATABASE))
    make_logins(cluster)
    try:
        with psycopg.connect(cluster.dsn(DATABASE), autocommit=True) as connection:
            made = make_mirrors(connection, LINES)
            make_plain(connection, PLAIN, [(number - 1) * 4 + 2 for number in wrong])
            _tell(cluster, CLOUD, entries(connection, wrong, dict.fromkeys(wrong, CENT)))
            _whole(cluster, report, made, wrong)
            again = entries(connection, changed, dict.fromkeys(changed, Decimal(5)))
        _incremental(cluster, report, wrong, again)
    finally:
        with cluster.admin() as connection:
            connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)".encode())


def _whole(cluster: Cluster, report: Report, made: Made, wrong: Sequence[int]) -> None:
    reladiff = _reladiff_installed()
    ours, baseline = [], []
    for _ in range(ROUNDS):
        ours.append(_compared(cluster, "from-lines", wrong))
        baseline.append(_reladiff(cluster, reladiff))
    sums, located = (statistics.median(each[name] for each in ours) for name in ("trial_balance_s", "locate_s"))
    seconds, theirs = sums + located, statistics.median(baseline)
    ratio = statistics.median((each["trial_balance_s"] + each["locate_s"]) / other for each, other in zip(ours, baseline, strict=True))
    note = (
        f"trial balance from every line {sums:.2f} s, {ERRORS} of {ERRORS} one-cent errors located in {located:.2f} s more; baseline: "
        f"reladiff 0.6.0 (joindiff, unique key assumed), which needs no prepared hash and works across databases. Hashing the documents "
        f"of one side in PostgreSQL took {made.hashing_seconds:.0f} s, making both mirrors {made.total_seconds:.0f} s"
    )
    print(note)
    report.add(Figure("reconcile_10m_lines_s", seconds, theirs, ratio, "s", 2 * LINES, limit=0.2, note=note))
    report.add(Figure("reconcile_10m_lines_s.trial_balance", sums, None, None, "s", 2 * LINES, limit=5.0))
    report.add(Figure("reconcile_10m_lines_s.locate", located, None, None, "s", ERRORS, limit=1.0))
    memory = max(each["memory_mb"] for each in ours)
    report.add(Figure("reconcile_10m_lines_s.client_memory", memory, None, None, "MB", ROUNDS, limit=300, note="growth of the peak"))


def _incremental(cluster: Cluster, report: Report, wrong: Sequence[int], again: Sequence[Any]) -> None:
    """A line of 0.1 % of the lines is another in the one ERP, then in the other too."""
    telling = _tell(cluster, CLOUD, again)
    one_sided = _compared(cluster, "kept", [*wrong, *(int(each.number) for each in again)])
    _tell(cluster, LEGACY, again)
    both = [_compared(cluster, "kept", wrong) for _ in range(ROUNDS)]
    seconds = statistics.median(each["trial_balance_s"] + each["locate_s"] for each in both)
    alone = one_sided["trial_balance_s"] + one_sided["locate_s"]
    note = (
        f"{CHANGED:,} lines of as many documents changed alike in both, {ERRORS} wrongly in one; writing down the changed documents of one "
        f"ERP took {telling:.1f} s; while only one ERP had them, telling all {CHANGED + ERRORS:,} unequal documents took {alone:.1f} s"
    )
    print(note)
    report.add(Figure("reconcile_incremental_s", seconds, None, None, "s", CHANGED, limit=2.0, note=note))


def _tell(cluster: Cluster, erp: str, told: Sequence[Any]) -> float:
    with psycopg.connect(cluster.dsn(DATABASE, login_of("delivery")), autocommit=True) as connection:
        began_at = time.perf_counter()
        PostgresObservations(connection).observe(erp, ENTITY, told)
        return time.perf_counter() - began_at


def _compared(cluster: Cluster, sums: str, expected: Sequence[int]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.reconcile_client", cluster.dsn(DATABASE, login_of("reader")), sums]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert result["found"] == sorted(f"entry,{number}" for number in expected), "not exactly the documents that differ"
    return result


def _reladiff_installed() -> str:
    """An environment of its own: the product needs none of it."""
    folder = SANDBOX / "reladiff"
    uv = [f"{sys.prefix}/bin/uv"]
    if not (folder / "bin" / "reladiff").exists():
        subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
        subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *PACKAGES], check=True)
    return str(folder / "bin" / "reladiff")


def _reladiff(cluster: Cluster, program: str) -> float:
    columns = [word for name in ("posting_id", "period", "account", "detail", "amount") for word in ("-c", name)]
    command = [program, cluster.dsn(DATABASE), *PLAIN, "-k", "line_id", *columns, "-a", "joindiff", "--assume-unique-key"]
    began_at = time.perf_counter()
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds = time.perf_counter() - began_at
    assert len([line for line in told.splitlines() if line.startswith(("+", "-"))]) == 2 * ERRORS, told
    return seconds
