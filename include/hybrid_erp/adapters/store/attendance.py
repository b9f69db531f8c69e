"""Attendance: one delivery stays at an ERP after its last posting and looks for the next, so that the bell need not begin a run for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

from psycopg import Connection

from hybrid_erp.adapters.store.turns import DUE_ELSEWHERE
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.limits import slots_role

#: A delivery that was killed is missed for so long: then the bell rings again.
LEASE_SECONDS: Final = 1.5

STAY: LiteralString = """
    INSERT INTO attendance (erp, role, token, held_by, until)
    VALUES (%(erp)s, %(role)s, %(token)s, %(held_by)s, clock_timestamp() + make_interval(secs => %(lease_seconds)s))
    ON CONFLICT (erp, role) DO UPDATE SET token = excluded.token, held_by = excluded.held_by, until = excluded.until
    WHERE attendance.token = excluded.token OR attendance.until <= clock_timestamp()
"""
LEAVE: LiteralString = "DELETE FROM attendance WHERE erp = %(erp)s AND role = %(role)s AND token = %(token)s"
STAYS: LiteralString = "SELECT FROM attendance WHERE erp = %(erp)s AND role = %(role)s AND until > clock_timestamp()"


@dataclass(frozen=True, slots=True)
class PostgresAttendance:
    """One delivery's stay. Needs the rights of `hybrid_erp_delivery`; the connection is in autocommit."""

    connection: Connection[tuple[Any, ...]]
    erp: str
    role: Role
    worker: str
    token: UUID = field(default_factory=uuid4)

    def stay(self) -> bool:
        """Attend from now on for the length of a lease; False while another one attends."""
        return self.connection.execute(STAY, self._terms | {"held_by": self.worker, "lease_seconds": LEASE_SECONDS}).rowcount == 1

    def due(self, but: Collection[str]) -> bool:
        """Whether anything is due at a company that is not among these."""
        terms = {"erp": self.erp, "role": self.role.value, "attended": sorted(but)}
        return self.connection.execute(DUE_ELSEWHERE, terms).fetchone() is not None

    def leave(self) -> None:
        """Attend no more; does nothing if another one does."""
        self.connection.execute(LEAVE, self._terms)

    @property
    def _terms(self) -> dict[str, Any]:
        return {"erp": self.erp, "role": slots_role(self.role).value, "token": self.token}
