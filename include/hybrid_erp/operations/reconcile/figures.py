"""What an ERP says of itself at one moment: chart, totals, open items, series, each with the question that was asked (ACCOUNTING D28)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from hybrid_erp.model.books import AccountMovement, CustomerBalance, NumberSeries, ProjectFigures, Reading
from hybrid_erp.model.comparison import ObservedTotal, ProjectSums
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
    customer_balances: tuple[CustomerBalance, ...]
    series: tuple[NumberSeries, ...]
    projects: tuple[ProjectFigures, ...]
    calls: int
    """How often the ERP was asked for all of it."""
    documents_read: int

    def evidence(self, currency: str) -> tuple[Evidence, ...]:
        """Where each figure comes from."""
        debit = sum((each.debit for each in self.movements), ZERO)
        credit = sum((each.credit for each in self.movements), ZERO)
        open_amount = sum((each.amount for each in self.customer_balances), ZERO)
        asked = self.reading.queries
        return (
            self._one("trial balance", "movements", asked, len(self.movements), f"debit {debit:,}, credit {credit:,} {currency}"),
            self._one("open items", "customer_balances", asked, len(self.customer_balances), f"{open_amount:,} {currency} open"),
            self._one("number series", "series", asked, len(self.series), "; ".join(map(series_in_words, self.series)) or "no series"),
            self._one("projects", "projects", asked, len(self.projects), projects_in_words(self.projects, self.erp, currency)),
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
        for each in self.customer_balances:
            sums[each.account] = sums.get(each.account, ZERO) + each.amount
        return sums


def projects_in_words(projects: Sequence[ProjectFigures], erp: str, currency: str) -> str:
    """Each figure in sum; one that an ERP does not keep is named, so that nobody takes it for equal."""
    told, kept_elsewhere = [], []
    for name in ("contract value", "billed", "unbilled", "cost"):
        amounts = [amount for each in projects if (amount := getattr(each, name.replace(" ", "_"))) is not None]
        if amounts:
            untold = f" ({len(projects) - len(amounts)} not told)" if len(amounts) < len(projects) else ""
            told.append(f"{name} {sum(amounts, ZERO):,} {currency}{untold}")
        else:
            kept_elsewhere.append(name)
    hours = [each.unbilled_hours for each in projects if each.unbilled_hours is not None]
    told += [f"{sum(hours, ZERO):,.2f} unbilled hours"] if hours else []
    missing = [f"{', '.join(kept_elsewhere)} not told by {erp}"] if projects and kept_elsewhere else []
    return "; ".join([f"{len(projects)} projects", *told, *missing])


def documents_on_projects(sums: Sequence[ProjectSums], figures: tuple[ErpFigures, ErpFigures], currency: str) -> tuple[Evidence, ...]:
    """What the documents of each ERP come to on its projects since the load: what an ERP bills or costs, told for both alike."""
    of_erp = [{each.project: (each.billed, each.cost) for each in sums if each.erp == one.erp} for one in figures]
    unequal = sorted(project for project in {*of_erp[0], *of_erp[1]} if of_erp[0].get(project) != of_erp[1].get(project))
    found = []
    for one, projects in zip(figures, of_erp, strict=True):
        billed, cost = (sum((amounts[place] for amounts in projects.values()), ZERO) for place in (0, 1))
        told = f"billed {billed:,}, cost {cost:,} {currency}" + (f"; unequal on {', '.join(unequal[:10])}" if unequal else "")
        query, source = "lines of posted documents by project, in the store", "the mirror"
        parameters = (("legal_entity", one.legal_entity),)
        found.append(
            Evidence(
                one.legal_entity, one.erp, "projects by documents", source, query, parameters, len(projects), told, one.reading.instant
            )
        )
    return tuple(found)


def documents_by_type(totals: Sequence[ObservedTotal], figures: tuple[ErpFigures, ErpFigures], currency: str) -> tuple[Evidence, ...]:
    """Count and sum of each ERP's posted documents by type since the load. What differs is told document by document."""
    found = []
    for one in figures:
        by_type: dict[str, tuple[int, Decimal]] = {}
        for each in totals:
            if each.erp == one.erp:
                name = str(each.document_type or "derived or like none of ours").replace("_", " ")
                count, amount = by_type.get(name, (0, ZERO))
                by_type[name] = (count + each.documents, amount + each.functional_amount)
        told = "; ".join(f"{name}: {count} of {amount:,} {currency}" for name, (count, amount) in sorted(by_type.items())) or "none"
        query, documents = "count and debits of posted documents by type, in the store", sum(count for count, _ in by_type.values())
        parameters, at = (("legal_entity", one.legal_entity),), one.reading.instant
        found.append(Evidence(one.legal_entity, one.erp, "documents by type", "the mirror", query, parameters, documents, told, at))
    return tuple(found)


def series_in_words(series: NumberSeries) -> str:
    """First, last, missing and cancelled numbers."""
    missing = f", {len(series.missing)} missing ({', '.join(series.missing[:5])})" if series.missing else ", none missing"
    cancelled = f", {len(series.cancelled)} cancelled" if series.cancelled else ""
    return f"{series.series or '(no prefix)'}: {series.first} to {series.last}, {series.count}{missing}{cancelled}"
