"""Tier 2: what stands on each project in both ERPs, figure by figure, each difference shared out among its classes.

What is billed on a project and what it costs are lines that the trial balance compares, cut by project: their money is told once, by the
document. So a figure of a project is shown beside the trial balance, and adds to no sum; what no document accounts for is a difference of
its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from hybrid_erp.model.books import ProjectFigures
from hybrid_erp.model.comparison import DocumentDifference, ObservedDocument, ProjectSums
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.reconciliation import Difference, DifferenceClass, ProjectRow
from hybrid_erp.operations.reconcile.cells import stands

BILLED: Final = "billed"
COST: Final = "cost"
HOURS: Final = "unbilled hours"
CONTRACT_VALUE: Final = "contract value"
UNBILLED: Final = "unbilled"
#: What an ERP tells of a project by itself, in money.
STATED: Final = (CONTRACT_VALUE, UNBILLED)
#: What durations, and hours in decimals, are equal by: less than a twentieth of a second.
HOURS_DIGITS: Final = Decimal("0.00001")
_BILLING: Final = frozenset({DocumentType.INVOICE, DocumentType.CREDIT_MEMO})

Cell = tuple[str, str]
"""A project and a figure of it."""


@dataclass(frozen=True, slots=True)
class Shares:
    """By how much each figure of each project differs because of each class."""

    found: dict[Cell, dict[DifferenceClass, Decimal]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(lambda: ZERO)))

    def add(self, cell: Cell, difference_class: DifferenceClass, amount: Decimal) -> None:
        """Some more of it: cloud less legacy."""
        self.found[cell][difference_class] += amount

    def of(self, cell: Cell) -> tuple[tuple[DifferenceClass, Decimal], ...]:
        """The classes of a figure, in their order; none that comes to nothing."""
        shares = self.found.get(cell, {})
        return tuple((each, shares[each]) for each in DifferenceClass if shares.get(each))

    def add_contract_values(
        self, differences: Iterable[Difference], legacy: Iterable[ProjectFigures], cloud: Iterable[ProjectFigures]
    ) -> None:
        """What contract values differ by, in the class that the difference of the project has already."""
        old, new = ({each.number: each.contract_value for each in side} for side in (legacy, cloud))
        for each in differences:
            if CONTRACT_VALUE in each.aspects:
                gap = (new[each.number] or ZERO) - (old[each.number] or ZERO)
                self.add((each.number, CONTRACT_VALUE), each.difference_class, gap)

    def rest(self, cell: Cell, difference: Decimal) -> Decimal:
        """What no class accounts for; of hours, what rounding a third of one leaves goes to the largest class."""
        shares = self.found.get(cell, {})
        if cell[1] == HOURS and shares:
            for each in shares:
                shares[each] = shares[each].quantize(HOURS_DIGITS)
            rest = difference - sum(shares.values(), ZERO)
            if abs(rest) <= HOURS_DIGITS * len(shares):
                shares[max(shares, key=lambda each: abs(shares[each]))] += rest
        return difference - sum(shares.values(), ZERO)


def shares_of_documents(classified: Iterable[tuple[DocumentDifference, Difference]], expenses: Container[str]) -> Shares:
    """What the documents that differ do to the figures of their projects, by the class that each has."""
    shares = Shares()
    for document, difference in classified:
        for sign, side in ((-1, document.pair.legacy), (1, document.pair.cloud)):
            for each in filter(stands, side):
                for cell, amount in _on_projects(each, expenses):
                    shares.add(cell, difference.difference_class, sign * amount)
    return shares


def _on_projects(document: ObservedDocument, expenses: Container[str]) -> Iterable[tuple[Cell, Decimal]]:
    """As the store sums them: billed is net of tax, cost stands on an expense account."""
    for line in document.lines:
        project = next((value for name, value in line.dimensions if name == "project"), None)
        if project is not None:
            if document.document_type in _BILLING and not (line.party or line.tax_code):
                yield (project, BILLED), -line.functional_amount
            if line.account in expenses:
                yield (project, COST), line.functional_amount


def project_rows(
    legal_entity: str,
    currency: str,
    legacy: tuple[str, Sequence[ProjectFigures]],
    cloud: tuple[str, Sequence[ProjectFigures]],
    sums: Sequence[ProjectSums],
    hours: Mapping[str, tuple[Decimal | None, Decimal | None]],
    shares: Shares,
) -> tuple[tuple[ProjectRow, ...], list[Difference]]:
    """Every figure that stands for something, and what of it nothing accounts for. Each ERP with its name; `hours` in both by project."""
    found: dict[Cell, tuple[Decimal | None, Decimal | None]] = {}
    documents = [{each.project: each for each in sums if each.erp == erp} for erp, _ in (legacy, cloud)]
    for project in {*documents[0], *documents[1]}:
        one, other = (side.get(project) for side in documents)
        found[project, BILLED] = (one.billed if one else ZERO, other.billed if other else ZERO)
        found[project, COST] = (one.cost if one else ZERO, other.cost if other else ZERO)
    told = [{each.number: each for each in projects} for _, projects in (legacy, cloud)]
    for project in {*told[0], *told[1]}:
        for figure in STATED:
            found[project, figure] = (_stated(told[0].get(project), figure), _stated(told[1].get(project), figure))
    found |= {(project, HOURS): both for project, both in hours.items()}
    rows, rest = [], []
    for cell, (old, new) in sorted(found.items()):
        gap = shares.rest(cell, new - old) if old is not None and new is not None else ZERO
        if gap:
            shares.add(cell, DifferenceClass.UNEXPLAINED, gap)
            rest.append(_unexplained(legal_entity, cell, gap, _unit(cell, currency)))
        if old or new:
            both_told = old is not None and new is not None
            rows.append(ProjectRow(*cell, _unit(cell, currency), old, new, shares.of(cell) if both_told else ()))
    return tuple(rows), rest


def _stated(project: ProjectFigures | None, figure: str) -> Decimal | None:
    amount: Decimal | None = getattr(project, figure.replace(" ", "_")) if project else None
    return amount


def _unit(cell: Cell, currency: str) -> str:
    return "h" if cell[1] == HOURS else currency


def _unexplained(legal_entity: str, cell: Cell, gap: Decimal, unit: str) -> Difference:
    project, figure = cell
    return Difference(
        DifferenceClass.UNEXPLAINED,
        legal_entity,
        figure,
        (),
        number=project,
        document_type="project",
        why=f"{figure} of {project} differs by {gap:+,} {unit} more than what is known of its documents and time accounts for.",
        moved=ZERO if unit == "h" else abs(gap),
    )
