"""What the tasks of the DAGs do, in terms of the package. They return counts and names, never a payload."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import closing
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from hybrid_erp.adapters.store.audit import PostgresAudit
from hybrid_erp.adapters.store.dead_letters import PostgresDeadLetters
from hybrid_erp.adapters.store.waking import channel_of
from hybrid_erp.flow.deliver import Progress
from hybrid_erp.model.errors import ErpUnavailableError, NotReplayableError, WrongSystemError
from hybrid_erp.operations.look_again import look_again
from hybrid_erp.operations.replay import ReplayRequest, replay
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connectors import connector
from hybrid_erp.wiring.delivery import due_queues, store_connection, worker

log: Final = logging.getLogger(__name__)


def survey_and_deliver(erp: str, *, little: int, seconds: float) -> list[str]:
    """Deliver each company's postings here if they are few; name the companies that need a task of their own."""
    due: Counter[str] = Counter()
    for queue in due_queues(erp):
        due[queue.legal_entity] += queue.postings
    if not due:
        log.info("Nothing is due at %s.", erp)
    others = [legal_entity for legal_entity, postings in due.items() if postings > little]
    for legal_entity in sorted(set(due) - set(others)):
        try:
            deliver_company(erp, legal_entity, seconds=seconds)
        except (ErpUnavailableError, WrongSystemError) as error:
            log.warning("%s at %s: %s A `deliver` task of its own shows the retries.", legal_entity, erp, error.message)
            others.append(legal_entity)
    return sorted(others)


def deliver_company(erp: str, legal_entity: str, *, seconds: float) -> dict[str, int]:
    """Deliver one company's postings until nothing is due or the time is up.

    Raises:
        ErpUnavailableError: The ERP is down; what was settled stays settled.
        WrongSystemError: It is not the configured ERP; nothing was sent.
    """
    with worker(erp, legal_entity) as company_worker:
        progress = company_worker.run(seconds=seconds, report=lambda progress: _report(erp, legal_entity, progress))
    return dict(progress.settled)


def deliver_company_visibly(erp: str, legal_entity: str, *, seconds: float) -> dict[str, int]:
    """Deliver one company's postings; what Airflow's log shows of a failure is who waits and why, not the way through our code.

    Raises:
        ErpUnavailableError: As `deliver_company`.
        WrongSystemError: As `deliver_company`.
    """
    try:
        return deliver_company(erp, legal_entity, seconds=seconds)
    except ErpUnavailableError as error:
        told = f"{legal_entity} at {erp}: {error.message} Its postings wait in the store, nothing is lost."
        raise ErpUnavailableError(told, error.retry_after_seconds) from None
    except WrongSystemError as error:
        raise WrongSystemError(f"{legal_entity} at {erp}: {error.message}") from None


def _report(erp: str, legal_entity: str, progress: Progress) -> None:
    counts = ", ".join(f"{count} {name}" for name, count in sorted(progress.settled.items()))
    log.info("%s at %s so far: %s.", legal_entity, erp, counts)


class ReplayConf(BaseModel):
    """What a run of `replay_dead_letters` may be given; Airflow itself accepts unknown keys."""

    model_config = ConfigDict(extra="forbid")

    reason: str = ""
    posting_ids: tuple[UUID, ...] | None = None
    region: str | None = None
    failure: str | None = None
    dry_run: bool = True


def replay_dead_letters(conf: dict[str, Any], *, requested_by: str) -> dict[str, Any]:
    """Send dead letters again, or list them.

    Raises:
        NotReplayableError: The request names no dead letters or no reason; nothing was changed.
    """
    try:
        asked = ReplayConf.model_validate(conf)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False)[:5])
        raise NotReplayableError(f"The run's configuration does not fit: {wrong}. Nothing was changed.") from None
    request = ReplayRequest(asked.posting_ids or (), asked.region or None, asked.failure or None, asked.reason, requested_by, asked.dry_run)
    with store_connection("delivery") as connection:
        chosen = replay(request, PostgresDeadLetters(connection))
        if not asked.dry_run:
            for erp in settings().erps:
                connection.execute("SELECT pg_notify(%s, '')", (channel_of(erp),))
    for posting_id in chosen:
        log.info("%s %s", "Would send again:" if asked.dry_run else "Sends again:", posting_id)
    log.info("%d postings%s.", len(chosen), "; a dry run, nothing was changed" if asked.dry_run else " wait again")
    return {"dry_run": asked.dry_run, "postings": len(chosen)}


def keep_store() -> dict[str, int]:
    """Seal the audit trail, make the next months' partitions, and count what waits for people."""
    with store_connection("delivery") as connection:
        seals = PostgresAudit(connection).seal()
        for seal in seals:
            log.info("audit seal region=%s no=%s rows=%s head=%s", seal.region, seal.seal_no, seal.row_count, seal.seal_hash.hex())
        row = connection.execute("SELECT make_month_partitions(3)").fetchone()
        dead = connection.execute("SELECT count(*) FROM outbox WHERE state = 'dead_lettered'").fetchone()
    assert row is not None
    assert dead is not None
    return {"seals": len(seals), "partitions": int(row[0]), "dead_letters": int(dead[0])}


def look_again_everywhere() -> dict[str, int]:
    """Look again, at every company, for dead letters that may be in its ERP all the same; how many were found."""
    found: dict[str, int] = {}
    with store_connection("delivery") as connection:
        letters = PostgresDeadLetters(connection)
        for erp, configured in settings().erps.items():
            for legal_entity in configured.companies:
                if not letters.in_doubt(erp, legal_entity):
                    continue
                try:
                    with closing(connector(settings(), erp, legal_entity)) as company:
                        reopened = look_again(erp, legal_entity, company, letters, by="watch")
                except (ErpUnavailableError, WrongSystemError) as error:
                    log.warning("%s at %s: %s It is looked at again next time.", legal_entity, erp, error.message)
                    continue
                for posting_id in reopened:
                    log.info("posting %s is at %s after all; the delivery compares and settles it", posting_id, erp)
                found[f"{erp} {legal_entity}"] = len(reopened)
    return found
