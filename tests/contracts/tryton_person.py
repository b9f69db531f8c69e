"""Tryton for the contract suite of the books: our reader, and a person with Tryton's own client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from hybrid_erp.adapters.erps.http import HttpEndpoint
from hybrid_erp.adapters.erps.tryton.books import TrytonBooks
from hybrid_erp.model.delivery import ErpIdentity, Role
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.ports import ErpConnector
from hybrid_erp.settings import Settings
from sandbox.fault_proxy import FaultProxy
from sandbox.golden import SECRETS
from sandbox.postgres import HOST
from sandbox.site import Site
from sandbox.tryton.secrets import BOOKKEEPER, load
from tests.contracts.books_under_test import Lines
from tests.contracts.tryton_bookkeeper import Bookkeeper
from tests.contracts.tryton_under_test import TrytonUnderTest


@dataclass
class TrytonPerson:
    """One company of Tryton: what we read of it, and what a person does there."""

    site: Site
    settings: Settings
    legal_entity: str = "DE01"
    bookkeeper: str = BOOKKEEPER
    totals_tell_types: bool = False
    """Tryton's own totals are by journal: it does not know our document types."""
    customers_have_countries: bool = False

    @cached_property
    def erp(self) -> TrytonUnderTest:
        return TrytonUnderTest(self.site.cluster, self.settings, self.site.connections(), self.site.folder / SECRETS, self.legal_entity)

    @cached_property
    def person(self) -> Bookkeeper:
        return self.at_the_screen(BOOKKEEPER)

    def at_the_screen(self, login: str) -> Bookkeeper:
        expected = self.erp.expected(self.legal_entity)
        password = load(self.erp.secrets / "tryton.json")[expected.database].passwords[login]
        company = self.erp.one("SELECT min(id) FROM company_company")
        url = f"http://{HOST}:{self.erp.connections['tryton_de01']['port']}/{expected.database}/rpc/"
        return Bookkeeper(url, login, password, {"company": company})

    def reader(self, *, period_runs: Mapping[str, str] | None = None, proxy: FaultProxy | None = None) -> TrytonBooks:
        return self._reader(self.erp.expected(self.legal_entity), self.legal_entity, period_runs, proxy)

    def reader_of_the_wrong_company(self) -> TrytonBooks:
        theirs, ours = self.erp.expected(self.erp.other), self.erp.expected(self.legal_entity)
        return self._reader(ErpIdentity(theirs.database, ours.company, ours.functional_currency, ""), self.erp.other)

    def connector(self) -> ErpConnector:
        return self.erp.connector()

    def enter(self, on: date, text: str, lines: Lines) -> str:
        return f"account.move,{self.person.move(*self.native(lines, on), on=on, text=text)}"

    def draft(self, on: date, text: str, lines: Lines) -> str:
        return f"account.move,{self.person.draft_move(*self.native(lines, on), on=on, text=text)}"

    def post(self, native_id: str) -> None:
        self.person.call("model.account.move.post", [_id(native_id)])

    def discard(self, native_id: str) -> None:
        self.person.call("model.account.move.delete", [_id(native_id)])

    def invoice(self, customer: str, amount: str, on: date, **more: Any) -> str:
        return f"account.invoice,{self.person.invoice(customer, amount, on=on, **more)}"

    def pay(self, invoice: str, amount: str, on: date, **more: Any) -> None:
        self.person.pay(_id(invoice), amount, on=on, **more)

    def native(self, lines: Lines, on: date) -> list[tuple[str, str]]:
        """The lines on Tryton's own accounts."""
        mapping, entry = self.settings.mappings["tryton-emea"], DocumentType.JOURNAL_ENTRY

        def code(account: str) -> str:
            return mapping.native_account(account, legal_entity=self.legal_entity, document_type=entry, dimensions=(), on=on)

        return [(code(account), amount) for account, amount in lines]

    def _reader(
        self, expected: ErpIdentity, connected: str, period_runs: Mapping[str, str] | None = None, proxy: FaultProxy | None = None
    ) -> TrytonBooks:
        def connect(role: Role) -> HttpEndpoint:
            return self.erp.endpoint(connected, role, proxy)

        mapping = self.settings.mappings["tryton-emea"]
        return TrytonBooks(connect, mapping, legal_entity=self.legal_entity, expected=expected, period_runs=period_runs)


def _id(native_id: str) -> int:
    return int(native_id.partition(",")[2])
