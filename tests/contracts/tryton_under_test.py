"""Tryton for the contract suite: the German company, with the British one as the wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from hybrid_erp.adapters.erps.http import HttpEndpoint
from hybrid_erp.adapters.erps.tryton import TrytonConnector
from hybrid_erp.adapters.erps.tryton.client import TrytonClient
from hybrid_erp.adapters.erps.tryton.values import to_amount
from hybrid_erp.model.delivery import ErpIdentity, Role
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.settings import Settings
from sandbox.fault_proxy import FaultProxy, fault_proxy
from sandbox.postgres import HOST, Cluster
from sandbox.tryton.secrets import ADMINISTRATOR, load

# What counts: a draft is outside every balance, and nobody posts one whose id was not kept.
COUNT = """
    SELECT (SELECT count(*) FROM account_move WHERE state = 'posted') + (SELECT count(*) FROM party_contact_mechanism)
         + (SELECT count(*) FROM project_work) + (SELECT count(*) FROM timesheet_line)
"""
ALTERATIONS = {
    "date": "UPDATE account_move SET date = date + 1 WHERE id = %s",
    "account": "UPDATE account_move_line SET account = (SELECT id FROM account_account WHERE code = '5.2.1')"
    " WHERE id = (SELECT max(id) FROM account_move_line WHERE move = %s)",
    "amount": "UPDATE account_move_line SET debit = debit * 2, credit = credit * 2 WHERE move = %s",
}


@dataclass(frozen=True)
class TrytonUnderTest:
    cluster: Cluster
    settings: Settings
    connections: Mapping[str, Mapping[str, Any]]
    """By Airflow connection id, in Airflow's JSON form."""
    secrets: Path
    """The folder of the site's secrets."""
    legal_entity: str = "DE01"
    other: str = "UK01"

    def endpoint(self, legal_entity: str, role: Role, proxy: FaultProxy | None = None) -> HttpEndpoint:
        suffix = "" if role is Role.CONTROL else f"_{role}"
        found = self.connections[self.settings.erps["tryton-emea"].companies[legal_entity].connection + suffix]
        return HttpEndpoint(f"http://{HOST}:{proxy.port if proxy else found['port']}", str(found["login"]), str(found["password"]))

    def connector(self, proxy: FaultProxy | None = None, acknowledged: tuple[str, ...] = ("invoice_payment_term",)) -> TrytonConnector:
        return TrytonConnector(
            lambda role: self.endpoint(self.legal_entity, role, proxy),
            self.settings.mappings["tryton-emea"],
            legal_entity=self.legal_entity,
            expected=self.expected(self.legal_entity),
            acknowledged_warnings=acknowledged,
        )

    def connector_to_the_wrong_company(self) -> TrytonConnector:
        theirs, ours = self.expected(self.other), self.expected(self.legal_entity)
        expected = ErpIdentity(theirs.database, ours.company, ours.functional_currency, "")
        mapping = self.settings.mappings["tryton-emea"]
        return TrytonConnector(lambda role: self.endpoint(self.other, role), mapping, legal_entity=self.legal_entity, expected=expected)

    def expected(self, legal_entity: str) -> ErpIdentity:
        company = self.settings.erps["tryton-emea"].companies[legal_entity]
        return ErpIdentity(company.database, company.company, self.settings.legal_entity(legal_entity).functional_currency, "")

    def proxy(self) -> AbstractContextManager[FaultProxy]:
        return fault_proxy(int(self.connections["tryton_de01"]["port"]), "http")

    def client(self) -> TrytonClient:
        return TrytonClient(self.endpoint(self.legal_entity, Role.CONTROL), self.expected(self.legal_entity).database)

    def documents(self) -> int:
        return sum(int(self.one(COUNT, legal_entity=each)) for each in (self.legal_entity, self.other))

    def alter(self, document_type: DocumentType, native_id: str, aspect: str) -> None:
        self.run(ALTERATIONS[aspect], native_id.partition(",")[2])

    def open_amount(self, legal_number: str) -> str:
        with closing(self.client()) as client:
            (row,) = client.search("account.invoice", [["number", "=", legal_number]], ["amount_to_pay"])
        return f"{to_amount(row['amount_to_pay']):.2f}"

    def change_group(self, change: str, login: str) -> None:
        """`remove` a login from the group that may post, or `add` it, as Tryton's administrator does."""
        user = self.one("SELECT id FROM res_user WHERE login = %s", login)
        group = self.one("SELECT id FROM res_group WHERE name = 'Accounting'")
        database = self.expected(self.legal_entity).database
        password = load(self.secrets / "tryton.json")[database].passwords[ADMINISTRATOR]
        url = f"http://{HOST}:{self.connections['tryton_de01']['port']}/{database}/rpc/"
        call = {"id": 1, "method": "model.res.user.write", "params": [[user], {"groups": [[change, [group]]]}, {}]}
        answer = requests.post(url, json=call, auth=(ADMINISTRATOR, password), timeout=30)
        assert "error" not in answer.json(), answer.text

    def workers(self) -> list[psutil.Process]:
        """The server's worker processes; the one that listens starts new ones."""
        port = self.connections["tryton_de01"]["port"]
        listening = [each for each in psutil.process_iter(["cmdline"]) if f"--bind={HOST}:{port}" in (each.info["cmdline"] or ())]
        parents = {process.ppid() for process in listening}
        return [process for process in listening if process.pid not in parents]

    def run(self, statement: str, *terms: str) -> None:
        with self.cluster.admin(self.expected(self.legal_entity).database) as connection:
            connection.execute(statement.encode(), terms)

    def one(self, query: str, *terms: str, legal_entity: str | None = None) -> Any:
        with self.cluster.admin(self.expected(legal_entity or self.legal_entity).database) as connection:
            row = connection.execute(query.encode(), terms).fetchone()
        assert row is not None
        return row[0]
