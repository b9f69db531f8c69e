"""The heads of the audit trail outside the store: where they go, by an Airflow Connection, and what the task and the command do."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final, cast

from hybrid_erp.adapters.audit_heads import Folder, HeadsFolder
from hybrid_erp.adapters.store.audit import PostgresAudit
from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.operations.audit_heads import Forgotten, forgotten, keep_heads
from hybrid_erp.wiring.delivery import store_connection
from hybrid_erp.wiring.evidence import signing_key

#: The Airflow Connection whose extra names the folder (`path`), and for object storage the Connection that opens it (`conn_id`).
PLACE: Final = "hybrid_erp_audit_heads"
log: Final = logging.getLogger(__name__)


def place_of(path: str, conn_id: str | None = None) -> HeadsFolder:
    """A folder by its path on this machine, or by the URL of object storage that Airflow knows."""
    if "://" not in path:
        return HeadsFolder(Path(path))
    from airflow.sdk import ObjectStoragePath

    return HeadsFolder(cast(Folder, ObjectStoragePath(path, conn_id=conn_id)))


def configured_place() -> HeadsFolder | None:
    """Where heads go; None: nobody has said.

    Raises:
        ConfigurationError: The Connection names no folder.
    """
    from airflow.sdk.exceptions import AirflowNotFoundException

    from hybrid_erp.wiring.connections import connection

    try:
        extra = connection(PLACE).extra_dejson
    except AirflowNotFoundException:
        return None
    path = str(extra.get("path") or "")
    if "://" not in path and not Path(path).is_absolute():
        raise ConfigurationError(f"The Airflow Connection {PLACE} names no absolute path and no URL as `path`.")
    return place_of(path, extra.get("conn_id"))


def forgotten_of_kept() -> Forgotten | None:
    """What of the newest kept heads the store has forgotten; None: none are kept.

    Raises:
        AuditTrailChangedError: The newest file outside is not ours.
    """
    place = configured_place()
    if place is None:
        return None
    with store_connection("reader") as connection:
        return forgotten(PostgresAudit(connection), place, signing_key())


def keep_heads_outside() -> dict[str, int]:
    """Keep what was sealed since the last time; how many files and seals.

    Raises:
        AuditTrailChangedError: The store is not what was kept of it.
    """
    place = configured_place()
    if place is None:
        log.warning("There is no Airflow Connection %s: nothing outside the store shows that its history was rewritten.", PLACE)
        return {}
    with store_connection("reader") as connection:
        kept = keep_heads(PostgresAudit(connection), place, signing_key())
    return {"files": kept.files, "seals": kept.seals}
