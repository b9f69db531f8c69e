"""The bell of an ERP's deliveries: heard at once, silent where a run would find nothing to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from hybrid_erp.adapters.store.attendance import PostgresAttendance
from hybrid_erp.adapters.store.trust import PostgresTrust
from hybrid_erp.adapters.store.waking import channel_of
from hybrid_erp.model.delivery import Role
from hybrid_erp.wiring.bell import LOOK_EVERY_SECONDS, LOOK_SOON_SECONDS, QUIET_SECONDS, DeliveryBell
from sandbox.pgbouncer import Pooler
from tests.builders import a_journal_entry
from tests.stores import LEGACY, Store
from tests.wiring.conftest import url_of


async def ring(bell: AsyncIterator[object], seconds: float) -> str | None:
    """Why it rang, within a while."""
    try:
        event = await asyncio.wait_for(anext(bell), seconds)
    except TimeoutError:
        return None
    return str(event.payload["why"])  # type: ignore[attr-defined]  # a trigger's event


def notify(store: Store) -> None:
    store.connect("delivery").execute("SELECT pg_notify(%s, '')", (channel_of(LEGACY),))


def hold(store: Store, legal_entity: str) -> None:
    """As a worker that is busy there."""
    store.sql(
        "INSERT INTO turn (erp, role, legal_entity, slot, token, held_by, lease_until)"
        " VALUES (%s, 'control', %s, 1, gen_random_uuid(), 'worker', clock_timestamp() + interval '1 min')",
        LEGACY,
        legal_entity,
    )


def test_it_rings_when_it_begins_to_listen_and_at_once_when_something_is_due(store: Store) -> None:
    async def listen() -> None:
        async with aclosing(DeliveryBell(LEGACY).run()) as bell:
            assert await ring(bell, 5) == "listening"
            next_ring = asyncio.ensure_future(ring(bell, LOOK_EVERY_SECONDS))
            await asyncio.sleep(0.2)
            store.accept(a_journal_entry("DE01"))
            notify(store)
            began = time.monotonic()
            assert await next_ring == "notified"
            assert time.monotonic() - began < 1

    asyncio.run(listen())


def test_it_listens_by_a_connection_of_its_own_where_deliveries_go_through_a_pooler(
    store: Store, pooler: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HYBRID_ERP_DELIVERY", url_of(store, "delivery", pooler.port))
    monkeypatch.setenv("AIRFLOW_CONN_HYBRID_ERP_BELL", url_of(store, "delivery", store.cluster.port))
    store.door = pooler

    async def listen() -> None:
        async with aclosing(DeliveryBell(LEGACY).run()) as bell:
            assert await ring(bell, 5) == "listening"
            store.accept(a_journal_entry("DE01"))
            notify(store)
            assert await ring(bell, 1) == "notified"

    asyncio.run(listen())


def test_a_company_that_a_worker_delivers_to_is_not_rung_for_until_the_worker_leaves_something(store: Store) -> None:
    async def listen() -> None:
        async with aclosing(DeliveryBell(LEGACY).run()) as bell:
            assert await ring(bell, 5) == "listening"
            hold(store, "DE01")
            store.accept(a_journal_entry("DE01"))
            notify(store)
            next_ring = asyncio.ensure_future(ring(bell, LOOK_EVERY_SECONDS))
            await asyncio.wait([next_ring], timeout=LOOK_SOON_SECONDS + 0.5)
            assert not next_ring.done()

            store.sql("DELETE FROM turn")
            began = time.monotonic()
            assert await next_ring == "due"
            assert time.monotonic() - began < LOOK_SOON_SECONDS + 1

    asyncio.run(listen())


def test_its_sibling_is_rung_for_at_once(store: Store) -> None:
    async def listen() -> None:
        async with aclosing(DeliveryBell(LEGACY).run()) as bell:
            assert await ring(bell, 5) == "listening"
            hold(store, "DE01")
            store.accept(a_journal_entry("DE01"), a_journal_entry("UK01"))
            notify(store)
            assert await ring(bell, 1) == "notified"

    asyncio.run(listen())


def test_nothing_is_rung_for_while_every_slot_is_taken(store: Store) -> None:
    async def listen() -> None:
        async with aclosing(DeliveryBell(LEGACY, slots=1).run()) as bell:
            assert await ring(bell, 5) == "listening"
            hold(store, "DE01")
            store.accept(a_journal_entry("UK01"))
            notify(store)
            next_ring = asyncio.ensure_future(ring(bell, LOOK_EVERY_SECONDS))
            await asyncio.wait([next_ring], timeout=1)
            assert not next_ring.done()

            store.sql("DELETE FROM turn")
            assert await next_ring == "due"

    asyncio.run(listen())


def test_nothing_is_rung_for_while_a_delivery_stays_that_looks_for_it(store: Store) -> None:
    async def listen() -> None:
        async with aclosing(DeliveryBell(LEGACY).run()) as bell:
            assert await ring(bell, 5) == "listening"
            delivery = PostgresAttendance(store.connect("delivery"), LEGACY, Role.CONTROL, "worker")
            assert delivery.stay()
            store.sql("UPDATE attendance SET until = until + interval '1 min'")
            store.accept(a_journal_entry("DE01"))
            notify(store)
            next_ring = asyncio.ensure_future(ring(bell, LOOK_EVERY_SECONDS))
            await asyncio.wait([next_ring], timeout=1)
            assert not next_ring.done()

            delivery.leave()
            began = time.monotonic()
            assert await next_ring == "due"
            assert time.monotonic() - began < LOOK_SOON_SECONDS + 1

    asyncio.run(listen())


def test_it_is_silent_while_the_store_is_not_believed(store: Store) -> None:
    async def listen() -> None:
        async with aclosing(DeliveryBell(LEGACY).run()) as bell:
            assert await ring(bell, 5) == "listening"
            acts = PostgresTrust(store.connect("cutover"))
            acts.suspend(by="petra", reason="restored")
            store.accept(a_journal_entry("DE01"))
            notify(store)
            next_ring = asyncio.ensure_future(ring(bell, LOOK_EVERY_SECONDS + 5))
            assert not (await asyncio.wait({next_ring}, timeout=1))[0]
            acts.resume(by="petra", reason="restored", facts={})
            notify(store)
            assert await next_ring == "notified"

    asyncio.run(listen())


def test_many_notifications_are_one_ring(store: Store) -> None:
    async def listen() -> None:
        async with aclosing(DeliveryBell(LEGACY).run()) as bell:
            assert await ring(bell, 5) == "listening"
            store.accept(a_journal_entry("DE01"))
            for _ in range(50):
                notify(store)
            assert await ring(bell, 1) == "notified"
            hold(store, "DE01")  # the run has begun
            assert await ring(bell, QUIET_SECONDS + 1) is None

    asyncio.run(listen())
