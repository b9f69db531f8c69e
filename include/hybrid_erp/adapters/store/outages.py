"""Outages: which companies do not answer, since when, and when they may be asked again. A circuit breaker that every worker shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import dict_row

from hybrid_erp.model.delivery import Role
from hybrid_erp.model.limits import Outage, slots_role

FIRST_WAIT_SECONDS: Final = 5.0
GROWTH: Final = 1.6
LONGEST_WAIT_SECONDS: Final = 60.0
#: An ERP that asks for more is asked again after this; its postings keep the longer wait.
LONGEST_ASKED_SECONDS: Final = 3600.0
#: So long after its end of pause nobody has wanted the company: nothing waits for it any more.
FORGOTTEN_AFTER_SECONDS: Final = 3600.0

_COLUMNS: LiteralString = """
    erp, role, legal_entity, began_at, closed_until, failures, reason,
    extract(epoch FROM clock_timestamp() - began_at)::float AS seconds,
    greatest(0, extract(epoch FROM closed_until - clock_timestamp()))::float AS closed_seconds,
    closed_until + interval '10 s' > clock_timestamp() AS rests
"""
# Longer from failure to failure; what was posted in between makes it a new outage.
FAILED: LiteralString = f"""
    INSERT INTO outage AS o (erp, role, legal_entity, closed_until, reason)
    VALUES (%(erp)s, %(role)s, %(legal_entity)s,
            clock_timestamp() + make_interval(secs => greatest(%(asked)s::float, %(first)s::float)), %(reason)s)
    ON CONFLICT (erp, role, legal_entity) DO UPDATE SET
        began_at = CASE WHEN %(anew)s THEN clock_timestamp() ELSE o.began_at END,
        failed_at = clock_timestamp(),
        failures = CASE WHEN %(anew)s THEN 1 ELSE o.failures + 1 END,
        closed_until = clock_timestamp() + make_interval(secs => greatest(%(asked)s::float,
            CASE WHEN %(anew)s THEN %(first)s::float
                 ELSE least(%(first)s::float * power(%(growth)s::float, least(o.failures, 30)), %(longest)s::float) END)),
        reason = excluded.reason
    RETURNING {_COLUMNS}
"""
ENDED: Final = "DELETE FROM outage WHERE erp = %(erp)s AND role = %(role)s AND legal_entity = %(legal_entity)s RETURNING began_at"
ALL: LiteralString = f"""
    SELECT {_COLUMNS} FROM outage WHERE (%(erp)s::text IS NULL OR erp = %(erp)s) AND (%(role)s::text IS NULL OR role = %(role)s)
    ORDER BY began_at, erp, legal_entity
"""
FORGET: Final = "DELETE FROM outage WHERE closed_until < clock_timestamp() - make_interval(secs => %s)"


@dataclass(frozen=True, slots=True)
class PostgresOutages:
    """Needs the rights of `hybrid_erp_delivery`; the connection is in autocommit."""

    connection: Connection[tuple[Any, ...]]

    def known(self, erp: str | None = None, role: Role | None = None) -> Sequence[Outage]:
        """Every outage, also one whose company may be asked again; oldest first."""
        terms = {"erp": erp, "role": slots_role(role).value if role else None}
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return [_to_outage(row) for row in cursor.execute(ALL, terms).fetchall()]

    def failed(
        self, erp: str, role: Role, legal_entity: str, *, reason: str, asked_seconds: float | None = None, anew: bool = False
    ) -> Outage:
        """Write down that a company is unavailable; the outage, with the pause until it is asked again.

        `asked_seconds` is what the ERP asked for; `anew`: something was posted since the last failure.
        """
        terms: dict[str, Any] = {"erp": erp, "role": slots_role(role).value, "legal_entity": legal_entity, "reason": reason[:1000]}
        terms |= {"anew": anew, "first": FIRST_WAIT_SECONDS, "growth": GROWTH, "longest": LONGEST_WAIT_SECONDS}
        terms["asked"] = min(asked_seconds or 0.0, LONGEST_ASKED_SECONDS)
        with self.connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(FAILED, terms).fetchone()
        assert row is not None
        return _to_outage(row)

    def ended(self, erp: str, role: Role, legal_entity: str) -> datetime | None:
        """Write down that a company answers; since when it had not, if there was an outage."""
        terms = {"erp": erp, "role": slots_role(role).value, "legal_entity": legal_entity}
        row = self.connection.execute(ENDED, terms).fetchone()
        return row[0] if row else None

    def forget_unwanted(self) -> int:
        """Forget outages of companies that nobody has wanted for an hour; how many there were."""
        return self.connection.execute(FORGET, (FORGOTTEN_AFTER_SECONDS,)).rowcount


def _to_outage(row: dict[str, Any]) -> Outage:
    return Outage(**row | {"role": Role(row["role"])})
