"""Periodic runs that each ERP makes for itself: no difference where both book the same; and no run that is mirrored may run twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from hybrid_erp.model.books import Origin
from hybrid_erp.model.comparison import DocumentDifference
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.reconciliation import Check
from hybrid_erp.model.region_plan import PeriodRunPolicy, RegionPlan
from hybrid_erp.operations.reconcile.cells import stands

Line = tuple[str, str, str]
"""Period, account, dimensions: by what two runs must book the same."""


def without_equal_runs(differences: Iterable[DocumentDifference], plan: RegionPlan) -> list[DocumentDifference]:
    """The differences without those of runs that both ERPs made, in the same periods, with the same amounts."""
    kept, runs = [], defaultdict(list)
    for difference in differences:
        run = run_of(difference)
        if run is not None and plan.period_runs.get(run) is PeriodRunPolicy.BOTH:
            runs[run].append(difference)
        else:
            kept.append(difference)
    for group in runs.values():
        kept += [] if not any(_sums(group).values()) else group
    return kept


def run_of(difference: DocumentDifference) -> str | None:
    """The periodic run that made it natively; None if it was anything else."""
    documents = (*difference.pair.legacy, *difference.pair.cloud)
    if difference.posting_id is None and documents and all(each.origin is Origin.PERIOD_RUN for each in documents):
        return next((each.period_run for each in documents if each.period_run), None)
    return None


def _sums(differences: Iterable[DocumentDifference]) -> dict[Line, Decimal]:
    sums: dict[Line, Decimal] = defaultdict(lambda: ZERO)
    for difference in differences:
        for sign, documents in ((-1, difference.pair.legacy), (1, difference.pair.cloud)):
            for document in filter(stands, documents):
                for line in document.lines:
                    sums[(document.period, line.account, str(line.dimensions))] += sign * line.functional_amount
    return sums


def runs_made_twice(
    legal_entity: str, differences: Sequence[DocumentDifference], plan: RegionPlan, legacy: str, cloud: str
) -> tuple[Check, ...]:
    """A run that is mirrored from the book of record and also ran in the other ERP is booked twice (ACCOUNTING C20)."""
    made: dict[str, set[str]] = defaultdict(set)
    for difference in differences:
        run = run_of(difference)
        if run is not None and plan.period_runs.get(run) is PeriodRunPolicy.MIRROR:
            made[run] |= {erp for erp, documents in ((legacy, difference.pair.legacy), (cloud, difference.pair.cloud)) if documents}
    return tuple(
        Check(
            legal_entity,
            cloud,
            f"the periodic run {run} runs in one ERP alone",
            f"entries of {legacy} alone",
            f"entries of {legacy} and of {cloud}",
            False,
            "Reverse the run in the ERP that is not the book of record: it is mirrored from there.",
        )
        for run, erps in sorted(made.items())
        if len(erps) > 1
    )
