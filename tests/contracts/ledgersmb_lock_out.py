"""LedgerSMB for the contract suite of the lock-out: its custodian, and a bookkeeper at its own screens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import count

import psycopg
from psycopg import sql

from hybrid_erp.adapters.erps.sql_lock_out import SqlLockOut
from hybrid_erp.model.delivery import ErpIdentity, Outcome, Role
from hybrid_erp.model.errors import ErpUnavailableError, OvertakenError
from hybrid_erp.model.lock_out import PostingRight
from hybrid_erp.model.ownership import PostingKind
from hybrid_erp.settings import Settings
from sandbox.fault_proxy import Fault, FaultProxy
from sandbox.ledgersmb.credentials import CUSTODIAN, login_name
from sandbox.ports import free_ports
from sandbox.postgres import HOST, Cluster
from tests.contracts.ledgersmb_person import Connection, LedgerSmbBooks
from tests.contracts.ledgersmb_under_test import LedgerSmbUnderTest
from tests.contracts.lock_out_documents import Documents, all_is_read
from tests.contracts.lock_out_under_test import Call, HeldUp, RefusedByTheErpError, Unfinished

MARCH = date(2026, 3, 5)
LINES = (("5200", "40.00"), ("1000", "-40.00"))
#: How long a call of the custodian is under way: the test sends another meanwhile.
UNDER_WAY_SECONDS = 3.0
ADD_TIME = """
    INSERT INTO jcitems (business_unit_id, description, qty, allocated, sellprice, fxsellprice, checkedin, checkedout, person_id, total,
                         non_billable, jctype, curr)
    SELECT business_unit.id, 'By hand', 1, 0, 80, 80, now(), now(), person.id, 80, 0, 1, 'EUR'
    FROM business_unit, users JOIN person USING (entity_id) WHERE control_code = %s AND username = session_user
"""
ADD_PROJECT = """
    SELECT business_unit__save(NULL, class.id, %s, 'By hand', '2026-01-01', NULL, NULL, NULL)
    FROM business_unit_class AS class WHERE label = 'Project'
"""
_numbers = count(1)


class AsCandidate(LedgerSmbBooks):
    """The same screens with a login that no lock-out stops: it makes what the bookkeeper then approves or settles."""

    @property
    def bookkeeper(self) -> str:
        return login_name(self.legal_entity, Role.CANDIDATE.value)


@dataclass(frozen=True)
class LedgerSmbLockOut:
    """The German company, with the British one as the wrong one."""

    cluster: Cluster
    settings: Settings
    quiet_seconds: float = 5.0

    @cached_property
    def erp(self) -> LedgerSmbUnderTest:
        return LedgerSmbUnderTest(self.cluster, self.settings)

    @cached_property
    def documents(self) -> Documents:
        return Documents(self.erp, self.settings)

    @cached_property
    def person(self) -> LedgerSmbBooks:
        return LedgerSmbBooks(self.cluster, self.settings)

    @cached_property
    def colleague(self) -> AsCandidate:
        return AsCandidate(self.cluster, self.settings)

    @property
    def bookkeeper(self) -> str:
        return self.person.bookkeeper

    @property
    def ways(self) -> Mapping[str, PostingKind]:
        return {way: kind for way, (kind, _) in self._ways().items()}

    def lock_out(self, proxy: FaultProxy | None = None) -> SqlLockOut:
        return self._lock_out("DE01", proxy.port if proxy else self.cluster.port)

    def lock_out_of_the_wrong_company(self) -> SqlLockOut:
        return self._lock_out("UK01", self.cluster.port)

    def lock_out_of_an_erp_that_is_down(self) -> SqlLockOut:
        return self._lock_out("DE01", free_ports(1)[0])

    def submits(self, role: Role, kind: PostingKind) -> list[Outcome]:
        return self.documents.submits(role, kind)

    def bookkeeper_posts(self, way: str) -> None:
        try:
            self._ways()[way][1]()
        except psycopg.errors.InsufficientPrivilege as error:
            raise RefusedByTheErpError(way) from error

    def reads(self) -> bool:
        query = "SELECT count(*) FROM acc_trans JOIN account ON account.id = chart_id"
        with self.person.at_the_screen() as connection:
            seen = connection.execute(query).fetchone()
        with closing(self.person.reader()) as control:
            return seen != (0,) and all_is_read(control)

    @contextmanager
    def by_another_way(self) -> Iterator[PostingRight]:
        """By a role that the firm made, which leads to one of the package's."""
        custodian, login = login_name("DE01", CUSTODIAN), self.bookkeeper
        give = "GRANT lsmb_ledgersmb_de01__gl_all TO accountants; GRANT accountants TO {} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"
        self.run("CREATE ROLE accountants")
        self.run(give, custodian)
        self.run("GRANT accountants TO {} GRANTED BY {}", login, custodian)
        try:
            yield PostingRight(login, "accountants", PostingKind.LEDGER)
        finally:
            self.run("REVOKE accountants FROM {} GRANTED BY {}", login, custodian)
            self.run("REVOKE accountants FROM {}; DROP ROLE accountants", custodian)

    @contextmanager
    def fixed(self) -> Iterator[PostingRight]:
        """As the ERP's own screen for users gives it: the owner of the database is the grantor."""
        role = "lsmb_ledgersmb_de01__gl_transaction_create"
        self.run("GRANT {} TO {}", role, self.bookkeeper)
        try:
            yield PostingRight(self.bookkeeper, role, PostingKind.LEDGER)
        finally:
            self.run("REVOKE {} FROM {} GRANTED BY postgres", role, self.bookkeeper)

    @contextmanager
    def unfinished(self) -> Iterator[Unfinished]:
        with self.person.at_the_screen() as connection:
            connection.autocommit = False
            self.person.journal_rows(connection, MARCH, "Under way", LINES)
            yield _OpenTransaction(connection)

    @contextmanager
    def held_up(self, call: Call) -> Iterator[HeldUp]:
        with self.erp.proxy() as proxy, closing(self.lock_out(proxy)) as late:
            late.state()
            proxy.behave(Fault.DELAY, matching=b"lock_out_change", requests=1, seconds=UNDER_WAY_SECONDS)
            with under_way(lambda: call(late), proxy) as held_up:
                yield held_up

    def _ways(self) -> dict[str, tuple[PostingKind, Callable[[], object]]]:
        person, colleague, customer = self.person, self.colleague, self.documents.customer

        def receipt_on_the_invoice() -> None:
            person.receipt_on_the_invoice(colleague.invoice(customer, "40.00", MARCH), "40.00", MARCH, "CASH-1")

        return {
            "journal": (PostingKind.LEDGER, lambda: person.enter(MARCH, "By hand", LINES)),
            "journal kept as a draft": (PostingKind.LEDGER, lambda: person.draft(MARCH, "By hand", LINES)),
            "draft of another approved": (PostingKind.LEDGER, lambda: person.post(colleague.draft(MARCH, "By hand", LINES))),
            "invoice": (PostingKind.BILLING, lambda: person.invoice(customer, "40.00", MARCH)),
            "payment": (PostingKind.BILLING, lambda: person.pay(colleague.invoice(customer, "40.00", MARCH), "40.00", MARCH)),
            "receipt on the invoice's screen": (PostingKind.BILLING, receipt_on_the_invoice),
            "time": (PostingKind.PROJECT, lambda: self._at_the_screen(ADD_TIME, self.documents.project)),
            "project": (PostingKind.PROJECT, lambda: self._at_the_screen(ADD_PROJECT, f"P-BY-HAND-{next(_numbers)}")),
        }

    def _at_the_screen(self, statement: str, *terms: str) -> None:
        with self.person.at_the_screen() as connection:
            assert connection.execute(statement.encode(), terms).rowcount == 1

    def _lock_out(self, connected: str, port: int) -> SqlLockOut:
        company = self.settings.erps["ledgersmb-emea"].companies["DE01"]
        expected = ErpIdentity(company.database, company.company, self.settings.legal_entity("DE01").functional_currency, "")
        database, login = self.erp.database(connected), login_name(connected, CUSTODIAN)

        def connect() -> Connection:
            return psycopg.connect(host=HOST, port=port, user=login, dbname=database, connect_timeout=5, autocommit=True)

        return SqlLockOut(connect, self.erp.pack, expected=expected, ours={role: login_name("DE01", role.value) for role in Role})

    def run(self, statements: str, *names: str) -> None:
        with self.cluster.admin(self.erp.database("DE01")) as connection:
            connection.execute(sql.SQL(statements).format(*map(sql.Identifier, names)))


@dataclass
class _OpenTransaction:
    connection: Connection

    def end(self) -> None:
        self.connection.commit()


@dataclass
class _Thread:
    thread: threading.Thread

    def arrive(self) -> None:
        assert self.thread.is_alive(), "it arrived before it should"
        self.thread.join()


@contextmanager
def under_way(call: Callable[[], None], proxy: FaultProxy) -> Iterator[HeldUp]:
    """A call that the proxy holds up; inside the block it has left and has not arrived."""

    def run() -> None:
        with suppress(OvertakenError, ErpUnavailableError):
            call()

    thread = threading.Thread(target=run)
    thread.start()
    while not proxy.counted().get(Fault.DELAY):
        assert thread.is_alive(), "it ended without being held up"
        thread.join(0.01)
    try:
        yield _Thread(thread)
    finally:
        thread.join()
