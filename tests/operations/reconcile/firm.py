"""A legal entity in dual run on two ledgers in memory and a real store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from hybrid_erp.adapters.store.dual_run import Boundary, PostgresDualRun
from hybrid_erp.adapters.store.observations import PostgresObservations
from hybrid_erp.adapters.store.observations_reading import PostgresComparison
from hybrid_erp.adapters.store.reconciliation_facts import PostgresReconciliationFacts
from hybrid_erp.model.booking import BookingLine
from hybrid_erp.model.books import Changes, Entry
from hybrid_erp.model.claim import Claim, SettledDead, SettledPosted, SettledRetry
from hybrid_erp.model.delivery import FailureClass, Role
from hybrid_erp.model.reconciliation import Difference, DifferenceClass, EntityResult
from hybrid_erp.model.region_plan import RegionPlan
from hybrid_erp.operations.reconcile.entity import EntityReconciliation
from hybrid_erp.operations.reconcile.follow import Follower
from hybrid_erp.operations.reconcile.look import EntityTerms, Looker
from hybrid_erp.operations.reconcile.region import prepared
from tests.builders import a_journal_entry
from tests.observed import an_entry, with_lines
from tests.operations.reconcile.ledger import Ledger
from tests.stores import CLOUD, LEGACY, Store

KINDS, ENTITIES = ("project", "billing", "ledger"), ("DE01", "UK01")
TODAY = date(2026, 3, 31)
PLAN: dict[str, Any] = {"confirmation_seconds_max": 0, "intercompany_accounts": ["1300"]}


@dataclass
class Firm:
    """A legal entity in dual run on two ledgers."""

    store: Store
    legacy: Ledger
    cloud: Ledger
    plan: dict[str, Any]

    def booked(self, amount: str = "100.10", *, copy: str = "posted", day: str = "2026-03-05") -> UUID:
        """A posting that the control has booked, and what became of its copy: posted, waiting, refused, retried."""
        self.store.accept(a_journal_entry(amount=amount, accounting_date=day))
        control = self.store.claim_one()
        self.legacy.post(posted_entry(f"gl,{len(self.legacy.told)}", control, amount, day))
        self.store.settlements().settle(control, SettledPosted(self.legacy.told[-1], "JE", None, date.fromisoformat(day)))
        if copy != "waiting":
            (claim,) = self.store.claim(CLOUD, role=Role.CANDIDATE)
            self.settle_copy(claim, copy, amount, day)
        return control.posting_id

    def settle_copy(self, claim: Claim, copy: str, amount: str, day: str) -> None:
        settlements = self.store.settlements()
        if copy == "refused":
            settlements.settle(claim, SettledDead(FailureClass.VALIDATION, "no such party"))
        elif copy == "unmapped":
            settlements.settle(claim, SettledDead(FailureClass.MAPPING_GAP, "no account for 5200"))
        elif copy == "retried":
            settlements.settle(claim, SettledRetry(FailureClass.TRANSIENT, "502", 60, nothing_sent=False))
        else:
            self.cloud.post(posted_entry(f"account.move,{len(self.cloud.told)}", claim, copy if copy != "posted" else amount, day))
            native_id = self.cloud.told[-1]
            conflict = SettledDead(FailureClass.CONFLICT, "amounts differ", native_id)
            settlements.settle(claim, SettledPosted(native_id, "M", None, date.fromisoformat(day)) if copy == "posted" else conflict)

    def reconcile(self, **changes: Any) -> EntityResult:
        """One reconciliation."""
        plan = RegionPlan.model_validate(PLAN | self.plan)
        connection = self.store.connect("delivery")
        observations, comparison = PostgresObservations(connection), PostgresComparison(connection)
        facts = PostgresReconciliationFacts(connection)
        legacy = Follower(LEGACY, "legacy", "DE01", self.legacy, observations, comparison, facts)
        cloud = Follower(CLOUD, "cloud", "DE01", self.cloud, observations, comparison, facts)
        charts = prepared(plan, "DE01", (LEGACY, self.legacy), (CLOUD, self.cloud), TODAY)
        terms = EntityTerms("DE01", "EUR", plan, ("1100",), frozenset({"4000", "5200", "6200"}), frozenset({"5200", "6200"}))
        return EntityReconciliation(Looker(terms, charts, legacy, cloud, facts), TODAY).run(**changes)


def posted_entry(native_id: str, claim: Claim, amount: str, day: str) -> Entry:
    entry = an_entry(native_id, posting_id=claim.posting_id, changed_at=None)
    booking = replace(entry.booking, accounting_on=date.fromisoformat(day), lines=lines_of(amount))
    return replace(entry, booking=booking)


def lines_of(amount: str, account: str = "5200") -> tuple[BookingLine, ...]:
    value = Decimal(amount)
    return (BookingLine(account, value, value), BookingLine("1000", -value, -value))


def a_native(native_id: str, amount: str = "7.00", account: str = "5200", **changes: Any) -> Entry:
    return replace(with_lines(an_entry(native_id, changed_at=None), *lines_of(amount, account)), **changes)


def a_firm(store: Store) -> Firm:
    """Both ERPs empty, and everything posted to both."""
    run = PostgresDualRun(store.connect("cutover"))
    for legal_entity in ENTITIES:
        run.draw_boundary(Boundary(legal_entity, LEGACY, CLOUD, 0, "0", "0", datetime.now(UTC)), ())
    run.start("emea", KINDS, ENTITIES, CLOUD, by="lead", reason="loaded")
    run.raise_share("emea", KINDS, 10_000, by="lead", reason="all")
    return Firm(store, Ledger(), Ledger(), {})


def found(result: EntityResult) -> list[tuple[DifferenceClass, Decimal]]:
    return sorted((each.difference_class, each.gross) for each in result.differences)


def the_difference(result: EntityResult) -> Difference:
    (difference,) = result.differences
    return difference


@dataclass
class Arriving(Ledger):
    """A ledger in which something arrives just after it has told what changed."""

    arrives: Callable[[], None] = lambda: None
    at_look: int = 1
    looks: int = 0

    def changes(self, after: str | None, *, limit: int = 1000, thorough: bool = False) -> Changes:
        told = super().changes(after, limit=limit, thorough=thorough)
        self.looks += 1
        if self.looks == self.at_look:
            self.arrives()
        return told
