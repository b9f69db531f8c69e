"""What the store knows of a region since its switch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import dict_row

from hybrid_erp.model.hypercare import HypercareFacts

FACTS: Final = """
    WITH switched AS (
        SELECT c.switched_at, c.from_period, c.new_owner FROM cutover c JOIN ownership w ON w.region = c.region AND w.kind = c.kinds[1]
        WHERE c.region = %(region)s AND c.direction = 'cutover' AND c.outcome = 'switched' AND w.phase = 'hypercare'
        ORDER BY c.switched_at DESC LIMIT 1
    ), reconciled AS (
        SELECT r.started_at, r.passed FROM reconciliation r, switched s
        WHERE r.region = %(region)s AND r.finished_at IS NOT NULL AND r.started_at > s.switched_at
    ), told AS (  -- by the audit trail, in which a repaired failure stays; and what a worker gave back that may have arrived
        SELECT a.posting_id, a.legal_entity, a.action <> 'posted' AS failed FROM switched s JOIN audit a
        ON a.region = %(region)s AND a.erp = s.new_owner AND a.recorded_at > s.switched_at
           AND a.recorded_on >= (s.switched_at AT TIME ZONE 'UTC')::date AND a.action IN ('posted', 'dead_lettered', 'in_doubt')
        UNION ALL
        SELECT d.posting_id, d.legal_entity, true FROM switched s
        JOIN delivery d ON d.erp = s.new_owner AND d.maybe_there AND d.state = 'in_doubt'
    ), answered AS (
        SELECT o.posting_id, o.legal_entity, bool_or(t.failed) AS failed FROM switched s, told t
        JOIN outbox o ON o.posting_id = t.posting_id AND o.legal_entity = t.legal_entity AND o.destination = ''
        JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity
        WHERE o.region = %(region)s AND d.erp = s.new_owner AND d.role <> 'candidate' GROUP BY o.posting_id, o.legal_entity
    )
    SELECT (SELECT switched_at FROM switched) AS switched_at, (SELECT from_period FROM switched) AS from_period, clock_timestamp() AS now,
           (SELECT count(*) FROM reconciled one WHERE one.passed AND NOT EXISTS (
                SELECT FROM reconciled later WHERE later.started_at >= one.started_at AND NOT later.passed)) AS reconciliations_passed,
           (SELECT count(*) FROM outbox WHERE region = %(region)s AND state = 'dead_lettered') AS dead_letters,
           (SELECT count(*) FROM answered) AS answered, (SELECT count(*) FROM answered WHERE failed) AS failed,
           (SELECT count(*) FROM outbox WHERE region = %(region)s AND role = 'candidate' AND kind <> 'reference'
                AND state NOT IN ('posted', 'cancelled')) AS on_their_way_back
"""


@dataclass(frozen=True, slots=True)
class PostgresHypercare:
    """Reads alone; the connection is in autocommit."""

    connection: Connection[tuple[Any, ...]]

    def facts(self, region: str, closed_through: Mapping[str, str | None]) -> HypercareFacts:
        """The facts of a region. `closed_through`: of each legal entity the last accounting period that is closed for good."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(FACTS, {"region": region}).fetchone()
        assert row is not None
        before = row.pop("from_period") or ""
        still_open = {
            entity: last or "none" for entity, last in closed_through.items() if before and (last is None or last < _previous(before))
        }
        return HypercareFacts(**row, open_periods=still_open)


def _previous(period: str) -> str:
    year, month = int(period[:4]), int(period[5:])
    return f"{year - (month == 1):04d}-{(month - 2) % 12 + 1:02d}"
