"""A late draft is deleted only where nobody may ever post it; whatever else bears our mark is left alone and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from hybrid_erp.model.delivery import ConnectorClass, DeliveredAs, ErpIdentity, NativeDocument, PostingState
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import WrongSystemError
from hybrid_erp.operations.sweep_drafts import Swept, sweep_drafts
from tests.fakes import FakeErp
from tests.flow.claims import ERP


@dataclass
class FakeDeliveries:
    known: dict[UUID, DeliveredAs] = field(default_factory=dict)

    def delivered_as(self, erp: str, legal_entity: str, posting_ids: Sequence[UUID]) -> Mapping[UUID, DeliveredAs]:
        return {each: self.known[each] for each in posting_ids if each in self.known}


def a_draft(native_id: str = "late", posting_id: UUID | None = None) -> NativeDocument:
    return NativeDocument(posting_id or uuid4(), "5a" * 32, native_id, None, posted=False)


def an_erp(*documents: NativeDocument) -> FakeErp:
    return FakeErp(connector_class=ConnectorClass.DRAFT, documents=list(documents))


def delivered(draft: NativeDocument, state: PostingState, native_id: str | None = None) -> FakeDeliveries:
    return FakeDeliveries({draft.posting_id: DeliveredAs(DocumentType.JOURNAL_ENTRY, state, native_id)})


def test_a_draft_whose_posting_is_posted_as_another_document_is_deleted() -> None:
    draft = a_draft()
    posted = NativeDocument(draft.posting_id, "5a" * 32, "the-one", "N1", posted=True)
    erp = an_erp(draft, posted)

    swept = sweep_drafts(ERP, "DE01", erp, delivered(draft, PostingState.POSTED, "the-one"))

    assert swept == Swept(deleted=(draft,))
    assert erp.documents == [posted]


def test_a_draft_whose_posting_was_given_up_by_a_person_is_deleted() -> None:
    draft = a_draft()
    erp = an_erp(draft)

    assert sweep_drafts(ERP, "DE01", erp, delivered(draft, PostingState.CANCELLED)).deleted == (draft,)
    assert erp.documents == []


@pytest.mark.parametrize("state", sorted(set(PostingState) - {PostingState.POSTED, PostingState.CANCELLED}))
def test_a_draft_whose_posting_is_not_settled_is_left_alone(state: PostingState) -> None:
    draft = a_draft()
    erp = an_erp(draft)

    assert sweep_drafts(ERP, "DE01", erp, delivered(draft, state)) == Swept(waiting=1)
    assert erp.documents == [draft]


def test_a_draft_under_the_id_that_the_store_holds_as_posted_is_left_alone() -> None:
    draft = a_draft("the-one")
    erp = an_erp(draft)

    assert sweep_drafts(ERP, "DE01", erp, delivered(draft, PostingState.POSTED, "the-one")) == Swept(waiting=1)
    assert erp.documents == [draft]


def test_a_draft_whose_posting_the_store_does_not_know_is_told_and_not_touched() -> None:
    draft = a_draft()
    erp = an_erp(draft)

    assert sweep_drafts(ERP, "DE01", erp, FakeDeliveries()) == Swept(unknown=(draft,))
    assert erp.documents == [draft]


def test_nothing_is_deleted_in_the_wrong_system() -> None:
    class Another(FakeErp):
        def identity(self) -> ErpIdentity:
            raise WrongSystemError("this is the test system")

    draft = a_draft()
    erp = Another(documents=[draft])

    with pytest.raises(WrongSystemError):
        sweep_drafts(ERP, "DE01", erp, delivered(draft, PostingState.CANCELLED))

    assert erp.documents == [draft]
