"""Year end: December is closed at the old owner while January is booked at the new one; and a pair with a region that does not move."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from hybrid_erp.adapters.store.preflight_facts import PostgresPreflightFacts
from hybrid_erp.model.booking import Booking
from hybrid_erp.model.cutover import Direction, Step
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.ownership import period_of
from tests.fake_lock_out import BOOKKEEPER
from tests.operations.cutover.companies import Company
from tests.operations.cutover.region import STEPS, Region, Run
from tests.store.cutovers import ENTITIES
from tests.stores import CLOUD, LEGACY

DECEMBER, JANUARY = "2026-12", "2027-01"
CLOSE: dict[str, Any] = {"accounting_date": "2026-12-31", "journal_type": "general"}
AMER = "ledgersmb-amer"


def in_january(day: int) -> dict[str, Any]:
    return {"accounting_date": f"2027-01-{day:02}"}


def books(region: Region, erp: str, period: str) -> Counter[Booking]:
    """What an ERP holds of a period, whatever people or the product booked there."""
    held = [region.company(erp, entity).bookings() for entity in ENTITIES]
    return Counter(each for company in held for each in company.elements() if period_of(each.accounting_on) == period)


def booked_at(region: Region, *posting_ids: UUID) -> set[tuple[str, str]]:
    """In which ERP the postings count, and by which credential they went there."""
    statement = "SELECT erp, role FROM delivery WHERE posting_id = ANY(%s) AND state = 'posted' AND role <> 'candidate'"
    return {(row["erp"], row["role"]) for row in region.sql(statement, list(posting_ids))}


@pytest.mark.parametrize("when", [Step.FREEZE, Step.LOCK_OUT, Step.SWITCH])
def test_a_december_entry_is_booked_at_the_old_owner_in_the_middle_of_the_move_and_a_january_one_waits(region: Region, when: Step) -> None:
    run = Run(from_period=JANUARY)
    region.here.go(run, until=when)
    (december,), (january,) = region.accept("DE01", **CLOSE), region.accept("DE01", **in_january(2))

    for erp in (LEGACY, CLOUD):
        region.here.work.deliver(erp, "DE01", Role.CONTROL, seconds=30)

    assert booked_at(region, december) == {(LEGACY, "run_off")}
    assert booked_at(region, january) == set()
    for step in STEPS[STEPS.index(when) + 1 :]:
        region.here.take(run, step)
    region.require_whole()
    assert booked_at(region, january) == {(CLOUD, "control")}


def test_december_is_closed_at_the_old_owner_for_three_days_while_january_goes_to_the_new_one(region: Region) -> None:
    run = Run(from_period=JANUARY)
    region.here.closers = lambda erp, legal_entity: frozenset({BOOKKEEPER} if (erp, legal_entity) == (LEGACY, "DE01") else ())
    before = region.accept(*ENTITIES, **CLOSE)
    region.here.go(run)
    closing, new = [], []

    for day in (1, 2, 3):
        closing += region.accept(*ENTITIES, **CLOSE)
        new += region.accept(*ENTITIES, **in_january(day))
        assert region.type_in(LEGACY, "DE01", on=date(2026, 12, 31)), "who closes December may post there"
        assert not region.type_in(LEGACY, "UK01", on=date(2026, 12, 31)), "who was not named for the close is refused"
        assert region.type_in(CLOUD, "UK01", on=date(2027, 1, day)), "people post January at the new owner"
        region.here.let_everything_arrive()

    region.require_whole()
    region.require_allowed()
    assert booked_at(region, *closing) == {(LEGACY, "run_off")}
    assert booked_at(region, *before) <= {(LEGACY, "control"), (LEGACY, "run_off")}
    assert booked_at(region, *new) == {(CLOUD, "control")}
    # Both closes agree: each period holds the same documents in both ERPs, to the cent, and nothing of one has slipped into the other.
    december, january = books(region, LEGACY, DECEMBER), books(region, LEGACY, JANUARY)
    assert december == books(region, CLOUD, DECEMBER)
    assert january == books(region, CLOUD, JANUARY)
    canaries = len(region.canaries())
    assert (december.total(), january.total()) == (len(before) + len(closing) + 3, len(new) + 3 + canaries)


def test_a_cross_charge_with_a_region_that_does_not_move_is_whole_afterwards_in_one_period(region: Region) -> None:
    region.companies.of[AMER, "US01"] = Company(AMER, "US01")
    region.company(AMER, "US01").books.legal_entity = "US01"
    run = Run(from_period=JANUARY)
    region.here.go(run, until=Step.LOCK_OUT)

    (ours,) = pair_half(region, "DE01", "US01")
    (theirs,) = pair_half(region, "US01", "DE01")
    for erp, entity in ((LEGACY, "DE01"), (CLOUD, "DE01"), (AMER, "US01")):
        region.here.work.deliver(erp, entity, Role.CONTROL, seconds=30)
    assert (booked_at(region, ours), booked_at(region, theirs)) == (set(), {(AMER, "control")}), "one half waits for the frozen region"
    facts, firm = PostgresPreflightFacts(region.here.connections.of("reader")), ("CA01", *ENTITIES, "US01")
    region.sql("UPDATE posting SET accepted_at = accepted_at - interval '2 hours' WHERE posting_id = ANY(%s)", [ours, theirs])
    assert [(each.pair_id, each.found) for each in facts.half_pairs(["US01"], firm)] == [("IC-1", "the half of DE01 is waiting")]

    for step in STEPS[STEPS.index(Step.LOCK_OUT) + 1 :]:
        region.here.take(run, step)
    region.here.let_everything_arrive()

    assert booked_at(region, ours) == {(CLOUD, "control")}
    assert facts.half_pairs(["DE01", "US01"], firm) == []
    periods = region.sql(
        "SELECT DISTINCT to_char(accounting_on, 'YYYY-MM') AS period FROM delivery WHERE posting_id = ANY(%s)", [ours, theirs]
    )
    assert [row["period"] for row in periods] == [JANUARY]
    for erp in (LEGACY, CLOUD):
        assert region.company(erp, "DE01").holds()[ours] == 1


def test_a_cross_charge_of_december_stays_with_the_old_owner_on_one_side_and_is_whole_during_the_freeze(region: Region) -> None:
    region.companies.of[AMER, "US01"] = Company(AMER, "US01")
    region.company(AMER, "US01").books.legal_entity = "US01"
    region.here.go(Run(Direction.CUTOVER, from_period=JANUARY), until=Step.LOCK_OUT)

    (ours,) = pair_half(region, "DE01", "US01", on="2026-12-31")
    (theirs,) = pair_half(region, "US01", "DE01", on="2026-12-31")
    for erp, entity in ((LEGACY, "DE01"), (AMER, "US01")):
        region.here.work.deliver(erp, entity, Role.CONTROL, seconds=30)

    assert booked_at(region, ours, theirs) == {(LEGACY, "run_off"), (AMER, "control")}
    region.sql("UPDATE posting SET accepted_at = accepted_at - interval '2 hours' WHERE posting_id = ANY(%s)", [ours, theirs])
    facts = PostgresPreflightFacts(region.here.connections.of("reader"))
    assert facts.half_pairs(["DE01", "US01"], ("DE01", "US01")) == []


def pair_half(region: Region, entity: str, partner: str, *, on: str = "2027-01-04") -> list[UUID]:
    """One half of pair IC-1: the same amount, in one currency, on the same day."""
    lines = [{"account": "5200", "debit": "70.00"}, {"account": "1000", "credit": "70.00"}]
    terms: dict[str, Any] = {
        "number": f"IC-1/{entity}",
        "intercompany": {"pair": "IC-1", "partner": partner},
        "currency": "EUR",
        "lines": lines,
    }
    if entity == "US01":
        terms["exchange_rate"] = "1.10"
    return region.accept(entity, id=f"ic-1-{entity}", accounting_date=on, **terms)
