"""What the contract suite of the books asks of an ERP beside its reader: a connector of ours, and a person at the ERP's own screens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from hybrid_erp.ports import BooksReader, ErpConnector

Lines = Sequence[tuple[str, str]]
"""Canonical account and amount, debit positive, in functional currency."""


class BooksUnderTest(Protocol):
    """One company of one ERP. What people enter comes back as the native id that a reader tells."""

    @property
    def bookkeeper(self) -> str:
        """The login of the person."""

    @property
    def totals_tell_types(self) -> bool:
        """Whether the ERP's own counts and sums of documents are by canonical type."""

    @property
    def customers_have_countries(self) -> bool:
        """Whether the ERP keeps a customer's country and currency as the facade states them."""

    def reader(self) -> BooksReader:
        """A new reader."""

    def reader_of_the_wrong_company(self) -> BooksReader:
        """A reader of the company whose connection leads to another company."""

    def connector(self) -> ErpConnector:
        """A new connector of the same company."""

    def enter(self, on: date, text: str, lines: Lines) -> str:
        """A journal entry, posted."""

    def draft(self, on: date, text: str, lines: Lines) -> str:
        """A journal entry that is not posted yet."""

    def post(self, native_id: str) -> None:
        """Post a draft."""

    def discard(self, native_id: str) -> None:
        """Delete a draft."""

    def invoice(self, customer: str, amount: str, on: date) -> str:
        """An invoice without tax, posted."""

    def pay(self, invoice: str, amount: str, on: date) -> None:
        """A payment received for an invoice."""
