"""What the code did to a region's store, one record a transaction, for the replay against the protocol (`tests/protocol_model/replay.py`).

The store records itself, as each transaction commits: from its own rows, and not from what the code says that it does. So a trace is whole
whoever dies: a transaction is in it if and only if it took effect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from tests.protocol_model.replay import Disallowed, allows
from tests.protocol_model.trace import Action, Record, Result

#: A row of the audit trail says which act it was; what the act changed is read from the rows themselves, when the transaction commits.
RECORDER: Final = """
CREATE SCHEMA recorded;
CREATE TABLE recorded.step (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, act text NOT NULL, record jsonb NOT NULL);

CREATE FUNCTION recorded.facts() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_agg(DISTINCT jsonb_build_object(
        'phase', w.phase, 'epoch', w.epoch, 'owner', p.owner, 'cutover', w.cutover_id,
        'lapsed', coalesce(w.phase IN ('frozen', 'drained', 'locked', 'verified') AND w.frozen_until <= clock_timestamp(), false)))
    FROM ownership w JOIN LATERAL (SELECT owner FROM ownership_period p WHERE p.ownership_id = w.ownership_id
                                   ORDER BY from_period DESC LIMIT 1) p ON true
    WHERE w.region = 'emea' AND w.kind <> 'reference'
$$;

CREATE FUNCTION recorded.take() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found jsonb := '{}';
    facts jsonb := recorded.facts();
BEGIN
    IF NEW.posting_id IS NOT NULL AND NEW.erp IS NOT NULL THEN
        -- A worker that settles another's claim is told by a token that is nobody's.
        SELECT jsonb_build_object('posting', d.posting_id, 'kind', o.kind, 'company', d.legal_entity, 'erp', d.erp, 'role', d.role,
            'period', routed_period(o.period), 'marked', d.maybe_there, 'canary', o.priority = -1,
            'token', CASE WHEN d.claimed_by = NEW.actor THEN d.claim_token::text ELSE 'of ' || NEW.actor END,
            'pinned', EXISTS (SELECT FROM pin WHERE pin.region = o.region AND pin.routing_key = o.routing_key),
            'look_up_only', NEW.action = 'claimed' AND NEW.details->>'owner' <> d.erp)
        INTO STRICT found FROM delivery d
        JOIN LATERAL (SELECT * FROM outbox o WHERE o.posting_id = d.posting_id AND o.legal_entity = d.legal_entity
                      AND o.destination IN ('', d.erp) ORDER BY (o.destination = '') = (d.role = 'candidate') LIMIT 1) o ON true
        WHERE d.posting_id = NEW.posting_id AND d.legal_entity = NEW.legal_entity AND d.erp = NEW.erp;
    ELSIF NEW.details ? 'cutover' THEN
        SELECT jsonb_build_object('about', c.cutover_id, 'from_period', c.from_period, 'erp', NEW.erp, 'role', NEW.details->>'role',
            'company', NEW.legal_entity, 'companies', ARRAY(
                SELECT l.legal_entity FROM lock_out l WHERE l.erp = facts->0->>'owner' GROUP BY l.legal_entity
                HAVING bool_and(l.read_back_at IS NOT NULL AND CASE WHEN NEW.action = 'locked'
                    THEN l.desired = 'locked' AND l.quiet_at IS NOT NULL AND l.generation = (
                             SELECT max(w.lock_generation) FROM ownership w WHERE w.region = c.region)
                    ELSE l.desired = 'open' END) ORDER BY l.legal_entity))
        INTO STRICT found FROM cutover c WHERE c.cutover_id = (NEW.details->>'cutover')::uuid;
    END IF;
    INSERT INTO recorded.step (act, record) VALUES (NEW.action, found || jsonb_build_object('facts', facts));
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER recorded AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION recorded.take();
"""
TAKEN: Final = "SELECT act, record FROM recorded.step ORDER BY number"
FORGET: Final = "DELETE FROM recorded.step"
BEGINS: Final = """
    SELECT recorded.facts(), min(p.from_period), count(DISTINCT (p.from_period, p.owner))
    FROM ownership w JOIN ownership_period p USING (ownership_id) WHERE w.region = 'emea' AND w.kind <> 'reference'
"""

#: What the audit trail calls an act, and what the protocol calls it.
ACTS: Final[dict[str, Action]] = {
    "cutover_evidence": "asked",
    "cutover_approved": "approved",
    "frozen": "frozen",
    "drained": "drained",
    "lock_out_intended": "lock_intended",
    "locked": "locked",
    "verified": "verified",
    "switched": "switched",
    "releasing": "releasing",
    "released": "opened",
    "opened": "opened",
    "claimed": "claimed",
    "captured": "captured",
}
SETTLED: Final[dict[str, Result]] = {
    "posted": "posted",
    "retry": "retry",
    "in_doubt": "in_doubt",
    "dead_lettered": "dead",
    "absent": "absent",
    "given_back": "given_back",
}
#: Acts that neither move a region nor send anything.
OF_NO_CONCERN: Final = frozenset({"accepted", "cutover_requested", "cutover_refused"})


@dataclass
class Recording:
    """The trace of one region since it was begun, or since what was gone back to."""

    admin: psycopg.Connection[dict[str, Any]]
    companies: tuple[str, ...]
    trace: list[Record] = field(init=False)
    replayed: int = 0
    """How many traces were held against the protocol."""

    def __post_init__(self) -> None:
        self.admin.execute(RECORDER.encode())
        row = self.admin.execute(BEGINS.encode()).fetchone()
        assert row is not None
        assert row["count"] == 1, "a recording begins with one owner of all periods"
        self.trace = [Record(action="begins", companies=self.companies, from_period=row["min"], **_facts(row["facts"]))]

    def so_far(self) -> tuple[Record, ...]:
        """Every step that took effect, in its order."""
        with self.admin.transaction():
            rows = self.admin.execute(TAKEN).fetchall()
            self.admin.execute(FORGET)
        self.trace += [record_of(row["act"], row["record"]) for row in rows if row["act"] not in OF_NO_CONCERN]
        return tuple(self.trace)

    def go_back(self, trace: tuple[Record, ...]) -> None:
        """Be where this trace ends."""
        self.admin.execute(FORGET)
        self.trace = list(trace)

    def disallowed(self) -> Disallowed | None:
        """The first step that the protocol does not allow."""
        self.replayed += 1
        return allows(self.so_far())


def record_of(act: str, found: dict[str, Any]) -> Record:
    """One step as the protocol knows it.

    Raises:
        KeyError: The audit trail tells of an act that the protocol has no word for.
    """
    facts = _facts(found.pop("facts"))
    found = {name: value for name, value in found.items() if value is not None}
    if act in SETTLED:
        return Record(action="settled", result=SETTLED[act], **found, **facts)
    action = ACTS[act]
    if action == "lock_intended" and found["erp"] != facts["owner"]:
        action = "shut"
    if action != "frozen":
        found.pop("from_period", None)
    if action not in ("locked", "opened"):
        found.pop("companies", None)
    return Record(action=action, **found | {"companies": tuple(found.get("companies", ()))}, **facts)


def _facts(found: list[dict[str, Any]]) -> dict[str, Any]:
    """What moves together is in one state."""
    (facts,) = found
    return facts
