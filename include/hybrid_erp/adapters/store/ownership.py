"""Ownership moves through the store's own functions alone: they lock, check, and write history and audit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection, errors

from hybrid_erp.model.errors import OwnershipConflictError
from hybrid_erp.model.ownership import PostingKind

REGIONS: Final = "SELECT DISTINCT region FROM ownership ORDER BY region"
ESTABLISH: Final = """
    SELECT establish_ownership(%(region)s, %(kind)s, %(phase)s, %(from_period)s, %(owner)s, %(by)s, %(reason)s)
"""
MOVE_PIN: Final = "SELECT move_pin(%(region)s, %(routing_key)s, %(erp)s, %(bridge_account)s, %(by)s, %(reason)s)"
# A hint without the lock: who has nothing to change stops no claims for it, and looks again in a minute.
IS_OTHERWISE: Final = """
    SELECT FROM ownership WHERE region = %(region)s AND kind <> 'reference' AND cutover_id IS NULL
    AND CASE WHEN kind = ANY(%(kinds)s) THEN held_at IS NULL ELSE %(let_go)s AND held_at IS NOT NULL END
"""
HOLD: Final = "SELECT hold_kinds(%(region)s, %(kinds)s, %(let_go)s, %(because)s, %(by)s)"


@dataclass(frozen=True, slots=True)
class PostgresOwnership:
    """Needs the rights of `hybrid_erp_cutover`; the connection is in autocommit."""

    connection: Connection[tuple[Any, ...]]

    def regions(self) -> Sequence[str]:
        """The regions that anybody owns something of."""
        return [region for (region,) in self.connection.execute(REGIONS)]

    def establish(self, *, region: str, kind: str, phase: str, from_period: str, owner: str, by: str, reason: str) -> bool:
        """Write the first ownership of a region's kind; False if there is one."""
        terms = {"region": region, "kind": kind, "phase": phase, "from_period": from_period, "owner": owner, "by": by, "reason": reason}
        row = self.connection.execute(ESTABLISH, terms).fetchone()
        return bool(row and row[0])

    def move_pin(self, *, region: str, routing_key: str, erp: str | None, bridge_account: str, by: str, reason: str) -> int:
        """Pin a routing key to an ERP, or lift its pin; the region's new pin version (PROTOCOL P).

        Raises:
            OwnershipConflictError: A cutover or a posting of the entity is under way, or the other ERP lacks documents of it.
        """
        terms = {"region": region, "routing_key": routing_key, "erp": erp, "bridge_account": bridge_account, "by": by, "reason": reason}
        try:
            row = self.connection.execute(MOVE_PIN, terms).fetchone()
        except (errors.ObjectNotInPrerequisiteState, errors.NoDataFound) as error:
            raise OwnershipConflictError(f"{error.diag.message_primary}.") from error
        assert row is not None
        return int(row[0])

    def hold(self, region: str, kinds: Collection[PostingKind], *, let_go: bool, because: str, by: str) -> Sequence[PostingKind]:
        """Claim no new control of these kinds (PROTOCOL R2), and with `let_go` again of every other kind; those that have changed.

        A region that is in a move stays as it is: its own steps read the lock-outs back.
        """
        terms = {"region": region, "kinds": list(kinds), "let_go": let_go, "because": because, "by": by}
        if not self.connection.execute(IS_OTHERWISE, terms).rowcount:
            return []
        row = self.connection.execute(HOLD, terms).fetchone()
        return [PostingKind(kind) for kind in (row[0] if row else ())]
