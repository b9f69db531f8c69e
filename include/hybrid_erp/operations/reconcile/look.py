"""One look at both ERPs of a legal entity: their figures, the documents that differ, and each difference with its class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from hybrid_erp.model.comparison import DocumentDifference, ObservedTotal, ProjectSums
from hybrid_erp.model.delivery import PostingState
from hybrid_erp.model.posting_facts import Boundary, PostingFacts
from hybrid_erp.model.reconciliation import BalanceRow, Check, Coverage, Difference, DifferenceClass, ProjectRow
from hybrid_erp.model.region_plan import RegionPlan
from hybrid_erp.operations.compare import differences
from hybrid_erp.operations.reconcile.checks import checks_of
from hybrid_erp.operations.reconcile.classify import Classifier
from hybrid_erp.operations.reconcile.explain import explained
from hybrid_erp.operations.reconcile.figures import ErpFigures
from hybrid_erp.operations.reconcile.follow import Follower
from hybrid_erp.operations.reconcile.needs import ReconciliationFacts
from hybrid_erp.operations.reconcile.period_runs import runs_made_twice, without_equal_runs
from hybrid_erp.operations.reconcile.project_figures import Shares, project_rows, shares_of_documents
from hybrid_erp.operations.reconcile.projects import unequal_projects
from hybrid_erp.operations.reconcile.subledger import unequal_customers, unequal_items
from hybrid_erp.operations.reconcile.trial_balance import (
    Charts,
    apart,
    balance_rows,
    balances,
    carried_forward,
    cells_of,
)
from hybrid_erp.operations.reconcile.unbilled import TimeComparison, hours_by_project, unequal

#: What may settle by itself.
PASSING: Final = frozenset({DifferenceClass.IN_FLIGHT, DifferenceClass.CANDIDATE_RETRYING})


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look showed."""

    coverage: Coverage
    figures: tuple[ErpFigures, ErpFigures]
    """Legacy, cloud."""
    rows: tuple[BalanceRow, ...]
    differences: tuple[Difference, ...]
    checks: tuple[Check, ...]
    on_projects: tuple[ProjectSums, ...] = ()
    totals: tuple[ObservedTotal, ...] = ()
    projects: tuple[ProjectRow, ...] = ()

    @property
    def passing(self) -> list[UUID]:
        """Postings that may still arrive by themselves."""
        return [each.posting_id for each in self.differences if each.difference_class in PASSING and each.posting_id is not None]


@dataclass(frozen=True, slots=True)
class EntityTerms:
    """What a reconciliation of one legal entity goes by: plain values made from the configuration."""

    legal_entity: str
    currency: str
    """Functional."""
    plan: RegionPlan
    receivables: tuple[str, ...]
    """Canonical control accounts whose subledger the ERPs keep as open items."""
    result_accounts: frozenset[str]
    """Canonical accounts of profit and loss."""
    expense_accounts: frozenset[str] = frozenset()
    """Those of them that are cost."""


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at both ERPs of one legal entity."""

    terms: EntityTerms
    charts: Charts
    legacy: Follower
    cloud: Follower
    facts: ReconciliationFacts

    def look(self, *, thorough: bool = False) -> Seen:
        """Read both ERPs and compare.

        Raises:
            ErpUnavailableError, WrongSystemError: As the readers. Nothing was written but the mirror.
        """
        entity = self.terms.legal_entity
        boundary = self.facts.boundary(entity)
        instant, position = self.facts.instant(), self.facts.settle_position(entity)
        figures = self.legacy.look(boundary, thorough=thorough), self.cloud.look(boundary, thorough=thorough)
        rows = self._rows(figures, boundary)
        self.legacy.locate(figures[0], boundary, self.charts.legacy)
        self.cloud.locate(figures[1], boundary, self.charts.cloud)
        documents = self.documents()
        known = self._facts(documents, instant)
        twice = runs_made_twice(entity, documents, self.terms.plan, self.legacy.erp, self.cloud.erp)
        checks = checks_of(figures, self.terms.plan, self.terms.receivables, self.terms.currency, self.facts.half_pairs(entity))
        cursors = ({entity: each.reading.cursor} for each in figures)
        classified = self._classified(documents, known)
        sums = tuple(self.legacy.comparison.projects(self.legacy.erp, self.cloud.erp, entity, sorted(self.terms.expense_accounts)))
        shares = shares_of_documents(zip(documents, classified, strict=True), self.terms.expense_accounts)
        hours = hours_by_project(figures[0].projects, figures[1].projects, self._unbillable_hours())
        time = self._unequal_time(unequal(hours), instant, shares)
        told = ((self.legacy.erp, figures[0].projects), (self.cloud.erp, figures[1].projects))
        tier_two = self._of_tier_two(figures, documents, instant)
        shares.add_contract_values(tier_two, *(projects for _, projects in told))
        projects, rest = project_rows(entity, self.terms.currency, *told, sums, hours, shares)
        found = [*classified, *tier_two, *time, *rest]
        totals = tuple(self.legacy.comparison.document_totals(self.legacy.erp, self.cloud.erp, [entity]))
        return Seen(Coverage(instant, position, *cursors), figures, rows, explained(rows, found), (*checks, *twice), sums, totals, projects)

    def documents(self) -> list[DocumentDifference]:
        """The documents on which the mirrors differ."""
        comparison = self.legacy.comparison
        with comparison.at_one_instant():
            found = list(differences(comparison, self.legacy.erp, self.cloud.erp, [self.terms.legal_entity]))
        return without_equal_runs(found, self.terms.plan)

    def posted_everywhere(self, posting_ids: Sequence[UUID]) -> frozenset[UUID]:
        """Those of these that have a receipt at both ERPs: what books nothing shows in no document."""
        known = self.facts.postings(self.terms.legal_entity, posting_ids, reading_since=self.facts.instant())
        both = {self.legacy.erp, self.cloud.erp}
        posted = {key: {erp for erp, at in facts.at.items() if at.state is PostingState.POSTED} for key, facts in known.items()}
        return frozenset(key for key, erps in posted.items() if both <= erps)

    def follow_again(self) -> None:
        """Bring both mirrors level once more, without any figures."""
        boundary = self.facts.boundary(self.terms.legal_entity)
        for follower in (self.legacy, self.cloud):
            follower.follow(boundary)

    def _rows(self, figures: tuple[ErpFigures, ErpFigures], boundary: Boundary) -> tuple[BalanceRow, ...]:
        before = cells_of(boundary.legacy_before, self.legacy.erp)
        opening = {}
        if boundary.accounting_on is not None:
            opening = carried_forward(before, self.terms.result_accounts, self.terms.plan.load, boundary.accounting_on)
        legacy = apart(cells_of(figures[0].movements, self.legacy.erp), before, opening)
        loaded = self.cloud.before(boundary)
        cloud = apart(cells_of(figures[1].movements, self.cloud.erp), loaded, balances(loaded))
        return balance_rows(self.terms.legal_entity, self.terms.currency, legacy, cloud, self.charts)

    def _facts(self, documents: Sequence[DocumentDifference], instant: datetime) -> dict[UUID, PostingFacts]:
        keys = [each.posting_id for each in documents if each.posting_id is not None]
        return dict(self.facts.postings(self.terms.legal_entity, keys, reading_since=instant))

    def _classified(self, documents: Sequence[DocumentDifference], known: dict[UUID, PostingFacts]) -> list[Difference]:
        entity, erps = self.terms.legal_entity, (self.legacy.erp, self.cloud.erp)
        kept = {(erp, native_id): why for erp in erps for native_id, why in self.facts.not_captured(erp, entity).items()}
        classifier = Classifier(*erps, known, self.charts.left_out, kept)
        return [classifier.classify(document) for document in documents]

    def _unbillable_hours(self) -> tuple[Mapping[str, Decimal], Mapping[str, Decimal]]:
        entity = self.terms.legal_entity
        return self.facts.unbillable_hours(self.legacy.erp, entity), self.facts.unbillable_hours(self.cloud.erp, entity)

    def _unequal_time(self, projects: frozenset[str], instant: datetime, shares: Shares) -> list[Difference]:
        if not projects:
            return []
        terms, legacy, cloud = self.terms, self.legacy.reader.unbilled_time(projects), self.cloud.reader.unbilled_time(projects)
        keys = [entry.posting_id for entry in (*legacy, *cloud) if entry.posting_id is not None]
        known, time_terms = self.facts.postings(terms.legal_entity, keys, reading_since=instant), self.facts.time_terms(keys)
        comparison = TimeComparison(terms.legal_entity, terms.currency, self.legacy.erp, self.cloud.erp, known, time_terms)
        return list(comparison.differences(legacy, cloud, shares))

    def _of_tier_two(
        self, figures: tuple[ErpFigures, ErpFigures], documents: Sequence[DocumentDifference], instant: datetime
    ) -> list[Difference]:
        entity = self.terms.legal_entity
        gaps = unequal_customers(figures[0].customer_balances, figures[1].customer_balances, documents, self.terms.receivables)
        customers = {customer for _, customer in gaps}
        read = [each.reader.open_receivables(customers) if gaps else () for each in (self.legacy, self.cloud)]
        items = [unequal_items(entity, key, gap, *read) for key, gap in sorted(gaps.items())]
        numbers = sorted({each.number for of_erp in figures for each in of_erp.projects})
        postings = self.facts.documents(entity, "project", numbers)
        known = self.facts.postings(entity, list(postings.values()), reading_since=instant)
        legacy, cloud = figures
        projects = unequal_projects(entity, (legacy.erp, legacy.projects), (cloud.erp, cloud.projects), postings, known)
        return [*items, *projects]
