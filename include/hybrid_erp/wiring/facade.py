"""The canonical API before the store, whichever process it is in. `plugin` mounts it in Airflow, `api_process` runs it apart."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

from psycopg import Connection
from psycopg_pool import ConnectionPool

from hybrid_erp.adapters.sessions import prepare_in_own_session_alone
from hybrid_erp.adapters.store.board import PostgresBoard
from hybrid_erp.adapters.store.callers import PostgresCallers
from hybrid_erp.adapters.store.documents import PostgresDocuments
from hybrid_erp.adapters.store.intake import PostgresIntake
from hybrid_erp.adapters.store.outcomes import PostgresOutcomes
from hybrid_erp.adapters.store.reads import PostgresReader
from hybrid_erp.adapters.store.reconciliations_reading import PostgresReconciliationReading
from hybrid_erp.adapters.store.waking import Waker
from hybrid_erp.flow.intake import Intake
from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE
from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.operations.hypercare import Criterion
from hybrid_erp.operations.read_through import ReadThrough
from hybrid_erp.ports import ErpConnector
from hybrid_erp.settings import Settings
from hybrid_erp.web.api import Facade
from hybrid_erp.web.credentials import Credentials, Limits
from hybrid_erp.web.oauth import Client, IssuerKeys
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.hypercare import criteria_of
from hybrid_erp.wiring.store_terms import STORE
from hybrid_erp.wiring.telemetry import instruments, told_intake

#: How a Connection's id becomes psycopg's parameters.
Conninfo = Callable[[str], dict[str, Any]]
#: A connector that is asked alone, of one company of one ERP.
Company = Callable[[Settings, str, str], ErpConnector]

#: Requests inside at once, unless the environment says otherwise.
REQUESTS_MAX: Final = 32
REQUESTS_VARIABLE: Final = "HYBRID_ERP_REQUESTS_MAX"


def requests_max() -> int:
    """How many requests may be inside at once, by HYBRID_ERP_REQUESTS_MAX.

    Raises:
        ConfigurationError: It is no number from 1 to 1,000.
    """
    told = os.environ.get(REQUESTS_VARIABLE) or str(REQUESTS_MAX)
    if not told.isdecimal() or not 1 <= int(told) <= 1000:
        raise ConfigurationError(f"{REQUESTS_VARIABLE} is {told!r}; a number from 1 to 1000 is expected.")
    return int(told)


def store_pool(duty: str, *, size: int, conninfo: Conninfo) -> ConnectionPool[Connection[tuple[Any, ...]]]:
    """A bounded pool of store connections in the role of a duty."""
    # A connection that waited for long is checked before use: PostgreSQL may have been restarted meanwhile.
    check, configure = ConnectionPool.check_connection, prepare_in_own_session_alone
    terms = conninfo(STORE[duty])
    pool = ConnectionPool(kwargs=terms, min_size=1, max_size=size, timeout=5, open=False, check=check, configure=configure)
    pool.open()
    return pool


@dataclass(frozen=True)
class StoreSide:
    """What one process needs of the store: opened when the first request comes, twelve connections at most."""

    conninfo: Conninfo
    company: Company | None = None
    """How ERPs are read; None: this process has no way to them."""

    @cached_property
    def callers(self) -> PostgresCallers:
        """Machine callers, apart from intake, so that looking at a key never waits behind a batch."""
        return PostgresCallers(store_pool("intake", size=2, conninfo=self.conninfo))

    @cached_property
    def credentials(self) -> Credentials:
        """Of machines."""
        configured = settings()
        return Credentials(self.callers, limits_of(configured), clients_of(configured))

    @cached_property
    def facade(self) -> Facade:
        """What the API stands in front of."""
        configured = settings()
        intake_pool = store_pool("intake", size=6, conninfo=self.conninfo)
        reader_pool = store_pool("reader", size=4, conninfo=self.conninfo)
        problems = [{"file": each.file, "field": each.field, "reason": each.reason, "remedy": each.remedy} for each in configured.problems]
        return Facade(
            told_intake(Intake(configured.firm, PostgresIntake(intake_pool, frozenset(configured.version_gap_seconds))), instruments()),
            PostgresReader(reader_pool),
            Waker(reader_pool),
            PostgresReconciliationReading(reader_pool),
            PostgresBoard(reader_pool),
            PostgresOutcomes(reader_pool),
            self.callers.refused,
            problems,
            lambda erp, legal_entity, native_id: configured.erps[erp].link(legal_entity, native_id) if erp in configured.erps else None,
            {number: account.name for number, account in configured.chart.accounts.items()},
            configured.region_of,
            self._read_through(configured, reader_pool),
            partial(self._hypercare, configured, reader_pool),
        )

    def _hypercare(
        self, configured: Settings, reader_pool: ConnectionPool[Connection[tuple[Any, ...]]], region: str
    ) -> Sequence[Criterion]:
        with reader_pool.connection() as connection:
            return criteria_of(configured, connection, region)

    def _read_through(self, configured: Settings, reader_pool: ConnectionPool[Connection[tuple[Any, ...]]]) -> ReadThrough | None:
        if self.company is None:
            return None
        return ReadThrough(PostgresDocuments(reader_pool), partial(self.company, configured), tuple(configured.region_of))


def limits_of(configured: Settings) -> dict[str, Limits]:
    """What each source may send, and for whom."""
    return {
        name: Limits(
            frozenset(event_type for event_type, document in DOCUMENTS_BY_TYPE.items() if document.document_type in source.document_types),
            configured.spoken_for(name),
        )
        for name, source in configured.sources.items()
    }


def clients_of(configured: Settings) -> list[Client]:
    """The clients of identity providers; sources of one issuer share its keys."""
    keys: dict[str, IssuerKeys] = {}
    clients = []
    for name, source in configured.sources.items():
        if oauth := source.oauth:
            shared = keys.setdefault(oauth.jwks_url, IssuerKeys(oauth.jwks_url))
            clients.append(Client(name, oauth.issuer, oauth.audience, shared, oauth.subject, oauth.client_id))
    return clients
