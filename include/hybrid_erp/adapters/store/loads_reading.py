"""What the store tells of loads: what it knows of a legal entity's documents, how far a load is, and what it should have brought."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.load import Gap, GapClass, KnownToStore, LoadItem, LoadState, Progress, StoredLoad

LOAD: LiteralString = """
    SELECT load_id, region, legal_entity, legacy, cloud, ordinal, accounting_on, functional_currency, state FROM load
"""
AT_CLOUD: Final = "SELECT document_type, number FROM crosswalk WHERE erp = %s AND legal_entity = %s"
# The latest state of each document: of reference documents the latest accepted, of the others the latest that the legacy ERP has posted.
LATEST: Final = """
    SELECT DISTINCT ON (d.document_type, d.identified_in, d.number) d.document_type, d.number, d.posting_id
    FROM document d JOIN outbox o ON o.posting_id = d.posting_id AND o.legal_entity = %(legal_entity)s AND o.role = 'control'
    WHERE (o.kind = 'reference' AND o.destination = %(legacy)s)
       OR (o.document_type IN ('project', 'project_task', 'resource_assignment', 'milestone') AND o.state = 'posted' AND EXISTS (
           SELECT FROM delivery e WHERE e.accepted_on = o.accepted_on AND e.posting_id = o.posting_id AND e.legal_entity = o.legal_entity
           AND e.erp = %(legacy)s AND e.state = 'posted'))
    ORDER BY d.document_type, d.identified_in, d.number, d.version DESC
"""
TIME: Final = """
    SELECT o.posting_id FROM outbox o JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id
        AND d.legal_entity = o.legal_entity AND d.erp = %s AND d.state = 'posted'
    WHERE o.legal_entity = %s AND o.role = 'control' AND o.document_type = 'time_entry'
"""
NUMBERS: Final = """
    SELECT posting_id, number FROM crosswalk WHERE erp = %s AND legal_entity = %s AND document_type IN ('invoice', 'open_item')
    AND posting_id IS NOT NULL
"""
COUNTS: Final = """
    SELECT o.document_type, count(DISTINCT (d.identified_in, d.number))
    FROM outbox o JOIN document d ON d.posting_id = o.posting_id
    WHERE o.legal_entity = %s AND o.role = 'control' GROUP BY 1 ORDER BY 1
"""
PROGRESS: Final = """
    SELECT i.document_type, count(*) FILTER (WHERE o.state = 'posted'),
           count(*) FILTER (WHERE o.state = 'dead_lettered' OR (o.state = 'cancelled' AND NOT given.not_kept)),
           count(*) FILTER (WHERE o.state = 'cancelled' AND given.not_kept), count(*), min(i.place)
    FROM load_item i JOIN load l USING (load_id)
    LEFT JOIN outbox o ON o.posting_id = i.posting_id AND o.legal_entity = l.legal_entity AND o.destination = l.cloud
    CROSS JOIN LATERAL (SELECT coalesce(o.reason, '') LIKE 'not kept by %%' AS not_kept) given
    WHERE i.load_id = %s GROUP BY 1 ORDER BY 6
"""
REFUSED: Final = """
    SELECT i.document_type || ' ' || i.number || ': ' || coalesce(o.reason, o.state)
    FROM load_item i JOIN load l USING (load_id)
    JOIN outbox o ON o.posting_id = i.posting_id AND o.legal_entity = l.legal_entity AND o.destination = l.cloud
    WHERE i.load_id = %s AND o.state IN ('dead_lettered', 'cancelled') AND coalesce(o.reason, '') NOT LIKE 'not kept by %%'
    ORDER BY i.place LIMIT %s
"""
ITEMS: Final = """
    SELECT document_type, number, posting_id, currency, amount, functional_amount, party, due_on FROM load_item
    WHERE load_id = %s ORDER BY place
"""
BALANCES: Final = "SELECT period, native_account, account, amount FROM load_balance WHERE load_id = %s AND side = %s"
GAPS: Final = "SELECT gap_class, subject, reason, amount FROM load_gap WHERE load_id = %s ORDER BY place"


@dataclass(frozen=True, slots=True)
class PostgresLoadReading:
    """Each method is one or a few statements. The rights to read are enough."""

    connection: Connection[tuple[Any, ...]]

    def of_region(self, region: str) -> Sequence[StoredLoad]:
        """The loads of a region that are not abandoned."""
        with self.connection.cursor(row_factory=class_row(_LoadRow)) as cursor:
            statement = f"{LOAD} WHERE region = %s AND state <> 'abandoned' ORDER BY legal_entity"
            return [row.load for row in cursor.execute(statement, (region,)).fetchall()]

    def known(self, legal_entity: str, legacy: str, cloud: str) -> KnownToStore:
        """What the store knows of a legal entity's documents."""
        terms = {"legal_entity": legal_entity, "legacy": legacy}
        at_cloud = self.connection.execute(AT_CLOUD, (cloud, legal_entity)).fetchall()
        latest = self.connection.execute(LATEST, terms).fetchall()
        time = self.connection.execute(TIME, (legacy, legal_entity)).fetchall()
        numbers = self.connection.execute(NUMBERS, (legacy, legal_entity)).fetchall()
        counts = self.connection.execute(COUNTS, (legal_entity,)).fetchall()
        return KnownToStore(
            at_cloud=frozenset((DocumentType(document_type), number) for document_type, number in at_cloud),
            postings={(DocumentType(document_type), number): posting_id for document_type, number, posting_id in latest},
            time=frozenset(row[0] for row in time),
            numbers=dict(numbers),
            counts={DocumentType(document_type): count for document_type, count in counts},
        )

    def progress(self, load_id: UUID) -> Sequence[Progress]:
        """Where the documents of each type are, in the order of the work list."""
        rows = self.connection.execute(PROGRESS, (load_id,)).fetchall()
        return [Progress(DocumentType(row[0]), row[4] - row[1] - row[2] - row[3], row[1], row[2], row[3]) for row in rows]

    def refused(self, load_id: UUID, limit: int = 20) -> Sequence[str]:
        """What the cloud ERP did not take, with its reason."""
        return [row[0] for row in self.connection.execute(REFUSED, (load_id, limit)).fetchall()]

    def items(self, load_id: UUID) -> Sequence[LoadItem]:
        """The work list, without the documents themselves."""
        with self.connection.cursor(row_factory=class_row(_ItemRow)) as cursor:
            return [row.item for row in cursor.execute(ITEMS, (load_id,)).fetchall()]

    def balances(self, load_id: UUID, side: str) -> Mapping[tuple[str, str], Decimal]:
        """One side's trial balance: (period, canonical account) to the amount in functional currency, debit positive.

        An account that the mapping did not know stands under its native number.
        """
        sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for period, native, account, amount in self.connection.execute(BALANCES, (load_id, side)).fetchall():
            sums[period, account or f"{native} of the ERP"] += amount
        return dict(sums)

    def gaps(self, load_id: UUID) -> Sequence[Gap]:
        """What was not loaded."""
        rows = self.connection.execute(GAPS, (load_id,)).fetchall()
        return [Gap(GapClass(gap_class), subject, reason, False, amount) for gap_class, subject, reason, amount in rows]


def one_load(connection: Connection[tuple[Any, ...]], statement: LiteralString, terms: Sequence[Any]) -> StoredLoad | None:
    """The load that a statement selects, if there is one."""
    with connection.cursor(row_factory=class_row(_LoadRow)) as cursor:
        row = cursor.execute(statement, terms).fetchone()
    return row.load if row else None


@dataclass(frozen=True, slots=True)
class _LoadRow:
    load_id: UUID
    region: str
    legal_entity: str
    legacy: str
    cloud: str
    ordinal: int
    accounting_on: date
    functional_currency: str
    state: str

    @property
    def load(self) -> StoredLoad:
        named = (self.load_id, self.region, self.legal_entity, self.legacy, self.cloud, self.ordinal)
        return StoredLoad(*named, self.accounting_on, self.functional_currency, LoadState(self.state))


@dataclass(frozen=True, slots=True)
class _ItemRow:
    document_type: str
    number: str
    posting_id: UUID
    currency: str | None
    amount: Decimal
    functional_amount: Decimal
    party: str | None
    due_on: date | None

    @property
    def item(self) -> LoadItem:
        money = self.currency, self.amount, self.functional_amount
        return LoadItem(DocumentType(self.document_type), self.number, self.posting_id, None, *money, self.party, self.due_on)
