"""A worker of one company of one ERP, put together from settings, store and connector."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg

from hybrid_erp.adapters.sessions import connect
from hybrid_erp.adapters.store.claims import PostgresClaims, Queue
from hybrid_erp.adapters.store.mappings import PostgresMappings
from hybrid_erp.adapters.store.settlements import PostgresSettlements
from hybrid_erp.flow.claim import Worker, unlimited
from hybrid_erp.flow.deliver import Delivery
from hybrid_erp.model.delivery import Role
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connections import STORE, conninfo
from hybrid_erp.wiring.connectors import connector
from hybrid_erp.wiring.telemetry import instruments, told_worker


def worker_name() -> str:
    """Who this is, for claims and audit: machine and process."""
    return f"worker:{socket.gethostname()}:{os.getpid()}"


@contextmanager
def store_connection(duty: str) -> Iterator[psycopg.Connection]:
    """A connection to the store in the role of a duty, in autocommit."""
    with connect(**conninfo(STORE[duty])) as connection:
        yield connection


@contextmanager
def worker(
    erp: str,
    legal_entity: str,
    claiming: psycopg.Connection,
    *,
    role: Role = Role.CONTROL,
    keep_turn: Callable[[], bool] = unlimited,
) -> Iterator[Worker[Queue]]:
    """A worker that claims by this connection, with its other connections open until the block ends."""
    configured = settings()
    erp_settings, name = configured.erps[erp], worker_name()
    with (
        store_connection("delivery") as settling,  # apart: receipts are written while the next claim's transaction may be open
        closing(connector(configured, erp, legal_entity)) as writing,
        closing(connector(configured, erp, legal_entity)) as reading,
    ):
        PostgresMappings(settling).put_in_force(
            erp,
            mapping_version=configured.mappings[erp].version,
            rules_version=configured.posting_rules.version,
            configuration=configured.fingerprint,
            by=name,
        )
        settlements = PostgresSettlements(settling, name)
        delivery = Delivery(
            configured.firm,
            writing,
            settlements,
            look_up_horizon_seconds=erp_settings.look_up_horizon_seconds,
            reader=reading,
            not_kept=erp_settings.not_kept,
        )
        claims = PostgresClaims(claiming, name, role)
        yield told_worker(Worker(erp, legal_entity, claims, delivery, erp_settings.lease_seconds, keep_turn), instruments())
