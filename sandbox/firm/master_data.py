"""What both ERPs held before 2026: customers and projects, entered by each ERP's own builder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hybrid_erp.model.documents import FIRM, DocumentType
from sandbox.firm.customers import Customer
from sandbox.firm.engagements import Engagement
from sandbox.firm.invoices import TERM_DAYS
from sandbox.ledgersmb.master_data import CustomerSeed, ProjectSeed
from sandbox.tryton.build import NewCustomer, NewProject


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """A customer that a legal entity has had for years."""

    number: str
    name: str
    currency: str
    payment_term: str
    country: str


@dataclass(frozen=True, slots=True)
class KnownProject:
    """A project that began before 2026."""

    number: str
    name: str
    customer: str


@dataclass(frozen=True, slots=True)
class MasterData:
    """What a legal entity's company holds in either ERP. `for_ledgersmb` and `for_tryton` are the same in each builder's words."""

    customers: tuple[KnownCustomer, ...]
    projects: tuple[KnownProject, ...]

    def identities(self, legal_entity: str) -> Iterator[tuple[DocumentType, str, str]]:
        """Document type, what it is identified in, number: as canonical documents name what they depend on."""
        yield from ((DocumentType.CUSTOMER, FIRM, each.number) for each in self.customers)
        yield from ((DocumentType.PROJECT, legal_entity, each.number) for each in self.projects)

    def for_ledgersmb(self) -> tuple[list[CustomerSeed], list[ProjectSeed]]:
        customers = [
            CustomerSeed(each.number, each.name, each.currency, TERM_DAYS[each.payment_term], each.country) for each in self.customers
        ]
        return customers, [ProjectSeed(each.number, each.name, each.customer) for each in self.projects]

    def for_tryton(self) -> tuple[list[NewCustomer], list[NewProject]]:
        customers = [NewCustomer(each.number, each.name, each.currency, each.payment_term) for each in self.customers]
        return customers, [NewProject(each.number, each.name, each.customer) for each in self.projects]


def master_data_of(legal_entity: str, customers: Iterable[Customer], engagements: Iterable[Engagement]) -> MasterData:
    """What is known of a legal entity's customers and engagements."""
    known = [each for each in customers if each.known and legal_entity in each.concerns]
    begun = [each for each in engagements if each.known and each.office.code == legal_entity]
    return MasterData(
        tuple(KnownCustomer(each.number, each.name, each.currency, each.payment_term, each.country) for each in known),
        tuple(KnownProject(each.project, each.name, each.customer.number) for each in begun),
    )
