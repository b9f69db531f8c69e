"""LedgerSMB for the contract suite: the German company, with the British one as the wrong one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from hybrid_erp.adapters.erps.sql import SqlConnector
from hybrid_erp.adapters.erps.sql_pack import SqlPack, load_pack
from hybrid_erp.model.delivery import ErpIdentity, Role
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.settings import Settings
from sandbox.fault_proxy import FaultProxy, fault_proxy
from sandbox.ledgersmb.credentials import login_name
from sandbox.postgres import HOST, Cluster

COUNT = "SELECT (SELECT count(*) FROM transactions) + (SELECT count(*) FROM payment) + (SELECT count(*) FROM eca_note)"
ALTERATIONS = {
    "date": "UPDATE acc_trans SET transdate = transdate + 31 WHERE trans_id = %s",
    "account": "UPDATE acc_trans SET chart_id = (SELECT id FROM account WHERE accno = '1890') WHERE entry_id ="
    " (SELECT max(entry_id) FROM acc_trans WHERE trans_id = %s)",
    "amount": "UPDATE acc_trans SET amount = amount * 2 WHERE trans_id = %s",
}
OPEN_AMOUNT = """
    SELECT to_char(-sum(entry.amount), 'FM999999990.00') FROM ar JOIN acc_trans AS entry ON entry.trans_id = ar.id
    JOIN account_link AS link ON link.account_id = entry.chart_id AND link.description = 'AR'
    WHERE ar.invnumber = %s AND NOT entry.fx_transaction
"""


@dataclass(frozen=True)
class LedgerSmbUnderTest:
    cluster: Cluster
    settings: Settings
    legal_entity: str = "DE01"
    other: str = "UK01"

    @property
    def pack(self) -> SqlPack:
        return load_pack(Path(self.settings.folder) / "packs" / "ledgersmb")

    def database(self, legal_entity: str) -> str:
        return self.settings.erps["ledgersmb-emea"].companies[legal_entity].database

    def connect(self, legal_entity: str, proxy: FaultProxy | None = None) -> Callable[[Role], psycopg.Connection[tuple[Any, ...]]]:
        port = proxy.port if proxy else self.cluster.port

        def connect(role: Role) -> psycopg.Connection[tuple[Any, ...]]:
            login = login_name(legal_entity, role.value)
            return psycopg.connect(host=HOST, port=port, user=login, dbname=self.database(legal_entity), connect_timeout=5)

        return connect

    def connector(self, proxy: FaultProxy | None = None) -> SqlConnector:
        return self.connector_by(self.connect(self.legal_entity, proxy))

    def connector_to_the_wrong_company(self) -> SqlConnector:
        return self.connector_by(self.connect(self.other))

    def proxy(self) -> AbstractContextManager[FaultProxy]:
        return fault_proxy(self.cluster.port, "postgres")

    def documents(self) -> int:
        return sum(int(str(self._one(each, COUNT))) for each in (self.legal_entity, self.other))

    def alter(self, document_type: DocumentType, native_id: str, aspect: str) -> None:
        with self.cluster.admin(self.database(self.legal_entity)) as connection:
            connection.execute(ALTERATIONS[aspect], (native_id,))

    def open_amount(self, legal_number: str) -> str:
        return str(self._one(self.legal_entity, OPEN_AMOUNT, legal_number))

    def connector_by(self, connect: Callable[[Role], psycopg.Connection[tuple[Any, ...]]]) -> SqlConnector:
        company = self.settings.erps["ledgersmb-emea"].companies[self.legal_entity]
        functional = self.settings.legal_entity(self.legal_entity).functional_currency
        expected = ErpIdentity(company.database, company.company, functional, "")
        mapping = self.settings.mappings["ledgersmb-emea"]
        return SqlConnector(connect, self.pack, mapping, legal_entity=self.legal_entity, expected=expected)

    def _one(self, legal_entity: str, query: str, *terms: str) -> object:
        with self.cluster.admin(self.database(legal_entity)) as connection:
            row = connection.execute(query.encode(), terms).fetchone()
        assert row is not None
        return row[0]
