"""Tryton's projects, tasks, time that is not billed yet, and customers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from hybrid_erp.adapters.erps.tryton.books_balances import pages
from hybrid_erp.adapters.erps.tryton.client import TrytonClient
from hybrid_erp.adapters.erps.tryton.master_data_reading import PARTY, TIME, WORK, texts_of
from hybrid_erp.adapters.erps.tryton.text import read_mark
from hybrid_erp.adapters.erps.tryton.values import Row, to_amount, to_date, to_hours
from hybrid_erp.model.books import CustomerFigures, ProjectFigures, TaskFigures, TimeFigures
from hybrid_erp.model.mapping import Mapping

_WORK_FIELDS: Final = ("name", "comment", "type", "parent", "party.code", "status.progress", "progress", "effort_duration")
#: Tryton sums it over a project and all that is below it.
_HOURS: Final = ("timesheet_duration",)
#: The module that bills projects, and what it has billed. (What it would bill, and revenue and cost of another module, are hours at
#: Tryton's own prices: it keeps no rate of an entry, and nothing of that is booked.)
_BILLING: Final = "project_invoice"
_AMOUNTS: Final = ("invoiced_amount",)
_TIME_FIELDS: Final = ("date", "duration", "description", "employee.party.code", "work.origin")


@dataclass(frozen=True, slots=True)
class ProjectReader:
    """Reads one company's projects, time and customers, a thousand records a call. Everything raises as the client's search."""

    client: TrytonClient
    mapping: Mapping
    company: int
    legal_entity: str

    def projects(self) -> list[ProjectFigures]:
        """Every project with its tasks, and what is billed where this Tryton bills projects. It keeps no days and no value of them."""
        works = self._works()
        children: dict[int, list[Row]] = defaultdict(list)
        for row in works.values():
            if row["type"] == "task" and (top := _project_of(row, works)):
                children[top["id"]].append(row)
        domain = [["company", "=", self.company], ["type", "=", "project"]]
        figures = {row["id"]: row for row in pages(self.client, WORK, domain, _AMOUNTS if self._bills() else _HOURS)}
        return [self._project(row, children[row["id"]], figures.get(row["id"], {})) for row in works.values() if row["type"] == "project"]

    def unbilled_time(self, projects: Collection[str] | None = None) -> list[TimeFigures]:
        """Every time entry that no invoice has taken up. Tryton keeps no mark of what is not billable, and no rate on the entry."""
        works = self._works()
        found = []
        domain: list[Any] = [["company", "=", self.company], *([["invoice_line", "=", None]] if self._bills() else [])]
        if projects is not None:
            wanted = [f"{WORK},{row['id']}" for row in works.values() if (top := _project_of(row, works)) and _number_of(top) in projects]
            domain.append(["work.origin", "in", wanted])
        for row in pages(self.client, TIME, domain, _TIME_FIELDS):
            model, _, record = str(row["work"]["origin"] or "").partition(",")
            work = works.get(int(record)) if model == WORK else None
            project = _project_of(work, works) if work else None
            if work is None or project is None:
                continue  # time on no project is never billed
            ours = read_mark(row["description"])
            found.append(
                TimeFigures(
                    native_id=f"{TIME},{row['id']}",
                    posting_id=ours.posting_id if ours else None,
                    project=_number_of(project),
                    task=_number_of(work) if work["type"] == "task" else None,
                    worker=str(row["employee"]["party"]["code"] or row["employee"]["id"]),
                    worked_on=to_date(row["date"]),
                    hours=to_hours(row["duration"]),
                    rate=None,
                    currency=None,
                    billable=True,
                    text=str(row["description"] or ""),
                )
            )
        return found

    def customers(self) -> list[CustomerFigures]:
        """Every party that is neither ourselves nor a worker. A party of Tryton's has no currency of its own."""
        ours = [row["party"] for row in self.client.select("company.company", [], ["party"])]
        workers = {row["party"] for row in pages(self.client, "company.employee", [], ["party"])}
        fields = ["code", "name", "customer_payment_term.name", "addresses.country.code", "identifiers.code"]
        others = (row for row in pages(self.client, PARTY, [], fields) if row["id"] not in {*ours, *workers})
        return [self._customer(row) for row in others]

    def _bills(self) -> bool:
        """Whether Tryton's module that bills projects is in use; asking for a field of one that is not answers 500."""
        return bool(self.client.select("ir.module", [["name", "=", _BILLING], ["state", "=", "activated"]], ["name"]))

    def _works(self) -> dict[int, Row]:
        return {row["id"]: row for row in pages(self.client, WORK, [["company", "=", self.company]], _WORK_FIELDS)}

    def _project(self, row: Row, tasks: Iterable[Row], figures: Row) -> ProjectFigures:
        """Nothing is billed in a Tryton without the module for it: then all hours are still to be billed. Of one with it no sum is told."""
        done = bool(row["status"]) and row["status"]["progress"] == 1
        return ProjectFigures(
            native_id=f"{WORK},{row['id']}",
            number=_number_of(row),
            name=_name_of(row),
            customer=row["party"]["code"] if row["party"] else None,
            status="closed" if done else "active",
            billed=_stated(figures, "invoiced_amount"),
            unbilled_hours=to_hours(figures["timesheet_duration"]) if "timesheet_duration" in figures else None,
            counts_unbillable=True,
            tasks=tuple(self._task(task) for task in tasks),
        )

    def _task(self, row: Row) -> TaskFigures:
        hours = to_hours(row["effort_duration"]) if row["effort_duration"] else None
        return TaskFigures(f"{WORK},{row['id']}", _number_of(row), _name_of(row), hours)

    def _customer(self, row: Row) -> CustomerFigures:
        term = row["customer_payment_term"]["name"] if row["customer_payment_term"] else None
        countries = [address["country"]["code"] for address in row["addresses"] or () if address["country"]]
        numbers = [identifier["code"] for identifier in row["identifiers"] or ()]
        return CustomerFigures(
            native_id=f"{PARTY},{row['id']}",
            number=row["code"] or None,
            name=str(row["name"] or ""),
            payment_term=self._payment_term(term) if term else None,
            country=countries[0] if countries else None,
            tax_number=numbers[0] if numbers else None,
        )

    def _payment_term(self, native: str) -> str | None:
        rules = (rule for rule in self.mapping.payment_terms if rule.native == native)
        return next((rule.canonical for rule in rules if rule.legal_entities is None or self.legal_entity in rule.legal_entities), None)


def _stated(amounts: Row, name: str) -> Decimal | None:
    return to_amount(amounts[name]) if amounts.get(name) is not None else None


def _project_of(work: Row, works: dict[int, Row]) -> Row | None:
    """The project that a task belongs to, however deep; a project is its own."""
    row: Row | None = work
    while row is not None and row["type"] != "project":
        row = works.get(row["parent"])
    return row


def _number_of(row: Row) -> str:
    """What its mark says, else the first word of its name."""
    marks: list[Any] = [read_mark(text) for text in texts_of(WORK, row)]
    return next((str(each.number) for each in marks if each), str(row["name"]).partition(" ")[0])


def _name_of(row: Row) -> str:
    number, name = _number_of(row), str(row["name"])
    return name.removeprefix(f"{number} ") if name.startswith(f"{number} ") else name
