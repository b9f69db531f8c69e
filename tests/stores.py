"""A store of its own for each test: one PostgreSQL for a run of tests, and in it a copy of a migrated database for each test."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from hybrid_erp.adapters.sessions import connect, prepare_in_own_session_alone
from hybrid_erp.adapters.store.claims import PostgresClaims
from hybrid_erp.adapters.store.intake import PostgresIntake
from hybrid_erp.adapters.store.migrate import migrate
from hybrid_erp.adapters.store.ownership import PostgresOwnership
from hybrid_erp.adapters.store.settlements import PostgresSettlements
from hybrid_erp.flow.intake import Intake, Verdict
from hybrid_erp.model.claim import Claim, SettledPosted
from hybrid_erp.model.delivery import Role
from hybrid_erp.operations.establish import establish_ownership
from sandbox.launch import launched
from sandbox.places import for_tests
from sandbox.plan import Part, Plan
from sandbox.postgres import Cluster, free_port
from sandbox.site import plain_environment
from sandbox.store_setup import login_of, make_logins
from tests.builders import the_settings

TEMPLATE = "store_template"
LEGACY, CLOUD = "ledgersmb-emea", "tryton-emea"
SETTINGS = the_settings()

_databases = itertools.count(1)


def wait_until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    """Look again until it is so."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.01)


@contextmanager
def running_cluster(name: str) -> Iterator[Cluster]:
    """A PostgreSQL with one migrated store to copy. Nothing of it is left afterwards, however the tests end."""
    folder = for_tests(f"test-{name}-{os.getpid()}")
    cluster = Cluster(folder / "database", free_port(), durable=False)

    def step(verb: str, call: str) -> Part:
        made = f"Cluster(Path({str(cluster.data)!r}), {cluster.port}, durable=False)"
        words = f"from pathlib import Path; from sandbox.postgres import Cluster; {made}.{call}"
        return Part(name=f"database-{verb}", command=(sys.executable, "-c", words), environment=plain_environment() | _search_path())

    closing = (step("stop", "stop('immediate')"),)
    plan = Plan(folder, parts=(step("start", "start()"),), closing=closing, ports=(cluster.port,), temporary=True)
    with launched(plan, lambda line: None):
        cluster.create_database(TEMPLATE)
        migrate(cluster.dsn(TEMPLATE))
        make_logins(cluster)
        with psycopg.connect(cluster.dsn(TEMPLATE, login_of("cutover")), autocommit=True) as connection:
            establish_ownership(SETTINGS.regions.values(), PostgresOwnership(connection), by="tests")
        yield cluster


def _search_path() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def believe(cluster: Cluster, database: str) -> None:
    """Call a copy of the template a store of its own: a copy is not believed."""
    with psycopg.connect(cluster.dsn(database), autocommit=True) as connection:
        connection.execute("UPDATE store_trust SET identity = store_identity()")


@contextmanager
def fresh_database(cluster: Cluster) -> Iterator[str]:
    """The name of a database with a store that holds the first ownership of every region and nothing else; deleted afterwards."""
    database = f"store_{next(_databases)}"
    cluster.create_database(database, template=TEMPLATE)
    believe(cluster, database)
    try:
        yield database
    finally:
        cluster.drop_database(database)


@contextmanager
def store_of(cluster: Cluster, database: str, door: Door | None = None) -> Iterator[Store]:
    """A store with its connections, which end with the block."""
    with ExitStack() as stack:
        yield Store(cluster, database, stack, door)


@contextmanager
def fresh_store(cluster: Cluster, door: Door | None = None) -> Iterator[Store]:
    """A store of its own for the length of a block."""
    with fresh_database(cluster) as database, store_of(cluster, database, door) as store:
        yield store


class Door(Protocol):
    """What leads to a store: the server itself, or a pooler before it."""

    def dsn(self, database: str, user: str) -> str:
        """A libpq URL."""


@dataclass
class Store:
    """One store, with its adapters in the roles that they have in the product."""

    cluster: Cluster
    database: str
    stack: ExitStack = field(repr=False)
    door: Door | None = None
    """What leads to it, if that is not the server itself."""

    def connect(self, duty: str) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection in the role of a duty, in autocommit; closed with the test."""
        return self.stack.enter_context(connect((self.door or self.cluster).dsn(self.database, login_of(duty))))

    def pool(self, duty: str, size: int = 1) -> ConnectionPool[psycopg.Connection[tuple[Any, ...]]]:
        """A pool in the role of a duty; closed with the test."""
        dsn = (self.door or self.cluster).dsn(self.database, login_of(duty))
        made = ConnectionPool(dsn, min_size=size, max_size=size, open=True, configure=prepare_in_own_session_alone)
        return self.stack.enter_context(made)

    def sql(self, statement: str, *terms: Any) -> list[dict[str, Any]]:
        """As the superuser: look behind the adapters, or bring about what only time or a cutover would."""
        with psycopg.connect(self.cluster.dsn(self.database), autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(statement.encode(), terms)
            return cursor.fetchall() if cursor.description else []

    def one(self, statement: str, *terms: Any) -> Any:
        """The only value of the only row."""
        (row,) = self.sql(statement, *terms)
        (value,) = row.values()
        return value

    def intake(self, connections: int = 1) -> Intake:
        """Intake on this store."""
        return Intake(SETTINGS.firm, PostgresIntake(self.pool("intake", connections)))

    def accept(self, *events: dict[str, Any]) -> list[UUID]:
        """The postings of these events, all accepted."""
        answers = self.intake().accept(events, accepted_by="tests")
        assert [answer.verdict for answer in answers] == [Verdict.ACCEPTED] * len(events), [answer.refusal for answer in answers]
        return [answer.posting_id for answer in answers if answer.posting_id is not None]

    def claims(self, worker: str = "worker-1", role: Role = Role.CONTROL) -> PostgresClaims:
        """Claims of one worker."""
        return PostgresClaims(self.connect("delivery"), worker, role)

    def settlements(self, worker: str = "worker-1") -> PostgresSettlements:
        """Settlements of one worker."""
        return PostgresSettlements(self.connect("delivery"), worker)

    def ownership(self) -> PostgresOwnership:
        """Ownership moves."""
        return PostgresOwnership(self.connect("cutover"))

    def claim(
        self, erp: str = LEGACY, *, role: Role = Role.CONTROL, worker: str = "worker-1", limit: int = 100, lease_seconds: float = 60
    ) -> list[Claim]:
        """Everything that may be sent to an ERP now in a role, of every company."""
        claims = self.claims(worker, role)
        queues = claims.due(erp)
        return [claim for queue in queues for claim in claims.claim(erp, queue, limit=limit, lease_seconds=lease_seconds)]

    def claim_one(self, erp: str = LEGACY, *, worker: str = "worker-1", lease_seconds: float = 60) -> Claim:
        """The one posting that may be sent."""
        (claim,) = self.claim(erp, worker=worker, lease_seconds=lease_seconds)
        return claim

    def settle_posted(self, claim: Claim, native_id: str = "N-1") -> None:
        """What a worker does when the ERP has shown it."""
        self.settlements().settle(claim, SettledPosted(native_id, native_id, None, None))

    def wait_until_told(self) -> None:
        """Until no transaction is open before the last outcome: autovacuum has some, too."""
        told = "SELECT coalesce(max(xid), 0) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM outcome"
        wait_until(lambda: bool(self.one(told)))

    def expire(self, claim: Claim) -> None:
        """End a claim's lease, as time would."""
        self.sql("UPDATE outbox SET due_at = clock_timestamp() WHERE posting_id = %s", claim.posting_id)
        self.sql("UPDATE delivery SET lease_until = clock_timestamp() WHERE posting_id = %s", claim.posting_id)

    def known(self, document_type: str, number: str, *, erp: str = LEGACY, legal_entity: str = "DE01") -> None:
        """Make a document be there at an ERP."""
        terms = (erp, legal_entity, document_type, number)
        self.sql("INSERT INTO crosswalk (erp, legal_entity, document_type, number, native_id) VALUES (%s, %s, %s, %s, 'N-0')", *terms)

    def set_phase(self, phase: str, *, region: str = "emea", moving_from_period: str | None = None) -> None:
        """As a cutover would."""
        self.sql("UPDATE ownership SET phase = %s, moving_from_period = %s WHERE region = %s", phase, moving_from_period, region)

    def move(self, to: str, *, from_period: str = "2025-01", region: str = "emea") -> None:
        """Make another ERP the owner of every kind of a region from a period on, as a cutover would."""
        statement = """
            INSERT INTO ownership_period (ownership_id, from_period, owner) SELECT ownership_id, %s, %s FROM ownership
            WHERE region = %s AND kind <> 'reference' ON CONFLICT (ownership_id, from_period) DO UPDATE SET owner = excluded.owner
        """
        self.sql(statement, from_period, to, region)

    def delivery(self, posting_id: UUID, erp: str = LEGACY) -> dict[str, Any]:
        """The one delivery of a posting at an ERP."""
        (row,) = self.sql("SELECT * FROM delivery WHERE posting_id = %s AND erp = %s", posting_id, erp)
        return row

    def state(self, posting_id: UUID) -> str:
        """Where the posting is."""
        return str(self.one("SELECT state FROM outbox WHERE posting_id = %s", posting_id))

    def actions(self, posting_id: UUID) -> Sequence[str]:
        """What the audit trail says of a posting, in order."""
        return [row["action"] for row in self.sql("SELECT action FROM audit WHERE posting_id = %s ORDER BY audit_id", posting_id)]

    def counts(self) -> dict[str, int]:
        """How much is stored in every table that intake writes."""
        tables = ("posting_key", "posting", "document", "outbox", "dependency", "audit")
        accepted = {"audit": " WHERE action = 'accepted'"}
        return {table: self.one(f"SELECT count(*) FROM {table}{accepted.get(table, '')}") for table in tables}
