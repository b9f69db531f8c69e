"""A legal entity that does not move: our receipts against the ERP that owns it. Every posted document is there, unaltered, once.

What people post there natively is their own affair; what they do to our documents is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from hybrid_erp.model.comparison import DocumentDifference
from hybrid_erp.model.posting_facts import Boundary
from hybrid_erp.model.reconciliation import Coverage, Difference, DifferenceClass, EntityResult, Place
from hybrid_erp.model.region_plan import RegionPlan
from hybrid_erp.operations.compare import differences
from hybrid_erp.operations.reconcile.checks import checks_of
from hybrid_erp.operations.reconcile.classify import Classifier
from hybrid_erp.operations.reconcile.figures import ErpFigures
from hybrid_erp.operations.reconcile.follow import Follower
from hybrid_erp.operations.reconcile.look import PASSING
from hybrid_erp.operations.reconcile.needs import ReconciliationFacts
from hybrid_erp.operations.reconcile.receipts import ReceiptBook, receipts_of
from hybrid_erp.operations.reconcile.verdict import verdict_of


@dataclass(frozen=True, slots=True)
class SettledEntity:
    """One legal entity at the ERP that owns it. The follower writes into the receipt book."""

    follower: Follower
    book: ReceiptBook
    facts: ReconciliationFacts
    currency: str
    """Functional."""
    receivables: tuple[str, ...]
    """Canonical control accounts whose subledger the ERP keeps as open items."""
    today: date

    def run(self, *, thorough: bool = False) -> EntityResult:
        """Compare. A difference is told when a second look shows it too; what is on its way is left to the next run.

        Raises:
            ErpUnavailableError, WrongSystemError: As the reader. What was read stays read.
        """
        result, looks = self._look(thorough=thorough), 1
        if result.differences:
            result, looks = self._look(thorough=False), 2
        return replace(result, looks=looks)

    def _look(self, *, thorough: bool) -> EntityResult:
        entity, boundary = self.follower.legal_entity, Boundary()
        position = self.facts.settle_position(entity)
        figures = replace(self.follower.look(boundary, thorough=thorough), erp=self.book.erp)
        self.follower.locate(figures, boundary, tuple(self.follower.reader.chart()))
        self.book.enter_the_others(entity, self.follower.reader)
        found = (*self._of_our_documents(), *self._missed(figures, boundary))
        half_pairs = self.facts.half_pairs(entity)
        checks = checks_of((figures,), RegionPlan(), self.receivables, self.currency, half_pairs)
        coverage = Coverage(self.book.settled_before, position, {entity: ""}, {entity: figures.reading.cursor})
        evidence = figures.evidence(self.currency)
        verdict = verdict_of(entity, found, checks, (), (), self.today)
        return EntityResult(entity, self.currency, coverage, (), (), found, checks, evidence, verdict)

    def _of_our_documents(self) -> Iterator[Difference]:
        documents = list(self._unequal())
        keys = [each.posting_id for each in documents if each.posting_id is not None]
        known = dict(self.facts.postings(self.follower.legal_entity, keys, reading_since=self.book.settled_before))
        classifier = Classifier(receipts_of(self.book.erp), self.book.erp, known)
        for document in documents:
            difference = classifier.classify(document)
            if difference.difference_class not in PASSING:
                yield difference

    def _unequal(self) -> Iterator[DocumentDifference]:
        """Documents that bear our key; what the ERP derived from them by itself is not among them."""
        comparison, legal_entities = self.follower.comparison, [self.follower.legal_entity]
        with comparison.at_one_instant():
            yield from differences(comparison, receipts_of(self.book.erp), self.follower.erp, legal_entities)

    def _missed(self, figures: ErpFigures, boundary: Boundary) -> Iterator[Difference]:
        """What the ERP's own totals say beyond its documents: nothing that is known explains it."""
        for (period, account), gap in sorted(self.follower.missed(figures, boundary).items()):
            place = Place(self.follower.legal_entity, period, account, self.currency)
            why = f"{account} in {period} is {gap:+,} {self.currency} by {self.book.erp}'s own total beyond the documents that it tells."
            yield Difference(DifferenceClass.UNEXPLAINED, place.legal_entity, "amount", ((place, gap),), why=why)
