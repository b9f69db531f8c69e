"""Gives each document on which two ERPs disagree exactly one class, by what the store knows of it.

Evidence comes before appearance: what was posted exactly as it was sent, and differs now, was changed afterwards, even by a single cent;
only where an ERP booked otherwise from the first does the kind of difference say why.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from hybrid_erp.model.books import Origin
from hybrid_erp.model.comparison import Aspect, DocumentDifference, ObservedDocument
from hybrid_erp.model.delivery import FailureClass, PostingState
from hybrid_erp.model.posting_facts import DeliveryFacts, PostingFacts
from hybrid_erp.model.reconciliation import Difference, DifferenceClass
from hybrid_erp.operations.reconcile.cells import cells, stands
from hybrid_erp.operations.reconcile.shape import has_unmapped, moved_within, shape_of
from hybrid_erp.operations.reconcile.words import in_words

HAVE_IT_SENT: Final = "Have its source send it; or enter it there under the same number and run `hybrid-erp adopt`."
_ORDER = {aspect: place for place, aspect in enumerate(Aspect)}
Found = tuple[DifferenceClass, str]
"""A class, and how it was found and what to do."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """Of one region: the names of its two ERPs, and what the store knows of the postings in question."""

    legacy: str
    cloud: str
    facts: Mapping[UUID, PostingFacts]
    left_out: Container[str] = ()
    """Accounts whose balances are not compared, as a cell names them."""
    not_captured: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By ERP and native id: why capture left a native document to a person."""

    def classify(self, difference: DocumentDifference) -> Difference:
        """The difference with its class."""
        posting_id = difference.posting_id
        facts = self.facts.get(posting_id) if posting_id else None
        found = self._with_key(difference, posting_id, facts) if posting_id else self._native(difference)
        legacy, cloud = difference.pair.legacy, difference.pair.cloud
        shown = next(iter((*legacy, *cloud)), None)
        return Difference(
            found[0],
            difference.pair.legal_entity,
            ", ".join(str(aspect) for aspect in sorted(difference.aspects, key=_ORDER.__getitem__)),
            cells(difference.pair, self.legacy, self.cloud, self.left_out),
            legacy=in_words(legacy, facts.at.get(self.legacy) if facts else None),
            cloud=in_words(cloud, facts.at.get(self.cloud) if facts else None),
            posting_id=posting_id,
            legacy_id=_ids(legacy),
            cloud_id=_ids(cloud),
            number=facts.number if facts else (shown.number if shown else ""),
            document_type=facts.document_type if facts else str((shown and shown.document_type) or ""),
            why=found[1],
            moved=moved_within(difference),
        )

    def _native(self, difference: DocumentDifference) -> Found:
        """What bears no key of ours: a person, a foreign interface or the ERP itself posted it in one ERP."""
        documents = (*difference.pair.legacy, *difference.pair.cloud)
        in_legacy = bool(difference.pair.legacy)
        erp = self.legacy if in_legacy else self.cloud
        if any(each.origin is Origin.PERIOD_RUN for each in documents):
            run = next((each.period_run for each in documents if each.period_run), None) or "that the plan does not name"
            return DifferenceClass.PERIOD_RUN, f"A periodic run ({run}) of {erp}: bring it over by the region's policy for it."
        if has_unmapped(difference):
            why = f"Posted in {erp} on an account or tax code that its mapping does not know: add a rule to config/mappings/{erp}.yaml."
            return DifferenceClass.MAPPING_GAP, why
        native = DifferenceClass.NATIVE_IN_LEGACY if in_legacy else DifferenceClass.NATIVE_IN_CLOUD
        reasons = (self.not_captured.get((erp, each.native_id)) for each in documents)
        if (reason := next(filter(None, reasons), None)) is not None:
            return native, f"Posted in {erp} itself, and not captured: {reason}."
        return native, f"Posted in {erp} itself: capture brings it over, or a person posts it in the other ERP or reverses it."

    def _with_key(self, difference: DocumentDifference, posting_id: UUID, facts: PostingFacts | None) -> Found:
        if facts is None:
            return DifferenceClass.UNEXPLAINED, f"It bears the key {posting_id}, which the store does not know: keep everything as it is."
        for erp, documents in ((self.legacy, difference.pair.legacy), (self.cloud, difference.pair.cloud)):
            standing = [each for each in documents if stands(each) and each.origin is not Origin.DERIVED]
            if len(standing) > 1:
                return self._several(erp, standing, facts.at.get(erp))
        legacy, cloud = (next(filter(stands, documents), None) for documents in (difference.pair.legacy, difference.pair.cloud))
        if legacy is not None and cloud is not None:
            return self._in_both(difference, facts)
        lacking, documents = (self.cloud, difference.pair.cloud) if cloud is None else (self.legacy, difference.pair.legacy)
        return self._in_one(lacking, documents, facts)

    def _several(self, erp: str, documents: list[ObservedDocument], at: DeliveryFacts | None) -> Found:
        native = DifferenceClass.NATIVE_IN_LEGACY if erp == self.legacy else DifferenceClass.NATIVE_IN_CLOUD
        own = at.native_id.rpartition(",")[2] if at and at.native_id else None  # a receipt may leave the ERP's word out
        others = [each.native_id for each in documents if each.native_id.rpartition(",")[2] != own]
        recorded = f"; the posting's own is {at.native_id}" if at and at.native_id else ""
        return native, f"{erp} holds several documents under one key: {', '.join(others)}{recorded}. Reverse the ones too many there."

    def _in_one(self, lacking: str, documents: tuple[ObservedDocument, ...], facts: PostingFacts) -> Found:
        """One ERP does not hold it, or not in its balances."""
        at, other = facts.at.get(lacking), facts.at.get(self.legacy if lacking == self.cloud else self.cloud)
        if at is None:
            return self._never_sent(lacking, other, facts)
        if at.state is PostingState.POSTED:
            if at.after_reading:
                return DifferenceClass.IN_FLIGHT, f"Posted in {lacking} while the ERPs were read."
            if any(each.deleted_at is None for each in documents):
                why = f"{lacking} held it as posted and has it as a draft now: find out who took it back, and post it there again."
                return DifferenceClass.CHANGED_AFTER_POSTING, why
            why = f"{lacking} held it as {at.native_id or 'posted'} and does not any more: find out who deleted it; the audit trail has it."
            return DifferenceClass.DELETED_AFTER_POSTING, why
        if at.waits_for and facts.captured_from is not None:
            native = DifferenceClass.NATIVE_IN_CLOUD if lacking == self.legacy else DifferenceClass.NATIVE_IN_LEGACY
            why = f"Captured from {facts.captured_from}; it waits for {at.waits_for}, which {lacking} does not hold. {HAVE_IT_SENT}"
            return native, why
        return class_of_unposted(lacking, at)

    def _never_sent(self, lacking: str, other: DeliveryFacts | None, facts: PostingFacts) -> Found:
        if facts.captured_from == lacking:
            return DifferenceClass.DELETED_AFTER_POSTING, f"It was captured from {lacking}, where it is gone: reverse it in the other ERP."
        if facts.joins_later:
            return DifferenceClass.IN_FLIGHT, "Its entity is not yet among those that are posted to both ERPs: raise the share."
        if other is not None and other.altered:
            return DifferenceClass.ALTERED_BY_ERP, f"Read back found other content than was sent: {other.reason}"
        if other is not None and (other.open or other.after_reading):
            return DifferenceClass.IN_FLIGHT, "Its first ERP holds it; that it is settled is being written down."
        return DifferenceClass.UNEXPLAINED, f"It was never to be sent to {lacking}. It may be from before the dual run, without a load."

    def _in_both(self, difference: DocumentDifference, facts: PostingFacts) -> Found:
        sides = ((self.legacy, difference.pair.legacy), (self.cloud, difference.pair.cloud))
        shape = shape_of(difference)
        for erp, documents in sides:
            at = facts.at.get(erp)
            if at is not None and at.altered:
                why = f"{erp} booked it otherwise than it was sent, as read back found at once: {at.reason}"
                return shape or DifferenceClass.ALTERED_BY_ERP, why
            if at is not None and at.open:
                return DifferenceClass.IN_FLIGHT, f"{erp} shows it already, and has not finished with it."
            if any(each.books_changed for each in documents):
                return (
                    DifferenceClass.CHANGED_AFTER_POSTING,
                    f"Changed in {erp} after it was posted: find out who did it and put it right there.",
                )
        if shape is DifferenceClass.NUMBERING or shape is DifferenceClass.MAPPING_GAP:
            return shape, "What it books was read back as sent; the number or an account's mapping is another now."
        if difference.aspects <= {Aspect.DUE_DATE, Aspect.ISSUE_DATE, Aspect.LEGAL_NUMBER}:
            return shape or DifferenceClass.NUMBERING, "What it books is equal; what it bears for people is not."
        if facts.captured_from is not None:
            why = f"Captured from {facts.captured_from}; neither document was changed since, and yet they differ."
            return shape or DifferenceClass.UNEXPLAINED, why
        why = "Both ERPs had booked it exactly as sent when it was posted: one of the two was changed since. Compare them line by line."
        return DifferenceClass.CHANGED_AFTER_POSTING, why


def class_of_unposted(erp: str, at: DeliveryFacts) -> Found:
    """The class of a posting that is not posted at an ERP, by how far it is there."""
    told = f" {at.reason}" if at.reason else ""
    if at.state is PostingState.CANCELLED:
        return DifferenceClass.DEAD_LETTER, f"Given up for {erp} by a person:{told or ' without a reason'}. Post it there by hand."
    if at.state is PostingState.DEAD_LETTERED:
        if at.failure is FailureClass.MAPPING_GAP:
            return DifferenceClass.MAPPING_GAP, f"Refused for {erp}:{told} Mend the mapping and run replay_dead_letters."
        if at.altered:
            return DifferenceClass.ALTERED_BY_ERP, f"{erp} booked it otherwise than it was sent:{told}"
        return DifferenceClass.DEAD_LETTER, f"{erp} refused it:{told} Repair the cause and run replay_dead_letters."
    if at.attempt > 1 or at.failure is not None:
        return DifferenceClass.CANDIDATE_RETRYING, f"Tried {at.attempt} times at {erp}:{told or ' it goes on by itself'}"
    if at.waits_for:
        return DifferenceClass.IN_FLIGHT, f"It waits for {at.waits_for}, which {erp} does not hold yet. {HAVE_IT_SENT}"
    return DifferenceClass.IN_FLIGHT, f"On its way to {erp}."


def _ids(documents: tuple[ObservedDocument, ...]) -> str | None:
    return ", ".join(each.native_id for each in documents) or None
