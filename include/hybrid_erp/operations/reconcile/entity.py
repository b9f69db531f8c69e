"""Reconciles one legal entity: looks at both ERPs, waits for what is in flight, looks again, and only then gives the verdict."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from hybrid_erp.model.reconciliation import EntityResult
from hybrid_erp.operations.reconcile.figures import documents_by_type, documents_on_projects
from hybrid_erp.operations.reconcile.look import PASSING, Looker, Seen
from hybrid_erp.operations.reconcile.trial_balance import left_out
from hybrid_erp.operations.reconcile.verdict import let_pass, verdict_of

log: Final = logging.getLogger(__name__)

ASK_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class EntityReconciliation:
    """One legal entity of a region."""

    looker: Looker
    today: date

    def run(self, *, thorough: bool = False) -> EntityResult:
        """Reconcile. `thorough`: look for what somebody altered underneath the ERPs, too.

        A difference that is seen once may be the moment between two readings: nobody is told of it before it is seen a second time. What is
        in flight at the second look is waited for within the plan's limit; what has arrived by then is told as arrived.

        Raises:
            ErpUnavailableError, WrongSystemError: As the readers. Nothing was written but the mirror; running again goes on from there.
        """
        ends = time.monotonic() + self.looker.terms.plan.confirmation_seconds_max
        seen, looks = self.looker.look(thorough=thorough), 1
        if seen.differences:
            self._wait(seen.passing, ends)
            seen, looks = self.looker.look(), 2
        if seen.passing:
            self._wait(seen.passing, ends)
            seen = self._arrived(seen)
        return self._result(seen, looks)

    def _wait(self, posting_ids: Sequence[UUID], ends: float) -> None:
        """Until none of these can still arrive by itself, or the time is up."""
        entity, told = self.looker.terms.legal_entity, 0
        while open_still := self.looker.facts.still_open(entity, posting_ids):
            left = ends - time.monotonic()
            if left <= 0:
                log.info("%s: %d postings are still in flight; the time for waiting is up.", entity, open_still)
                return
            if open_still != told:
                log.info("%s: waiting up to %.0f s for %d postings in flight.", entity, left, open_still)
                told = open_still
            time.sleep(min(ASK_SECONDS, left))

    def _arrived(self, seen: Seen) -> Seen:
        """The same, with each posting marked that was in flight and is equal in both ERPs by now."""
        self.looker.follow_again()
        unequal = {each.posting_id for each in self.looker.documents()}
        arrived = {posting_id for posting_id in self.looker.posted_everywhere(seen.passing) if posting_id not in unequal}
        marked = tuple(replace(each, arrived=each.difference_class in PASSING and each.posting_id in arrived) for each in seen.differences)
        return replace(seen, differences=marked)

    def _result(self, seen: Seen, looks: int) -> EntityResult:
        terms, charts = self.looker.terms, self.looker.charts
        apart = tuple(
            each
            for scope, figures in zip((charts.legacy_scope, charts.cloud_scope), seen.figures, strict=True)
            for each in left_out(terms.currency, scope, figures.movements)
        )
        found = let_pass(seen.differences, terms.plan.ignored, self.today)
        tolerances = [rule.tolerance for rule in terms.plan.tolerances]
        return EntityResult(
            terms.legal_entity,
            terms.currency,
            seen.coverage,
            seen.rows,
            apart,
            found,
            seen.checks,
            (
                *(each for figures in seen.figures for each in figures.evidence(terms.currency)),
                *documents_on_projects(seen.on_projects, seen.figures, terms.currency),
                *documents_by_type(seen.totals, seen.figures, terms.currency),
            ),
            verdict_of(terms.legal_entity, found, seen.checks, apart, tolerances, self.today),
            looks,
            seen.projects,
        )
