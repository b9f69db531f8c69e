"""Read through asks the ERP in which a document lives, and nobody waits longer than the limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from hybrid_erp.model.delivery import ErpIdentity, NativeDocument, PostingState
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import (
    DocumentAmbiguousError,
    DocumentWaitingError,
    ErpSilentError,
    ErpUnavailableError,
    WrongSystemError,
)
from hybrid_erp.model.read_through import DocumentPlace
from hybrid_erp.operations.read_through import READERS_MAX, ReadThrough
from tests.fakes import FakeErp

INVOICE = DocumentType.INVOICE
PLACE = DocumentPlace(
    INVOICE, "INV-1", 1, "billing", uuid4(), "DE01", "emea", PostingState.POSTED, None, "legacy", "7", "N7", "2026/7", uuid4()
)
NATIVE = NativeDocument(UUID(int=1), "a" * 64, "7", "N7", True, "2026/7")


@dataclass
class FakePlaces:
    found: list[DocumentPlace] = field(default_factory=lambda: [PLACE])

    def places(self, document_type: DocumentType, number: str, *, legal_entities: Collection[str]) -> Sequence[DocumentPlace]:
        return [place for place in self.found if place.legal_entity in legal_entities and place.number == number]


@dataclass
class HangingErp(FakeErp):
    """Answers when it is let."""

    let: threading.Event = field(default_factory=threading.Event)

    def identity(self) -> ErpIdentity:
        assert self.let.wait(30)
        return super().identity()


@pytest.fixture
def erps() -> Iterator[dict[str, FakeErp]]:
    made: dict[str, FakeErp] = {"legacy": FakeErp(documents=[NATIVE]), "cloud": FakeErp(documents=[NATIVE])}
    yield made
    for erp in made.values():
        if isinstance(erp, HangingErp):
            erp.let.set()


@pytest.fixture
def places() -> FakePlaces:
    return FakePlaces()


@pytest.fixture
def through(erps: dict[str, FakeErp], places: FakePlaces) -> ReadThrough:
    return ReadThrough(places, lambda erp, legal_entity: erps[erp], ("DE01", "UK01"), limit_seconds=0.2)


def test_a_document_is_answered_by_the_erp_in_which_it_lives(through: ReadThrough) -> None:
    found = through.document(INVOICE, "INV-1")

    assert found is not None
    assert (found.place, found.native) == (PLACE, NATIVE)


def test_what_the_erp_does_not_hold_any_more_is_said(through: ReadThrough, erps: dict[str, FakeErp]) -> None:
    erps["legacy"].documents = []

    found = through.document(INVOICE, "INV-1")

    assert found is not None
    assert found.native is None


def test_what_is_unknown_of_another_source_or_elsewhere_is_nothing(through: ReadThrough) -> None:
    unknown: list[tuple[str, dict[str, Any]]] = [
        ("INV-2", {}),
        ("INV-1", {"source": "crm"}),
        ("INV-1", {"legal_entities": {"UK01"}}),
        ("INV-1", {"legal_entities": set()}),
        ("INV-1", {"legal_entities": {"XX99"}}),
    ]
    for number, terms in unknown:
        assert through.document(INVOICE, number, **terms) is None

    assert through.document(INVOICE, "INV-1", source="billing", legal_entities={"DE01", "XX99"}) is not None


def test_two_of_one_number_have_to_be_told_apart(through: ReadThrough, places: FakePlaces) -> None:
    places.found.append(replace(PLACE, legal_entity="UK01"))

    with pytest.raises(DocumentAmbiguousError, match="DE01, UK01"):
        through.document(INVOICE, "INV-1")
    assert through.document(INVOICE, "INV-1", legal_entities={"UK01"}) is not None


def test_what_is_in_no_erp_is_told_with_its_state(through: ReadThrough, places: FakePlaces) -> None:
    places.found = [replace(PLACE, state=PostingState.IN_DOUBT, erp=None, native_id=None)]

    with pytest.raises(DocumentWaitingError, match="in_doubt") as raised:
        through.document(INVOICE, "INV-1")
    assert raised.value.place == places.found[0]


def test_an_erp_that_is_silent_is_left_after_the_limit_and_no_other_waits_for_it(
    through: ReadThrough, places: FakePlaces, erps: dict[str, FakeErp]
) -> None:
    erps["legacy"] = HangingErp(documents=[NATIVE])
    places.found.append(replace(PLACE, number="INV-2", erp="cloud"))
    began = time.monotonic()

    for _ in range(READERS_MAX):
        with pytest.raises(ErpSilentError, match="legacy did not answer"):
            through.document(INVOICE, "INV-1")
    with pytest.raises(ErpUnavailableError, match="legacy is being asked"):
        through.document(INVOICE, "INV-1")
    assert through.document(INVOICE, "INV-2") is not None

    assert time.monotonic() - began < 5


def test_an_erp_that_has_come_back_is_asked_again(through: ReadThrough, erps: dict[str, FakeErp]) -> None:
    hanging = HangingErp(documents=[NATIVE])
    erps["legacy"] = hanging
    for _ in range(READERS_MAX):
        with pytest.raises(ErpSilentError):
            through.document(INVOICE, "INV-1")
    hanging.let.set()

    ends = time.monotonic() + 10
    while True:
        try:
            assert through.document(INVOICE, "INV-1") is not None
            break
        except ErpUnavailableError:
            assert time.monotonic() < ends, "its readers were not given back"


def test_an_erp_that_is_down_is_named(through: ReadThrough, erps: dict[str, FakeErp]) -> None:
    erps["legacy"].down = True

    with pytest.raises(ErpUnavailableError, match="legacy cannot be asked now"):
        through.document(INVOICE, "INV-1")


def test_what_breaks_in_the_reader_is_told_without_its_words(through: ReadThrough, erps: dict[str, FakeErp]) -> None:
    class Broken(FakeErp):
        def identity(self) -> ErpIdentity:
            raise OSError("password=hunter2")

    class Wrong(FakeErp):
        def identity(self) -> ErpIdentity:
            raise WrongSystemError("another company answers")

    erps["legacy"] = Broken()
    with pytest.raises(ErpUnavailableError, match="legacy cannot be asked") as raised:
        through.document(INVOICE, "INV-1")
    assert "hunter2" not in str(raised.value)
    erps["legacy"] = Wrong()
    with pytest.raises(WrongSystemError, match="in the place of legacy"):
        through.document(INVOICE, "INV-1")
