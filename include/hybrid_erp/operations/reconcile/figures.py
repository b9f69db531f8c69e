"""What an ERP says of itself at one moment: chart, totals, open items, series, each with the question that was asked (ACCOUNTING D28)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from hybrid_erp.model.books import AccountMovement, NumberSeries, OpenReceivable, ProjectFigures, Reading
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.reconciliation import Evidence
from hybrid_erp.operations.reconcile.trial_balance import Side


@dataclass(frozen=True, slots=True)
class ErpFigures:
    """The figures of one company of one ERP."""

    erp: str
    side: Side
    legal_entity: str
    reading: Reading
    movements: tuple[AccountMovement, ...]
    open_receivables: tuple[OpenReceivable, ...]
    series: tuple[NumberSeries, ...]
    projects: tuple[ProjectFigures, ...]
    calls: int
    """How often the ERP was asked for all of it."""
    documents_read: int

    def evidence(self, currency: str) -> tuple[Evidence, ...]:
        """Where each figure comes from."""
        debit = sum((each.debit for each in self.movements), ZERO)
        credit = sum((each.credit for each in self.movements), ZERO)
        open_amount = sum((each.functional_open_amount for each in self.open_receivables), ZERO)
        asked = self.reading.queries
        return (
            self._one("trial balance", "movements", asked, len(self.movements), f"debit {debit:,}, credit {credit:,} {currency}"),
            self._one("open items", "open_receivables", asked, len(self.open_receivables), f"{open_amount:,} {currency} open"),
            self._one("number series", "series", asked, len(self.series), "; ".join(map(series_in_words, self.series)) or "no series"),
            self._one("projects", "projects", asked, len(self.projects), f"{len(self.projects)} projects"),
            self._one("documents", "changes", asked, self.documents_read, f"{self.calls} calls for all figures of this ERP"),
        )

    def _one(self, figure: str, method: str, queries: Sequence[str], rows: int, total: str) -> Evidence:
        fitting = [query for query in queries if query.split(":")[0].strip() == method]
        query = "; ".join(fitting or queries) or method
        parameters = (("legal_entity", self.legal_entity), ("cursor", self.reading.cursor))
        return Evidence(self.legal_entity, self.erp, figure, self.erp, query, parameters, rows, total, self.reading.instant)

    def by_control_account(self) -> dict[str, Decimal]:
        """Open items in functional currency by canonical control account."""
        sums: dict[str, Decimal] = {}
        for item in self.open_receivables:
            sums[item.account] = sums.get(item.account, ZERO) + item.functional_open_amount
        return sums


def series_in_words(series: NumberSeries) -> str:
    """First, last, missing and cancelled numbers."""
    missing = f", {len(series.missing)} missing ({', '.join(series.missing[:5])})" if series.missing else ", none missing"
    cancelled = f", {len(series.cancelled)} cancelled" if series.cancelled else ""
    return f"{series.series or '(no prefix)'}: {series.first} to {series.last}, {series.count}{missing}{cancelled}"
