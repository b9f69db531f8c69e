"""Companies of ERPs as a preflight asks them: each reader is opened once, and everything is closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from airflow.sdk.exceptions import AirflowNotFoundException

from hybrid_erp.model.books import AccountMovement
from hybrid_erp.model.delivery import ErpIdentity, Role
from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.model.lock_out import LockOutState
from hybrid_erp.model.preflight import Quietness
from hybrid_erp.ports import BooksReader, LockOut
from hybrid_erp.settings import Settings
from hybrid_erp.wiring.connectors import books_reader, connector, lock_out, quietness

A = TypeVar("A")


LockOutOf = Callable[[Settings, str, str], LockOut]
"""The lock-out of a company by the custodian's credential; raises ConfigurationError where there is none."""


@contextmanager
def asked_companies(settings: Settings, lock_out_of: LockOutOf = lock_out) -> Iterator[AskedCompanies]:
    """Companies to ask until the block ends."""
    with ExitStack() as stack:
        yield AskedCompanies(settings, lock_out_of, stack)


@dataclass
class AskedCompanies:
    """Used by one thread."""

    settings: Settings
    lock_out_of: LockOutOf
    stack: ExitStack = field(repr=False)
    readers: dict[tuple[str, str], BooksReader] = field(default_factory=dict)

    def identity(self, erp: str, legal_entity: str, role: Role) -> ErpIdentity:
        """Who answers to the credential of a role, in a session of its own."""

        def ask() -> ErpIdentity:
            with closing(connector(self.settings, erp, legal_entity, only=role)) as company:
                return company.identity()

        return _told(ask)

    def open_on(self, erp: str, legal_entity: str, day: date) -> bool:
        """Whether the ERP would take a posting on this day."""
        return _told(lambda: self._reader(erp, legal_entity).open_on(day))

    def movements(self, erp: str, legal_entity: str) -> Sequence[AccountMovement]:
        """The ERP's own trial balance by period."""
        return _told(lambda: self._reader(erp, legal_entity).movements())

    def quietness(self, erp: str, legal_entity: str) -> Quietness:
        """What could make a copy loud there."""
        return _told(lambda: quietness(self.settings, erp, legal_entity))

    def lock_out_state(self, erp: str, legal_entity: str) -> LockOutState:
        """Who may post there now, in a session of its own."""

        def ask() -> LockOutState:
            with closing(self.lock_out_of(self.settings, erp, legal_entity)) as company:
                return company.state()

        return _told(ask)

    def _reader(self, erp: str, legal_entity: str) -> BooksReader:
        key = (erp, legal_entity)
        if key not in self.readers:
            self.readers[key] = self.stack.enter_context(closing(books_reader(self.settings, erp, legal_entity)))
        return self.readers[key]


def _told(ask: Callable[[], A]) -> A:
    """A connection that Airflow does not have is a fault of the configuration."""
    try:
        return ask()
    except AirflowNotFoundException as error:
        raise ConfigurationError(f"{str(error).rstrip('.')}.") from None
