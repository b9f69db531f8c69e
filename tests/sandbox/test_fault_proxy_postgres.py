"""The faults before a real PostgreSQL: what the client sees, and what the server did."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from sandbox.fault_proxy import Fault, FaultProxy, fault_proxy
from sandbox.postgres import HOST, SUPERUSER
from sandbox.site import Site


@pytest.fixture
def proxy(site: Site) -> Iterator[FaultProxy]:
    with fault_proxy(site.cluster.port, "postgres") as proxy:
        yield proxy


@pytest.fixture
def table(site: Site) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A direct connection to a server with an empty table `booked`."""
    with site.cluster.admin() as direct:
        direct.execute("CREATE TABLE booked (number int)")
        yield direct
        direct.execute("DROP TABLE booked")


def through(proxy: FaultProxy) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(f"postgresql://{SUPERUSER}@{HOST}:{proxy.port}/postgres?connect_timeout=5", autocommit=True)


def booked(direct: psycopg.Connection[tuple[object, ...]]) -> list[object]:
    return [number for (number,) in direct.execute("SELECT number FROM booked ORDER BY number").fetchall()]


INSERT = "INSERT INTO booked VALUES (%s)"


def test_passes_statements_with_and_without_parameters(proxy: FaultProxy, table: psycopg.Connection[tuple[object, ...]]) -> None:
    with through(proxy) as connection:
        connection.execute(INSERT, (1,))
        connection.execute("INSERT INTO booked VALUES (2)")
        with connection.pipeline():
            connection.execute(INSERT, (3,))
            connection.execute(INSERT, (4,))

    assert booked(table) == [1, 2, 3, 4]


def test_cut_before_loses_the_statement(proxy: FaultProxy, table: psycopg.Connection[tuple[object, ...]]) -> None:
    connection = through(proxy)
    proxy.behave(Fault.CUT_BEFORE, matching=b"INSERT INTO booked")
    with pytest.raises(psycopg.OperationalError):
        connection.execute(INSERT, (1,))
    connection.close()

    assert booked(table) == []


def test_cut_after_commits_and_loses_the_answer(proxy: FaultProxy, table: psycopg.Connection[tuple[object, ...]]) -> None:
    connection = through(proxy)
    proxy.behave(Fault.CUT_AFTER, matching=b"INSERT INTO booked", requests=1)
    with pytest.raises(psycopg.OperationalError):
        connection.execute(INSERT, (1,))
    connection.close()

    assert booked(table) == [1]
    assert proxy.counted()[Fault.CUT_AFTER] == 1
    with through(proxy) as again:
        again.execute(INSERT, (2,))
    assert booked(table) == [1, 2]


def test_a_cut_commit_has_committed(proxy: FaultProxy, table: psycopg.Connection[tuple[object, ...]]) -> None:
    connection = through(proxy)
    proxy.behave(Fault.CUT_AFTER, matching=b"COMMIT")
    with pytest.raises(psycopg.OperationalError), connection.transaction():
        connection.execute(INSERT, (1,))
    connection.close()

    assert booked(table) == [1]


def test_refuse_looks_like_a_server_that_is_down(proxy: FaultProxy) -> None:
    proxy.behave(Fault.REFUSE)

    with pytest.raises(psycopg.OperationalError, match="refused"):
        through(proxy)
