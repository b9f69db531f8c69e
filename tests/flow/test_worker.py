"""A worker goes on until nothing is due, asks the ERP who it is first, and stops when the ERP is away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybrid_erp.flow.claim import FIRST_BATCH, Worker
from hybrid_erp.flow.deliver import Delivery, Progress
from hybrid_erp.model.claim import Claim
from hybrid_erp.model.delivery import ErpIdentity
from hybrid_erp.model.errors import ErpUnavailableError, WrongSystemError
from hybrid_erp.ports import DueQueue
from tests.builders import a_journal_entry
from tests.fakes import FakeErp, FakeOutbox, FakeSettlements
from tests.flow.claims import ERP, FIRM, a_claim


def a_worker(erp: FakeErp, *claims: Claim) -> Worker[DueQueue]:
    legal_entities = tuple(dict.fromkeys(claim.legal_entity for claim in claims))
    return Worker(ERP, "DE01", FakeOutbox(list(claims), legal_entities), Delivery(FIRM, erp, FakeSettlements()), 60)


def test_a_worker_goes_on_until_nothing_is_due() -> None:
    claims = [a_claim() for _ in range(FIRST_BATCH + 7)]
    reports: list[int] = []

    def report(progress: Progress) -> None:
        reports.append(progress.settled["posted"])

    progress = a_worker(FakeErp(), *claims).run(seconds=60, report=report)

    assert progress.settled == {"posted": FIRST_BATCH + 7}
    assert reports == [FIRST_BATCH, FIRST_BATCH + 7]


def test_a_worker_delivers_its_own_company_alone() -> None:
    erp, ours, theirs = FakeErp(), a_claim(), a_claim(a_journal_entry("UK01"))

    a_worker(erp, ours, theirs).run(seconds=60)

    assert [document.posting_id for document in erp.documents] == [ours.posting_id]


def test_a_worker_without_time_claims_nothing() -> None:
    erp = FakeErp()
    worker = a_worker(erp, a_claim())

    assert worker.run(seconds=0).settled == {}
    assert erp.submissions == []


def test_a_worker_whose_turn_is_another_s_by_now_claims_nothing_more() -> None:
    erp, kept = FakeErp(), iter([True, False, False])
    claims = [a_claim() for _ in range(FIRST_BATCH + 7)]

    progress = replace(a_worker(erp, *claims), keep_turn=lambda: next(kept)).run(seconds=60)

    assert progress.settled == {"posted": FIRST_BATCH}
    assert len(erp.submissions) == FIRST_BATCH


def test_nothing_is_claimed_for_the_wrong_system() -> None:
    class Another(FakeErp):
        def identity(self) -> ErpIdentity:
            raise WrongSystemError("this is the test system")

    worker = a_worker(Another(), a_claim())

    with pytest.raises(WrongSystemError):
        worker.run(seconds=60)
    assert worker.claims.due(ERP), "the posting still waits"


def test_an_erp_that_is_away_is_told_to_airflow() -> None:
    class GoesAway(FakeErp):
        def identity(self) -> ErpIdentity:
            self.down = True
            return ErpIdentity("fake", "Fake", "EUR", "1")

    with pytest.raises(ErpUnavailableError):
        a_worker(GoesAway(), a_claim(), a_claim()).run(seconds=60)


def test_an_erp_is_not_asked_who_it_is_when_nothing_is_due() -> None:
    assert a_worker(FakeErp(down=True)).run(seconds=60).settled == {}
