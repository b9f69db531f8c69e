"""What the store knows beside the mirror: how far postings are, what was loaded and captured, intercompany halves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from hybrid_erp.adapters.store import reconciliation_facts_sql as sql
from hybrid_erp.model.books import AccountMovement
from hybrid_erp.model.delivery import FailureClass, PostingState
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.posting_facts import Boundary, DeliveryFacts, PostingFacts, TimeTerms

CAPTURE: Final = "hybrid-erp/capture/"
"""What the source of a captured posting begins with; its ERP follows."""


@dataclass(frozen=True, slots=True)
class PostgresReconciliationFacts:
    """Reads alone; the connection is in autocommit."""

    connection: Connection[tuple[Any, ...]]

    def instant(self) -> datetime:
        """Now, by the store's clock."""
        found: datetime = self._rows("SELECT clock_timestamp() AS instant", {})[0]["instant"]
        return found

    def settle_position(self, legal_entity: str) -> int:
        """The last posting of a legal entity that was settled."""
        return int(self._rows(sql.SETTLE_POSITION, {"legal_entity": legal_entity})[0]["position"])

    def postings(self, legal_entity: str, posting_ids: Sequence[UUID], *, reading_since: datetime) -> Mapping[UUID, PostingFacts]:
        """What is known of these postings; without those that the store does not know."""
        terms = {"legal_entity": legal_entity, "posting_ids": list(posting_ids), "since": reading_since}
        at: dict[UUID, dict[str, DeliveryFacts]] = defaultdict(dict)
        for row in self._rows(sql.DELIVERIES, terms) if posting_ids else ():
            at[row["posting_id"]][row["erp"]] = _delivery(row)
        rows = self._rows(sql.POSTINGS, terms) if posting_ids else []
        return {row["posting_id"]: _posting(row, at[row["posting_id"]]) for row in rows}

    def still_open(self, legal_entity: str, posting_ids: Sequence[UUID]) -> int:
        """How many of these may still be posted somewhere without a person."""
        if not posting_ids:
            return 0
        return int(self._rows(sql.STILL_OPEN, {"legal_entity": legal_entity, "posting_ids": list(posting_ids)})[0]["postings"])

    def loaded(self, legal_entity: str, posting_ids: Sequence[UUID]) -> frozenset[UUID]:
        """Those of these postings that the load brought."""
        if not posting_ids:
            return frozenset()
        rows = self._rows(sql.LOADED, {"legal_entity": legal_entity, "posting_ids": list(posting_ids)})
        return frozenset(row["posting_id"] for row in rows)

    def captured(self, erp: str, legal_entity: str) -> Mapping[str, UUID]:
        """The postings that native documents of this ERP have become and that the mirror does not yet compare as such, by native id."""
        rows = self._rows(sql.CAPTURED, {"erp": erp, "legal_entity": legal_entity, "source": CAPTURE + erp})
        return {row["native_id"]: row["posting_id"] for row in rows}

    def not_captured(self, erp: str, legal_entity: str) -> Mapping[str, str]:
        """Why native documents of this ERP have not been captured, by native id."""
        rows = self._rows(sql.NOT_CAPTURED, {"erp": erp, "legal_entity": legal_entity})
        return {row["native_id"]: row["reason"] for row in rows}

    def is_loaded(self, legal_entity: str, cloud: str) -> bool:
        """Whether the load into the cloud ERP is verified, and with that the boundary drawn after which the two are compared."""
        return bool(self._rows(sql.IS_LOADED, {"legal_entity": legal_entity, "cloud": cloud}))

    def boundary(self, legal_entity: str) -> Boundary:
        """The boundary of its load; before everything where there is none."""
        loads = self._rows(sql.LOAD, {"legal_entity": legal_entity})
        if not loads:
            return Boundary()
        load = loads[0]
        balances = self._rows(sql.LOAD_BALANCES, {"load_id": load["load_id"]})
        seen = self._rows(sql.LOAD_DOCUMENTS, {"load_id": load["load_id"]})
        return Boundary(
            legacy_before=_movements(balances, "legacy"),
            cloud_before=_movements(balances, "cloud"),
            legacy_cursor=load["cursor"],
            cloud_cursor=load["cloud_cursor"],
            accounting_on=load["accounting_on"],
            seen=frozenset(row["native_id"] for row in seen),
        )

    def documents(self, legal_entity: str, document_type: str, numbers: Sequence[str]) -> Mapping[str, UUID]:
        """The latest posting of each of these documents, by its number."""
        terms = {"legal_entity": legal_entity, "document_type": document_type, "numbers": list(numbers)}
        return {row["number"]: row["posting_id"] for row in self._rows(sql.LATEST, terms)} if numbers else {}

    def unbillable_hours(self, erp: str, legal_entity: str) -> Mapping[str, Decimal]:
        """Hours that were posted there and are never to be billed, by project."""
        rows = self._rows(sql.UNBILLABLE_HOURS, {"erp": erp, "legal_entity": legal_entity})
        return {row["project"]: row["hours"] for row in rows}

    def time_terms(self, posting_ids: Sequence[UUID]) -> Mapping[UUID, TimeTerms]:
        """At what these time entries are to be billed."""
        rows = self._rows(sql.TIME_TERMS, {"posting_ids": list(posting_ids)}) if posting_ids else []
        return {row["posting_id"]: TimeTerms(row["billable"], row["rate"], row["currency"]) for row in rows}

    def half_pairs(self, legal_entity: str) -> Sequence[Mapping[str, Any]]:
        """Intercompany documents of which the partner's half is missing, unposted or unequal, an hour after they were accepted."""
        return self._rows(sql.HALF_PAIRS, {"legal_entity": legal_entity})

    def _rows(self, statement: LiteralString, terms: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, terms).fetchall()


def _delivery(row: Mapping[str, Any]) -> DeliveryFacts:
    return DeliveryFacts(
        PostingState(row["state"]),
        row["attempt"] or 0,
        FailureClass(row["failure"]) if row["failure"] else None,
        row["native_id"],
        row["settled_at"],
        row["reason"] or "",
        bool(row["after_reading"]),
        row["waits_for"] or "",
    )


def _posting(row: Mapping[str, Any], at: Mapping[str, DeliveryFacts]) -> PostingFacts:
    source = row["source"]
    return PostingFacts(
        row["posting_id"],
        source,
        row["number"],
        row["document_type"],
        at,
        captured_from=source.removeprefix(CAPTURE) if source.startswith(CAPTURE) else None,
        joins_later=bool(row["joins_later"]),
    )


def _movements(balances: Sequence[Mapping[str, Any]], side: str) -> tuple[AccountMovement, ...]:
    return tuple(
        AccountMovement(row["period"], row["native_account"], row["account"], max(row["amount"], ZERO), max(-row["amount"], ZERO))
        for row in balances
        if row["side"] == side
    )
