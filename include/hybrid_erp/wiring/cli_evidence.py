"""The commands about evidence: write it, verify it offline, tell the public key."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from hybrid_erp.operations.evidence.keys import fingerprint, pem_of, public_key_of
from hybrid_erp.operations.evidence.verify import verify

Command = Callable[..., argparse.ArgumentParser]


def add_evidence(command: Command, store: Callable[[argparse.Namespace], psycopg.Connection[tuple[Any, ...]]]) -> None:
    """Add the commands. `store` opens the store that the options name."""

    def write(options: argparse.Namespace) -> int:
        from hybrid_erp.wiring.evidence import evidence, signing_key

        with store(options) as connection:
            name, content = evidence(connection, options.cutover, signing_key())
        path = options.out / name if options.out.is_dir() else options.out
        path.write_bytes(content)
        print(f"{path}: {len(content):,} bytes.")
        return 0

    writing = command("evidence", write, "Write the signed evidence of a cutover or rollback, under the reader role.")
    writing.add_argument("--cutover", type=UUID, required=True, help="its id")
    writing.add_argument("--out", type=Path, required=True, help="the file, or the folder that it goes into under its own name")
    verifying = command("evidence-verify", _verify, "Verify a cutover's evidence, offline: no store, no Airflow.", store=False)
    verifying.add_argument("file", type=Path)
    verifying.add_argument(
        "--public-key", action="append", required=True, metavar="KEY", help="a PEM file, or DER in base64; several where keys were rotated"
    )
    command("evidence-key", _tell_key, "Print the public key that belongs to the signing key, for auditors.", store=False)


def _verify(options: argparse.Namespace) -> int:
    keys = [public_key_of(Path(each).read_text(errors="replace") if Path(each).is_file() else each) for each in options.public_key]
    verified = verify(options.file.read_bytes(), keys)
    for finding in verified.findings:
        print(finding)
    if verified.findings or verified.manifest is None:
        print(f"NOT PROVEN: {options.file} is not what was signed. Keep it as it is and ask for the evidence anew.")
        return 1
    about = verified.manifest.about
    print(
        f"{about['direction']} {about['cutover_id']} of region {about['region']}, {about['mode']}: {len(verified.manifest.entries)} parts."
    )
    print("PROVEN: every byte is as it was signed, and the audit rows agree with their seals.")
    return 0


def _tell_key(options: argparse.Namespace) -> int:
    from hybrid_erp.wiring.evidence import signing_key

    key = signing_key().public_key()
    print(pem_of(key), end="")
    print(f"fingerprint: {fingerprint(key)}")
    return 0
