"""Tryton for the contract suite of the lock-out: its custodian, and a bookkeeper with Tryton's own client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import count
from typing import Any

import requests

from hybrid_erp.adapters.erps.http import HttpEndpoint
from hybrid_erp.adapters.erps.tryton.lock_out import TrytonLockOut
from hybrid_erp.adapters.erps.tryton.posting_rights import EVERYBODY
from hybrid_erp.adapters.erps.tryton.values import as_date
from hybrid_erp.model.delivery import ErpIdentity, Outcome, Role
from hybrid_erp.model.lock_out import PostingRight
from hybrid_erp.model.ownership import PostingKind
from hybrid_erp.settings import Settings
from sandbox.fault_proxy import Fault, FaultProxy
from sandbox.ports import free_ports
from sandbox.postgres import HOST
from sandbox.site import Site
from sandbox.tryton.secrets import ADMINISTRATOR, ROLES
from tests.contracts.ledgersmb_lock_out import under_way
from tests.contracts.lock_out_documents import Documents, all_is_read
from tests.contracts.lock_out_under_test import Call, HeldUp, RefusedByTheErpError, Unfinished
from tests.contracts.tryton_bookkeeper import Bookkeeper
from tests.contracts.tryton_person import TrytonPerson
from tests.contracts.tryton_under_test import TrytonUnderTest

MARCH = date(2026, 3, 5)
LINES = (("5200", "40.00"), ("1000", "-40.00"))
#: Holds every new row of the ledger up, and lets everybody read.
HOLD_UP = "LOCK TABLE account_move IN SHARE MODE"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'account_move'::regclass"
#: How long a call of the custodian is under way: the test sends another meanwhile, which takes a handful of requests.
UNDER_WAY_SECONDS = 8.0
_numbers = count(1)


@dataclass
class TrytonLockOutUnderTest:
    """The German company, with the British one as the wrong one."""

    site: Site
    settings: Settings
    quiet_seconds: float = 35.0

    @cached_property
    def erp(self) -> TrytonUnderTest:
        return self.screens.erp

    @cached_property
    def documents(self) -> Documents:
        return Documents(self.erp, self.settings)

    @cached_property
    def screens(self) -> TrytonPerson:
        return TrytonPerson(self.site, self.settings)

    @cached_property
    def person(self) -> Bookkeeper:
        return self.screens.person

    @cached_property
    def administrator(self) -> Bookkeeper:
        return self.screens.at_the_screen(ADMINISTRATOR)

    @cached_property
    def lines(self) -> list[tuple[str, str]]:
        return self.screens.native(LINES, MARCH)

    @property
    def bookkeeper(self) -> str:
        return self.person.login

    @property
    def ways(self) -> Mapping[str, PostingKind]:
        return {way: kind for way, (kind, _) in self._ways().items()}

    def lock_out(self, proxy: FaultProxy | None = None) -> TrytonLockOut:
        return self._lock_out("DE01", proxy.port if proxy else None)

    def lock_out_of_the_wrong_company(self) -> TrytonLockOut:
        return self._lock_out("UK01")

    def lock_out_of_an_erp_that_is_down(self) -> TrytonLockOut:
        return self._lock_out("DE01", free_ports(1)[0])

    def submits(self, role: Role, kind: PostingKind) -> list[Outcome]:
        return self.documents.submits(role, kind)

    def bookkeeper_posts(self, way: str) -> None:
        try:
            self._ways()[way][1]()
        except AssertionError as refused:  # what the client of the tests makes of an answer with an error
            if "not allowed" not in str(refused) and "status 403" not in str(refused):
                raise
            raise RefusedByTheErpError(way) from refused

    def reads(self) -> bool:
        seen = self.person.call("model.account.move.search_count", []), self.person.call("model.timesheet.line.search_count", [])
        with closing(self.screens.reader()) as control:
            return all(seen) and all_is_read(control)

    @contextmanager
    def by_another_way(self) -> Iterator[PostingRight]:
        """By a group that the firm made, which inherits from Tryton's."""
        accounting = self.administrator.one("res.group", [["name", "=", "Accounting"]])
        user = self.administrator.one("res.user", [["login", "=", self.bookkeeper]])
        group = {"name": f"Accountants {next(_numbers)}", "parent": accounting, "users": [["add", [user]]]}
        made = self.administrator.call("model.res.group.create", [group])
        try:
            yield PostingRight(self.bookkeeper, str(group["name"]), PostingKind.LEDGER)
        finally:
            self.administrator.call("model.res.group.delete", made)

    @contextmanager
    def fixed(self) -> Iterator[PostingRight]:
        """By a row that gives it to everybody."""
        row = {"model": "account.move", "perm_read": True, "perm_write": True, "perm_create": True, "perm_delete": False}
        made = self.administrator.call("model.ir.model.access.create", [row])
        try:
            yield PostingRight(self.bookkeeper, EVERYBODY, PostingKind.LEDGER)
        finally:
            self.administrator.call("model.ir.model.access.delete", made)

    def unfinished(self) -> AbstractContextManager[Unfinished]:
        return self.waiting_inside()

    @contextmanager
    def waiting_inside(self) -> Iterator[WaitingRequest]:
        """A request that waits inside the server, with its rights checked."""
        posting = threading.Thread(target=self._post_or_be_ended)
        with self.held() as let_go:
            posting.start()
            while not self.erp.one(WAITING):
                assert posting.is_alive()
                posting.join(0.05)
            yield WaitingRequest(posting, let_go)
            let_go.set()
        posting.join()

    @contextmanager
    def held(self) -> Iterator[threading.Event]:
        """New rows of the ledger wait until the event is set, at the latest at the end of the block."""
        holding, let_go = threading.Event(), threading.Event()

        def hold() -> None:
            with self.site.cluster.admin(self.erp.expected("DE01").database) as connection, connection.transaction():
                connection.execute(HOLD_UP)
                holding.set()
                let_go.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        holding.wait()
        try:
            yield let_go
        finally:
            let_go.set()
            thread.join()

    @contextmanager
    def held_up(self, call: Call) -> Iterator[HeldUp]:
        with self.erp.proxy() as proxy, closing(self.lock_out(proxy)) as late:
            late.state()
            proxy.behave(Fault.DELAY, matching=b"res.group.write", requests=1, seconds=UNDER_WAY_SECONDS)
            with under_way(lambda: call(late), proxy) as held_up:
                yield held_up

    def _post_or_be_ended(self) -> None:
        try:
            self.person.move(*self.lines, on=MARCH, text="Under way")
        except (requests.RequestException, AssertionError):
            return

    def _ways(self) -> dict[str, tuple[PostingKind, Callable[[], object]]]:
        person, colleague, customer, lines = self.person, self.administrator, self.documents.customer, self.lines

        def press(model: str, record: int) -> None:
            person.call(f"model.{model}.post", [record])

        def add_time() -> None:
            time: dict[str, Any] = {"company": person.context["company"], "date": as_date(MARCH)}
            self.documents.submits(Role.RUN_OFF, PostingKind.PROJECT)  # the worker and the project are there then
            time |= {"duration": {"__class__": "timedelta", "seconds": 3600}, "employee": colleague.one("company.employee", [])}
            work = colleague.one("timesheet.work", [])
            person.call("model.timesheet.line.create", [time | {"work": work}])

        def add_project() -> None:
            status = colleague.one("project.work.status", [["types", "in", ["project"]]])
            project = {"name": f"P-BY-HAND-{next(_numbers)} By hand", "type": "project", "status": status}
            person.call("model.project.work.create", [project | {"company": person.context["company"]}])

        def an_invoice() -> int:
            return colleague.invoice(customer, "40.00", on=MARCH)

        return {
            "move": (PostingKind.LEDGER, lambda: person.move(*lines, on=MARCH)),
            "draft of another posted": (PostingKind.LEDGER, lambda: press("account.move", colleague.draft_move(*lines, on=MARCH))),
            "move cancelled": (PostingKind.LEDGER, lambda: person.cancel_move(colleague.move(*lines, on=MARCH))),
            "invoice": (PostingKind.BILLING, lambda: person.invoice(customer, "40.00", on=MARCH)),
            "invoice of another posted": (
                PostingKind.BILLING,
                lambda: press("account.invoice", colleague.draft_invoice(customer, "40.00", on=MARCH)),
            ),
            "pay wizard": (PostingKind.BILLING, lambda: person.pay(an_invoice(), "40.00", on=MARCH)),
            "credit wizard": (PostingKind.BILLING, lambda: person.credit(an_invoice(), on=MARCH)),
            "time": (PostingKind.PROJECT, add_time),
            "project": (PostingKind.PROJECT, add_project),
        }

    def _lock_out(self, connected: str, port: int | None = None) -> TrytonLockOut:
        ours, theirs = self.erp.expected("DE01"), self.erp.expected(connected)
        found = self.erp.connections[f"tryton_{connected.lower()}_custodian"]
        endpoint = HttpEndpoint(f"http://{HOST}:{port or found['port']}", str(found["login"]), str(found["password"]))
        return TrytonLockOut(
            lambda: endpoint,
            expected=ErpIdentity(theirs.database, ours.company, ours.functional_currency, ""),
            ours={Role(role): login for role, login in ROLES.items()},
            request_seconds_max=self.settings.erps["tryton-emea"].request_seconds_max or 0,
        )


@dataclass
class WaitingRequest:
    thread: threading.Thread
    let_go: threading.Event = field(repr=False)

    def end(self) -> None:
        self.let_go.set()
        self.thread.join()
