"""What the tasks of the DAGs do, in terms of the package. They return counts and names, never a payload."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import psycopg
from pydantic import BaseModel, ConfigDict, ValidationError

from hybrid_erp.adapters.store.attendance import PostgresAttendance
from hybrid_erp.adapters.store.claims import PostgresClaims
from hybrid_erp.adapters.store.dead_letters import PostgresDeadLetters
from hybrid_erp.adapters.store.outages import PostgresOutages
from hybrid_erp.adapters.store.turns import PostgresTurns
from hybrid_erp.adapters.store.waking import channel_of
from hybrid_erp.flow.deliver import Progress
from hybrid_erp.model.claim import boot_clock
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import ErpUnavailableError, NotReplayableError, WrongSystemError
from hybrid_erp.model.limits import NoTurn
from hybrid_erp.operations.replay import ReplayRequest, replay
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.delivery import store_connection, worker, worker_name
from hybrid_erp.wiring.form import Text
from hybrid_erp.wiring.limits import CompanyTurn, in_turn

log: Final = logging.getLogger(__name__)

#: How often a delivery that stays looks for the next posting. It does not LISTEN: its connection may go through a transaction pooler.
LOOK_SECONDS: Final = 0.25


def survey_and_deliver(erp: str, *, little: int, seconds: float, stay_seconds: float, role: Role = Role.CONTROL) -> list[str]:
    """Deliver each company's postings here if they are few; name the companies that need a task of their own.

    After the last posting it stays for a moment and takes what comes in, unless another delivery does so or a company has to be named. Left
    alone, and told in the log, are companies whose turn another worker has, and those that rest after an outage. One that has not answered
    before is asked last, so that it holds up no sibling; and what is not reached within the time is named.
    """
    ends = boot_clock() + seconds
    with store_connection("delivery") as connection:
        attendance = PostgresAttendance(connection, erp, role, worker_name())
        try:
            done = _deliver_little(erp, little, ends, role)
            leaves_at = boot_clock() + stay_seconds
            while done.delivered and not done.named and _more_is_due(attendance, min(leaves_at, ends), done.left_alone):
                again = _deliver_little(erp, little, ends, role)
                leaves_at = boot_clock() + stay_seconds if again.delivered else leaves_at
                done = replace(again, delivered=True)
        finally:
            with suppress(psycopg.OperationalError):  # without the store the stay ends by itself
                attendance.leave()
    for map_index, legal_entity in enumerate(done.named):
        log.info("`deliver` [%d] is for %s.", map_index, legal_entity)
    return done.named


def _more_is_due(attendance: PostgresAttendance, until: float, left_alone: Collection[str]) -> bool:
    """Stay until something is due, or until then; False at once while another delivery stays."""
    while boot_clock() < until:
        if not attendance.stay():
            return False
        if attendance.due(left_alone):
            return True
        time.sleep(LOOK_SECONDS)
    return False


@dataclass(frozen=True, slots=True)
class _Done:
    """What one look at an ERP came to."""

    named: list[str]
    """Companies that need a task of their own."""
    left_alone: frozenset[str]
    delivered: bool


def _deliver_little(erp: str, little: int, ends: float, role: Role) -> _Done:
    seen = _survey(erp, role)
    if not seen.due:
        log.info("Nothing is due at %s.", erp)
    for legal_entity in sorted(set(seen.due) & set(seen.in_the_way)):
        log.info("%d postings of %s wait: %s", seen.due[legal_entity], legal_entity, seen.in_the_way[legal_entity])
    wanted = set(seen.due) - set(seen.in_the_way)
    others = [legal_entity for legal_entity in wanted if seen.due[legal_entity] > little]
    delivered = False
    for legal_entity in sorted(wanted - set(others), key=lambda each: (each in seen.failed_before, each)):
        if boot_clock() > ends:
            others.append(legal_entity)
            continue
        try:
            done = deliver_company(erp, legal_entity, seconds=ends - boot_clock(), role=role)
        except (ErpUnavailableError, WrongSystemError) as error:
            log.warning("%s at %s: %s A `deliver` task of its own shows the retries.", legal_entity, erp, error.message)
            others.append(legal_entity)
            continue
        if not isinstance(done, NoTurn):
            delivered = delivered or bool(done)
        elif not done.company_is_held:
            others.append(legal_entity)  # it waits in Airflow's pool for a slot
    return _Done(sorted(others), frozenset(seen.in_the_way), delivered)


@dataclass(frozen=True, slots=True)
class _Survey:
    """What the store says of an ERP's companies."""

    due: Mapping[str, int]
    """Postings, by company."""
    in_the_way: Mapping[str, str]
    """Why a company is not touched now."""
    failed_before: frozenset[str]


def _survey(erp: str, role: Role) -> _Survey:
    due: Counter[str] = Counter()
    with store_connection("delivery") as connection:
        for queue in PostgresClaims(connection, worker_name(), role).due(erp):
            due[queue.legal_entity] += queue.postings
        holders = PostgresTurns(connection, worker_name()).holders(erp, role)
        outages = PostgresOutages(connection).known(erp, role)
    held = {each.legal_entity: f"its turn is held: {each}." for each in holders}
    resting = {each.legal_entity: str(each) for each in outages if each.rests}
    return _Survey(due, held | resting, frozenset(each.legal_entity for each in outages))


def deliver_company(erp: str, legal_entity: str, *, seconds: float, role: Role = Role.CONTROL) -> dict[str, int] | NoTurn:
    """Deliver one company's postings, in its turn, until nothing is due or the time is up; NoTurn if another worker does.

    Raises:
        ErpUnavailableError: The ERP is down; what was settled stays settled.
        WrongSystemError: It is not the configured ERP; nothing was sent.
    """

    def deliver(turn: CompanyTurn) -> Progress:
        with worker(erp, legal_entity, turn.connection, role=role, keep_turn=turn.keep) as company_worker:
            return company_worker.run(seconds=seconds, report=turn.report)

    done = in_turn(erp, legal_entity, role, deliver)
    return done if isinstance(done, NoTurn) else dict(done.settled)


def deliver_company_visibly(erp: str, legal_entity: str, *, seconds: float, role: Role = Role.CONTROL) -> dict[str, int]:
    """Deliver one company's postings; what Airflow's log shows of a failure is who waits and why, not the way through our code.

    Where another worker has the company's turn, the task ends at once, in peace and with nothing done.

    Raises:
        ErpUnavailableError: As `deliver_company`.
        WrongSystemError: As `deliver_company`.
    """
    try:
        done = deliver_company(erp, legal_entity, seconds=seconds, role=role)
    except ErpUnavailableError as error:
        told = f"{legal_entity} at {erp}: {error.message} Its postings wait in the store, nothing is lost."
        raise ErpUnavailableError(told, error.retry_after_seconds) from None
    except WrongSystemError as error:
        raise WrongSystemError(f"{legal_entity} at {erp}: {error.message}") from None
    return {} if isinstance(done, NoTurn) else done


class ReplayConf(BaseModel):
    """What a run of `replay_dead_letters` may be given; Airflow itself accepts unknown keys."""

    model_config = ConfigDict(extra="forbid")

    reason: Text = ""
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
