"""By how much the cells of the trial balance differ because of one document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from decimal import Decimal
from typing import Final

from hybrid_erp.model.comparison import DocumentPair, ObservedDocument
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.reconciliation import Place

#: How a reader marks an account or tax code that the mapping does not know.
UNMAPPED: Final = " of the ERP"


def unmapped_name(number: str, erp: str) -> str:
    """What a cell calls a native account that the mapping does not know: named after its ERP, so that two charts never meet by chance."""
    return f"{number} of {erp}"


def cell_account(account: str, erp: str) -> str:
    """A line's account as a cell names it."""
    return unmapped_name(account.removesuffix(UNMAPPED), erp) if account.endswith(UNMAPPED) else account


def line_account(account: str, erp: str) -> str:
    """A cell's account as a line names it."""
    own = unmapped_name("", erp)
    return account.removesuffix(own) + UNMAPPED if account.endswith(own) else account


def stands(document: ObservedDocument) -> bool:
    """Whether it is part of a balance."""
    return document.posted and document.deleted_at is None


def cells(pair: DocumentPair, legacy: str, cloud: str, left_out: Container[str] = ()) -> tuple[tuple[Place, Decimal], ...]:
    """Cloud less legacy, cell by cell; accounts that are not compared are left out of it, as of the trial balance."""
    found: dict[Place, Decimal] = defaultdict(lambda: ZERO)
    for erp, documents, sign in ((legacy, pair.legacy, -1), (cloud, pair.cloud, 1)):
        for document in filter(stands, documents):
            for line in document.lines:
                account = cell_account(line.account, erp)
                if account not in left_out:
                    found[Place(pair.legal_entity, document.period, account, document.functional_currency)] += sign * line.functional_amount
    in_order = sorted(found.items(), key=lambda each: (each[0].period, each[0].account))
    return tuple((place, amount) for place, amount in in_order if amount)
