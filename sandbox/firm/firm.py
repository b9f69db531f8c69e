"""The firm: who there is, and everything that happens from January to today."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain

from hybrid_erp.settings import Settings, load_settings
from sandbox.firm.business_days import TODAY
from sandbox.firm.contracts import engagement_happenings
from sandbox.firm.customers import Customer, customer_happenings, customers_of
from sandbox.firm.engagements import Engagement, engagements_of
from sandbox.firm.expenses import expense_happenings
from sandbox.firm.happening import CloudEvent, Happening, as_events
from sandbox.firm.invoices import bill_happenings
from sandbox.firm.journal import entry_happenings
from sandbox.firm.master_data import MasterData, master_data_of
from sandbox.firm.offices import Office, offices_of
from sandbox.firm.payments import payment_happenings
from sandbox.firm.people import Worker, people_happenings, workers_of
from sandbox.firm.staffing import assignment_happenings, assignments
from sandbox.firm.story import pick
from sandbox.firm.time_sheets import time_happenings
from sandbox.firm.year import Year
from sandbox.places import CHECKOUT

SCALE_MAX = 50  # number ranges hold a thousand of each kind for an office


class Firm:
    """A firm's year. The same seed, scale and configuration make the same events, in any process.

    At scale 1 an office has 6 workers, 6 customers and 8 engagements; the firm's year is some ten thousand events, mostly time entries.
    """

    def __init__(self, seed: int = 2026, scale: int = 1, settings: Settings | None = None) -> None:
        if not 1 <= scale <= SCALE_MAX:
            raise ValueError(f"The scale is {scale}; number ranges hold a firm of scale 1 to {SCALE_MAX}.")
        self.seed = seed
        self.offices = offices_of(settings or load_settings(CHECKOUT / "config"))
        self.workers: dict[Office, list[Worker]] = {office: workers_of(office, scale) for office in self.offices}
        won = [customer for office in self.offices for customer in customers_of(office, self.offices, scale)]
        self.customers: tuple[Customer, ...] = tuple(won)
        self.engagements: dict[Office, list[Engagement]] = {
            office: engagements_of(office, [each for each in won if office.code in each.concerns], scale) for office in self.offices
        }

    def master_data(self, legal_entity: str) -> MasterData:
        """What both ERPs held of a legal entity before 2026, and no event tells."""
        return master_data_of(legal_entity, self.customers, chain.from_iterable(self.engagements.values()))

    def history(self) -> Iterator[CloudEvent]:
        """Every event up to today, in order: by day, and within a day what others name comes first.

        What a document needs posted comes before it or is master data; the other half of an intercompany pair comes on the same day.
        """
        return as_events(each for each in self._happenings() if each.on <= TODAY)

    def story(self, events: int, *, legal_entities: Collection[str] | None = None) -> list[CloudEvent]:
        """A slice of the history: exactly so many events of all document types that the ERPs take, from all of the legal entities.

        Whatever they depend on is in the slice or is master data, and comes first.

        Raises:
            ValueError: Too few are asked for to show every document type, or more than there are.
        """
        # Region by region in turn, so that a short story shows them all.
        in_turn = sorted(self.offices, key=lambda office: [each.region for each in self.offices[: office.place]].count(office.region))
        chosen = [office.code for office in in_turn if legal_entities is None or office.code in legal_entities]
        known = {identity for office in chosen for identity in self.master_data(office).identities(office)}
        return pick(self.seed, list(self.history()), events, chosen, known)

    def _happenings(self) -> Iterator[Happening]:
        placed = assignments(self.workers, self.engagements)
        year = Year(self.seed, self.workers, self.engagements, placed)
        for office, workers in self.workers.items():
            yield from people_happenings(office, workers)
        yield from chain.from_iterable(map(customer_happenings, self.customers))
        yield from chain.from_iterable(map(engagement_happenings, chain.from_iterable(self.engagements.values())))
        yield from chain.from_iterable(map(assignment_happenings, placed))
        yield from chain.from_iterable(map(time_happenings, year.sheets()))
        yield from chain.from_iterable(map(expense_happenings, year.spendings()))
        yield from chain.from_iterable(map(bill_happenings, year.bills))
        yield from chain.from_iterable(map(payment_happenings, year.payments()))
        yield from chain.from_iterable(map(entry_happenings, year.entries()))
        yield from year.milestones_and_schedules()
