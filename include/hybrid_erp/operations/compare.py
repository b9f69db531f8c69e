"""On what do two ERPs differ? The store finds the documents, set against set; here each is told aspect by aspect.

Why they differ, and whose fault it is, is said by classification: this only states facts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Protocol

from hybrid_erp.model.books import Origin
from hybrid_erp.model.comparison import (
    Aspect,
    DocumentDifference,
    DocumentPair,
    LineDifference,
    ObservedDocument,
    ObservedLine,
    Page,
    Position,
    UnequalCell,
)
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.reconciliation import Place

PAGE = 10_000
"""Documents told at a time: what bounds the memory, however much differs."""


class Mirrors(Protocol):
    """What the store holds of two ERPs, compared there."""

    def at_one_instant(self) -> AbstractContextManager[None]:
        """Inside the block everything is of one state."""

    def unequal_cells(
        self, legacy: str, cloud: str, legal_entities: Sequence[str], *, baseline: bool = False, from_lines: bool = False
    ) -> Sequence[UnequalCell]:
        """The cells of the trial balance that differ."""

    def unequal_documents(
        self, legacy: str, cloud: str, legal_entities: Sequence[str], *, after: Position | None = None, limit: int = PAGE
    ) -> Page:
        """Documents whose content may differ, in the order of their keys."""


def differences(
    mirrors: Mirrors, legacy: str, cloud: str, legal_entities: Sequence[str], *, after: Position | None = None
) -> Iterator[DocumentDifference]:
    """Every document on which two ERPs differ, in the order of keys; `after` goes on behind one that was told before."""
    while True:
        page = mirrors.unequal_documents(legacy, cloud, legal_entities, after=after, limit=PAGE)
        yield from filter(None, map(difference_of, page.pairs))
        if page.next is None:
            return
        after = page.next


def difference_of(pair: DocumentPair) -> DocumentDifference | None:
    """What differs about one document; None if nothing does, for example where only one ERP booked it in two steps.

    What people posted in one ERP alone and books nothing in sum, a credit set off against an invoice, is no difference.
    """
    legacy, cloud = _held(pair.legacy), _held(pair.cloud)
    amounts = _amounts(pair, legacy, cloud)
    lines = _line_differences(_totals(legacy), _totals(cloud))
    if legacy and cloud:
        aspects = {*_header_aspects(_chief(legacy), _chief(cloud)), *_line_aspects(_totals(legacy), _totals(cloud), lines)}
        if amounts and not aspects - _ASIDE:
            aspects.add(Aspect.PERIOD)  # what was derived from it fell into another one
    else:
        aspects = {Aspect.MISSING_IN_CLOUD if legacy else Aspect.MISSING_IN_LEGACY} if legacy or cloud else set()
        aspects |= {Aspect.DELETED_IN_LEGACY} if cloud and pair.legacy else set()
        aspects |= {Aspect.DELETED_IN_CLOUD} if legacy and pair.cloud else set()
        if not lines and all(each.posting_id is None for each in (*legacy, *cloud)):
            return None
    if any(sum(each.origin is not Origin.DERIVED for each in side) > 1 for side in (legacy, cloud)):
        aspects.add(Aspect.DUPLICATE)
    return DocumentDifference(pair, frozenset(aspects), amounts, lines) if aspects else None


def _held(documents: Iterable[ObservedDocument]) -> list[ObservedDocument]:
    return [each for each in documents if each.deleted_at is None]


def _chief(documents: Sequence[ObservedDocument]) -> ObservedDocument:
    """The document itself, rather than what the ERP derived from it."""
    return next((each for each in documents if each.origin is not Origin.DERIVED), documents[0])


def _header_aspects(legacy: ObservedDocument, cloud: ObservedDocument) -> Iterator[Aspect]:
    for aspect, attribute in (
        (Aspect.POSTED, "posted"),
        (Aspect.ACCOUNTING_DATE, "accounting_on"),
        (Aspect.PERIOD, "period"),
        (Aspect.CURRENCY, "currency"),
        (Aspect.FUNCTIONAL_CURRENCY, "functional_currency"),
        (Aspect.PARTY, "party"),
        (Aspect.LEGAL_NUMBER, "legal_number"),
        (Aspect.ISSUE_DATE, "issued_on"),
        (Aspect.DUE_DATE, "due_on"),
    ):
        if getattr(legacy, attribute) != getattr(cloud, attribute):
            yield aspect


def _amounts(
    pair: DocumentPair, legacy: Sequence[ObservedDocument], cloud: Sequence[ObservedDocument]
) -> tuple[tuple[Place, Decimal], ...]:
    """What the posted documents of one key do to the trial balance, cloud less legacy."""
    sums: dict[Place, Decimal] = {}
    for sign, documents in ((-1, legacy), (1, cloud)):
        for document in documents:
            for line in document.lines if document.posted else ():
                place = Place(pair.legal_entity, document.period, line.account, document.functional_currency)
                sums[place] = sums.get(place, ZERO) + sign * line.functional_amount
    return tuple((place, amount) for place, amount in sorted(sums.items(), key=lambda item: (item[0].period, item[0].account)) if amount)


_Key = tuple[str, tuple[tuple[str, str], ...], str, str]
_Totals = dict[_Key, ObservedLine]


def _totals(documents: Iterable[ObservedDocument]) -> _Totals:
    totals: _Totals = {}
    for line in (line for document in documents for line in document.lines):
        key = (line.account, line.dimensions, line.party or "", line.tax_code or "")
        before = totals.get(key)
        if before:
            bases = [base for base in (before.tax_base, line.tax_base) if base is not None]
            functional = before.functional_amount + line.functional_amount
            line = ObservedLine(*_named(line), before.amount + line.amount, functional, sum(bases, ZERO) if bases else None)
        totals[key] = line
    return {key: line for key, line in totals.items() if line.amount or line.functional_amount or line.tax_base}


def _named(line: ObservedLine) -> tuple[str, tuple[tuple[str, str], ...], str | None, str | None]:
    return line.account, line.dimensions, line.party, line.tax_code


def _line_differences(legacy: _Totals, cloud: _Totals) -> tuple[LineDifference, ...]:
    pairs = ((legacy.get(key), cloud.get(key)) for key in sorted({*legacy, *cloud}))
    return tuple(LineDifference(old, new) for old, new in pairs if _figures(old) != _figures(new))


def _figures(line: ObservedLine | None) -> tuple[Decimal, Decimal, Decimal]:
    return (line.amount, line.functional_amount, line.tax_base or ZERO) if line else (ZERO, ZERO, ZERO)


_ASIDE = frozenset({Aspect.LEGAL_NUMBER, Aspect.ISSUE_DATE, Aspect.DUE_DATE, Aspect.PARTY, Aspect.TAX_BASE})
"""What can differ without moving an amount."""


def _line_aspects(legacy: _Totals, cloud: _Totals, lines: Sequence[LineDifference]) -> set[Aspect]:
    if not lines:
        return set()
    aspects = _money_aspects(legacy, cloud)
    moved = bool(aspects)
    for aspect, borne_by in _BORNE_BY.items():
        old, new = _by(legacy, borne_by, "amount"), _by(cloud, borne_by, "amount")
        old_functional, new_functional = _by(legacy, borne_by, "functional_amount"), _by(cloud, borne_by, "functional_amount")
        # Where amounts or accounts differ, so do the sums of every dimension: then only one that the other side lacks is telling.
        if {key[1:] for key in old} != {key[1:] for key in new} or (not moved and (old, old_functional) != (new, new_functional)):
            aspects.add(aspect)
    if Aspect.TAX_CODE not in aspects and _by(legacy, _taxed, "tax_base") != _by(cloud, _taxed, "tax_base"):
        aspects.add(Aspect.TAX_BASE)
    return aspects or {Aspect.COMBINATION}


def _money_aspects(legacy: _Totals, cloud: _Totals) -> set[Aspect]:
    """Of the accounts' sums: all turned round, the same amounts on other accounts, or other amounts."""
    old, new = _by(legacy, _account, "amount"), _by(cloud, _account, "amount")
    if new == {account: -amount for account, amount in old.items()} and old:
        return {Aspect.SIGN}
    if old != new:
        if Counter(old.values()) == Counter(new.values()):
            return {Aspect.ACCOUNT}
        return {Aspect.AMOUNT} if old.keys() == new.keys() else {Aspect.AMOUNT, Aspect.ACCOUNT}
    same = _by(legacy, _account, "functional_amount") == _by(cloud, _account, "functional_amount")
    return set() if same else {Aspect.FUNCTIONAL_AMOUNT}


_Group = tuple[str, ...]


def _by(totals: _Totals, group: Callable[[ObservedLine], _Group], figure: str) -> dict[_Group, Decimal]:
    sums: dict[_Group, Decimal] = {}
    for line in totals.values():
        sums[group(line)] = sums.get(group(line), ZERO) + (getattr(line, figure) or ZERO)
    return {key: amount for key, amount in sums.items() if amount}


def _account(line: ObservedLine) -> _Group:
    return (line.account,)


def _tax_code(line: ObservedLine) -> _Group:
    return line.account, line.tax_code or ""


def _taxed(line: ObservedLine) -> _Group:
    return (line.tax_code or "",)


def _party(line: ObservedLine) -> _Group:
    return line.account, line.party or ""


def _project(line: ObservedLine) -> _Group:
    return line.account, *(value for name, value in line.dimensions if name == "project")


def _dimension(line: ObservedLine) -> _Group:
    return line.account, *(f"{name} {value}" for name, value in line.dimensions if name != "project")


_BORNE_BY: dict[Aspect, Callable[[ObservedLine], _Group]] = {
    Aspect.PROJECT: _project,
    Aspect.DIMENSION: _dimension,
    Aspect.LINE_PARTY: _party,
    Aspect.TAX_CODE: _tax_code,
}
