"""What the load of a legal entity would bring: both ERPs read, every document made and checked, nothing sent, nothing stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

from hybrid_erp.model.books import AccountMovement, OpenReceivable
from hybrid_erp.model.load import Gap, GapClass, KnownToStore, LoadItem, LoadPlan
from hybrid_erp.operations.load.figures import Figures, read_figures
from hybrid_erp.operations.load.master_data import REFERENCES, MasterDataLoad
from hybrid_erp.operations.load.open_items import open_items
from hybrid_erp.operations.load.opening import closing_figures, gaps_of_accounts, opening_balance
from hybrid_erp.operations.load.terms import LoadTerms
from hybrid_erp.ports import BooksReader

Known = Callable[[], KnownToStore]


def plan_load(
    terms: LoadTerms,
    legacy: BooksReader,
    cloud: BooksReader,
    known: Known,
    *,
    ordinal: int,
    settle_position: int,
    accounting_on: date | None = None,
) -> LoadPlan:
    """Read both ERPs and say what would be brought on which day; the day is the snapshot's unless one is given.

    `settle_position` was read from the store before: what was settled up to there is in the snapshot.

    Raises:
        WrongSystemError: Another system answers.
        ErpUnavailableError: An ERP cannot be read.
    """
    with cloud.snapshot() as cloud_reading:
        before, open_before = tuple(cloud.movements()), tuple(cloud.open_receivables())
    with legacy.snapshot() as reading:
        figures = read_figures(legacy)
    day = accounting_on or reading.instant.date()
    items, gaps = _brought(terms, figures, known(), ordinal, day)
    return LoadPlan(
        region=terms.region,
        legal_entity=terms.legal_entity,
        legacy=terms.legacy,
        cloud=terms.cloud,
        ordinal=ordinal,
        accounting_on=day,
        functional_currency=terms.functional_currency,
        reading=reading,
        cloud_reading=cloud_reading,
        settle_position=settle_position,
        baseline=figures.movements,
        cloud_before=before,
        seen=figures.seen,
        items=tuple(items),
        loaded=_loaded(terms, items),
        gaps=(*gaps, *_gaps_of_day(terms, cloud, day), *_gaps_before(terms, before, open_before), *_drafts(figures)),
    )


def _brought(terms: LoadTerms, figures: Figures, known: KnownToStore, ordinal: int, day: date) -> tuple[list[LoadItem], list[Gap]]:
    wanted = frozenset(receivable.customer for receivable in figures.receivables)
    master = MasterDataLoad(terms, known, ordinal, day).of(figures.customers, figures.projects, figures.time, wanted)
    receivables, refused = open_items(figures.receivables, known.numbers, terms, ordinal, day)
    gaps = [*gaps_of_accounts(figures.movements, figures.receivables, terms, day), *refused, *master.gaps]
    balance = None
    if not any(gap.blocks for gap in gaps):  # otherwise it may be no document at all: the gap says why
        balance = opening_balance(closing_figures(figures.movements, terms, day), terms, ordinal, day)
    return [*master.items, *receivables, *([balance] if balance else [])], gaps


def _loaded(terms: LoadTerms, items: Iterable[LoadItem]) -> dict[str, Decimal]:
    """What the opening figures book on each canonical account, the clearing account included."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for item in items:
        booking = terms.firm.booking_of(item.posting.document) if item.posting and item.is_figure else None
        for line in booking.lines if booking else ():
            sums[line.account] += line.functional_amount
    return dict(sorted(sums.items()))


def _gaps_of_day(terms: LoadTerms, cloud: BooksReader, day: date) -> Iterator[Gap]:
    books = terms.firm.closed_books.get(terms.legal_entity)
    if books is not None and books.closed(day):
        reason = f"The configuration closes the books of {terms.legal_entity} through {books.through}."
        yield Gap(GapClass.PERIOD_CLOSED, f"the load date {day}", reason, blocks=True)
    elif not cloud.open_on(day):
        yield Gap(GapClass.PERIOD_CLOSED, f"the load date {day}", f"{terms.cloud} takes no posting on this day.", blocks=True)


def _gaps_before(terms: LoadTerms, before: tuple[AccountMovement, ...], items: tuple[OpenReceivable, ...]) -> Iterator[Gap]:
    """What stands in the cloud ERP already would stand there beside the opening figures."""
    standing: dict[str, Decimal] = defaultdict(Decimal)
    for movement in before:
        standing[movement.account] += movement.amount
    for account, amount in sorted(standing.items()):
        if amount:
            reason = f"{amount:,} {terms.functional_currency} stands on it in {terms.cloud} before the load."
            yield Gap(GapClass.NOT_LEVEL_BEFORE, f"account {account}", reason, True, amount)
    for item in items:
        reason = f"It is open in {terms.cloud} before the load."
        yield Gap(GapClass.NOT_LEVEL_BEFORE, f"item {item.number}", reason, True, item.functional_open_amount)


def _drafts(figures: Figures) -> Iterator[Gap]:
    for draft in figures.drafts:
        reason = f"It is not posted, and so in no balance; dated {draft.accounting_on}."
        yield Gap(GapClass.DRAFT, f"{draft.number or 'without number'} ({draft.native_id})", reason, blocks=False)


def with_later_references(plan: LoadPlan, known: KnownToStore, terms: LoadTerms) -> LoadPlan:
    """The plan with reference documents that the store accepted while it was made, now that later ones go to the cloud ERP themselves."""
    kept = [each for each in REFERENCES if each not in terms.not_kept]
    latest = {named: key for named, key in known.postings.items() if named[0] in kept}
    others = [item for item in plan.items if (item.document_type, item.number) not in latest]
    in_order = sorted(latest.items(), key=lambda each: (kept.index(each[0][0]), each[0][1]))
    copies = [LoadItem(document_type, number, posting_id) for (document_type, number), posting_id in in_order]
    return replace(plan, items=(*copies, *others))
