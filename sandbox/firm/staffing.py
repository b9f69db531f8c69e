"""Who works on which engagement in which quarter, also for another legal entity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sandbox.firm.business_days import FIRST_DAY, QUARTERS, quarter_end, quarter_name, working_day_from, working_day_until
from sandbox.firm.engagements import Billing, Engagement
from sandbox.firm.happening import Happening
from sandbox.firm.offices import Office, common_currency
from sandbox.firm.people import Worker

#: In these quarters each office lends its last worker to the next one.
LENDING_QUARTERS: Final = (date(2026, 4, 1), date(2026, 7, 1))
HOURS_OF_QUARTER: Final = 480


@dataclass(frozen=True, slots=True)
class Assignment:
    """A worker on an engagement for a quarter."""

    worker: Worker
    engagement: Engagement
    quarter: date

    @property
    def lent(self) -> bool:
        """Whether the employer is another legal entity than the one that performs."""
        return self.worker.office != self.engagement.office

    @property
    def last_day(self) -> date:
        return quarter_end(self.quarter)

    @property
    def task(self) -> str:
        """Analysts analyse; everybody else delivers."""
        return self.engagement.task(0 if self.worker.role == "analyst" else 1)


def assignments(workers: Mapping[Office, Sequence[Worker]], engagements: Mapping[Office, Sequence[Engagement]]) -> list[Assignment]:
    """Everybody's place in every quarter; engagements of an office are staffed in turn."""
    found = []
    offices = list(workers)
    for number, quarter in enumerate(QUARTERS):
        for office, borrower in zip(offices, [*offices[1:], *offices[:1]], strict=True):
            running = [each for each in engagements[office] if each.runs(quarter, quarter_end(quarter))]
            for index, worker in enumerate(workers[office]):
                found.append(Assignment(worker, running[(index + number) % len(running)], quarter))
            if quarter in LENDING_QUARTERS and common_currency(office, borrower):
                to = next(each for each in engagements[borrower] if each.billing is Billing.BY_THE_HOUR)
                found[-1] = Assignment(workers[office][-1], to, quarter)
    return found


def assignment_happenings(assignment: Assignment) -> Iterator[Happening]:
    """The plan of the quarter, known some days before it begins."""
    worker, engagement = assignment.worker, assignment.engagement
    on = working_day_until(assignment.quarter - timedelta(days=5))
    data = {
        "number": f"A-{engagement.project}-{worker.number}-{quarter_name(assignment.quarter)}",
        "legal_entity": engagement.office.code,
        "project": engagement.project,
        "task": assignment.task,
        "worker": worker.number,
        "role": worker.role,
        "starts_on": assignment.quarter.isoformat(),
        "ends_on": assignment.last_day.isoformat(),
        "planned_hours": str(HOURS_OF_QUARTER),
    }
    yield Happening(max(on, working_day_from(FIRST_DAY)), "resource_assignment", engagement.thread, data)
