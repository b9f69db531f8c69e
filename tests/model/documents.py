"""Hypothesis strategies of valid documents: every document type that books, in any currency that a legal entity may use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE, CanonicalDocument, DocumentType, JournalEntry
from hybrid_erp.model.money import CURRENCY_DIGITS
from tests.builders import the_settings

FIRM = the_settings().firm
ACCOUNTS = sorted(number for number, allowed in FIRM.accounts.items() if allowed is None)
ITEMS = ["time", "retainer", "milestone", "fixed_fee", "expense", "intercompany", "prepayment"]
DOCUMENT_CLASSES = {each.document_type: each for each in DOCUMENTS_BY_TYPE.values()}
BOOKING_TYPES = [document_type for document_type in DocumentType if FIRM.books(document_type)]


@dataclass(frozen=True)
class Trade:
    """A legal entity and a currency that it trades in."""

    legal_entity: str
    currency: str
    rate: Decimal | None

    @property
    def head(self) -> dict[str, Any]:
        return {"legal_entity": self.legal_entity, "currency": self.currency, "exchange_rate": self.rate, "accounting_date": "2026-03-05"}

    def amounts(self, *, least: int = 1, most: int = 10**9) -> st.SearchStrategy[Decimal]:
        """Amounts in whole smallest units."""
        return st.integers(least, most).map(lambda units: Decimal(units).scaleb(-CURRENCY_DIGITS[self.currency]))


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    legal_entity = draw(st.sampled_from(sorted(FIRM.region_of)))
    currency = draw(st.sampled_from(sorted(FIRM.currencies[legal_entity])))
    foreign = currency != FIRM.functional_currency[legal_entity]
    rate = draw(st.decimals("0.0001", "9999", places=10)) if foreign else None
    return Trade(legal_entity, currency, rate)


DIMENSIONS = st.fixed_dictionaries(
    {}, optional={"cost_centre": st.sampled_from(["CC1", "CC2"]), "department": st.just("D1"), "project": st.just("P-1")}
)


@st.composite
def entries(draw: st.DrawFn) -> JournalEntry:
    """Balanced journal entries."""
    trade = draw(trades())
    amounts = draw(st.lists(trade.amounts(), min_size=1, max_size=8))
    lines = [{"account": draw(st.sampled_from(ACCOUNTS)), "debit": amount, "dimensions": draw(DIMENSIONS)} for amount in amounts]
    lines.append({"account": draw(st.sampled_from(ACCOUNTS)), "credit": sum(amounts)})
    return JournalEntry.model_validate(trade.head | {"number": "JE-1", "lines": draw(st.permutations(lines))})


@st.composite
def charges(draw: st.DrawFn, trade: Trade) -> dict[str, Any]:
    """What invoices and credit memos share."""
    lines: list[dict[str, Any]] = [
        {"item": draw(st.sampled_from(ITEMS)), "unit_price": amount, "amount": amount, "dimensions": draw(DIMENSIONS)}
        for amount in draw(st.lists(trade.amounts(), min_size=1, max_size=6))
    ]
    taxes: list[dict[str, Any]] = [
        {"tax_code": "DE-STD", "base": amount, "amount": amount} for amount in draw(st.lists(trade.amounts(), max_size=2))
    ]
    total = sum((line["amount"] for line in lines), Decimal(0)) + sum((tax["amount"] for tax in taxes), Decimal(0))
    head = {"number": "D-1", "customer": "C-1", "issued_on": "2026-03-05", "lines": lines, "tax_lines": taxes, "total": total}
    return trade.head | head | draw(st.sampled_from([{}, {"project": "P-1"}]))


@st.composite
def booked_documents(draw: st.DrawFn, document_type: DocumentType) -> CanonicalDocument:
    """Documents of a type that books."""
    trade = draw(trades())
    content = trade.head | {"number": "D-1"}
    amount = draw(trade.amounts())
    match document_type:
        case DocumentType.JOURNAL_ENTRY:
            return draw(entries())
        case DocumentType.INVOICE:
            content = draw(charges(trade)) | {"due_on": "2026-04-05"}
        case DocumentType.CREDIT_MEMO:
            content = draw(charges(trade)) | {"corrects": "I-1"}
        case DocumentType.PAYMENT:
            parts = draw(st.lists(trade.amounts(least=0), min_size=3, max_size=3))
            applied = {"invoice": "I-1", "amount": amount, "discount": parts[0], "withholding": parts[1]}
            content |= {"customer": "C-1", "bank_account": "MAIN", "amount": amount + draw(trade.amounts(least=0)), "bank_charge": parts[2]}
            content |= {"applications": draw(st.sampled_from([[], [applied]]))}
        case DocumentType.EXPENSE:
            taxes = [{"tax_code": "DE-STD", "base": amount, "amount": draw(trade.amounts())}]
            content |= {"project": "P-1", "worker": "W-1", "category": draw(st.sampled_from(["travel", "subcontractor"])), "amount": amount}
            content |= {"tax_lines": draw(st.sampled_from([[], taxes])), "dimensions": draw(DIMENSIONS)}
        case DocumentType.REVENUE_SCHEDULE:
            content |= {"contract": "K-1", "contract_line": "1", "recognised": amount, "recognised_to_date": amount}
        case DocumentType.OPENING_BALANCE:
            amounts = draw(st.lists(trade.amounts(least=-(10**9)), min_size=1, max_size=6))
            content |= {"lines": [{"account": draw(st.sampled_from(ACCOUNTS)), "amount": each} for each in amounts]}
        case DocumentType.OPEN_ITEM:
            dates = {"issued_on": date(2026, 1, 5), "due_on": date(2026, 2, 5)}
            content |= {
                "customer": "C-1",
                "legal_number": "L-1",
                "original_amount": amount,
                "open_amount": draw(trade.amounts(least=-9)),
                **dates,
            }
        case _:
            raise AssertionError(f"posting rules book a {document_type}; say here how one looks")
    return DOCUMENT_CLASSES[document_type].model_validate(content)
