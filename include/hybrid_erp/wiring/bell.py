"""The bell of an ERP's deliveries: an Airflow trigger on LISTEN/NOTIFY that also looks by itself.

It rings once whenever it starts to listen, at once when it is notified, then at most once in two seconds; and every few seconds it asks
the store whether anything is due, so that a lost notification and a retry that has become due are heard too. It is silent while all that
is due is at companies that a worker delivers to at that moment, or that rest after an outage; while all slots of the ERP are taken; while a
delivery stays that looks for the next posting itself; and while the store is not believed. A bell, never a work list.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

import psycopg
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from hybrid_erp.adapters.store.attendance import STAYS
from hybrid_erp.adapters.store.turns import ATTENDED, DUE_ELSEWHERE, TAKEN
from hybrid_erp.adapters.store.waking import channel_of
from hybrid_erp.model.delivery import Role
from hybrid_erp.wiring.connections import bell_conn_id, conninfo

#: A run that was rung for looks into the store about now: a second ring would make a run that finds nothing.
QUIET_SECONDS: Final = 2.0
LOOK_EVERY_SECONDS: Final = 10.0
#: While a worker is busy or a company rests: something may have come in just as the worker ended.
LOOK_SOON_SECONDS: Final = 2.0
RECONNECT_SECONDS: Final = 1.0
#: Of a bell that was hung up before it knew of slots: it rings too often and never too seldom.
SLOTS_MAX: Final = 64

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class DeliveryBell(BaseEventTrigger):
    """Rings for one ERP: for its postings, or for the copies that are due there.

    Its arguments are kept in Airflow's database: names, nothing secret.
    """

    def __init__(self, erp: str, role: str = Role.CONTROL.value, slots: int = SLOTS_MAX, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]  # Airflow does not say
        self.erp = erp
        self.role = role
        self.slots = slots

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How Airflow keeps it."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {"erp": self.erp, "role": self.role, "slots": self.slots}

    async def run(self) -> AsyncGenerator[TriggerEvent, None]:
        """Ring until told to stop; a lost connection is made anew."""
        terms = await asyncio.to_thread(lambda: conninfo(bell_conn_id()))
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    **{**terms, "application_name": f"hybrid_erp bell {self.erp} {self.role}"[:63]},
                    autocommit=True,
                    prepare_threshold=None,  # behind a pooler it hears nothing, and must do no harm
                ) as connection:
                    await connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel_of(self.erp))))
                    yield _ring("listening")
                    while True:
                        soon = await self._attended(connection) or await self._stays(connection)
                        notified = await _notified(connection, LOOK_SOON_SECONDS if soon else LOOK_EVERY_SECONDS)
                        if await self._due(connection):
                            yield _ring("notified" if notified else "due")
                            await asyncio.sleep(QUIET_SECONDS)
            except psycopg.OperationalError as error:
                self.log.warning("The store cannot be reached: %s. Listening again in %s s.", error, RECONNECT_SECONDS)
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _attended(self, connection: Connection) -> list[str]:
        """Companies that a worker delivers to, or that rest."""
        rows = await (await connection.execute(ATTENDED, {"erp": self.erp, "role": self.role})).fetchall()
        return [row[0] for row in rows]

    async def _taken(self, connection: Connection) -> int:
        """How many slots of the ERP are taken."""
        row = await (await connection.execute(TAKEN, {"erp": self.erp, "role": self.role})).fetchone()
        return int(row[0]) if row else 0

    async def _stays(self, connection: Connection) -> bool:
        """Whether a delivery looks for the next posting at any company."""
        return await (await connection.execute(STAYS, {"erp": self.erp, "role": self.role})).fetchone() is not None

    async def _due(self, connection: Connection) -> bool:
        """Whether anything is due at another company, there is a slot for it, and nobody looks for it."""
        if await self._stays(connection) or await self._taken(connection) >= self.slots:
            return False
        terms = {"erp": self.erp, "role": self.role, "attended": await self._attended(connection)}
        return await (await connection.execute(DUE_ELSEWHERE, terms)).fetchone() is not None


async def _notified(connection: Connection, seconds: float) -> bool:
    heard = False
    async for _ in connection.notifies(timeout=seconds, stop_after=1):
        heard = True
    async for _ in connection.notifies(timeout=0):  # what came with it is answered by the same ring
        pass
    return heard


def _ring(why: str) -> TriggerEvent:
    return TriggerEvent({"why": why})  # type: ignore[no-untyped-call]  # Airflow does not say
