"""A dead letter that may be in an ERP all the same is looked for again, and never sent from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from hybrid_erp.flow.deliver import Delivery, Progress
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.operations.look_again import look_again
from tests.fakes import FakeErp, FakeSettlements
from tests.flow.claims import FIRM, a_claim


@dataclass
class FakeLetters:
    doubtful: dict[DocumentType, list[UUID]]
    reopened: list[UUID] = field(default_factory=list)

    def in_doubt(self, erp: str, legal_entity: str) -> Mapping[DocumentType, Sequence[UUID]]:
        return self.doubtful

    def reopen(self, posting_ids: Sequence[UUID], *, by: str, reason: str) -> Sequence[UUID]:
        self.reopened += posting_ids
        return posting_ids


def test_what_arrived_after_all_is_given_back_to_the_delivery() -> None:
    arrived, lost, erp = a_claim(), a_claim(), FakeErp()
    Delivery(FIRM, erp, FakeSettlements()).deliver([arrived], Progress())
    letters = FakeLetters({DocumentType.JOURNAL_ENTRY: [arrived.posting_id, lost.posting_id]})

    assert look_again("ledgersmb-emea", "DE01", erp, letters, by="watch") == [arrived.posting_id]

    assert letters.reopened == [arrived.posting_id]
    assert len(erp.submissions) == 1  # the one of the test; nothing was sent by looking


def test_nothing_in_doubt_asks_nobody() -> None:
    assert look_again("ledgersmb-emea", "DE01", FakeErp(down=True), FakeLetters({}), by="watch") == []
