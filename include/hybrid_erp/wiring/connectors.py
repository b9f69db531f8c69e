"""Which dialect speaks to which ERP. Adding a dialect is a line here; adding an ERP is configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import psycopg

from hybrid_erp.adapters.sessions import connect_directly
from hybrid_erp.model.delivery import ErpIdentity, Role
from hybrid_erp.model.errors import ConfigurationError, SharedSessionError, WrongSystemError
from hybrid_erp.model.mapping import Mapping as AccountMapping
from hybrid_erp.model.preflight import Quietness
from hybrid_erp.ports import BooksReader, ErpConnector, LockOut
from hybrid_erp.settings import CompanySettings, ErpSettings, Settings
from hybrid_erp.wiring.configuration import pack_folder
from hybrid_erp.wiring.connections import connection, conninfo

if TYPE_CHECKING:
    from hybrid_erp.adapters.erps.http import HttpEndpoint


@dataclass(frozen=True, slots=True)
class Company:
    """One legal entity inside one ERP, with all that a dialect needs to reach it."""

    erp_name: str
    erp: ErpSettings
    settings: CompanySettings
    legal_entity: str
    mapping: AccountMapping
    expected: ErpIdentity
    only: Role | None = None
    """Whatever is done is done with the credential of this role; None: each thing with its own."""

    def connection_id(self, role: Role) -> str:
        """The Airflow Connection of the credential for a role."""
        used = self.only or role
        return self.settings.connection if used is Role.CONTROL else f"{self.settings.connection}_{used}"

    @property
    def custodian(self) -> str:
        """The Airflow Connection of whoever may take the right to post away."""
        return f"{self.settings.connection}_custodian"

    @property
    def ours(self) -> dict[Role, str]:
        """The logins of our credentials."""
        return {role: connection(self.connection_id(role)).login or "" for role in Role}


def connector(settings: Settings, erp: str, legal_entity: str, *, only: Role | None = None) -> ErpConnector:
    """The connector of one company of one ERP. Opens nothing yet: the first call does. `only` makes it ask with one credential.

    Raises:
        ConfigurationError: No dialect of this name.
    """
    return _speaking(DIALECTS, settings, erp)(replace(_company(settings, erp, legal_entity), only=only))


def reading_connector(settings: Settings, erp: str, legal_entity: str) -> ErpConnector:
    """A connector that is asked alone, with a credential that a lock-out leaves alone."""
    return connector(settings, erp, legal_entity, only=_reads_as(settings, legal_entity))


def quietness(settings: Settings, erp: str, legal_entity: str) -> Quietness:
    """What one company of one ERP says of how loud a copy could be, asked with the credential that copies are sent with.

    Raises:
        ConfigurationError: No dialect of this name, or its pack does not say.
        ErpUnavailableError, WrongSystemError: It cannot be asked.
    """
    return _speaking(QUIETNESS, settings, erp)(_company(settings, erp, legal_entity))


def books_reader(settings: Settings, erp: str, legal_entity: str) -> BooksReader:
    """The reader of the books of one company of one ERP. Opens nothing yet: the first call does.

    Raises:
        ConfigurationError: No dialect of this name, or its pack does not say how the books are read.
    """
    return _speaking(BOOKS, settings, erp)(replace(_company(settings, erp, legal_entity), only=_reads_as(settings, legal_entity)))


def _reads_as(settings: Settings, legal_entity: str) -> Role | None:
    """A lock-out takes from control what it needs to read with, and leaves the credential for copies alone."""
    moving = settings.regions[settings.region_of[legal_entity]].plan is not None
    return Role.CANDIDATE if moving else None


def lock_out(settings: Settings, erp: str, legal_entity: str) -> LockOut:
    """The lock-out of one company of one ERP, by the custodian's credential. Opens nothing yet: the first call does.

    Raises:
        ConfigurationError: No dialect of this name, or no lock-out available there.
    """
    return _speaking(LOCK_OUTS, settings, erp)(_company(settings, erp, legal_entity))


D = TypeVar("D")


def _speaking(dialects: Mapping[str, D], settings: Settings, erp: str) -> D:
    name = settings.erps[erp].dialect
    if name not in dialects:
        raise ConfigurationError(f"{erp} speaks the dialect {name!r}; known are {', '.join(dialects)}.")
    return dialects[name]


def _company(settings: Settings, erp: str, legal_entity: str) -> Company:
    configured = settings.erps[erp]
    company = configured.companies[legal_entity]
    functional_currency = settings.legal_entity(legal_entity).functional_currency
    expected = ErpIdentity(company.database, company.company, functional_currency, version="")
    return Company(erp, configured, company, legal_entity, settings.mappings[erp], expected)


def _session(connection_id: str) -> psycopg.Connection[tuple[object, ...]]:
    try:
        return connect_directly(**conninfo(connection_id))
    except SharedSessionError as error:
        # What a claim sent is known by its session: one that others share would say that nothing is on its way any more (PROTOCOL S7).
        raise WrongSystemError(f"{connection_id} leads through a pooler; an ERP has to be reached directly.") from error


def _sql(company: Company) -> ErpConnector:
    from hybrid_erp.adapters.erps.sql import SqlConnector
    from hybrid_erp.adapters.erps.sql_pack import load_pack

    def connect(role: Role) -> psycopg.Connection[tuple[object, ...]]:
        return _session(company.connection_id(role))

    pack = load_pack(pack_folder(str(company.erp.pack)))
    return SqlConnector(connect, pack, company.mapping, legal_entity=company.legal_entity, expected=company.expected)


def _sql_books(company: Company) -> BooksReader:
    from hybrid_erp.adapters.erps.sql_books import SqlBooksReader
    from hybrid_erp.adapters.erps.sql_pack import load_pack

    def connect() -> psycopg.Connection[tuple[object, ...]]:
        return _session(company.connection_id(Role.CONTROL))

    pack = load_pack(pack_folder(str(company.erp.pack)))
    return SqlBooksReader(connect, pack, company.mapping, legal_entity=company.legal_entity, expected=company.expected)


def _sql_lock_out(company: Company) -> LockOut:
    from hybrid_erp.adapters.erps.sql_lock_out import SqlLockOut
    from hybrid_erp.adapters.erps.sql_pack import load_pack

    def connect() -> psycopg.Connection[tuple[object, ...]]:
        return _session(company.custodian)

    pack = load_pack(pack_folder(str(company.erp.pack)))
    return SqlLockOut(connect, pack, expected=company.expected, ours=company.ours)


def _endpoint(company: Company, role: Role) -> HttpEndpoint:
    return _endpoint_of(company.connection_id(role))


def _endpoint_of(connection_id: str) -> HttpEndpoint:
    from hybrid_erp.adapters.erps.http import HttpEndpoint

    found = connection(connection_id)
    port = f":{found.port}" if found.port else ""
    return HttpEndpoint(f"{found.schema or 'https'}://{found.host}{port}", found.login or "", found.password or "")


def _tryton(company: Company) -> ErpConnector:
    from hybrid_erp.adapters.erps.tryton.connector import TrytonConnector

    return TrytonConnector(
        lambda role: _endpoint(company, role),
        company.mapping,
        legal_entity=company.legal_entity,
        expected=company.expected,
        acknowledged_warnings=company.erp.acknowledged_warnings,
    )


def _tryton_books(company: Company) -> BooksReader:
    from hybrid_erp.adapters.erps.tryton.books import TrytonBooks

    everybody = replace(company, only=None)  # a document is ours whichever of our logins made it
    return TrytonBooks(
        lambda role: _endpoint(everybody, role),
        company.mapping,
        reads_as=company.only or Role.CONTROL,
        legal_entity=company.legal_entity,
        expected=company.expected,
        period_runs=company.erp.period_run_journals,
        request_seconds_max=company.erp.look_up_horizon_seconds,
    )


def _sql_quietness(company: Company) -> Quietness:
    from hybrid_erp.adapters.erps.sql_pack import load_pack
    from hybrid_erp.adapters.erps.sql_quietness import quietness

    pack = load_pack(pack_folder(str(company.erp.pack)))
    return quietness(lambda: _session(company.connection_id(Role.CANDIDATE)), pack, company.expected)


def _tryton_quietness(company: Company) -> Quietness:
    from hybrid_erp.adapters.erps.tryton.quietness import quietness
    from hybrid_erp.adapters.erps.tryton.session import TrytonSession

    with closing(TrytonSession(_endpoint(company, Role.CANDIDATE), company.expected)) as session:
        return quietness(session)


def _tryton_lock_out(company: Company) -> LockOut:
    from hybrid_erp.adapters.erps.tryton.lock_out import TrytonLockOut

    if company.erp.request_seconds_max is None:
        raise ConfigurationError(f"No lock-out available: {company.erp_name} states no request_seconds_max in config/erps.yaml.")
    return TrytonLockOut(
        lambda: _endpoint_of(company.custodian),
        expected=company.expected,
        ours=company.ours,
        request_seconds_max=company.erp.request_seconds_max,
    )


DIALECTS: dict[str, Callable[[Company], ErpConnector]] = {"sql": _sql, "tryton": _tryton}
BOOKS: dict[str, Callable[[Company], BooksReader]] = {"sql": _sql_books, "tryton": _tryton_books}
QUIETNESS: dict[str, Callable[[Company], Quietness]] = {"sql": _sql_quietness, "tryton": _tryton_quietness}
LOCK_OUTS: dict[str, Callable[[Company], LockOut]] = {"sql": _sql_lock_out, "tryton": _tryton_lock_out}
