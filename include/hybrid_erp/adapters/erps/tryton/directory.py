"""Tryton's own ids of what a document names. Looked up before posting, because Tryton's words about an unknown one mislead.

Kept for the life of a connector: ids do not change. What is missing or closed is asked for again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from hybrid_erp.adapters.erps.tryton.client import TrytonClient
from hybrid_erp.adapters.erps.tryton.values import Row, as_date, begins_with
from hybrid_erp.model.delivery import FailureClass


class ReferenceRefusedError(Exception):
    """The document names something that Tryton does not have, or that is closed there. Nothing was sent."""

    def __init__(self, failure: FailureClass, message: str) -> None:
        super().__init__(message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class NativeAccount:
    """An account of Tryton's chart."""

    id: int
    code: str
    wants_party: bool
    is_revenue: bool


@dataclass(frozen=True, slots=True)
class NativeParty:
    """A customer in Tryton."""

    id: int
    code: str
    address: int | None


@dataclass(slots=True)
class Directory:
    """One company's ids."""

    client: TrytonClient
    company: int
    _accounts: dict[str, NativeAccount] = field(default_factory=dict)
    _parties: dict[str, NativeParty] = field(default_factory=dict)
    _periods: dict[tuple[int, int], int] = field(default_factory=dict)
    _projects: set[str] = field(default_factory=set)
    _ids: dict[tuple[str, str], int] = field(default_factory=dict)
    _term_days: dict[int, int | None] = field(default_factory=dict)

    def account(self, code: str) -> NativeAccount:
        """A posting account by its code. The whole chart is read at once: one call costs the same as asking for one account."""
        if code not in self._accounts:
            domain = [["company", "=", self.company], ["code", "!=", None], ["type", "!=", None], ["closed", "!=", True]]
            rows = self.client.search("account.account", domain, ["code", "party_required", "type.revenue"])
            self._accounts = {row["code"]: _native_account(row) for row in rows}
        if code not in self._accounts:
            raise _unknown("posting account", code)
        return self._accounts[code]

    def party(self, number: str) -> NativeParty:
        """A customer by its canonical number, which is Tryton's party code."""
        if number not in self._parties and (found := self.find_party(number)):
            self._parties[number] = found
        if number not in self._parties:
            raise _unknown("party", number)
        return self._parties[number]

    def find_party(self, number: str) -> NativeParty | None:
        """A customer by its number, asked for anew."""
        rows = self.client.search("party.party", [["code", "=", number]], ["code", "addresses.id"], limit=1)
        if not rows:
            return None
        addresses: Sequence[Row] = rows[0]["addresses"] or ()
        return NativeParty(rows[0]["id"], number, addresses[0]["id"] if addresses else None)

    def period(self, day: date) -> int:
        """The open accounting period of a day."""
        month = (day.year, day.month)
        if month not in self._periods:
            state, period = self.period_state(day)
            if state != "open":
                raise ReferenceRefusedError(FailureClass.PERIOD_CLOSED, f"Tryton's accounting period of {day} is {state}.")
            self._periods[month] = period
        return self._periods[month]

    def period_state(self, day: date) -> tuple[str, int]:
        """Whether the period of a day is open, closed or locked; and its id."""
        domain: list[object] = [["company", "=", self.company], ["type", "=", "standard"]]
        domain += [["start_date", "<=", as_date(day)], ["end_date", ">=", as_date(day)]]
        rows = self.client.search("account.period", domain, ["state"], limit=1)
        if not rows:
            raise ReferenceRefusedError(FailureClass.PERIOD_CLOSED, f"Tryton has no accounting period for {day}.")
        return str(rows[0]["state"]), int(rows[0]["id"])

    def forget_period(self, day: date) -> None:
        """Ask again next time: it may have been closed since."""
        self._periods.pop((day.year, day.month), None)

    def require_project(self, number: str) -> None:
        """That there is a project of this number, as the connector names projects: `<number> <name>`."""
        if number not in self._projects:
            begins = begins_with(f"{number} ")
            if not self.client.search("project.work", [["company", "=", self.company], ["name", "like", begins]], ["name"], limit=1):
                raise _unknown("project", number)
            self._projects.add(number)

    def currency(self, code: str) -> int:
        """A currency."""
        return self._named("currency.currency", "code", code, "currency")

    def tax(self, name: str) -> int:
        """A tax."""
        return self._named("account.tax", "name", name, "tax")

    def journal(self, code: str) -> int:
        """A journal."""
        return self._named("account.journal", "code", code, "journal")

    def term(self, name: str) -> int:
        """A payment term."""
        return self._named("account.invoice.payment_term", "name", name, "payment term")

    def user(self) -> int:
        """Ourselves."""
        return self._named("res.user", "login", self.client.login, "user")

    def days_of_term(self, term: int) -> int | None:
        """How many days a payment term gives; None if it is not that simple."""
        if term not in self._term_days:
            fields = ["type", "relativedeltas.days", "relativedeltas.weeks", "relativedeltas.months", "relativedeltas.day"]
            rows = self.client.search("account.invoice.payment_term.line", [["payment", "=", term]], fields)
            self._term_days[term] = _days(rows)
        return self._term_days[term]

    def _named(self, model: str, name_field: str, name: str, what: str) -> int:
        if (model, name) not in self._ids:
            rows = self.client.search(model, [[name_field, "=", name]], [name_field], limit=1)
            if not rows:
                raise _unknown(what, name)
            self._ids[model, name] = int(rows[0]["id"])
        return self._ids[model, name]


def _native_account(row: Row) -> NativeAccount:
    return NativeAccount(row["id"], row["code"], bool(row["party_required"]), bool(row["type"]["revenue"]))


def _days(lines: Sequence[Row]) -> int | None:
    """A term of one line for the whole amount that adds days alone."""
    if len(lines) != 1 or lines[0]["type"] != "remainder":
        return None
    deltas: Sequence[Row] = lines[0]["relativedeltas"] or ()
    if any(delta.get(unit) for delta in deltas for unit in ("weeks", "months", "day")):
        return None
    return sum(int(delta["days"] or 0) for delta in deltas)


def _unknown(what: str, name: str) -> ReferenceRefusedError:
    return ReferenceRefusedError(FailureClass.VALIDATION, f"Tryton has no {what} {name!r}.")
