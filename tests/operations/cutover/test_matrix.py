"""Every task of a run, taken by hand in every state of it: cleared, run again, or reached because others were marked success or failed.

What a person does in Airflow comes down to this: cleared or run again, a task is taken in a later state; where tasks were marked success,
in an earlier one; after one that was marked failed, the release is next. From wherever that leads, the run goes on as its DAG does.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from hybrid_erp.model.cutover import Direction, Step
from hybrid_erp.model.errors import HybridErpError
from hybrid_erp.model.lock_out import is_locked
from hybrid_erp.model.ownership import OWNED_KINDS
from tests.fake_lock_out import everybodys_rights
from tests.operations.cutover.kills import LIVELY, UNHURRIED
from tests.operations.cutover.region import STEPS, Region, Run
from tests.operations.cutover.snapshots import snapshot, state_of
from tests.store.cutovers import ENTITIES, EVIDENCE_HASH
from tests.stores import CLOUD, LEGACY

#: Phases in which nobody may post in the old owner but our copies.
LOCKED = {"locked", "verified", "switched"}
OPEN = {"dual_run", "hypercare"}
# The facts of a switch that stay: who has said yes to what, in which order, and that nothing was on its way.
FACTS = """
    SELECT frozen_at < drained_at AND drained_at < locked_at AND locked_at < verified_at AND verified_at < switched_at AS in_order,
           (SELECT started_at > c.locked_at AND passed FROM reconciliation r WHERE r.reconciliation_id = c.reconciliation_id) AS reconciled,
           (SELECT array_agg(role || legal_entity ORDER BY role, legal_entity) FROM cutover_approval a
            WHERE a.cutover_id = c.cutover_id AND a.evidence_hash = %s AND a.approved_by <> c.requested_by) AS yes,
           (SELECT count(*) FROM unsettled(c)) AS unsettled,
           (SELECT bool_and(read_back_at > c.verified_at AND quiet_at > c.drained_at) FROM lock_out l
            WHERE l.cutover_id = c.cutover_id AND l.erp = c.old_owner) AS read_back,
           store_timeline = store_timeline() AS same_store
    FROM cutover c WHERE run = %s
"""
ALL_OF_THEM = {
    "in_order": True,
    "reconciled": True,
    "yes": sorted(["migration_lead", *(f"controller{entity}" for entity in ENTITIES)]),
    "unsettled": 0,
    "read_back": True,
    "same_store": True,
}


@dataclass
class Matrix:
    """One run, in each of its states, and everything that a person may do there."""

    region: Region
    run: Run
    locked_before: str | None
    """The ERP that a move before this one has left locked out."""
    taken: Counter[Step] = field(default_factory=Counter)
    proven: set[str] = field(default_factory=set)
    """States that the run was seen to go on from, task by task, safely. From the same state everything goes the same way."""

    def try_everything(self) -> None:
        """Every task in every state, and on from there."""
        self.region.begin(self.run)
        self.region.here.request(self.run)
        states = []
        for step in STEPS:
            if step in LIVELY:
                self.region.go_on_living()
            states.append(snapshot(self.region))
            self.take(step)
        states.append(snapshot(self.region))
        for state in states:
            for step in STEPS:
                state.restore()
                self.take(step)
                if (led_to := state_of(self.region)) not in {state.state, *self.proven}:
                    self.proven.add(led_to)
                    self.go_on(step)

    def go_on(self, step: Step) -> None:
        """What the DAG does next: the tasks after it until one fails, then the release."""
        for each in STEPS[STEPS.index(step) + 1 :]:
            if not self.take(each):
                break
        self.take(Step.RELEASE)
        self.region.require_allowed()

    def take(self, step: Step) -> bool:
        """Take a task, and hold that nothing unsafe came of it; False: it refused."""
        before = self.region.phases()
        was_switched, done = self.is_switched(), False
        with suppress(HybridErpError):
            self.region.here.take(self.run, step)
            done = True
        self.taken[step] += 1
        where = f"{step} in {before}"
        if self.is_switched() and not was_switched:
            assert (step, before) == (Step.SWITCH, {"verified"}), where
            (facts,) = self.region.sql(FACTS, EVIDENCE_HASH, self.run.name)
            assert facts == ALL_OF_THEM, where
        self.require_safe(where)
        return done

    def is_switched(self) -> bool:
        found = self.region.cutover(self.run)
        return found is not None and found.switched_at is not None

    def require_safe(self, where: str) -> None:
        """One owner of everything that moves, and only who may post can."""
        (phase,) = self.region.phases()
        owner = self.region.owner()
        assert owner == (self.run.new if self.is_switched() else self.run.old), where
        if phase in LOCKED:
            self.require_locked_out(self.run.old, f"{where}, now {phase}")
        if phase in OPEN:
            if (left := self.run.old if owner == self.run.new else self.locked_before) is not None:
                self.require_locked_out(left, f"{where}, now {phase}")
            for entity in ENTITIES:
                assert self.region.company(owner, entity).rights.rights == everybodys_rights(), f"{where}: {entity} at {owner} is not open"

    def require_locked_out(self, erp: str, where: str) -> None:
        for entity in ENTITIES:
            assert is_locked(self.region.company(erp, entity).state(), OWNED_KINDS, ()), f"{where}: {entity} at {erp} lets somebody post"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("direction", Direction)
def test_whatever_task_is_taken_in_whatever_state_nothing_unsafe_comes_of_it(region: Region, direction: Direction) -> None:
    locked_before = None
    if direction is Direction.ROLLBACK:
        region.here.go(Run())
        region.require_open(CLOUD, locked=LEGACY)
        locked_before = LEGACY
    matrix = Matrix(region, Run(direction, limits=UNHURRIED), locked_before)

    matrix.try_everything()

    assert set(matrix.taken) == set(STEPS)
    assert min(matrix.taken.values()) > len(STEPS)
