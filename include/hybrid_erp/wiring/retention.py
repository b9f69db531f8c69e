"""Payloads and their time, put together from settings and store."""

from __future__ import annotations

import logging
from typing import Any, Final

from psycopg import Connection

from hybrid_erp.adapters.store.payloads import PostgresPayloads
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.retention import KeptFor, Terms
from hybrid_erp.operations.retention import Found, erase_payloads
from hybrid_erp.settings import Settings

log: Final = logging.getLogger(__name__)


def terms_of(settings: Settings) -> Terms:
    """What the configuration says: nothing, where no rule is in order."""
    rules = [
        KeptFor(region, document_type.value, rule.days, rule.owner, rule.reason, is_moving=region in settings.moving)
        for rule in (settings.retention.rules if settings.retention else ())
        for region in sorted(rule.regions)
        for document_type in sorted(rule.document_types)
    ]
    entities = (each for region in settings.regions.values() for each in region.legal_entities.items())
    closed = {code: entity.closed_through for code, entity in entities if entity.closed_through}
    booked = [each.value for each in DocumentType if settings.firm.books(each)]
    return Terms(rules, closed, booked)


def would_erase(settings: Settings, connection: Connection[tuple[Any, ...]]) -> Found:
    """What a run would erase, and what is kept and why; by a connection that reads alone."""
    return erase_payloads(terms_of(settings), PostgresPayloads(connection), by="", dry_run=True)


def erase_what_is_due(settings: Settings) -> dict[str, int]:
    """What the task does: erase, or with `dry_run` of the configuration tell; how many payloads, by document type."""
    from hybrid_erp.wiring.delivery import store_connection

    if settings.retention is None:
        log.info("There is no config/retention.yaml in order: payloads are kept for ever.")
        return {}
    dry_run = settings.retention.dry_run
    with store_connection("retention") as connection:
        found = erase_payloads(terms_of(settings), PostgresPayloads(connection), by="retention", dry_run=dry_run)
    for line in words_of(found, dry_run=dry_run):
        log.info("%s", line)
    return dict(found.erased)


def words_of(found: Found, *, dry_run: bool) -> list[str]:
    """What a run came to, for people."""
    done = "would be erased" if dry_run else "were erased"
    lines = [f"{document_type}: {count} payloads {done}." for document_type, count in sorted(found.erased.items())]
    lines += [f"{document_type}: {count} are kept: {why}." for (document_type, why), count in sorted(found.kept.items())]
    return lines or ["No payload has had its time."]
