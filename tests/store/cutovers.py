"""A region on its way, for tests: asked for, approved, frozen, locked out, verified, switched; each step as its real caller takes it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from hybrid_erp.adapters.store.cutovers import PostgresCutovers
from hybrid_erp.adapters.store.dual_run import Boundary, PostgresDualRun
from hybrid_erp.model.cutover import ApproverRole, Cutover, CutoverRequest, Direction, Limits, Mode, Versions
from hybrid_erp.model.lock_out import PostingRight
from hybrid_erp.model.ownership import OWNED_KINDS, PostingKind
from tests.stores import CLOUD, LEGACY, Store

ENTITIES = ("DE01", "UK01")
KINDS = tuple(kind.value for kind in OWNED_KINDS)
WHOLE = 10_000
EVIDENCE = {"checks": ["all pass"]}
EVIDENCE_HASH = "e" * 64
LIMITS = Limits(lease_seconds=60, freeze_seconds_max=300, verification_seconds_max=120, read_back_seconds_max=60, approval_minutes_max=60)
VERSIONS = Versions("f" * 64, {LEGACY: "1", CLOUD: "1"}, "1", "0.1.0")
BOOKKEEPER = PostingRight("bookkeeper", "gl_transaction_create", PostingKind.LEDGER)
CONTROL = PostingRight("control", "ar_transaction_create", PostingKind.BILLING)

_runs = itertools.count(1)


@dataclass
class Move:
    """One cutover or rollback in a store."""

    store: Store
    direction: Direction = Direction.CUTOVER
    mode: Mode = Mode.LIVE
    from_period: str = "2025-01"
    limits: Limits = LIMITS
    kinds: tuple[PostingKind, ...] = OWNED_KINDS

    def __post_init__(self) -> None:
        self.cutovers = PostgresCutovers(self.store.connect("cutover"), "tests")
        self.old, self.new = (LEGACY, CLOUD) if self.direction is Direction.CUTOVER else (CLOUD, LEGACY)
        asked = CutoverRequest(
            region="emea",
            direction=self.direction,
            mode=self.mode,
            kinds=self.kinds,
            legal_entities=ENTITIES,
            from_period=self.from_period,
            old_owner=self.old,
            new_owner=self.new,
            run=f"run-{next(_runs)}",
            requested_by="lena",
            reason="it is time",
            ticket="CHG-1",
        )
        self.id = self.cutovers.request(asked, self.limits, VERSIONS)

    @property
    def now(self) -> Cutover:
        """As the store knows it."""
        found = self.cutovers.find(self.id)
        assert found is not None
        return found

    def approved(self, by: Sequence[tuple[ApproverRole, str, str]] | None = None) -> Move:
        """Evidence, and everybody's yes."""
        self.cutovers.store_evidence(self.id, EVIDENCE, EVIDENCE_HASH)
        for role, entity, person in by or [
            (ApproverRole.MIGRATION_LEAD, "", "lee"),
            *((ApproverRole.CONTROLLER, entity, "carla") for entity in ENTITIES),
        ]:
            self.cutovers.approve(
                self.id, role, entity, evidence_hash=EVIDENCE_HASH, by=person, by_id=person, answered_at=datetime.now(UTC)
            )
        return self

    def frozen(self) -> Move:
        """No new claims."""
        self.approved()
        assert self.cutovers.freeze(self.id) == "frozen"
        return self

    def drained(self) -> Move:
        """Nothing is left that was begun."""
        self.frozen()
        assert self.cutovers.drained(self.id) == 0
        return self

    def intended(self, erp: str | None = None) -> int:
        """Every company of the old owner is to be locked out."""
        generations = {self.cutovers.intend_lock_out(self.id, erp or self.old, entity, [BOOKKEEPER, CONTROL]) for entity in ENTITIES}
        (generation,) = generations
        assert generation is not None
        return generation

    def read_back(self, generation: int, *, erp: str | None = None, quiet: bool = True) -> None:
        """Every company says that it is as desired."""
        for entity in ENTITIES:
            assert self.cutovers.note_read_back(erp or self.old, entity, generation, as_desired=True, quiet=quiet, read_back={})

    def locked(self) -> Move:
        """Locked out and read back."""
        self.drained()
        self.read_back(self.intended())
        self.cutovers.confirm_lock_out(self.id)
        return self

    def reconciled(self, *, passed: bool = True, differences: Sequence[str] = (), position: int | None = None) -> UUID:
        """A reconciliation of the region that is finished now."""
        reconciliation_id = uuid4()
        self.store.sql(
            """INSERT INTO reconciliation (reconciliation_id, region, legacy, cloud, legal_entities, depth, requested_by, run,
                                           configuration, mappings, plan)
               VALUES (%s, 'emea', %s, %s, %s, 'changed', 'tests', %s, %s, jsonb_build_object(%s::text, '1', %s::text, '1'), '{}')""",
            reconciliation_id, LEGACY, CLOUD, list(ENTITIES), str(reconciliation_id), VERSIONS.configuration, LEGACY, CLOUD,
        )  # fmt: skip
        for entity in ENTITIES:
            settled = self.store.one(
                "SELECT coalesce(max(settle_position), 0) FROM delivery WHERE legal_entity = %s AND state = 'posted'", entity
            )
            self.store.sql(
                """INSERT INTO reconciliation_entity (reconciliation_id, legal_entity, currency, instant, settle_position, legacy_cursor,
                                                      cloud_cursor, looks, passed, reasons)
                   VALUES (%s, %s, 'EUR', now(), %s, 'c', 'c', 1, %s, '{}')""",
                reconciliation_id, entity, settled if position is None else position, passed,
            )  # fmt: skip
            for number, difference in enumerate(differences):
                self.store.sql(
                    """INSERT INTO reconciliation_difference (reconciliation_id, legal_entity, difference_no, class, aspect, gross, moved,
                           legacy, cloud, number, document_type, why, ignored, arrived)
                       VALUES (%s, %s, %s, %s, '', 0, 0, '', '', '', '', '', '', false)""",
                    reconciliation_id, entity, number, difference,
                )  # fmt: skip
        self.store.sql(
            "UPDATE reconciliation SET finished_at = clock_timestamp(), passed = %s, reasons = '{}' WHERE reconciliation_id = %s",
            passed, reconciliation_id,
        )  # fmt: skip
        return reconciliation_id

    def verified(self) -> Move:
        """Verified, and the lock-out read back once more."""
        self.locked()
        self.cutovers.verified(self.id, self.reconciled())
        self.read_back(self.generation, quiet=False)
        return self

    @property
    def generation(self) -> int:
        """Of the lock-out."""
        found = self.now.generation
        assert found is not None
        return found

    def switch(self) -> str:
        """The flip."""
        return self.cutovers.switch(self.id, configuration=VERSIONS.configuration, mappings=VERSIONS.mappings)

    def switched(self) -> Move:
        """Flipped."""
        self.verified()
        assert self.switch() == "switched"
        return self

    def opened(self) -> Move:
        """Flipped and open, whatever an earlier move had locked out opened again."""
        self.switched()
        self.cutovers.intend_opening(self.id)
        for each in self.cutovers.lock_outs(erp=self.new):
            if each.desired == "open":
                for entity in ENTITIES:
                    self.cutovers.note_read_back(self.new, entity, each.generation, as_desired=True, quiet=False, read_back={})
        assert self.cutovers.open_after_switch(self.id, smoke_test={}) == "switched"
        return self


def dual_run(store: Store) -> None:
    """EMEA, loaded at this moment and copied whole."""
    run = PostgresDualRun(store.connect("cutover"))
    for legal_entity in ENTITIES:
        settled = run.settled_so_far(legal_entity, LEGACY)
        run.draw_boundary(Boundary(legal_entity, LEGACY, CLOUD, settled, "c", "c", datetime.now(UTC)), ())
    run.start("emea", KINDS, ENTITIES, CLOUD, by="lead", reason="loaded")
    run.raise_share("emea", KINDS, WHOLE, by="lead", reason="all")


def short(limits: Limits = LIMITS, **seconds: float) -> Limits:
    """The usual limits with some of them changed."""
    return replace(limits, **seconds)
