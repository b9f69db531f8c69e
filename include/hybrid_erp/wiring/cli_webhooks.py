"""`hybrid-erp webhooks` and `hybrid-erp webhooks-replay`: what could not be told, and telling it again."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg

from hybrid_erp.adapters.store.webhooks import PostgresWebhooks

Store = Callable[[argparse.Namespace], psycopg.Connection[tuple[Any, ...]]]


def add_webhooks(command: Callable[..., argparse.ArgumentParser], store: Store) -> None:
    """Add the commands."""

    def show(options: argparse.Namespace) -> int:
        with store(options) as connection:
            webhooks = PostgresWebhooks(connection)
            for row in webhooks.all():
                state = f"failing since {row['failing_since']:%F %T %Z}: {row['failure']}" if row["failing_since"] else "in order"
                print(f"{row['source']}: {state}")
            dead = webhooks.dead()
            for row in dead:
                print(f"{row['source']}: {row['outcome_id']} {row['state']} after {row['attempts']} tries: {row['failure']}")
        return 1 if dead else 0

    def replay(options: argparse.Namespace) -> int:
        with store(options) as connection:
            chosen = PostgresWebhooks(connection).replay(options.source, options.outcome or None, by=options.by, reason=options.reason)
        print(f"{len(chosen)} outcomes of {options.source} are sent again by the next run of send_outcomes.")
        return 0 if chosen else 1

    command("webhooks", show, "Show each webhook and what it could not tell, under the reader role; 1 if there is any.")
    again = command("webhooks-replay", replay, "Have a source's dead webhooks sent again, under the delivery role.")
    again.add_argument("source")
    again.add_argument("outcome", nargs="*", type=UUID, help="default: all that are dead")
    again.add_argument("--by", required=True, help="the person who decides, for the audit trail")
    again.add_argument("--reason", required=True)
