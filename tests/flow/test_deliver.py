"""The promises of delivery: once, to the owner, and believed only when the ERP itself shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from hybrid_erp.flow.deliver import Delivery, Progress
from hybrid_erp.model.claim import (
    Claim,
    SettledAbsent,
    SettledDead,
    SettledInDoubt,
    SettledNotKept,
    SettledPosted,
    SettledRetry,
    SettledWorking,
)
from hybrid_erp.model.delivery import (
    Accepted,
    ConnectorClass,
    FailureClass,
    InDoubt,
    NativeDocument,
    Outcome,
    Rejected,
    Retry,
    Submission,
)
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import ErpUnavailableError, UnmappedError, WrongSystemError
from hybrid_erp.model.firm import ClosedBooks, Firm
from hybrid_erp.ports import KeepDraft
from tests.builders import a_journal_entry, a_project
from tests.fakes import FakeErp, FakeSettlements
from tests.flow.claims import FIRM, a_claim


class Desk:
    """A delivery with its fakes at hand."""

    def __init__(self, erp: FakeErp | None = None, *, firm: Firm = FIRM, horizon: float | None = None) -> None:
        self.erp = erp or FakeErp()
        self.settlements = FakeSettlements()
        self.delivery = Delivery(firm, self.erp, self.settlements, horizon)

    def deliver(self, *claims: Claim) -> Progress:
        progress = Progress()
        self.delivery.deliver(claims, progress)
        return progress

    def settled(self, claim: Claim) -> object:
        """The one settlement of a claim."""
        (settlement,) = self.settlements.of(claim)
        return settlement

    def failure(self, claim: Claim) -> FailureClass:
        settlement = self.settled(claim)
        assert isinstance(settlement, SettledDead | SettledRetry)
        return settlement.failure


def sent_before(claim: Claim, erp: FakeErp) -> Claim:
    """The second claim of a posting that an earlier worker sent before it died."""
    desk = Desk(erp)
    desk.deliver(claim)
    erp.submissions.clear()
    return replace(claim, attempt=2, maybe_there=True)


def test_a_posting_is_sent_once_and_settled_with_what_the_erp_shows() -> None:
    desk, claim = Desk(), a_claim()

    progress = desk.deliver(claim)

    assert desk.settled(claim) == SettledPosted("1", "N1", "L1", date(2026, 3, 5))
    assert len(desk.erp.submissions) == 1
    assert desk.erp.submissions[0].key == str(claim.posting_id)
    assert progress.settled == {"posted": 1}


def test_a_batch_is_settled_one_by_one() -> None:
    desk, claims = Desk(), [a_claim(), a_claim(), a_claim()]

    desk.deliver(*claims)

    assert [type(desk.settled(claim)) for claim in claims] == [SettledPosted] * 3
    assert len({document.posting_id for document in desk.erp.documents}) == 3


def test_a_posting_sent_before_a_crash_is_settled_not_sent_again() -> None:
    erp = FakeErp()
    claim = sent_before(a_claim(), erp)
    desk = Desk(erp)

    desk.deliver(claim)

    assert isinstance(desk.settled(claim), SettledPosted)
    assert erp.submissions == []
    assert len(erp.documents) == 1


def test_other_content_under_the_key_is_a_conflict_never_posted() -> None:
    erp = FakeErp()
    first = a_claim()
    claim = replace(sent_before(first, erp), content_hash="f" * 64)
    desk = Desk(erp)

    desk.deliver(claim)

    assert desk.failure(claim) is FailureClass.CONFLICT
    assert len(erp.documents) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"accounting_on": date(2026, 4, 5)},
        {"currency": "USD"},
        {"functional_currency": "USD"},
        {"lines": ()},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_booking_that_the_erp_altered_is_a_conflict_never_posted(changes: dict[str, Any]) -> None:
    erp = FakeErp()
    claim = sent_before(a_claim(), erp)
    booking = erp.documents[0].booking
    assert booking is not None
    erp.alter(claim.posting_id, booking=replace(booking, **changes))
    desk = Desk(erp)

    desk.deliver(claim)

    assert desk.failure(claim) is FailureClass.CONFLICT


@pytest.mark.parametrize(
    "changes",
    [
        {"account": "6100"},
        {"amount": Decimal("100.11")},
        {"functional_amount": Decimal("100.09")},
        {"party": "C-2"},
        {"tax_code": "DE-STD"},
        {"dimensions": (("project", "P-9"),)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_line_that_the_erp_altered_is_a_conflict_never_posted(changes: dict[str, Any]) -> None:
    erp = FakeErp()
    claim = sent_before(a_claim(), erp)
    booking = erp.documents[0].booking
    assert booking is not None
    first, *others = booking.lines
    erp.alter(claim.posting_id, booking=replace(booking, lines=(replace(first, **changes), *others)))
    desk = Desk(erp)

    desk.deliver(claim)

    assert desk.failure(claim) is FailureClass.CONFLICT


def test_a_posting_without_the_booking_that_it_must_have_is_a_conflict() -> None:
    erp = FakeErp()
    claim = sent_before(a_claim(), erp)
    erp.alter(claim.posting_id, booking=None)
    desk = Desk(erp)

    desk.deliver(claim)

    assert desk.failure(claim) is FailureClass.CONFLICT


def test_two_documents_under_one_key_are_a_conflict_for_a_person() -> None:
    erp = FakeErp()
    claim = sent_before(a_claim(), erp)
    erp.documents.append(replace(erp.documents[0], native_id="1"))
    desk = Desk(erp)

    desk.deliver(claim)

    assert desk.failure(claim) is FailureClass.CONFLICT


def test_a_dimension_that_the_erp_cannot_keep_is_not_held_against_it() -> None:
    lines = [{"account": "5200", "debit": "7.00", "dimensions": {"other": [{"name": "campaign", "value": "X"}]}}]
    claim = a_claim(a_journal_entry(lines=[*lines, {"account": "1000", "credit": "7.00"}]))
    erp = FakeErp()
    second = sent_before(claim, erp)
    booking = erp.documents[0].booking
    assert booking is not None
    erp.alter(claim.posting_id, booking=replace(booking, lines=tuple(replace(line, dimensions=()) for line in booking.lines)))
    desk = Desk(erp)

    desk.deliver(second)

    assert isinstance(desk.settled(second), SettledPosted)


def test_an_erp_that_is_down_gets_nothing_and_the_batch_is_given_back() -> None:
    desk, claims = Desk(FakeErp(down=True)), [a_claim(maybe_there=True), a_claim(), a_claim()]

    progress = desk.deliver(*claims)

    assert isinstance(progress.unavailable, ErpUnavailableError)
    assert desk.settlements.given_back == claims
    assert desk.settlements.settled == []


class StopsAfter(FakeErp):
    """An ERP that fails from one submission on."""

    def __init__(self, submissions: int, outcome: Outcome | Exception) -> None:
        super().__init__()
        self.left, self.outcome = submissions, outcome

    def submit(self, submission: Submission, keep_draft: KeepDraft) -> Outcome:
        if self.left:
            self.left -= 1
            return super().submit(submission, keep_draft)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.mark.parametrize("failure", [FailureClass.TRANSIENT, FailureClass.THROTTLED, FailureClass.AUTH])
def test_an_erp_that_goes_away_in_a_batch_keeps_what_it_booked_and_gives_back_the_rest(failure: FailureClass) -> None:
    desk = Desk(StopsAfter(1, Retry(failure, "come back later", retry_after_seconds=30)))
    first, second, third = a_claim(), a_claim(), a_claim()

    progress = desk.deliver(first, second, third)

    assert isinstance(desk.settled(first), SettledPosted)
    assert desk.settled(second) == SettledRetry(failure, "come back later", 30, nothing_sent=False)
    assert desk.settlements.given_back == [third]
    assert progress.unavailable is not None
    assert progress.unavailable.retry_after_seconds == 30


def test_a_rejection_is_a_dead_letter_and_the_batch_goes_on() -> None:
    bad, good = a_claim(), a_claim()
    desk = Desk(FakeErp(refuses={bad.document.number}))

    progress = desk.deliver(bad, good)

    assert desk.failure(bad) is FailureClass.VALIDATION
    assert isinstance(desk.settled(good), SettledPosted)
    assert progress.unavailable is None


def test_a_short_lease_sends_nothing_and_is_given_back() -> None:
    desk, claims = Desk(), [a_claim(lease_seconds=4), a_claim()]

    desk.deliver(*claims)

    assert desk.erp.submissions == []
    assert desk.settlements.given_back == claims


def test_a_short_lease_asks_nothing_either() -> None:
    desk, claim = Desk(FakeErp(down=True)), a_claim(lease_seconds=4, attempt=2, maybe_there=True)

    progress = desk.deliver(claim)

    assert progress.unavailable is None
    assert desk.settlements.given_back == [claim]


def test_a_document_that_the_erp_does_not_hold_is_done_with_and_is_not_sent() -> None:
    desk, claim = Desk(), a_claim()
    desk.delivery = replace(desk.delivery, not_kept=frozenset({DocumentType.JOURNAL_ENTRY}))

    desk.deliver(claim)

    assert desk.settled(claim) == SettledNotKept()
    assert desk.erp.submissions == []


def test_what_an_erp_does_not_hold_is_neither_sent_nor_refused_after_a_restore() -> None:
    claim = replace(a_claim(), attempt=1, maybe_there=True)
    desk = Desk(FakeErp())
    desk.erp.capabilities.pop(DocumentType.JOURNAL_ENTRY)
    desk.delivery = replace(desk.delivery, not_kept=frozenset({DocumentType.JOURNAL_ENTRY}))

    desk.deliver(claim)

    assert desk.settled(claim) == SettledNotKept()
    assert desk.erp.submissions == []


def test_a_log_line_names_the_posting_its_correlation_id_and_its_senders_trace(caplog: pytest.LogCaptureFixture) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    claims = [a_claim(a_journal_entry(number=number, correlationid="order-7"), traceparent=traceparent) for number in "RF"]
    desk = Desk(FakeErp(refuses={"R", "F"}))

    with caplog.at_level("INFO"):
        desk.deliver(*claims)

    lines = [record.getMessage() for record in caplog.records]
    assert lines == [f"posting {each.posting_id} correlation order-7 trace {traceparent} at fake-erp: dead, validation" for each in claims]


def test_a_document_type_that_the_erp_does_not_take_is_a_dead_letter_and_is_not_sent() -> None:
    desk, claim = Desk(), a_claim()
    del desk.erp.capabilities[DocumentType.JOURNAL_ENTRY]

    desk.deliver(claim)

    assert desk.failure(claim) is FailureClass.VALIDATION
    assert desk.erp.submissions == []


def closed(*, moves: bool) -> Firm:
    return replace(FIRM, closed_books={"DE01": ClosedBooks("2026-03", moves)})


def test_a_posting_of_a_closed_period_is_refused_where_the_policy_says_so() -> None:
    desk, claim = Desk(firm=closed(moves=False)), a_claim()

    desk.deliver(claim)

    assert desk.failure(claim) is FailureClass.PERIOD_CLOSED
    assert desk.erp.submissions == []


def test_a_posting_that_moves_to_the_next_open_period_is_routed_again_because_that_may_have_another_owner() -> None:
    desk, claim = Desk(firm=closed(moves=True)), a_claim()

    desk.deliver(claim)

    assert desk.settlements.moved == [(claim.posting_id, "2026-04")]
    assert desk.erp.submissions == []


def test_a_posting_routed_by_the_next_open_period_is_booked_on_its_first_day() -> None:
    desk, claim = Desk(firm=closed(moves=True)), a_claim(period="2026-04")

    desk.deliver(claim)

    assert desk.settlements.accounting_dates == [(claim.posting_id, date(2026, 4, 1))]
    assert desk.settled(claim) == SettledPosted("1", "N1", "L1", date(2026, 4, 1))


def test_the_accounting_date_is_decided_once() -> None:
    later = replace(FIRM, closed_books={"DE01": ClosedBooks("2026-06", moves_to_next_open=True)})
    desk, claim = Desk(firm=later), a_claim(attempt=2, maybe_there=True, accounting_on=date(2026, 4, 1))

    desk.deliver(claim)

    assert desk.settlements.accounting_dates == []
    assert desk.settled(claim) == SettledPosted("1", "N1", "L1", date(2026, 4, 1))


def test_a_claim_lost_before_the_date_is_stored_sends_nothing() -> None:
    desk, claim = Desk(firm=closed(moves=True)), a_claim()
    desk.settlements.lost.add(claim.posting_id)

    progress = desk.deliver(claim)

    assert desk.erp.submissions == []
    assert progress.settled == {"claim_lost": 1}


def test_a_claim_lost_before_it_is_settled_is_thrown_away_and_the_batch_goes_on() -> None:
    desk, lost, kept = Desk(), a_claim(), a_claim()
    desk.settlements.lost.add(lost.posting_id)

    progress = desk.deliver(lost, kept)

    assert desk.settlements.of(lost) == []
    assert isinstance(desk.settled(kept), SettledPosted)
    assert progress.settled == {"claim_lost": 1, "posted": 1}


class WithDrafts(FakeErp):
    """Makes a draft, hands its id over, posts by id; a draft that could not be stored is never posted."""

    def __post_init__(self) -> None:
        self.connector_class = ConnectorClass.DRAFT
        super().__post_init__()

    def submit(self, submission: Submission, keep_draft: KeepDraft) -> Outcome:
        if submission.draft_id is None:
            keep_draft(f"draft-{len(self.submissions) + 1}")
        return super().submit(submission, keep_draft)


def test_the_draft_id_is_stored_before_anything_is_posted() -> None:
    desk, claim = Desk(WithDrafts()), a_claim()

    desk.deliver(claim)

    assert desk.settlements.drafts == {claim.posting_id: "draft-1"}
    assert isinstance(desk.settled(claim), SettledPosted)


def test_a_draft_whose_id_could_not_be_stored_is_not_posted() -> None:
    desk, claim = Desk(WithDrafts()), a_claim()
    desk.settlements.lost.add(claim.posting_id)

    progress = desk.deliver(claim)

    assert desk.erp.documents == []
    assert progress.settled == {"claim_lost": 1}


def test_a_stored_draft_is_the_one_that_is_posted() -> None:
    desk, claim = Desk(WithDrafts()), a_claim(attempt=2, maybe_there=True, draft_id="draft-7")

    desk.deliver(claim)

    assert [submission.draft_id for submission in desk.erp.submissions] == ["draft-7"]
    assert desk.settlements.drafts == {}


def test_a_draft_that_the_erp_refused_to_post_is_deleted_so_that_a_replay_begins_anew() -> None:
    claim = a_claim()
    desk = Desk(WithDrafts(refuses={claim.document.number}))

    desk.deliver(claim)

    assert desk.failure(claim) is FailureClass.VALIDATION
    assert desk.settlements.drafts == {}


def test_in_doubt_is_resolved_by_the_erp_alone() -> None:
    erp, claim = FakeErp(outcomes=[InDoubt("the line went silent")]), a_claim()
    desk = Desk(erp)

    desk.deliver(claim)
    assert desk.settled(claim) == SettledInDoubt("the line went silent", 1.0)

    second = replace(claim, attempt=2, maybe_there=True, token=UUID(int=2))
    desk.deliver(second)
    assert isinstance(desk.settled(second), SettledPosted)
    assert len(erp.submissions) == 1


def test_what_an_erp_says_to_be_posted_but_does_not_show_stays_in_doubt() -> None:
    class Hides(FakeErp):
        def read(self, document_type: DocumentType, native_ids: Sequence[str]) -> Sequence[NativeDocument]:
            return []

    desk, claim = Desk(Hides()), a_claim()

    desk.deliver(claim)

    assert isinstance(desk.settled(claim), SettledInDoubt)


def test_an_erp_that_dies_between_posting_and_reading_leaves_the_posting_in_doubt() -> None:
    class DiesBeforeReading(FakeErp):
        def read(self, document_type: DocumentType, native_ids: Sequence[str]) -> Sequence[NativeDocument]:
            raise ErpUnavailableError("gone")

    desk, claim = Desk(DiesBeforeReading()), a_claim()

    progress = desk.deliver(claim)

    assert isinstance(desk.settled(claim), SettledInDoubt)
    assert progress.unavailable is not None


def test_a_draft_shown_as_a_draft_is_not_posted() -> None:
    erp = FakeErp()
    claim = sent_before(a_claim(), erp)
    erp.alter(claim.posting_id, posted=False)
    desk = Desk(erp)

    desk.deliver(claim)

    assert isinstance(desk.settled(claim), SettledInDoubt)


def test_accepted_by_an_asynchronous_erp_is_not_posted() -> None:
    desk, claim = Desk(FakeErp(outcomes=[Accepted("job-7")])), a_claim()

    desk.deliver(claim)

    assert desk.settled(claim) == SettledWorking("job-7", 1.0)


@pytest.mark.parametrize(("quiet", "horizon", "sends"), [(10, 60, False), (None, 60, False), (10, None, False), (61, 60, True)])
def test_a_look_up_only_erp_is_sent_to_again_only_past_its_measured_horizon(
    quiet: float | None, horizon: float | None, sends: bool
) -> None:
    desk = Desk(FakeErp(connector_class=ConnectorClass.LOOK_UP_ONLY), horizon=horizon)
    claim = a_claim(attempt=2, maybe_there=True, quiet_seconds=quiet)

    desk.deliver(claim)

    assert len(desk.erp.submissions) == sends
    assert isinstance(desk.settled(claim), SettledPosted if sends else SettledInDoubt)


def test_a_unique_erp_that_does_not_find_it_is_sent_to_again_under_the_same_key() -> None:
    desk, claim = Desk(), a_claim(attempt=2, maybe_there=True)

    desk.deliver(claim)

    assert [submission.posting_id for submission in desk.erp.submissions] == [claim.posting_id]
    assert isinstance(desk.settled(claim), SettledPosted)


def at_former_owner(**changes: Any) -> Claim:
    return a_claim(attempt=2, maybe_there=True, look_up_only=True, **changes)


def test_a_claim_at_a_former_owner_finds_what_arrived_there() -> None:
    erp = FakeErp()
    claim = replace(sent_before(a_claim(), erp), look_up_only=True)
    desk = Desk(erp)

    desk.deliver(claim)

    assert isinstance(desk.settled(claim), SettledPosted)
    assert erp.submissions == []


def test_a_claim_at_a_former_owner_that_finds_nothing_stays_in_doubt_and_sends_nothing() -> None:
    desk, claim = Desk(), at_former_owner()

    desk.deliver(claim)

    assert isinstance(desk.settled(claim), SettledInDoubt)
    assert desk.erp.submissions == []


def test_a_claim_at_a_former_owner_sends_nothing_even_when_the_mark_has_just_fallen() -> None:
    desk, claim = Desk(), a_claim(attempt=2, look_up_only=True)

    desk.deliver(claim)

    assert desk.settled(claim) == SettledAbsent()
    assert desk.erp.submissions == []


def test_a_draft_deleted_at_a_former_owner_sets_the_posting_free() -> None:
    desk, claim = Desk(WithDrafts()), at_former_owner(draft_id="draft-7")
    desk.settlements.drafts[claim.posting_id] = "draft-7"

    desk.deliver(claim)

    assert desk.settled(claim) == SettledAbsent()
    assert desk.settlements.drafts == {}
    assert desk.erp.submissions == []


def test_a_mapping_gap_is_a_dead_letter_with_its_reason() -> None:
    claim = a_claim()
    desk = Desk(StopsAfter(0, UnmappedError("no account for 5200")))

    desk.deliver(claim)

    assert desk.failure(claim) is FailureClass.MAPPING_GAP


def test_a_fault_of_the_connector_leaves_the_posting_in_doubt_and_the_batch_goes_on() -> None:
    class FailsOnce(FakeErp):
        failed = False

        def submit(self, submission: Submission, keep_draft: KeepDraft) -> Outcome:
            if not self.failed:
                self.failed = True
                raise ZeroDivisionError
            return super().submit(submission, keep_draft)

    desk, first, second = Desk(FailsOnce()), a_claim(), a_claim()

    desk.deliver(first, second)

    assert isinstance(desk.settled(first), SettledInDoubt)
    assert isinstance(desk.settled(second), SettledPosted)


def test_a_document_that_books_nothing_is_posted_when_the_erp_shows_it() -> None:
    desk, claim = Desk(), a_claim(a_project("C-1"))

    desk.deliver(claim)

    assert isinstance(desk.settled(claim), SettledPosted)
    assert desk.erp.submissions[0].booking is None


def test_a_wrong_system_that_shows_itself_in_a_rejection_stops_the_worker() -> None:
    desk = Desk(StopsAfter(0, Rejected(FailureClass.WRONG_SYSTEM, "this is the test system")))
    first, second = a_claim(), a_claim()

    progress = desk.deliver(first, second)

    assert progress.unavailable is not None
    assert desk.settlements.given_back == [second]


def test_a_wrong_system_stops_the_worker_with_its_own_error() -> None:
    desk = Desk(StopsAfter(0, WrongSystemError("this is the test system")))

    with pytest.raises(WrongSystemError):
        desk.deliver(a_claim())
    assert desk.erp.documents == []
