"""What the tasks of `send_outcomes` do: who has a webhook with something due, and one source's sending. They return names and counts."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import Final

from hybrid_erp.adapters.store.webhooks import PostgresWebhooks
from hybrid_erp.adapters.webhook import SignedWebhook, WebhookEndpoint
from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.operations.send_outcomes import send_outcomes
from hybrid_erp.settings import Settings
from hybrid_erp.wiring.connections import connection
from hybrid_erp.wiring.delivery import store_connection

log: Final = logging.getLogger(__name__)


def due_webhooks(configured: Settings) -> list[str]:
    """The sources whose webhook has something to tell now."""
    told = [name for name, source in configured.sources.items() if source.webhook_connection]
    if not told:
        log.info("No source has a webhook.")
        return []
    with store_connection("delivery") as store:
        webhooks = PostgresWebhooks(store)
        due = list(webhooks.due(told))
        for row in webhooks.all():
            if row["failing_since"]:
                log.warning("The webhook of %s has failed since %s: %s", row["source"], f"{row['failing_since']:%F %T %Z}", row["failure"])
        if dead := len(webhooks.dead()):
            log.warning("%d outcomes wait for a person: `hybrid-erp webhooks`.", dead)
    return due


def send_outcomes_of(source: str, configured: Settings, *, seconds: float) -> dict[str, int]:
    """Send what is due to one source.

    Raises:
        WebhookError: Its Connection may not be used. Nothing was sent.
    """
    found = configured.sources.get(source)
    if found is None or found.webhook_connection is None:
        raise ConfigurationError(f"The source {source} has no webhook any more.")
    regions = {configured.region_of[code] for code in configured.spoken_for(source) if code in configured.region_of}
    with store_connection("delivery") as store, closing(_webhook(found.webhook_connection)) as webhook:
        turn = PostgresWebhooks(store).take_turn(source, regions=regions)
        if turn is None:
            log.info("Another sender has the turn of %s.", source)
            return {}
        return dict(send_outcomes(source, turn, webhook, seconds=seconds))


def _webhook(connection_id: str) -> SignedWebhook:
    found = connection(connection_id)
    target = str(found.extra_dejson.get("path", "/"))
    terms = {"scheme": found.schema or "https", "host": found.host or "", "password": found.password or ""}
    return SignedWebhook(WebhookEndpoint.of(port=found.port, target=target, **terms))
