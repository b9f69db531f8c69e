"""Turns: at most one writer a company, and at most so many at one ERP at once. Rows with an end, no state of a session.

Airflow's pool says the same, but anybody may edit a pool, and a killed worker's task may go on beside its next try.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import uuid4

from psycopg import Connection

from hybrid_erp.adapters.store.claims import DUE
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.limits import Holder, NoTurn, Turn, slots_role

FORGET_ENDED: Final = "DELETE FROM turn WHERE erp = %(erp)s AND role = %(role)s AND lease_until <= clock_timestamp()"
# Two that choose one slot at once: the table's keys let one of them in, and the other looks again.
TAKE: LiteralString = """
    INSERT INTO turn (erp, role, legal_entity, slot, token, held_by, lease_until)
    SELECT %(erp)s, %(role)s, %(legal_entity)s, free.slot, %(token)s, %(held_by)s,
           clock_timestamp() + make_interval(secs => %(lease_seconds)s)
    FROM generate_series(1, %(slots)s) AS free (slot)
    WHERE NOT EXISTS (SELECT FROM turn t WHERE t.erp = %(erp)s AND t.role = %(role)s AND t.slot = free.slot)
      AND (SELECT count(*) FROM turn t WHERE t.erp = %(erp)s AND t.role = %(role)s) < %(slots)s
    ORDER BY free.slot LIMIT 1
    ON CONFLICT DO NOTHING RETURNING slot
"""
_MINE: LiteralString = "erp = %(erp)s AND role = %(role)s AND legal_entity = %(legal_entity)s AND token = %(token)s"
RENEW: LiteralString = f"""
    UPDATE turn SET lease_until = clock_timestamp() + make_interval(secs => %(lease_seconds)s) WHERE {_MINE}
"""
RELEASE: LiteralString = f"DELETE FROM turn WHERE {_MINE}"
HOLDERS: LiteralString = """
    SELECT legal_entity, held_by, lease_until FROM turn
    WHERE erp = %(erp)s AND role = %(role)s AND lease_until > clock_timestamp() ORDER BY legal_entity
"""

# For the bell: a company whose turn is held is served by its holder. One with an outage is left in peace, and then for a moment to the task
# that waits to ask it again: two runs that try the same company would keep a third from its siblings.
ATTENDED: LiteralString = """
    SELECT legal_entity FROM turn WHERE erp = %(erp)s AND role = %(role)s AND lease_until > clock_timestamp()
    UNION SELECT legal_entity FROM outage WHERE erp = %(erp)s AND role = %(role)s AND closed_until + interval '10 s' > clock_timestamp()
"""
# How many companies of the ERP are being delivered to: with all slots taken, a run could do nothing for another one.
TAKEN: LiteralString = "SELECT count(*) FROM turn WHERE erp = %(erp)s AND role = %(role)s AND lease_until > clock_timestamp()"
# A store that is not believed claims nothing: the clock's runs say so, and a bell would only add to them.
DUE_ELSEWHERE: LiteralString = f"""
    SELECT FROM ({DUE}) AS due, store_trust WHERE legal_entity <> ALL(%(attended)s) AND identity = store_identity() LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class PostgresTurns:
    """Gives and takes turns for one worker. Needs the rights of `hybrid_erp_delivery`; the connection is in autocommit."""

    connection: Connection[tuple[Any, ...]]
    worker: str

    def take(self, erp: str, role: Role, legal_entity: str, *, slots: int, lease_seconds: float) -> Turn | NoTurn:
        """The company's turn in one of the ERP's slots, or who is in the way. Does not wait for anybody's end."""
        turn = Turn(erp, slots_role(role), legal_entity, 0, uuid4())
        terms = _terms(turn) | {"slots": slots, "lease_seconds": lease_seconds, "held_by": self.worker}
        no_turn = NoTurn((), company_is_held=False)
        for _ in range(slots + 1):  # each time that another one was quicker there is one slot less
            self.connection.execute(FORGET_ENDED, terms)
            if row := self.connection.execute(TAKE, terms).fetchone():
                return Turn(erp, turn.role, legal_entity, int(row[0]), turn.token)
            holders = self.holders(erp, role)
            own = tuple(each for each in holders if each.legal_entity == legal_entity)
            no_turn = NoTurn(own or tuple(holders), company_is_held=bool(own))
            if own or len(holders) >= slots:
                break
        return no_turn

    def renew(self, turn: Turn, *, lease_seconds: float) -> bool:
        """Let the lease run from now on; False if the turn is another's by now."""
        return self.connection.execute(RENEW, _terms(turn) | {"lease_seconds": lease_seconds}).rowcount == 1

    def release(self, turn: Turn) -> None:
        """Give the turn back; does nothing if it is another's by now."""
        self.connection.execute(RELEASE, _terms(turn))

    def holders(self, erp: str, role: Role) -> Sequence[Holder]:
        """Whose turn it is at which company now."""
        rows = self.connection.execute(HOLDERS, {"erp": erp, "role": slots_role(role).value}).fetchall()
        return [Holder(*row) for row in rows]


def _terms(turn: Turn) -> dict[str, Any]:
    return {"erp": turn.erp, "role": turn.role.value, "legal_entity": turn.legal_entity, "token": turn.token}
