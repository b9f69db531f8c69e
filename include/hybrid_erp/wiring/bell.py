"""The bell of an ERP's deliveries: an Airflow trigger on LISTEN/NOTIFY that also looks by itself.

It rings once whenever it starts to listen, at once when it is notified, then at most once a second; and every few seconds it asks the
store whether anything is due, so that a lost notification and a retry that has become due are heard too. A bell, never a work list.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import psycopg
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from hybrid_erp.adapters.store.claims import DUE
from hybrid_erp.adapters.store.waking import channel_of
from hybrid_erp.wiring.connections import STORE, conninfo

QUIET_SECONDS: Final = 1.0
LOOK_EVERY_SECONDS: Final = 10.0


class DeliveryBell(BaseEventTrigger):
    """Rings for one ERP. Its arguments are kept in Airflow's database: the ERP's name, nothing secret."""

    def __init__(self, erp: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]  # Airflow does not say
        self.erp = erp

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How Airflow keeps it."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {"erp": self.erp}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ring until told to stop; a lost connection is made anew."""
        terms = await asyncio.to_thread(conninfo, STORE["delivery"])
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    **{**terms, "application_name": f"hybrid_erp bell {self.erp}"[:63]}, autocommit=True
                ) as connection:
                    await connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel_of(self.erp))))
                    yield _ring("listening")
                    while True:
                        if await self._notified(connection):
                            yield _ring("notified")
                            await asyncio.sleep(QUIET_SECONDS)
                        elif await (await connection.execute(DUE, {"erp": self.erp})).fetchone():
                            yield _ring("due")
            except psycopg.OperationalError as error:
                self.log.warning("The store cannot be reached: %s. Listening again in %s s.", error, QUIET_SECONDS)
                await asyncio.sleep(QUIET_SECONDS)

    async def _notified(self, connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> bool:
        async for _ in connection.notifies(timeout=LOOK_EVERY_SECONDS, stop_after=1):
            return True
        return False


def _ring(why: str) -> TriggerEvent:
    return TriggerEvent({"why": why})  # type: ignore[no-untyped-call]  # Airflow does not say
