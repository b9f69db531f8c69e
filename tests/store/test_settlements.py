"""Settlements: one transaction a posting, for the worker whose token is on the claim (PROTOCOL S, T)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from hybrid_erp.adapters.store.dead_letters import PostgresDeadLetters
from hybrid_erp.adapters.store.settlements import PostgresSettlements
from hybrid_erp.model.claim import (
    Claim,
    SettledAbsent,
    SettledDead,
    SettledInDoubt,
    SettledPosted,
    SettledRetry,
    SettledWorking,
    Settlement,
)
from hybrid_erp.model.delivery import FailureClass
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import ClaimLostError, NotReplayableError
from tests.builders import a_customer, a_journal_entry, an_invoice
from tests.stores import LEGACY, Store

POSTED = SettledPosted("77", "JE-77", "2026/77", date(2026, 3, 5))
RETRY = SettledRetry(FailureClass.TRANSIENT, "busy", 0, nothing_sent=False)
IN_DOUBT = SettledInDoubt("silence", 0)
DEAD = SettledDead(FailureClass.VALIDATION, "no such cost centre")
WORKING = SettledWorking("job-1", 0)


@pytest.fixture
def claim(store: Store) -> Claim:
    """The first claim of a posting."""
    store.accept(a_journal_entry())
    return store.claim_one()


def again(store: Store, claim: Claim) -> Claim:
    """The next claim of it."""
    store.expire(claim)
    return store.claim_one()


def test_posted_is_written_with_receipt_crosswalk_position_and_audit_together(store: Store, claim: Claim) -> None:
    store.settlements().settle(claim, POSTED)

    row = store.delivery(claim.posting_id)
    assert (row["state"], row["native_id"], row["native_number"], row["legal_number"]) == ("posted", "77", "JE-77", "2026/77")
    assert (row["accounting_on"], row["lease_until"], row["settle_position"]) == (date(2026, 3, 5), None, 1)
    assert store.state(claim.posting_id) == "posted"
    (known,) = store.sql("SELECT erp, legal_entity, document_type, number, native_id, posting_id FROM crosswalk")
    assert known == {
        "erp": LEGACY,
        "legal_entity": "DE01",
        "document_type": "journal_entry",
        "number": claim.document.number,
        "native_id": "77",
        "posting_id": claim.posting_id,
    }
    assert store.actions(claim.posting_id) == ["accepted", "claimed", "posted"]


def test_what_is_posted_is_never_claimed_again(store: Store, claim: Claim) -> None:
    store.settlements().settle(claim, POSTED)
    store.expire(claim)

    assert store.claim() == []


def test_the_audit_trail_holds_no_word_of_the_erp(store: Store, claim: Claim) -> None:
    store.settlements().settle(claim, SettledDead(FailureClass.VALIDATION, "employee Jane Doe is unknown"))

    assert store.one("SELECT count(*) FROM audit WHERE details::text LIKE '%%Jane%%'") == 0
    assert "Jane" in store.delivery(claim.posting_id)["message"]


Write = Callable[[PostgresSettlements, Claim], object]

WRITES: dict[str, Write] = {
    "posted": lambda settlements, claim: settlements.settle(claim, POSTED),
    "retry": lambda settlements, claim: settlements.settle(claim, RETRY),
    "in doubt": lambda settlements, claim: settlements.settle(claim, IN_DOUBT),
    "dead": lambda settlements, claim: settlements.settle(claim, DEAD),
    "working": lambda settlements, claim: settlements.settle(claim, WORKING),
    "absent": lambda settlements, claim: settlements.settle(claim, SettledAbsent()),
    "give back": lambda settlements, claim: settlements.give_back(claim),
    "keep draft": lambda settlements, claim: settlements.keep_draft(claim, "D-1"),
    "forget draft": lambda settlements, claim: settlements.forget_draft(claim, "D-0"),
    "keep accounting date": lambda settlements, claim: settlements.keep_accounting_date(claim, date(2026, 4, 1)),
}


def everything(store: Store) -> list[Any]:
    tables = ("delivery", "outbox", "crosswalk", "audit")
    return [store.sql(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]


@pytest.mark.parametrize("what", WRITES)
def test_the_token_of_another_worker_changes_nothing(store: Store, claim: Claim, what: str) -> None:
    store.settlements().keep_draft(claim, "D-0")
    current = again(store, claim)
    before = everything(store)

    for stale in (claim, replace(current, token=uuid4())):
        with pytest.raises(ClaimLostError):
            WRITES[what](store.settlements("late-worker"), stale)

    assert everything(store) == before


@pytest.mark.parametrize("what", WRITES)
def test_what_is_settled_cannot_be_settled_again(store: Store, claim: Claim, what: str) -> None:
    store.settlements().settle(claim, POSTED)
    before = everything(store)

    with pytest.raises(ClaimLostError):
        WRITES[what](store.settlements(), claim)

    assert everything(store) == before


# The mark (T4, S3, T5)


@pytest.mark.parametrize(
    ("settlement", "state", "first", "second"),
    [
        (RETRY, "waiting", False, True),
        (DEAD, "dead_lettered", False, True),
        (IN_DOUBT, "in_doubt", True, True),
        (WORKING, "working", True, True),
        (SettledAbsent(), "waiting", False, False),
    ],
    ids=["retry", "dead letter", "in doubt", "working", "absent"],
)
def test_the_mark_falls_only_when_nothing_can_have_arrived(
    store: Store, claim: Claim, settlement: Settlement, state: str, first: bool, second: bool
) -> None:
    """`first`: the mark after this settlement of a first claim; `second`: of a claim before which the mark was set."""
    store.settlements().settle(claim, settlement)
    row = store.delivery(claim.posting_id)
    assert (row["state"], row["maybe_there"]) == (state, first)

    (other,) = store.accept(a_journal_entry())
    (unsure,) = [each for each in store.claim() if each.posting_id == other]
    unsure = again_of(store, unsure)
    store.settlements().settle(unsure, settlement)
    row = store.delivery(other)
    assert (row["state"], row["maybe_there"]) == (state, second)


def again_of(store: Store, claim: Claim) -> Claim:
    store.expire(claim)
    (found,) = [each for each in store.claim() if each.posting_id == claim.posting_id]
    return found


def test_a_retry_keeps_the_mark_while_a_draft_is_stored(store: Store, claim: Claim) -> None:
    store.settlements().keep_draft(claim, "D-1")
    store.settlements().settle(claim, RETRY)

    assert store.delivery(claim.posting_id)["maybe_there"] is True
    assert store.claim_one().draft_id == "D-1"


def test_a_claim_under_which_nothing_was_sent_is_given_back_as_if_it_had_never_been(store: Store, claim: Claim) -> None:
    store.settlements().give_back(claim)

    row = store.delivery(claim.posting_id)
    assert (row["state"], row["maybe_there"]) == ("waiting", False)
    assert store.claim_one(worker="another").maybe_there is False


def test_a_claim_that_is_given_back_keeps_the_mark_that_it_found(store: Store, claim: Claim) -> None:
    second = again(store, claim)
    store.settlements().give_back(second)

    row = store.delivery(claim.posting_id)
    assert (row["state"], row["maybe_there"], store.state(claim.posting_id)) == ("in_doubt", True, "in_doubt")


def test_a_claim_that_is_given_back_with_a_draft_is_in_doubt(store: Store, claim: Claim) -> None:
    store.settlements().keep_draft(claim, "D-1")
    store.settlements().give_back(claim)

    row = store.delivery(claim.posting_id)
    assert (row["state"], row["maybe_there"], row["draft_id"]) == ("in_doubt", True, "D-1")


# The draft (S5)


def test_the_first_draft_id_stays_whatever_comes_later(store: Store, claim: Claim) -> None:
    settlements = store.settlements()
    settlements.keep_draft(claim, "D-1")
    settlements.keep_draft(claim, "D-1")

    with pytest.raises(ClaimLostError):
        settlements.keep_draft(claim, "D-2")

    assert store.delivery(claim.posting_id)["draft_id"] == "D-1"


def test_a_deleted_draft_makes_room_for_another(store: Store, claim: Claim) -> None:
    settlements = store.settlements()
    settlements.keep_draft(claim, "D-1")
    with pytest.raises(ClaimLostError):
        settlements.forget_draft(claim, "D-9")
    settlements.forget_draft(claim, "D-1")
    settlements.keep_draft(claim, "D-2")

    assert again(store, claim).draft_id == "D-2"


def test_the_accounting_date_that_was_decided_is_the_next_claims_too(store: Store, claim: Claim) -> None:
    store.settlements().keep_accounting_date(claim, date(2026, 4, 1))

    assert again(store, claim).accounting_on == date(2026, 4, 1)


def test_a_settlement_of_one_company_leaves_the_other_company_alone(store: Store) -> None:
    (posting_id,) = store.accept(a_customer("DE01", "UK01"))
    german, british = store.claim()
    store.settlements().settle(german, POSTED)
    store.settlements().settle(british, DEAD)

    states = store.sql("SELECT legal_entity, state FROM outbox WHERE posting_id = %s ORDER BY 1", posting_id)
    assert [tuple(row.values()) for row in states] == [("DE01", "posted"), ("UK01", "dead_lettered")]


# Replay, by the rule Y1


def test_a_dead_letter_is_replayed_under_the_same_key_with_its_reason(store: Store, claim: Claim) -> None:
    store.settlements().settle(claim, DEAD)
    letters = PostgresDeadLetters(store.connect("delivery"))
    assert letters.matching(region="emea", failure="validation", limit=10) == [claim.posting_id]
    assert letters.matching(region="amer", failure=None, limit=10) == []

    letters.reopen([claim.posting_id], by="jane", reason="cost centre was added")

    assert store.claim_one().posting_id == claim.posting_id
    assert store.one("SELECT details ->> 'reason' FROM audit WHERE action = 'replayed'") == "cost centre was added"


def test_a_replay_of_several_is_all_or_nothing(store: Store, claim: Claim) -> None:
    store.settlements().settle(claim, DEAD)

    with pytest.raises(NotReplayableError):
        PostgresDeadLetters(store.connect("delivery")).reopen([claim.posting_id, uuid4()], by="jane", reason="repaired")

    assert store.state(claim.posting_id) == "dead_lettered"
    assert "replayed" not in store.actions(claim.posting_id)


def test_a_replay_of_a_dead_letter_in_doubt_asks_the_erp_first(store: Store, claim: Claim) -> None:
    store.settlements().settle(again(store, claim), DEAD)

    PostgresDeadLetters(store.connect("delivery")).reopen([claim.posting_id], by="jane", reason="repaired")

    assert store.claim_one().maybe_there is True


def test_what_waits_behind_a_dead_letter_goes_on_when_a_person_gives_it_up(store: Store) -> None:
    store.known("customer", "C-1")
    first, second = store.accept(an_invoice("C-1"), an_invoice("C-1"))
    store.settlements().settle(store.claim_one(), DEAD)
    assert store.claim() == []

    PostgresDeadLetters(store.connect("delivery")).cancel([first], by="jane", reason="issued by mistake")

    assert store.state(first) == "cancelled"
    assert store.claim_one().posting_id == second
    assert store.one("SELECT actor FROM audit WHERE action = 'cancelled'") == "jane"


def test_a_dead_letter_that_the_erp_may_hold_is_not_given_up(store: Store, claim: Claim) -> None:
    store.settlements().settle(claim, SettledDead(FailureClass.CONFLICT, "altered", native_id="N-7"))

    with pytest.raises(NotReplayableError, match="may be in an ERP"):
        PostgresDeadLetters(store.connect("delivery")).cancel([claim.posting_id], by="jane", reason="tired of it")

    assert store.state(claim.posting_id) == "dead_lettered"


def test_only_dead_letters_in_doubt_are_looked_for_again(store: Store) -> None:
    store.accept(*(a_journal_entry() for _ in range(3)))
    refused, doubtful, conflict = store.claim()
    store.settlements().settle(refused, DEAD)
    store.settlements().settle(again(store, doubtful), DEAD)
    store.settlements().settle(conflict, SettledDead(FailureClass.CONFLICT, "altered", native_id="N-7"))

    found = PostgresDeadLetters(store.connect("delivery")).in_doubt(LEGACY, "DE01")

    assert found == {DocumentType.JOURNAL_ENTRY: [doubtful.posting_id]}


def test_a_conflict_keeps_its_mark_so_that_the_posting_goes_nowhere_else(store: Store, claim: Claim) -> None:
    store.settlements().settle(claim, SettledDead(FailureClass.CONFLICT, "altered", native_id="N-7"))

    delivery = store.delivery(claim.posting_id)
    assert (delivery["maybe_there"], delivery["native_id"]) == (True, "N-7")


def test_two_states_of_one_document_in_one_batch_of_receipts_are_both_written(store: Store) -> None:
    store.accept(a_journal_entry(number="JE-TWICE"), a_journal_entry(number="JE-TWICE", version=2))
    claims = store.claim()

    lost = store.settlements().settle_posted([(claim, POSTED) for claim in claims])

    assert lost == []
    assert [store.state(claim.posting_id) for claim in claims] == ["posted", "posted"]


def test_a_lost_claim_among_receipts_is_left_out_and_the_others_are_written(store: Store) -> None:
    store.accept(a_journal_entry(), a_journal_entry())
    kept, lost = store.claim()
    store.expire(lost)
    store.claim_one(worker="worker-2")

    assert store.settlements().settle_posted([(kept, POSTED), (lost, POSTED)]) == [lost]
    assert (store.state(kept.posting_id), store.state(lost.posting_id)) == ("posted", "claimed")


def test_the_receipt_alone_is_committed_without_waiting_for_the_disk(store: Store, claim: Claim) -> None:
    """Were it lost, the mark before it, which was waited for, leads the next worker to ask the ERP."""
    connection = store.connect("delivery")

    PostgresSettlements(connection, "worker-1").settle(claim, POSTED)

    assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_a_draft_is_kept_while_another_thread_writes_receipts(store: Store) -> None:
    store.accept(*(a_journal_entry() for _ in range(120)))
    claims = store.claim(limit=120)
    posted, drafted = claims[:60], claims[60:]
    settlements = store.settlements()

    with ThreadPoolExecutor(max_workers=1) as settler:
        done = [settler.submit(settlements.settle_posted, [(claim, replace(POSTED, native_id=str(claim.posting_id)))]) for claim in posted]
        for claim in drafted:
            settlements.keep_draft(claim, f"account.move,{claim.posting_id.int % 1000}")
        lost = [each for future in done for each in future.result()]

    assert lost == []
    assert store.one("SELECT count(*) FROM delivery WHERE draft_id IS NOT NULL") == 60
