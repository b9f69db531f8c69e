"""Freeze, drain, lock-out, verification, switch and release in the store (PROTOCOL F, W, R), and what each refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from hybrid_erp.adapters.store.cutovers import TIMEOUTS
from hybrid_erp.adapters.store.dead_letters import PostgresDeadLetters
from hybrid_erp.model.claim import SettledDead, SettledInDoubt, SettledPosted
from hybrid_erp.model.cutover import ApproverRole, Direction, Mode
from hybrid_erp.model.delivery import FailureClass, Role
from hybrid_erp.model.errors import OwnershipConflictError
from hybrid_erp.model.ownership import PostingKind
from tests.builders import a_customer, a_journal_entry
from tests.store.cutovers import ENTITIES, EVIDENCE, EVIDENCE_HASH, VERSIONS, Move, dual_run, short
from tests.stores import CLOUD, LEGACY, Store, wait_until

POSTED = SettledPosted("77", "JE-77", "2026/77", date(2026, 3, 5))


@pytest.fixture
def region(store: Store) -> Store:
    dual_run(store)
    return store


def phases(store: Store) -> set[str]:
    return {row["phase"] for row in store.sql("SELECT phase FROM ownership WHERE region = 'emea' AND kind <> 'reference'")}


def epochs(store: Store) -> set[int]:
    return {row["epoch"] for row in store.sql("SELECT epoch FROM ownership WHERE region = 'emea' AND kind <> 'reference'")}


def owner(store: Store, period: str, kind: str = "ledger") -> tuple[str, str | None]:
    (row,) = store.sql(
        """SELECT owner, candidate FROM ownership_period JOIN ownership USING (ownership_id)
           WHERE region = 'emea' AND kind = %s AND from_period <= %s ORDER BY from_period DESC LIMIT 1""", kind, period,
    )  # fmt: skip
    return row["owner"], row["candidate"]


def copied(store: Store, erp: str = CLOUD) -> None:
    """Every copy that waits arrives."""
    for claim in store.claim(erp, role=Role.CANDIDATE, worker="shadow"):
        store.settlements("shadow").settle(claim, POSTED)


# Who may ask, and who says yes


def test_one_cutover_of_a_region_at_a_time(region: Store) -> None:
    Move(region)

    with pytest.raises(OwnershipConflictError, match=r"the cutover of region emea that lena asked for in run .* has not ended"):
        Move(region)


def test_the_same_run_finds_its_own_request_again(region: Store) -> None:
    move = Move(region)

    assert move.cutovers.of_run("emea", move.now.run) == move.now


def test_who_asked_cannot_approve(region: Store) -> None:
    move = Move(region)

    with pytest.raises(OwnershipConflictError, match="lena asked for this cutover"):
        move.approved([(ApproverRole.MIGRATION_LEAD, "", "lena")])


def test_the_lead_and_the_controllers_are_different_people(region: Store) -> None:
    move = Move(region)

    with pytest.raises(OwnershipConflictError, match="has approved in another role"):
        move.approved([(ApproverRole.MIGRATION_LEAD, "", "lee"), (ApproverRole.CONTROLLER, "DE01", "lee")])


def test_other_evidence_voids_the_answers(region: Store) -> None:
    move = Move(region).approved()

    move.cutovers.store_evidence(move.id, EVIDENCE | {"checks": ["one fails"]}, "0" * 64)

    with pytest.raises(OwnershipConflictError, match="lacks migration_lead, controller DE01, controller UK01"):
        move.cutovers.freeze(move.id)


def test_an_answer_to_other_evidence_counts_for_nothing(region: Store) -> None:
    move = Move(region)
    move.cutovers.store_evidence(move.id, EVIDENCE, EVIDENCE_HASH)

    with pytest.raises(OwnershipConflictError, match="the evidence has changed"):
        move.cutovers.approve(
            move.id, ApproverRole.MIGRATION_LEAD, "", evidence_hash="0" * 64, by="lee", by_id="4", answered_at=datetime.now(UTC)
        )


def test_one_controller_is_not_enough(region: Store) -> None:
    move = Move(region).approved([(ApproverRole.MIGRATION_LEAD, "", "lee"), (ApproverRole.CONTROLLER, "DE01", "carla")])

    with pytest.raises(OwnershipConflictError, match="not approved: cutover of region emea lacks controller UK01"):
        move.cutovers.freeze(move.id)
    assert phases(region) == {"dual_run"}


def test_an_old_yes_is_none(region: Store) -> None:
    move = Move(region, limits=short(approval_minutes_max=0))
    move.approved()

    with pytest.raises(OwnershipConflictError, match="lacks migration_lead"):
        move.cutovers.freeze(move.id)


# A blackout date that is overridden (ACCOUNTING D24)

OVERRIDING = {
    "checks": [{"name": "store_fit", "evidence": {}}, {"name": "blackout_dates", "evidence": {"overridden": ["UK01"]}}],
    "request": {"override_blackout": "the licence ends"},
}
SECOND = (ApproverRole.SECOND_CONTROLLER, "UK01", "cora")


def overriding(region: Store, *answers: tuple[ApproverRole, str, str]) -> Move:
    move = Move(region)
    move.cutovers.store_evidence(move.id, OVERRIDING, EVIDENCE_HASH)
    for role, entity, person in [(ApproverRole.MIGRATION_LEAD, "", "lee"), (ApproverRole.CONTROLLER, "DE01", "carla"), *answers]:
        move.cutovers.approve(move.id, role, entity, evidence_hash=EVIDENCE_HASH, by=person, by_id=person, answered_at=datetime.now(UTC))
    return move


def test_a_blackout_date_is_overridden_by_a_second_controller_and_the_trail_says_why(region: Store) -> None:
    move = overriding(region, (ApproverRole.CONTROLLER, "UK01", "carla"))
    with pytest.raises(OwnershipConflictError, match="not approved: cutover of region emea lacks second_controller UK01"):
        move.cutovers.freeze(move.id)
    assert phases(region) == {"dual_run"}

    move.cutovers.approve(move.id, *SECOND[:2], evidence_hash=EVIDENCE_HASH, by="cora", by_id="9", answered_at=datetime.now(UTC))

    assert move.cutovers.freeze(move.id) == "frozen"
    statement = "SELECT details FROM audit WHERE action = 'cutover_approved' AND actor = 'cora' AND legal_entity = 'UK01'"
    assert region.one(statement) | {"overrides": "blackout date", "reason": "the licence ends"} == region.one(statement)


@pytest.mark.parametrize("person", ["carla", "lee", "lena"])
def test_nobody_who_asks_or_approves_the_move_can_override_its_date(region: Store, person: str) -> None:
    with pytest.raises(OwnershipConflictError, match=r"approved in another role|asked for this cutover"):
        overriding(region, (ApproverRole.CONTROLLER, "UK01", "carla"), (ApproverRole.SECOND_CONTROLLER, "UK01", person))


def test_whoever_has_overridden_the_date_cannot_approve_the_move(region: Store) -> None:
    with pytest.raises(OwnershipConflictError, match="cora has approved in another role"):
        overriding(region, SECOND, (ApproverRole.CONTROLLER, "UK01", "cora"))


def test_a_date_that_is_not_overridden_has_no_second_approval(region: Store) -> None:
    with pytest.raises(OwnershipConflictError, match="no blackout date of DE01 is overridden"):
        overriding(region, (ApproverRole.SECOND_CONTROLLER, "DE01", "cora"))


# Freeze


def test_a_freeze_stops_new_claims_and_neither_intake_nor_what_was_begun(region: Store) -> None:
    begun, _ = region.accept(a_journal_entry(), a_journal_entry())
    (claim,) = region.claim(limit=1)
    region.settlements().settle(claim, SettledInDoubt("a time-out", 0))

    Move(region).frozen()

    region.accept(a_journal_entry())
    assert [claim.posting_id for claim in region.claim(worker="worker-2")] == [begun]


def test_a_freeze_is_found_again_and_raises_the_epoch_once(region: Store) -> None:
    before = max(epochs(region))
    move = Move(region).frozen()

    assert move.cutovers.freeze(move.id) == "frozen"
    assert epochs(region) == {before + 1}


@pytest.mark.parametrize(("phase", "share"), [("legacy_only", 10_000), ("hypercare", 10_000), ("dual_run", 9_999)])
def test_a_cutover_begins_in_a_dual_run_that_copies_everything(region: Store, phase: str, share: int) -> None:
    region.sql("UPDATE ownership SET phase = %s, open_share = %s WHERE region = 'emea' AND kind <> 'reference'", phase, share)
    move = Move(region).approved()

    with pytest.raises(OwnershipConflictError, match=r"begins in phase dual_run|is not copied whole"):
        move.cutovers.freeze(move.id)


def test_a_freeze_ends_by_itself_and_is_never_revived(region: Store) -> None:
    region.accept(a_journal_entry())
    move = Move(region, limits=short(lease_seconds=0.3)).frozen()
    assert region.claim() == []

    wait_until(lambda: move.now.lapsed)

    assert len(region.claim()) == 1
    assert move.cutovers.renew(move.id) is False
    with pytest.raises(OwnershipConflictError, match="has ended by itself"):
        move.cutovers.drained(move.id)
    with pytest.raises(OwnershipConflictError, match="has ended by itself"):
        move.cutovers.freeze(move.id)
    assert move.cutovers.begin_release(move.id, reason="lapsed") == "releasing"
    assert move.cutovers.finish_release(move.id) == "released"
    assert phases(region) == {"dual_run"}


def test_a_freeze_is_not_renewed_beyond_its_longest(region: Store) -> None:
    move = Move(region, limits=short(lease_seconds=60, freeze_seconds_max=0.3)).frozen()

    wait_until(lambda: not move.cutovers.renew(move.id))

    assert move.now.frozen_at is not None


def test_a_period_that_stays_and_a_reference_document_are_not_touched(region: Store) -> None:
    Move(region, from_period="2026-04").frozen()

    region.accept(a_journal_entry(accounting_date="2026-03-05"), a_customer(number="C-7"))
    region.accept(a_journal_entry(accounting_date="2026-04-05"))

    assert {claim.document.document_type.value for claim in region.claim()} == {"journal_entry", "customer"}
    assert region.one("SELECT count(*) FROM outbox WHERE state = 'waiting' AND period = '2026-04'") == 1


def test_who_stops_before_the_commit_holds_the_region_for_seconds_alone(region: Store) -> None:
    stopped, move = region.connect("cutover"), Move(region).approved()
    stopped.execute("BEGIN")
    stopped.execute(TIMEOUTS)
    stopped.execute("SELECT freeze_region(%s, 'a runner that stops here')", (move.id,))

    move.cutovers.freeze(move.id)

    assert [row["changed_by"] for row in region.sql("SELECT DISTINCT changed_by FROM ownership_history WHERE reason = 'frozen'")] == [
        "tests"
    ]
    stopped.close()


# Drain


def test_what_was_begun_at_the_old_owner_keeps_a_region_from_being_drained(region: Store) -> None:
    region.accept(a_journal_entry())
    claim = region.claim_one()
    move = Move(region).frozen()

    assert move.cutovers.drained(move.id) == 1
    region.settlements().settle(claim, SettledInDoubt("a time-out", 0))
    assert move.cutovers.drained(move.id) == 1
    assert [str(each) for each in move.cutovers.unsettled(move.id)] == ["1 postings in_doubt of DE01 at ledgersmb-emea"]

    region.settle_posted(region.claim_one(worker="worker-2"))
    assert move.cutovers.drained(move.id) == 0
    assert phases(region) == {"drained"}


def test_a_dead_letter_that_may_be_there_keeps_a_region_from_being_drained(region: Store) -> None:
    region.accept(a_journal_entry())
    claim = region.claim_one()
    region.settlements().settle(claim, SettledDead(FailureClass.CONFLICT, "other content", native_id="7"))

    assert (move := Move(region).frozen()).cutovers.drained(move.id) == 1


def test_what_people_booked_at_the_new_owner_is_brought_to_the_old_one_first(region: Store) -> None:
    (posting,) = region.accept(a_journal_entry())
    region.sql(
        """INSERT INTO delivery (accepted_on, posting_id, legal_entity, erp, role, seq, state, maybe_there, mark_before, attempt)
           SELECT accepted_on, posting_id, legal_entity, %s, 'candidate', seq, 'posted', true, false, 0
           FROM outbox WHERE posting_id = %s""",
        CLOUD, posting,
    )  # fmt: skip
    move = Move(region).frozen()

    assert move.cutovers.drained(move.id) == 1
    region.settle_posted(region.claim_one())
    assert move.cutovers.drained(move.id) == 0


# Lock-out


def test_a_lock_out_is_intended_only_when_the_region_is_drained(region: Store) -> None:
    move = Move(region).frozen()

    with pytest.raises(OwnershipConflictError, match="region emea is frozen, not drained"):
        move.intended()


def test_an_intended_lock_out_keeps_the_freeze_from_ending_by_itself(region: Store) -> None:
    move = Move(region, limits=short(lease_seconds=0.5)).drained()
    move.intended()
    region.accept(a_journal_entry())

    wait_until(lambda: move.now.lapsed)

    assert region.claim() == []
    assert move.cutovers.begin_release(move.id, reason="too slow") == "releasing"


@pytest.mark.parametrize("said", ["nothing", "one company", "not quiet", "not as desired", "an older generation"])
def test_a_region_is_locked_only_when_every_company_says_so(region: Store, said: str) -> None:
    move = Move(region).drained()
    generation = move.intended()
    note = move.cutovers.note_read_back
    companies = ("DE01",) if said == "one company" else ("DE01", "UK01")
    for entity in companies if said != "nothing" else ():
        known = note(
            LEGACY, entity, generation - (said == "an older generation"), as_desired=said != "not as desired", quiet=said != "not quiet",
            read_back={},
        )  # fmt: skip
        assert known is (said != "an older generation")

    with pytest.raises(OwnershipConflictError, match="is not confirmed"):
        move.cutovers.confirm_lock_out(move.id)
    assert phases(region) == {"drained"}


def test_people_at_the_new_owner_are_locked_out_while_the_region_is_frozen(region: Store) -> None:
    move = Move(region).frozen()

    generation = move.intended(CLOUD)

    assert [each.generation for each in move.cutovers.lock_outs(erp=CLOUD)] == [generation, generation]
    assert move.now.generation is None


# Verify


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({"passed": False}, "did not pass"),
        ({"differences": ["unexplained"]}, "must be zero: 2 unexplained"),
        ({"differences": ["changed_after_posting"]}, "must be zero"),
    ],
)
def test_a_region_is_verified_only_by_a_reconciliation_with_the_zeros(region: Store, terms: dict[str, Any], told: str) -> None:
    move = Move(region).locked()

    with pytest.raises(OwnershipConflictError, match=told):
        move.cutovers.verified(move.id, move.reconciled(**terms))


SIGNED = {
    "legal_entity": "DE01", "class": "rounding", "aspect": "tax", "posting_id": None, "legacy_id": "7", "cloud_id": "9", "number": "RE-7",
    "document_type": "invoice", "amount": "0.02",
}  # fmt: skip
ALLOWED = {"legal_entity": "DE01", "class": "rounding", "amount": "0.05", "without_money": 1}


def on_evidence(move: Move, **lists: Any) -> Move:
    """Frozen on what was signed, and locked."""
    evidence = {"checks": [{"name": "reconciliation_passed", "evidence": lists}]}
    move.approved()
    move.store.sql("UPDATE cutover SET evidence = %s WHERE cutover_id = %s", Jsonb(evidence), move.id)
    assert move.cutovers.freeze(move.id) == "frozen"
    assert move.cutovers.drained(move.id) == 0
    move.read_back(move.intended())
    move.cutovers.confirm_lock_out(move.id)
    return move


def differing(move: Move, *differences: tuple[str, str, str]) -> UUID:
    """A reconciliation that passed, with differences of DE01: class, number, money moved."""
    reconciliation = move.reconciled()
    for place, (name, number, amount) in enumerate(differences):
        move.store.sql(
            """INSERT INTO reconciliation_difference (reconciliation_id, legal_entity, difference_no, class, aspect, gross, moved,
                   legacy, cloud, legacy_id, cloud_id, number, document_type, why, ignored, arrived)
               VALUES (%s, 'DE01', %s, %s, 'tax', %s, 0, '', '', '7', '9', %s, 'invoice', '', '', false)""",
            reconciliation, place, name, amount, number,
        )  # fmt: skip
    return reconciliation


@pytest.mark.parametrize(
    ("differences", "lists", "told"),
    [
        ([("rounding", "RE-7", "0.02")], {"to_sign": [SIGNED]}, None),
        ([("rounding", "RE-7", "0.03")], {"to_sign": [SIGNED]}, r"1 rounding of DE01 \(0\.03\)"),
        ([("rounding", "RE-8", "0.02")], {"to_sign": [SIGNED]}, r"1 rounding of DE01 \(0\.02\)"),
        ([("rounding", "RE-7", "0.02")], {"to_sign": [SIGNED | {"legal_entity": "UK01"}]}, "1 rounding of DE01"),
        ([("rounding", "RE-7", "0")], {}, "1 rounding of DE01"),
        ([("rounding", "RE-7", "0.02"), ("rounding", "RE-8", "0.05")], {"to_sign": [SIGNED], "may_arise": [ALLOWED]}, None),
        ([("rounding", "RE-8", "0.03"), ("rounding", "RE-9", "0.03")], {"may_arise": [ALLOWED]}, r"2 rounding of DE01 \(0\.06\)"),
        ([("rounding", "RE-8", "0"), ("rounding", "RE-9", "0")], {"may_arise": [ALLOWED]}, "2 rounding of DE01"),
        ([("timing", "RE-8", "0.01")], {"may_arise": [ALLOWED]}, "1 timing of DE01"),
        ([("rounding", "RE-8", "0.01")], {"may_arise": [ALLOWED | {"legal_entity": "UK01"}]}, "1 rounding of DE01"),
    ],
)
def test_a_verification_bears_no_difference_that_nobody_has_signed(
    region: Store, differences: list[tuple[str, str, str]], lists: dict[str, Any], told: str | None
) -> None:
    move = on_evidence(Move(region), **lists)
    reconciliation = differing(move, *differences)

    if told is None:
        move.cutovers.verified(move.id, reconciliation)
        assert phases(region) == {"verified"}
    else:
        with pytest.raises(OwnershipConflictError, match=f"not signed by the controllers: {told}"):
            move.cutovers.verified(move.id, reconciliation)
        assert phases(region) == {"locked"}


def test_what_a_rule_of_the_plan_lets_pass_and_what_has_arrived_need_no_signature(region: Store) -> None:
    move = on_evidence(Move(region))
    reconciliation = move.reconciled()
    for place, (ignored, arrived) in enumerate([("Controller: copies bear one date", False), ("", True)]):
        region.sql(
            """INSERT INTO reconciliation_difference (reconciliation_id, legal_entity, difference_no, class, aspect, gross, moved,
                   legacy, cloud, number, document_type, why, ignored, arrived)
               VALUES (%s, 'DE01', %s, 'timing', 'issue date', 0, 0, '', '', '', '', '', %s, %s)""",
            reconciliation, place, ignored, arrived,
        )  # fmt: skip

    move.cutovers.verified(move.id, reconciliation)


def test_a_reconciliation_from_before_the_lock_out_verifies_nothing(region: Store) -> None:
    move = Move(region).drained()
    early = move.reconciled()
    move.read_back(move.intended())
    move.cutovers.confirm_lock_out(move.id)

    with pytest.raises(OwnershipConflictError, match="began before the lock-out"):
        move.cutovers.verified(move.id, early)


def test_a_copy_that_lacks_keeps_a_region_from_being_verified(region: Store) -> None:
    region.accept(a_journal_entry())
    region.settle_posted(region.claim_one())
    move = Move(region).locked()
    reconciliation = move.reconciled()

    with pytest.raises(OwnershipConflictError, match="not settled: 1 candidate waiting of DE01 at tryton-emea"):
        move.cutovers.verified(move.id, reconciliation)
    copied(region)
    with pytest.raises(OwnershipConflictError, match="something was posted after the reconciliation"):
        move.cutovers.verified(move.id, reconciliation)
    move.cutovers.verified(move.id, move.reconciled())


def test_a_copy_that_a_person_gave_up_keeps_a_region_from_being_verified(region: Store) -> None:
    region.accept(a_journal_entry())
    region.settle_posted(region.claim_one())
    (copy,) = region.claim(CLOUD, role=Role.CANDIDATE)
    region.settlements().settle(copy, SettledDead(FailureClass.VALIDATION, "no such account"))
    PostgresDeadLetters(region.connect("delivery")).cancel([copy.posting_id], by="ops", reason="by hand")
    move = Move(region).locked()

    with pytest.raises(OwnershipConflictError, match="1 candidate given up of DE01"):
        move.cutovers.verified(move.id, move.reconciled())


# Switch: the seven facts


def test_a_switch_moves_every_kind_from_the_period_on_and_swaps_the_roles(region: Store) -> None:
    before = max(epochs(region))
    move = Move(region, from_period="2026-04").switched()

    assert owner(region, "2026-04") == (CLOUD, LEGACY)
    assert owner(region, "2026-03") == (LEGACY, CLOUD)
    assert owner(region, "2026-03", "reference") == (CLOUD, LEGACY)
    assert epochs(region) == {before + 2}
    assert phases(region) == {"switched"}
    assert move.switch() == "switched already"


DISTURBANCES: dict[str, tuple[Callable[[Move], object], str]] = {
    "the owner has changed": (lambda m: m.store.sql("UPDATE ownership_period SET owner = 'x', candidate = NULL"), "is not the owner"),
    "the phase was written by hand": (lambda m: m.store.set_phase("locked"), "region emea is locked, not verified"),
    "the epoch has moved": (lambda m: m.store.sql("UPDATE ownership SET epoch = epoch + 1"), "the epoch has moved"),
    "a pin has moved": (lambda m: m.store.sql("UPDATE ownership SET pin_version = pin_version + 1"), "a pin has moved"),
    "the approval is too old": (
        lambda m: m.store.sql("UPDATE cutover SET limits = jsonb_set(limits, '{approval_minutes_max}', '0')"), "lacks migration_lead"),
    "a delivery is not settled": (
        lambda m: m.store.sql("UPDATE delivery SET state = 'in_doubt' WHERE erp = %s", LEGACY), "not settled: 1 control in_doubt"),
    "a copy is not settled": (
        lambda m: m.store.sql("UPDATE outbox SET state = 'waiting' WHERE role = 'candidate'"), "not settled: 1 candidate waiting"),
    "something was posted since": (
        lambda m: m.store.sql("UPDATE delivery SET settle_position = nextval('settle_position_seq') WHERE erp = %s", LEGACY),
        "something was posted after"),
    "the verification is too old": (
        lambda m: m.store.sql("UPDATE cutover SET verified_at = verified_at - interval '10 min'"), "the verification is too old"),
    "the verification is another cutover's": (
        lambda m: m.store.sql("UPDATE cutover SET locked_at = clock_timestamp()"), "began before the lock-out"),
    "a difference was never signed": (
        lambda m: m.store.sql(
            """INSERT INTO reconciliation_difference (reconciliation_id, legal_entity, difference_no, class, aspect, gross, moved,
                   legacy, cloud, number, document_type, why, ignored, arrived)
               SELECT reconciliation_id, 'DE01', 99, 'tax', 'tax', 1, 0, '', '', '', '', '', '', false FROM reconciliation"""),
        "not signed by the controllers: 1 tax of DE01"),
    "the lock-out was read back too long ago": (
        lambda m: m.store.sql("UPDATE lock_out SET read_back_at = read_back_at - interval '10 min'"), "was not read back"),
    "the lock-out was not read back since": (
        lambda m: m.store.sql("UPDATE lock_out SET read_back_at = NULL WHERE legal_entity = 'UK01'"), "was not read back"),
    "the lock-out is of another generation": (
        lambda m: m.store.sql("UPDATE lock_out SET generation = generation - 1"), "was not read back"),
    "the store is another": (lambda m: m.store.sql("UPDATE cutover SET store_timeline = 'x'"), "the store is not the one"),
    "the freeze has ended": (
        lambda m: m.store.sql("UPDATE ownership SET frozen_until = clock_timestamp()"), "has ended by itself"),
    "another cutover is active": (
        lambda m: m.store.sql("UPDATE ownership SET cutover_id = gen_random_uuid() WHERE region = 'emea'"), "is not frozen by"),
}  # fmt: skip


@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_a_switch_asks_for_each_fact_itself(region: Store, disturbance: str) -> None:
    region.accept(a_journal_entry())
    region.settle_posted(region.claim_one())
    copied(region)
    move = Move(region).verified()
    disturb, told = DISTURBANCES[disturbance]

    disturb(move)

    with pytest.raises(OwnershipConflictError, match=told):
        move.switch()
    assert move.now.switched_at is None


def test_a_switch_goes_by_the_configuration_that_was_approved(region: Store) -> None:
    move = Move(region).verified()

    with pytest.raises(OwnershipConflictError, match="the configuration is not the one that was approved"):
        move.cutovers.switch(move.id, configuration="0" * 64, mappings=VERSIONS.mappings)


def test_a_rehearsal_never_switches(region: Store) -> None:
    move = Move(region, mode=Mode.REHEARSAL).verified()

    with pytest.raises(OwnershipConflictError, match="a rehearsal never switches"):
        move.switch()
    assert move.cutovers.begin_release(move.id, reason="rehearsed") == "releasing"
    move.read_back(move.cutovers.lock_outs(cutover_id=move.id)[0].generation)
    assert move.cutovers.finish_release(move.id) == "rehearsed"


# Smoke test


def test_until_the_smoke_test_has_passed_its_own_entries_go_alone(region: Store) -> None:
    region.accept(a_journal_entry())
    move = Move(region).switched()
    (canary,) = region.accept(a_journal_entry())
    assert region.claim(CLOUD) == []
    region.sql("UPDATE posting SET source = 'hybrid-erp/canary' WHERE posting_id = %s", canary)

    move.cutovers.send_canary(move.id, [canary])

    assert [claim.posting_id for claim in region.claim(CLOUD)] == [canary]


def test_nobody_elses_posting_passes_for_a_smoke_test(region: Store) -> None:
    (posting,) = region.accept(a_journal_entry())
    move = Move(region).switched()

    move.cutovers.send_canary(move.id, [posting])

    assert region.claim(CLOUD) == []


# Release (PROTOCOL R)


def test_what_never_froze_the_region_is_refused_and_leaves_it_alone(region: Store) -> None:
    move = Move(region).approved()

    assert move.cutovers.begin_release(move.id, reason="rejected") == "nothing"
    assert move.now.outcome == "refused"
    assert phases(region) == {"dual_run"}


@pytest.mark.parametrize("reached", ["frozen", "drained", "locked", "verified"])
def test_what_is_given_up_before_the_switch_opens_the_old_owner_again(region: Store, reached: str) -> None:
    region.accept(a_journal_entry())
    before = max(epochs(region))
    move = Move(region)
    getattr(move, reached)()

    assert move.cutovers.begin_release(move.id, reason="given up") == "releasing"
    if reached in ("locked", "verified"):
        with pytest.raises(OwnershipConflictError, match="not known to be open again: DE01 at ledgersmb-emea, UK01"):
            move.cutovers.finish_release(move.id)
        assert region.claim() == []
        move.read_back(move.cutovers.lock_outs(cutover_id=move.id)[0].generation)
    assert move.cutovers.finish_release(move.id) == "released"

    assert phases(region) == {"dual_run"}
    assert epochs(region) == {before + 2}
    assert len(region.claim()) == 1
    assert move.cutovers.begin_release(move.id, reason="again") == "nothing"


def test_once_a_release_has_begun_nothing_switches(region: Store) -> None:
    move = Move(region).verified()
    move.cutovers.begin_release(move.id, reason="a person said stop")

    with pytest.raises(OwnershipConflictError, match="region emea is releasing, not verified"):
        move.switch()


def test_a_lock_calls_word_of_an_older_generation_is_not_taken_for_the_present(region: Store) -> None:
    move = Move(region).locked()
    old = move.generation
    move.cutovers.begin_release(move.id, reason="given up")

    assert move.cutovers.note_read_back(LEGACY, "DE01", old, as_desired=True, quiet=True, read_back={}) is False


def test_a_release_after_the_switch_opens_the_new_owner_and_keeps_the_lock_out(region: Store) -> None:
    region.accept(a_journal_entry())
    move = Move(region).switched()
    assert region.claim(CLOUD) == []
    assert move.cutovers.begin_release(move.id, reason="done") == "switched"

    assert move.cutovers.open_after_switch(move.id, smoke_test={"passed": True}) == "switched"

    assert phases(region) == {"hypercare"}
    assert {each.desired for each in move.cutovers.lock_outs(erp=LEGACY)} == {"locked"}
    (claim,) = region.claim(CLOUD)
    region.settle_posted(claim)
    assert [copy.erp for copy in region.claim(LEGACY, role=Role.CANDIDATE)] == [LEGACY]


# Rollback, and the end of the way back


def test_a_rollback_goes_the_same_way_back_and_opens_what_the_cutover_had_locked(region: Store) -> None:
    Move(region).opened()

    back = Move(region, Direction.ROLLBACK).switched()

    assert owner(region, "2026-04") == (LEGACY, CLOUD)
    with pytest.raises(OwnershipConflictError, match="ledgersmb-emea is not known to be open"):
        back.cutovers.open_after_switch(back.id, smoke_test={})
    assert back.cutovers.intend_opening(back.id) == ["DE01", "UK01"]
    for each in back.cutovers.lock_outs(erp=LEGACY):
        back.cutovers.note_read_back(LEGACY, each.legal_entity, each.generation, as_desired=True, quiet=False, read_back={})
    back.cutovers.open_after_switch(back.id, smoke_test={})
    assert phases(region) == {"dual_run"}


def test_who_was_locked_out_when_and_why_stays_known_whatever_the_next_move_does(region: Store) -> None:
    there = Move(region).opened()
    back = Move(region, Direction.ROLLBACK).opened()

    told = [(each.event, each.erp, each.legal_entity, each.direction) for each in back.cutovers.lock_out_history("emea")]
    assert told == [
        *(("lock intended", LEGACY, entity, "cutover") for entity in ENTITIES),
        *(("locked", LEGACY, entity, "cutover") for entity in ENTITIES),
        *(("lock intended", CLOUD, entity, "rollback") for entity in ENTITIES),
        *(("locked", CLOUD, entity, "rollback") for entity in ENTITIES),
        *(("opening intended", LEGACY, entity, "rollback") for entity in ENTITIES),
        *(("opened", LEGACY, entity, "rollback") for entity in ENTITIES),
    ]
    first = there.cutovers.lock_out_history("emea")[0]
    assert (first.logins, first.requested_by, first.reason, first.ticket) == (("bookkeeper", "control"), "lena", "it is time", "CHG-1")
    assert str(first).endswith(
        "DE01 at ledgersmb-emea lock intended (3): bookkeeper, control; cutover asked for by lena, it is time (CHG-1)"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        region.sql("DELETE FROM lock_out_history")


def test_a_lock_out_that_the_erp_does_not_confirm_any_more_is_remembered(region: Store) -> None:
    move = Move(region).locked()

    move.cutovers.note_read_back(LEGACY, "DE01", move.generation, as_desired=False, quiet=False, read_back={"may post": ["carla"]})

    last = move.cutovers.lock_out_history("emea")[-1]
    assert (last.event, last.legal_entity) == ("not as desired", "DE01")


def test_there_and_back_and_there_again(region: Store) -> None:
    for _ in range(2):
        Move(region).opened()
        Move(region, Direction.ROLLBACK).opened()
    Move(region).opened()

    assert owner(region, "2026-04") == (CLOUD, LEGACY)


def test_a_given_up_cutover_keeps_the_lock_out_of_the_move_before_it(region: Store) -> None:
    Move(region).opened()
    Move(region, Direction.ROLLBACK).opened()
    again = Move(region).frozen()

    assert again.cutovers.intend_lock_out(again.id, CLOUD, "DE01", []) is None
    again.cutovers.begin_release(again.id, reason="given up")
    again.cutovers.finish_release(again.id)

    assert {each.desired for each in again.cutovers.lock_outs(erp=CLOUD)} == {"locked"}


def test_a_rollback_begins_in_hypercare(region: Store) -> None:
    move = Move(region, Direction.ROLLBACK).approved()

    with pytest.raises(OwnershipConflictError, match="a rollback begins in phase hypercare"):
        move.cutovers.freeze(move.id)


def test_the_reverse_is_closed_only_when_nothing_is_on_its_way_back(region: Store) -> None:
    move = Move(region).opened()
    region.accept(a_journal_entry())
    region.settle_posted(region.claim_one(CLOUD))

    with pytest.raises(OwnershipConflictError, match="1 copies waiting for ledgersmb-emea"):
        move.cutovers.close_reverse("emea", reason="it works")
    copied(region, LEGACY)
    move.cutovers.close_reverse("emea", reason="it works")

    assert phases(region) == {"cloud_only"}
    region.accept(a_journal_entry())
    region.settle_posted(region.claim_one(CLOUD))
    assert region.claim(LEGACY, role=Role.CANDIDATE) == []


def test_only_what_was_asked_for_moves(region: Store) -> None:
    Move(region, kinds=(PostingKind.PROJECT,)).opened()

    assert owner(region, "2026-04", "project") == (CLOUD, LEGACY)
    assert owner(region, "2026-04", "ledger") == (LEGACY, CLOUD)
    assert owner(region, "2026-04", "reference") == (LEGACY, None)
