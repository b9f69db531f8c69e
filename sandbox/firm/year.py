"""A year of work and what follows from it: hours and expenses, invoices, payments, entries of the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from hybrid_erp.model.money import ZERO
from sandbox.firm import by_the_hour, fixed_fees, intercompany, milestones, month_end, payments, retainers
from sandbox.firm.business_days import MONTHS
from sandbox.firm.engagements import Billing, Engagement
from sandbox.firm.expenses import Spending, spendings
from sandbox.firm.happening import Happening
from sandbox.firm.invoices import Bill
from sandbox.firm.journal import Entry
from sandbox.firm.offices import Office
from sandbox.firm.payments import OpenBill, Payment
from sandbox.firm.people import Worker
from sandbox.firm.staffing import Assignment
from sandbox.firm.time_sheets import TimeSheet, time_sheets


@dataclass(frozen=True)
class Year:
    """Everything is made when it is asked for, from the plan alone."""

    seed: int
    workers: Mapping[Office, Sequence[Worker]]
    engagements: Mapping[Office, Sequence[Engagement]]
    assignments: Sequence[Assignment]

    @cached_property
    def _sheets(self) -> dict[Assignment, list[TimeSheet]]:
        return {assignment: list(time_sheets(self.seed, assignment)) for assignment in self.assignments}

    @cached_property
    def _spendings(self) -> dict[Assignment, list[Spending]]:
        return {assignment: list(spendings(self.seed, assignment)) for assignment in self.assignments}

    @cached_property
    def _work(self) -> dict[Engagement, by_the_hour.Work]:
        sheets: dict[Engagement, list[TimeSheet]] = defaultdict(list)
        spent: dict[Engagement, list[Spending]] = defaultdict(list)
        for assignment in self.assignments:
            sheets[assignment.engagement] += self._sheets[assignment]
            spent[assignment.engagement] += self._spendings[assignment]
        return {each: by_the_hour.Work(each, sheets[each], spent[each]) for each in self._engagements()}

    @cached_property
    def bills(self) -> list[Bill]:
        """Invoices, each followed by the credit memo that takes something of it back."""
        return list(chain.from_iterable(map(self._bills_of, self._engagements())))

    def sheets(self) -> Iterator[TimeSheet]:
        """Everybody's days."""
        return chain.from_iterable(self._sheets.values())

    def spendings(self) -> Iterator[Spending]:
        """Everybody's expenses."""
        return chain.from_iterable(self._spendings.values())

    def payments(self) -> Iterator[Payment]:
        """What the customers pay, each to each office that invoices it."""
        credited: dict[str, Bill] = {bill.corrects.number: bill for bill in self.bills if bill.corrects}
        open_bills: dict[tuple[str, str], list[OpenBill]] = defaultdict(list)
        for bill in sorted((bill for bill in self.bills if not bill.corrects), key=lambda bill: (bill.issued_on, bill.number)):
            taken_back = credited[bill.number].total if bill.number in credited else ZERO
            parties = (bill.engagement.office.code, bill.engagement.customer.number)
            open_bills[parties].append(OpenBill(bill, bill.total - taken_back))
        for bills in open_bills.values():
            engagement = bills[0].bill.engagement
            yield from payments.payments(engagement.office, engagement.customer, bills)

    def entries(self) -> Iterator[Entry]:
        """The ledger's journal entries, month by month."""
        fixed = (bill for bill in self.bills if bill.engagement.billing is Billing.FIXED_FEE)
        yield from map(fixed_fees.deferral, fixed)
        for month in MONTHS:
            for office, engagements in self.engagements.items():
                yield from month_end.standing_entries(office, self.workers[office], month)
                work = [self._work[each] for each in engagements]
                unbilled = {each.engagement: each.unbilled(month) for each in work if each.engagement.billing is Billing.BY_THE_HOUR}
                yield from month_end.accruals(self.seed, office, unbilled, month)
                spent = list(chain.from_iterable(each.spendings for each in work))
                found = [month_end.repayment(office, spent, month)]
                found += [month_end.cost_of_project(each.engagement, each.sheets, month) for each in work]
                found += [retainers.earned(each, month) for each in engagements]
                yield from (entry for entry in found if entry)
            for assignment in (each for each in self.assignments if each.lent):
                yield from intercompany.pair_entries(assignment, self._sheets[assignment], month)

    def milestones_and_schedules(self) -> Iterator[Happening]:
        """Milestones in their states, and revenue recognised by plan."""
        for engagement in self._engagements():
            if engagement.billing is Billing.BY_MILESTONE:
                yield from chain.from_iterable(map(milestones.milestone_happenings, milestones.steps(engagement)))
            if engagement.billing is Billing.FIXED_FEE:
                for recognition in fixed_fees.recognitions(engagement):
                    yield from fixed_fees.recognition_happenings(engagement, recognition)

    def _engagements(self) -> Iterator[Engagement]:
        return chain.from_iterable(self.engagements.values())

    def _bills_of(self, engagement: Engagement) -> Iterator[Bill]:
        match engagement.billing:
            case Billing.BY_THE_HOUR:
                return by_the_hour.bills(self.seed, self._work[engagement])
            case Billing.BY_MILESTONE:
                return map(milestones.bill, milestones.steps(engagement))
            case Billing.FIXED_FEE:
                return fixed_fees.bills(engagement)
            case Billing.RETAINER | Billing.PREPAID:
                return retainers.bills(engagement)
