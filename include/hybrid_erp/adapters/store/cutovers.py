"""Cutovers and rollbacks in the store: functions of the store alone move a region; they lock, check, and write history and audit."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

from psycopg import Connection, errors
from psycopg.rows import dict_row

from hybrid_erp.adapters.store.cutovers_sql import (
    APPROVALS,
    BEGIN_STEP,
    CUTOVER,
    END_STEP,
    FAILED_WHILE_IT_WAITED,
    LAST_LOOKED,
    LOCK_OUT_HISTORY,
    LOCK_OUTS,
    OVER_BUDGET,
    UNSETTLED,
)
from hybrid_erp.model.cutover import (
    Approval,
    ApproverRole,
    Cutover,
    CutoverRequest,
    DesiredLockOut,
    Direction,
    FailedReconciliation,
    Limits,
    LockOutEvent,
    Mode,
    Step,
    Unsettled,
    Versions,
)
from hybrid_erp.model.errors import OwnershipConflictError
from hybrid_erp.model.lock_out import PostingRight
from hybrid_erp.model.ownership import Phase, PostingKind

#: A claim that holds the lock for longer than this is stuck; waiting longer would hold up the claims behind this one. Who stops between a
#: function and its commit holds the region's lock: PostgreSQL ends its session, and nothing has happened.
TIMEOUTS: Final = "SET LOCAL lock_timeout = '4s'; SET LOCAL idle_in_transaction_session_timeout = '10s'"
LOCK_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class PostgresCutovers:
    """Needs the rights of `hybrid_erp_cutover`; the connection is in autocommit.

    Everything raises OwnershipConflictError when the region is not in the state that the step needs; then nothing was changed. Each step
    that has been done before answers so, and changes nothing.
    """

    connection: Connection[tuple[Any, ...]]
    by: str
    """Who acts, for the audit trail."""

    def request(self, asked: CutoverRequest, limits: Limits, versions: Versions) -> UUID:
        """Write what was asked for; the same run again finds its own."""
        row = {each.name: getattr(asked, each.name) for each in fields(asked)}
        row |= {"cutover_id": str(uuid4()), "limits": asdict(limits), **asdict(versions)}
        return UUID(str(self._call("SELECT request_cutover(%s)", json.dumps(row))))

    def store_evidence(self, cutover_id: UUID, evidence: Mapping[str, Any], evidence_hash: str) -> None:
        """Store what people are asked on; other evidence than before voids their answers."""
        self._call("SELECT store_evidence(%s, %s, %s, %s)", cutover_id, json.dumps(evidence), evidence_hash, self.by)

    def approve(
        self, cutover_id: UUID, role: ApproverRole, legal_entity: str, *, evidence_hash: str, by: str, by_id: str, answered_at: datetime
    ) -> None:
        """Write one person's yes."""
        terms = (cutover_id, role.value, legal_entity, evidence_hash, by, by_id, answered_at)
        self._call("SELECT record_approval(%s, %s, %s, %s, %s, %s, %s)", *terms)

    def freeze(self, cutover_id: UUID) -> Phase:
        """Stop new control claims; the phase that the region is in afterwards."""
        return Phase(self._call("SELECT freeze_region(%s, %s)", cutover_id, self.by))

    def renew(self, cutover_id: UUID) -> bool:
        """Let the freeze run on; False: it has ended by itself or reached its longest."""
        return bool(self._call("SELECT renew_freeze(%s)", cutover_id))

    def drained(self, cutover_id: UUID) -> int:
        """Call the region drained; how many postings that were begun at the old owner stand in the way."""
        return int(self._call("SELECT mark_drained(%s, %s)", cutover_id, self.by))

    def intend_lock_out(self, cutover_id: UUID, erp: str, legal_entity: str, taken: Collection[PostingRight]) -> int | None:
        """Write down whose rights are to be taken, before the ERP is told; the generation. None: locked out since an earlier move."""
        rights = json.dumps([{"login": each.login, "right": each.right, "kind": each.kind.value} for each in sorted(taken)])
        found = self._call("SELECT intend_lock_out(%s, %s, %s, %s, %s)", cutover_id, erp, legal_entity, rights, self.by)
        return None if found is None else int(found)

    def note_read_back(
        self, erp: str, legal_entity: str, generation: int, *, as_desired: bool, quiet: bool, read_back: Mapping[str, Any]
    ) -> bool:
        """Write down what the ERP said of a company; False: a later generation is under way."""
        terms = (erp, legal_entity, generation, as_desired, quiet, json.dumps(read_back))
        return bool(self._call("SELECT note_read_back(%s, %s, %s, %s, %s, %s)", *terms))

    def confirm_lock_out(self, cutover_id: UUID) -> None:
        """Call the region locked, by the read back of every company."""
        self._call("SELECT confirm_lock_out(%s, %s)", cutover_id, self.by)

    def verified(self, cutover_id: UUID, reconciliation_id: UUID) -> None:
        """Call the region verified, by a reconciliation that began after the lock-out."""
        self._call("SELECT mark_verified(%s, %s, %s)", cutover_id, reconciliation_id, self.by)

    def switch(self, cutover_id: UUID, *, configuration: str, mappings: Mapping[str, str]) -> str:
        """Make the new owner own, in one transaction that asks for the seven facts itself (PROTOCOL W1)."""
        return str(self._call("SELECT switch_ownership(%s, %s, %s, %s)", cutover_id, configuration, json.dumps(mappings), self.by))

    def send_canary(self, cutover_id: UUID, posting_ids: Sequence[UUID]) -> None:
        """Let a smoke test's entries go while everything else of the region waits."""
        self._call("SELECT send_canary(%s, %s, %s)", cutover_id, list(posting_ids), self.by)

    def begin_release(self, cutover_id: UUID, *, reason: str) -> str:
        """The first half of a release: `nothing`, `releasing`, or `switched`."""
        return str(self._call("SELECT begin_release(%s, %s, %s)", cutover_id, self.by, reason))

    def finish_release(self, cutover_id: UUID) -> str:
        """Open the old owner again; the outcome."""
        return str(self._call("SELECT finish_release(%s, %s)", cutover_id, self.by))

    def intend_opening(self, cutover_id: UUID) -> Sequence[str]:
        """Write down that the new owner is to be opened where an earlier move locked it out; the companies concerned."""
        return list(self._call("SELECT intend_opening(%s, %s)", cutover_id, self.by))

    def open_after_switch(self, cutover_id: UUID, *, smoke_test: Mapping[str, Any]) -> str:
        """Open claims at the new owner; the outcome."""
        return str(self._call("SELECT open_after_switch(%s, %s, %s)", cutover_id, self.by, json.dumps(smoke_test)))

    def close_reverse(self, region: str, *, reason: str) -> None:
        """Close the way back, for good (PROTOCOL B2)."""
        self._call("SELECT close_reverse(%s, %s, %s)", region, self.by, reason)

    def of_run(self, region: str, run: str) -> Cutover | None:
        """The cutover that a run asked for."""
        return self._cutover("c.region = %(region)s AND c.run = %(run)s", region=region, run=run)

    def find(self, cutover_id: UUID) -> Cutover | None:
        """One cutover."""
        return self._cutover("c.cutover_id = %(cutover_id)s", cutover_id=cutover_id)

    def under_way(self, region: str | None = None) -> Sequence[Cutover]:
        """The cutovers that have not ended: of a region, or all."""
        statement = CUTOVER + "WHERE c.ended_at IS NULL AND (%(region)s::text IS NULL OR c.region = %(region)s) ORDER BY c.requested_at"
        return [_to_cutover(row) for row in self._rows(statement, {"region": region})]

    def unsettled(self, cutover_id: UUID) -> Sequence[Unsettled]:
        """What stands between the region and its new owner."""
        return [Unsettled(**row) for row in self._rows(UNSETTLED, {"cutover_id": cutover_id})]

    def approvals(self, cutover_id: UUID) -> Sequence[Approval]:
        """Who has said yes to the present evidence."""
        rows = self._rows(APPROVALS, {"cutover_id": cutover_id})
        return [Approval(ApproverRole(row.pop("role")), **row) for row in rows]

    def failed_while_it_waited(self, cutover_id: UUID) -> Sequence[FailedReconciliation]:
        """The legal entities whose latest reconciliation since the move was asked for did not pass."""
        rows = self._rows(FAILED_WHILE_IT_WAITED, {"cutover_id": cutover_id})
        return [FailedReconciliation(**row | {"reasons": tuple(row["reasons"])}) for row in rows]

    def last_reconciled(self, region: str) -> datetime | None:
        """When the last reconciliation of a region began, whatever came of it."""
        (row,) = self._rows(LAST_LOOKED, {"region": region})
        found: datetime | None = row["at"]
        return found

    def lock_outs(self, *, cutover_id: UUID | None = None, erp: str | None = None) -> Sequence[DesiredLockOut]:
        """How companies should be: of a cutover, of an ERP, or all."""
        rows = self._rows(LOCK_OUTS, {"cutover_id": cutover_id, "erp": erp})
        return [_to_lock_out(row) for row in rows]

    def lock_out_history(self, region: str) -> Sequence[LockOutEvent]:
        """Who was locked out of which company when, under which move, and what the ERP said of it; the earliest first."""
        rows = self._rows(LOCK_OUT_HISTORY, {"region": region})
        return [LockOutEvent(**{**row, "logins": tuple(row["logins"]), "kinds": tuple(map(PostingKind, row["kinds"]))}) for row in rows]

    def begin_step(self, cutover_id: UUID, step: Step) -> int:
        """Write that a step begins; its number."""
        return int(self._rows(BEGIN_STEP, {"cutover_id": cutover_id, "step": step.value})[0]["step_id"])

    def end_step(self, step_id: int, *, outcome: str, found: Mapping[str, Any]) -> None:
        """Write what a step came to."""
        self._rows(END_STEP, {"step_id": step_id, "outcome": outcome[:500], "found": json.dumps(found)})

    def note_over_budget(self, cutover_id: UUID, budget_seconds: float) -> None:
        """Write into the audit trail that a move has used up the time that it may take."""
        self._rows(OVER_BUDGET, {"cutover_id": cutover_id, "by": self.by, "budget_seconds": budget_seconds})

    def _cutover(self, condition: LiteralString, **terms: Any) -> Cutover | None:
        rows = self._rows(CUTOVER + "WHERE " + condition, terms)
        return _to_cutover(rows[0]) if rows else None

    def _rows(self, statement: LiteralString, terms: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(statement, terms)
            return cursor.fetchall() if cursor.description else []

    def _call(self, statement: LiteralString, *terms: Any) -> Any:
        """One function of the store in one transaction, tried again while a claim holds its lock for too long."""
        for left in reversed(range(LOCK_TRIES)):
            try:
                with self.connection.transaction():
                    self.connection.execute(TIMEOUTS)
                    row = self.connection.execute(statement, terms).fetchone()
                assert row is not None
                return row[0]
            except errors.LockNotAvailable as error:
                if not left:
                    raise OwnershipConflictError("Claims of the region hold its lock for too long; nothing was changed.") from error
            except (errors.ObjectNotInPrerequisiteState, errors.NoDataFound) as error:
                raise OwnershipConflictError(f"{(error.diag.message_primary or 'refused').strip('.')}.") from error
        raise AssertionError("unreachable")


def _to_cutover(row: dict[str, Any]) -> Cutover:
    row |= {
        "direction": Direction(row["direction"]),
        "mode": Mode(row["mode"]),
        "kinds": tuple(PostingKind(kind) for kind in row["kinds"]),
        "legal_entities": tuple(row["legal_entities"]),
        "phase": Phase(row["phase"]),
        "limits": Limits(**row["limits"]),
    }
    return Cutover(**row)


def _to_lock_out(row: dict[str, Any]) -> DesiredLockOut:
    rights = frozenset(PostingRight(each["login"], each["right"], PostingKind(each["kind"])) for each in row.pop("taken"))
    return DesiredLockOut(**{**row, "kinds": tuple(PostingKind(kind) for kind in row["kinds"]), "taken": rights})
