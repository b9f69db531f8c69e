"""The commands about the audit trail: seal it, export it, verify an export, hold the store against the heads kept outside it."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from hybrid_erp.adapters.store.audit import PostgresAudit
from hybrid_erp.model.audit import Seal, findings, seal_of_json
from hybrid_erp.operations.audit_heads import compare_heads
from hybrid_erp.operations.evidence.keys import public_key_of

Store = Callable[[argparse.Namespace], psycopg.Connection[tuple[Any, ...]]]
INCIDENT = "findings: keep everything as it is and call whoever answers for the audit trail."


def add_audit(command: Callable[..., argparse.ArgumentParser], store: Store) -> None:
    """Add the commands. `store` opens the store that the options name."""

    def seal(options: argparse.Namespace) -> int:
        with store(options) as connection:
            for made in PostgresAudit(connection).seal():
                print(f"{made.region}={made.seal_hash.hex()}  seal {made.seal_no}, {made.row_count} rows")
        return 0

    def export(options: argparse.Namespace) -> int:
        with store(options) as connection:
            for line in PostgresAudit(connection).export():
                print(line)
        return 0

    def heads(options: argparse.Namespace) -> int:
        with store(options) as connection:
            return _heads(options, PostgresAudit(connection))

    command("audit-seal", seal, "Seal the audit trail now, under the delivery role.")
    command("audit-export", export, "Write the audit trail and its seals as JSON lines to standard output, under the reader role.")
    verifying = command("audit-verify", _verify, "Verify an exported audit trail, offline.", store=False)
    verifying.add_argument("file", type=Path)
    verifying.add_argument("--head", action="append", default=[], metavar="REGION=HASH", help="a seal's hash that was kept elsewhere")
    comparing = command("audit-heads", heads, "Hold the store's audit trail against the heads kept outside it, under the reader role.")
    comparing.add_argument("place", help="the folder with what was kept: a path, or a URL of object storage where Airflow is")
    comparing.add_argument("--conn-id", help="the Airflow Connection that opens the object storage")
    comparing.add_argument(
        "--public-key", action="append", required=True, metavar="KEY", help="a PEM file, or DER in base64; several where keys were rotated"
    )
    comparing.add_argument("--since", type=int, default=1, metavar="FILE", help="the number of the file to begin with; default: the first")


def _heads(options: argparse.Namespace, trail: PostgresAudit) -> int:
    from hybrid_erp.wiring.audit_heads import place_of

    keys = [public_key_of(Path(each).read_text(errors="replace") if Path(each).is_file() else each) for each in options.public_key]
    compared = compare_heads(trail, place_of(options.place, options.conn_id), keys, since=options.since)
    for line in (*compared.findings, *compared.told):
        print(line)
    print(f"{len(compared.findings)} {INCIDENT}" if compared.findings else "The store holds all that was kept of it.")
    return 1 if compared.findings else 0


def _verify(options: argparse.Namespace) -> int:
    seals: dict[str, list[Seal]] = defaultdict(list)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    found = 0
    with options.file.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            try:
                content = json.loads(line)
                if "seal" in content:
                    seals[content["seal"]["region"]].append(seal_of_json(content["seal"]))
                else:
                    row = content["row"]
                    rows[row["region"]].append({**row, "xid": int(row["xid"])})
            except (ValueError, LookupError, TypeError):
                print(f"line {number} is neither a row nor a seal of an audit trail")
                found += 1
    heads = dict(head.split("=", 1) for head in options.head)
    for region in sorted({*seals, *rows, *heads}):
        for finding in findings(seals[region], rows[region], expected_head=heads.get(region)):
            print(finding)
            found += 1
        sealed = min(sum(seal.row_count for seal in seals[region]), len(rows[region]))
        print(f"{region}: {len(seals[region])} seals over {sealed} rows, {len(rows[region]) - sealed} rows not sealed yet.")
    print("The audit trail is whole." if not found else f"{found} {INCIDENT}")
    return 1 if found else 0
