"""Loads in the store: one snapshot with its work list, the way from there into the outbox, and what has become of it.

Needs the rights of `hybrid_erp_cutover`; the connection is in autocommit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

from psycopg import Connection, errors
from psycopg.rows import class_row

from hybrid_erp.adapters.store.dual_run import Boundary, PostgresDualRun
from hybrid_erp.adapters.store.loads_reading import LOAD, one_load
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import LoadRefusedError
from hybrid_erp.model.load import LoadItem, LoadPlan, LoadVerdict, StoredLoad
from hybrid_erp.model.ownership import PostingKind, period_of

NEXT_ORDINAL: Final = "SELECT coalesce(max(ordinal), 0) + 1 FROM load WHERE legal_entity = %s AND cloud = %s"
KEEP: Final = """
    INSERT INTO load (load_id, region, legal_entity, legacy, cloud, ordinal, accounting_on, functional_currency, instant, cursor,
                      cloud_cursor, settle_position, configuration, requested_by)
    VALUES (%(load_id)s, %(region)s, %(legal_entity)s, %(legacy)s, %(cloud)s, %(ordinal)s, %(accounting_on)s, %(functional_currency)s,
            %(instant)s, %(cursor)s, %(cloud_cursor)s, %(settle_position)s, %(configuration)s, %(by)s)
"""
COPY_BALANCES: Final = "COPY load_balance (load_id, side, period, native_account, account, amount) FROM STDIN"
COPY_DOCUMENTS: Final = "COPY load_document (load_id, native_id, posting_id, posted) FROM STDIN"
COPY_ITEMS: Final = """
    COPY load_item (load_id, place, document_type, number, posting_id, made, currency, amount, functional_amount, party, due_on, legacy_id,
                    posting, data) FROM STDIN
"""
COPY_GAPS: Final = "COPY load_gap (load_id, place, gap_class, subject, reason, amount) FROM STDIN"
NOTE: Final = """
    INSERT INTO audit (region, actor, action, legal_entity, erp, details)
    VALUES (%(region)s, %(by)s, %(action)s, %(legal_entity)s, %(cloud)s, %(details)s::jsonb)
"""
SEND: Final = "SELECT send_load(%s, %s, %s)"
ABANDON: Final = "SELECT abandon_load(%s, %s, %s)"
NAME: Final = "SELECT name_loaded(%s)"
CONTAINED: Final = "SELECT DISTINCT posting_id FROM load_document WHERE load_id = %s AND posting_id IS NOT NULL AND posted"
BOUNDARY: Final = """
    SELECT legal_entity, legacy AS control, cloud AS candidate, settle_position, cursor AS control_cursor, cloud_cursor AS candidate_cursor,
           instant AS taken_at FROM load WHERE load_id = %s
"""
VERIFIED: Final = """
    UPDATE load SET state = 'verified', verified_at = clock_timestamp(), checks = %s::jsonb WHERE load_id = %s AND state = 'sent'
"""


@dataclass(frozen=True, slots=True)
class PostgresLoads:
    """What changes a load."""

    connection: Connection[tuple[Any, ...]]

    def current(self, legal_entity: str, cloud: str) -> StoredLoad | None:
        """The load of a legal entity that is not abandoned."""
        return one_load(self.connection, f"{LOAD} WHERE legal_entity = %s AND cloud = %s AND state <> 'abandoned'", (legal_entity, cloud))

    def next_ordinal(self, legal_entity: str, cloud: str) -> int:
        """Which load of the legal entity the next one is, from 1."""
        row = self.connection.execute(NEXT_ORDINAL, (legal_entity, cloud)).fetchone()
        return int(row[0]) if row else 1

    def keep(self, plan: LoadPlan, *, by: str, configuration: str) -> StoredLoad:
        """Store a snapshot with its work list, all or nothing; if another run has stored one meanwhile, that one counts.

        Raises:
            LoadRefusedError: Something must be mended first; nothing was stored.
        """
        if plan.blocking:
            more = f" ({len(plan.blocking) - 1} more)" if len(plan.blocking) > 1 else ""
            raise LoadRefusedError(f"{plan.legal_entity} cannot be loaded into {plan.cloud}: {plan.blocking[0]}{more}")
        load_id = uuid4()
        try:
            with self.connection.transaction():
                self._write(load_id, plan, by, configuration)
        except errors.UniqueViolation:
            pass
        kept = self.current(plan.legal_entity, plan.cloud)
        assert kept is not None
        return kept

    def send(self, load_id: UUID, *, limit: int, by: str) -> int:
        """Put the next documents of the work list into the outbox; how many, less than `limit` when it was the last of them.

        Raises:
            LoadRefusedError: The load was abandoned.
        """
        return int(self._told(SEND, (load_id, limit, by)))

    def verified(self, load: StoredLoad, verdict: LoadVerdict, *, by: str) -> None:
        """Write down that the cloud ERP has shown it all, and with that the boundary at which dual posting begins; once."""
        checks = [{"name": each.name, "expected": each.expected, "found": each.found, "source": each.source} for each in verdict.checks]
        with self.connection.transaction():
            if self.connection.execute(VERIFIED, (json.dumps(checks), load.load_id)).rowcount:
                with self.connection.cursor(row_factory=class_row(Boundary)) as cursor:
                    boundary = cursor.execute(BOUNDARY, (load.load_id,)).fetchone()
                assert boundary is not None
                contained = [row[0] for row in self.connection.execute(CONTAINED, (load.load_id,)).fetchall()]
                PostgresDualRun(self.connection).draw_boundary(boundary, contained)
                self.connection.execute(NAME, (load.load_id,))
                self._note(load, "load_verified", by, {"load_id": str(load.load_id), "checks": len(checks)})

    def abandon(self, load_id: UUID, *, by: str, reason: str) -> int:
        """Give a load up before the dual run; how many waiting documents were cancelled.

        Raises:
            LoadRefusedError: The dual run has begun, or a document of the load is under way.
        """
        return int(self._told(ABANDON, (load_id, by, reason)))

    def _told(self, statement: LiteralString, terms: Sequence[Any]) -> Any:
        try:
            row = self.connection.execute(statement, terms).fetchone()
        except (errors.ObjectNotInPrerequisiteState, errors.NoDataFound) as error:
            raise LoadRefusedError(f"{error.diag.message_primary}.") from error
        assert row is not None
        return row[0]

    def _write(self, load_id: UUID, plan: LoadPlan, by: str, configuration: str) -> None:
        names = ("region", "legal_entity", "legacy", "cloud", "ordinal", "accounting_on", "functional_currency", "settle_position")
        terms = {name: getattr(plan, name) for name in names}
        terms |= {"load_id": load_id, "instant": plan.reading.instant, "cursor": plan.reading.cursor}
        self.connection.execute(KEEP, terms | {"cloud_cursor": plan.cloud_reading.cursor, "configuration": configuration, "by": by})
        self._copy(COPY_BALANCES, ((load_id, *row) for row in _balances(plan)))
        self._copy(COPY_DOCUMENTS, ((load_id, each.native_id, each.posting_id, each.posted) for each in plan.seen))
        self._copy(COPY_ITEMS, ((load_id, place, *_item(plan, item)) for place, item in enumerate(plan.items)))
        gaps = ((load_id, place, gap.gap_class.value, gap.subject, gap.reason, gap.amount) for place, gap in enumerate(plan.gaps))
        self._copy(COPY_GAPS, gaps)
        self._note(plan, "load_read", by, {"load_id": str(load_id), "documents": len(plan.items), "instant": str(plan.reading.instant)})

    def _copy(self, statement: LiteralString, rows: Iterable[Sequence[Any]]) -> None:
        with self.connection.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def _note(self, load: StoredLoad | LoadPlan, action: str, by: str, details: dict[str, Any]) -> None:
        terms = {"region": load.region, "legal_entity": load.legal_entity, "cloud": load.cloud}
        self.connection.execute(NOTE, terms | {"by": by, "action": action, "details": json.dumps(details)})


def _balances(plan: LoadPlan) -> Iterable[Sequence[Any]]:
    for side, movements in (("legacy", plan.baseline), ("cloud", plan.cloud_before)):
        for movement in movements:
            yield side, movement.period, movement.account, movement.canonical, movement.amount
    for account, amount in plan.loaded.items():
        yield "loaded", period_of(plan.accounting_on), account, account, amount


def _item(plan: LoadPlan, item: LoadItem) -> Sequence[Any]:
    head = (item.document_type.value, item.number, item.posting_id, item.posting is not None, item.currency, item.amount)
    routing = json.dumps(_routing(plan, item)) if item.posting else None
    return (*head, item.functional_amount, item.party, item.due_on, item.legacy_id, routing, item.posting.data if item.posting else None)


def _routing(plan: LoadPlan, item: LoadItem) -> dict[str, Any]:
    """What the outbox must know of a document that the load makes."""
    assert item.posting is not None
    posting, document = item.posting, item.posting.document
    return {
        "source": posting.source,
        "event_id": posting.event_id,
        "event_type": posting.event_type,
        "identified_in": document.identified_in,
        "version": document.version,
        "content_hash": posting.content_hash,
        "correlation_id": posting.correlation_id,
        "kind": document.kind.value,
        "period": period_of(document.accounting_on) if document.accounting_on else None,
        "routing_key": document.routing_key,
        "lane": _lane(plan, item),
        "depends_on": [
            {"document_type": each.document_type.value, "legal_entity": each.legal_entity or "", "number": each.number, "until": each.until}
            for each in dict.fromkeys(document.depends_on)
        ],
    }


def _lane(plan: LoadPlan, item: LoadItem) -> str | None:
    assert item.posting is not None
    document = item.posting.document
    if item.is_figure or item.document_type is DocumentType.TIME_ENTRY or document.lane is None:
        return None
    company = f"{plan.legal_entity}/" if document.kind is PostingKind.REFERENCE else ""
    return f"{plan.cloud}/{company}{document.lane}"
