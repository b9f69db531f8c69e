"""What the checks ask, and whom. Adapters fit by shape; a check that is not answered fails with the reason."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from hybrid_erp.model.books import AccountMovement
from hybrid_erp.model.delivery import ErpIdentity, Role
from hybrid_erp.model.lock_out import LockOutState
from hybrid_erp.model.preflight import (
    Backlog,
    BookedLine,
    BusiestHour,
    HalfPair,
    Issued,
    KindState,
    LatestReconciliation,
    MoveMade,
    Quietness,
    StoreHealth,
    Stuck,
    UnderWay,
)


class Moves(Protocol):
    """Where the region is, and what has been tried before."""

    def kinds(self, region: str, from_period: str) -> Sequence[KindState]:
        """Each kind of a region, with its owner in an accounting period."""

    def under_way(self, region: str) -> Sequence[UnderWay]:
        """Cutovers of the region that have not ended."""

    def made(self, region: str) -> Sequence[MoveMade]:
        """Those that have, the latest first."""

    def issued(self, region: str, owner: str) -> Issued:
        """The legal numbers that an owner of the region has given since it owns."""


class Reconciliations(Protocol):
    """Results of reconciliations."""

    def latest(self, region: str) -> LatestReconciliation | None:
        """The last one that has ended."""


class Deliveries(Protocol):
    """Where postings and copies are."""

    def stuck(self, region: str, kinds: Collection[str], *, marked_before: datetime) -> Sequence[Stuck]:
        """What does not go on by itself; a mark counts if it is older than an instant, or has outlived a second attempt."""

    def backlog(self, region: str, kinds: Collection[str], new_owner: str) -> Sequence[Backlog]:
        """What waits for its owner, and what waits for the new owner as a copy."""

    def busiest_hour(self, legal_entities: Collection[str], erp: str, *, since: datetime) -> BusiestHour | None:
        """The whole hour of the clock in which an ERP took the most copies."""


class Mirror(Protocol):
    """The ERPs' books as they were read."""

    def booked_lines(self, erp: str, legal_entity: str, *, since_period: str) -> Sequence[BookedLine]:
        """Every sort of line that was booked from an accounting period on."""


class Pairs(Protocol):
    """Intercompany pairs."""

    def half_pairs(self, legal_entities: Collection[str], firm_entities: Collection[str]) -> Sequence[HalfPair]:
        """The pairs that lack a half, with one of these legal entities on either side."""


class Store(Protocol):
    """The store's own state."""

    def health(self) -> StoreHealth:
        """What its PostgreSQL says of itself."""


class Companies(Protocol):
    """Companies of ERPs. Nothing that is asked here changes anything there.

    Everything raises ErpUnavailableError, WrongSystemError, or ConfigurationError where a connection is missing.
    """

    def identity(self, erp: str, legal_entity: str, role: Role) -> ErpIdentity:
        """Who answers to the credential of a role."""

    def open_on(self, erp: str, legal_entity: str, day: date) -> bool:
        """Whether the ERP would take a posting on this day."""

    def movements(self, erp: str, legal_entity: str) -> Sequence[AccountMovement]:
        """The ERP's own trial balance by period."""

    def quietness(self, erp: str, legal_entity: str) -> Quietness:
        """What could make a copy loud there."""

    def lock_out_state(self, erp: str, legal_entity: str) -> LockOutState:
        """Who may post there now, by the custodian's credential; a ConfigurationError says that there is no lock-out."""


class Surroundings(Protocol):
    """Airflow, and the machine that a worker runs on."""

    def pool_problems(self, erps: Collection[str]) -> Sequence[str] | None:
        """What is wrong with the pools of these ERPs' tasks; None: Airflow could not be asked."""

    def known_logins(self) -> frozenset[str] | None:
        """Who can sign in; None: whoever answers for logins cannot be asked."""

    def disk_free_bytes(self) -> int:
        """Where this worker writes."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everyone that can be asked."""

    moves: Moves
    reconciliations: Reconciliations
    deliveries: Deliveries
    mirror: Mirror
    pairs: Pairs
    store: Store
    companies: Companies
    surroundings: Surroundings
