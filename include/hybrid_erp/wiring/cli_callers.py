"""`hybrid-erp source-key ...` and `hybrid-erp api`: credentials of upstream systems, and the API as a process of its own."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg import Connection

from hybrid_erp.adapters.store.source_keys import PostgresSourceKeys
from hybrid_erp.model.errors import SourceKeyError
from hybrid_erp.model.source_key import SourceKey
from hybrid_erp.settings import load_settings

Store = Callable[[argparse.Namespace], Connection[tuple[Any, ...]]]


def add_callers(command: Callable[..., argparse.ArgumentParser], store: Store, config: Path) -> None:
    """Add the commands."""
    key = command("source-key", _run(store), "Issue, rotate, revoke or list the keys of upstream systems, under the cutover role.")
    key.add_argument("act", choices=("issue", "rotate", "revoke", "list"))
    key.add_argument("subject", nargs="?", help="of issue and list: the source; of rotate and revoke: the key id")
    key.add_argument("--days", type=int, default=365, help="of issue and rotate: how long the new key lives, up to 730; default: 365")
    key.add_argument("--overlap-hours", type=float, default=24, help="of rotate: how long the old key goes on; default: 24")
    key.add_argument("--by", help="the person who decides, for the audit trail")
    key.add_argument("--reason")
    key.add_argument("--config", type=Path, default=config)
    api = command("api", _serve, "Run the canonical API as a process of its own, for the credentials of sources alone.", store=False)
    api.add_argument("--host", default="127.0.0.1")
    api.add_argument("--port", type=int, default=8090)


def _run(store: Store) -> Callable[[argparse.Namespace], int]:
    acts = {"issue": _issue, "rotate": _rotate, "revoke": _revoke, "list": _list}

    def run(options: argparse.Namespace) -> int:
        needed = () if options.act == "list" else ("subject", "by", "reason")
        if lacking := [name for name in needed if not getattr(options, name)]:
            raise OSError(f"{', '.join(lacking)} must be given")
        with store(options) as connection:
            acts[options.act](options, PostgresSourceKeys(connection))
        return 0

    return run


def _issue(options: argparse.Namespace, keys: PostgresSourceKeys) -> None:
    known = load_settings(options.config).sources
    if options.subject not in known:
        raise SourceKeyError(f"{options.subject} is no source of config/sources.yaml; known are {', '.join(sorted(known)) or 'none'}.")
    _show(keys.issue(options.subject, expires_at=_end(options), by=options.by, reason=options.reason))


def _rotate(options: argparse.Namespace, keys: PostgresSourceKeys) -> None:
    if not 0 <= options.overlap_hours <= 24 * 30:
        raise SourceKeyError("The overlap is between nothing and 30 days.")
    seconds = int(options.overlap_hours * 3600)
    _show(keys.rotate(options.subject, expires_at=_end(options), overlap_seconds=seconds, by=options.by, reason=options.reason))


def _revoke(options: argparse.Namespace, keys: PostgresSourceKeys) -> None:
    was_valid = keys.revoke(options.subject, by=options.by, reason=options.reason)
    print(f"{options.subject} is revoked." if was_valid else f"{options.subject} was revoked before.")


def _list(options: argparse.Namespace, keys: PostgresSourceKeys) -> None:
    for each in keys.keys(options.subject):
        used = f"last used on {each.last_used_on}" if each.last_used_on else "never used"
        ends = f"revoked {each.revoked_at:%F} by {each.revoked_by}" if each.revoked_at else f"expires {each.expires_at:%F %R%z}"
        print(f"{each.key_id}  {each.source}  {each.state}  issued {each.issued_at:%F} by {each.issued_by}, {ends}, {used}")


def _end(options: argparse.Namespace) -> datetime:
    if not 1 <= options.days <= 730:
        raise SourceKeyError("A key lives from 1 to 730 days.")
    return datetime.now(UTC) + timedelta(days=options.days)


def _show(key: SourceKey) -> None:
    """The only time that the key is shown: alone on standard output, so that it can be piped to where it belongs."""
    print(key.text)


def _serve(options: argparse.Namespace) -> int:
    from hybrid_erp.wiring.api_process import serve

    serve(options.host, options.port)
    return 0
