"""The steps of cutover and rollback as the tasks of their DAGs take them. They return counts, ids and names, never a payload."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import psycopg

from hybrid_erp import __version__
from hybrid_erp.adapters.store.cutovers import PostgresCutovers
from hybrid_erp.model.cutover import Cutover, CutoverRequest, Direction, Mode, Step, Verdict, Versions
from hybrid_erp.model.cutover_plan import CutoverPlan
from hybrid_erp.model.errors import ConfigurationError, CutoverGivenUpError, CutoverRefusedError, HybridErpError
from hybrid_erp.model.lock_out import closers_in_time
from hybrid_erp.operations.cutover.drain import drain
from hybrid_erp.operations.cutover.final_delta import final_delta
from hybrid_erp.operations.cutover.freeze import freeze
from hybrid_erp.operations.cutover.lock_out import lock_out
from hybrid_erp.operations.cutover.move import Found, Move
from hybrid_erp.operations.cutover.release import release
from hybrid_erp.operations.cutover.smoke_test import smoke_test
from hybrid_erp.operations.cutover.switch import switch
from hybrid_erp.operations.cutover.verify import verify
from hybrid_erp.operations.preflight.run import evidence_hash, evidence_of
from hybrid_erp.settings import Settings
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connectors import lock_out as lock_out_of
from hybrid_erp.wiring.cutover_note import note_plan_against_actual
from hybrid_erp.wiring.cutover_request import cutover_request
from hybrid_erp.wiring.cutover_work import CutoverWork
from hybrid_erp.wiring.delivery import store_connection
from hybrid_erp.wiring.preflight import preflight

log: Final = logging.getLogger(__name__)

STEPS: Final[Mapping[Step, Callable[[Move], Found]]] = {
    Step.FREEZE: freeze,
    Step.DRAIN: drain,
    Step.LOCK_OUT: lock_out,
    Step.FINAL_DELTA: final_delta,
    Step.VERIFY: verify,
    Step.SWITCH: switch,
    Step.SMOKE_TEST: smoke_test,
}
#: Steps that a freeze has to outlast.
_FROZEN: Final = frozenset({Step.FREEZE, Step.DRAIN, Step.LOCK_OUT, Step.FINAL_DELTA, Step.VERIFY, Step.SWITCH})
#: A freeze is renewed so often within its lease.
RENEWALS: Final = 3


def begin_cutover(region: str, direction: str, conf: Mapping[str, Any], *, run: str, requested_by: str) -> dict[str, str]:
    """Check the request and everything that it rests on, and store both: what people are asked on.

    Raises:
        CutoverRefusedError: The request does not fit, or a check failed; nothing was changed.
        OwnershipConflictError: Another cutover of the region has not ended.
    """
    asked = cutover_request(settings(), region, Direction(direction), conf, run=run, requested_by=requested_by)
    found = _known(region, run)
    if found is not None and found.frozen_at is not None:
        log.info("This %s has begun at %s; its evidence stays.", found.direction, found.frozen_at)
        return {"cutover": str(found.cutover_id), "evidence": str(found.evidence_hash)}
    versions = versions_of(settings(), asked.old_owner, asked.new_owner)
    results = preflight(asked, versions, lock_out_of=lock_out_of)
    _tell(asked)
    failed = [each for each in results if each.verdict is Verdict.FAIL]
    if asked.mode is Mode.DRY_RUN:
        return {"mode": asked.mode.value, "checks": str(len(results)), "failed": ", ".join(each.name for each in failed)}
    if failed:
        told = "; ".join(f"{each.name}: {each.found} {each.remedy}" for each in failed)
        raise CutoverRefusedError(f"{len(failed)} of {len(results)} checks failed. {told}")
    with store_connection("cutover") as connection:
        store = PostgresCutovers(connection, requested_by)
        cutover_id = store.request(asked, _plan(region).limits, versions)
        step = store.begin_step(cutover_id, Step.PREFLIGHT)
        evidence = evidence_of(asked, results, versions)
        store.store_evidence(cutover_id, evidence, evidence_hash(evidence))
        store.end_step(step, outcome="done", found={"checks": len(results)})
        asked_for = store.find(cutover_id)
    assert asked_for is not None
    note_plan_against_actual(asked_for)
    return {"cutover": str(cutover_id), "evidence": evidence_hash(evidence)}


def take_step(region: str, step: str, *, run: str, by: str) -> dict[str, Any]:
    """Take one step of the cutover that a run asked for; a dry run says what it would do.

    Raises:
        CutoverGivenUpError: It cannot be done, or the configuration is not the one that was approved; the release undoes what was done.
        OwnershipConflictError, NotQuietError, SmokeTestFailedError: As the step.
        ErpUnavailableError, WrongSystemError: An ERP does not answer; trying again is right.
    """
    wanted = Step(step)
    found = _known(region, run)
    if found is None:
        log.info("Would: %s.", wanted.words)
        return {"dry run": wanted.words}
    require_same_versions(found)
    with move_of(found, by) as move, _frozen(move, found, wanted):
        return _recorded(move, wanted, lambda: STEPS[wanted](move))


def release_cutover(region: str, *, run: str, by: str) -> dict[str, Any]:
    """Release the region, whatever happened before; safe to run again.

    Raises:
        As `release`.
    """
    found = _known(region, run)
    if found is None:
        log.info("Nothing was begun: there is nothing to release.")
        return {}
    with move_of(found, by) as move:
        return _recorded(move, Step.RELEASE, lambda: release(move, reason="the run has ended"))


def verdict_on_cutover(region: str, conf: Mapping[str, Any], *, run: str) -> dict[str, str]:
    """What the store says that this run has come to, whatever colours its tasks have.

    Raises:
        CutoverGivenUpError: It did not come where it should.
    """
    found = _known(region, run)
    if found is None:
        if conf.get("mode", Mode.DRY_RUN.value) == Mode.DRY_RUN.value:
            return {"verdict": "dry run"}
        raise CutoverGivenUpError(f"Nothing was begun for {region}: the preflight of this run did not pass. Its log says why.")
    note_plan_against_actual(found)
    wanted = {"rehearsed"} if found.mode is Mode.REHEARSAL else {"switched"}
    if found.ended_at is None:
        raise CutoverGivenUpError(
            f"Region {region} is {found.phase} still, by this {found.direction}. Clear `release` when what it waits for is mended."
        )
    if found.outcome not in wanted:
        raise CutoverGivenUpError(f"This {found.mode} {found.direction} of {region} ended as {found.outcome}.")
    return {"verdict": str(found.outcome), "cutover": str(found.cutover_id)}


def versions_of(configured: Settings, *erps: str) -> Versions:
    """What this process goes by."""
    mappings = {erp: configured.mappings[erp].version for erp in sorted(erps)}
    return Versions(configured.fingerprint, mappings, configured.posting_rules.version, __version__)


def require_same_versions(found: Cutover) -> None:
    """Stop before anything is done under another configuration or package than the one that was approved (DESIGN 9).

    Raises:
        CutoverGivenUpError: It is another.
    """
    now = versions_of(settings(), found.old_owner, found.new_owner)
    for what, approved, present in (
        ("configuration", found.configuration, now.configuration),
        ("mappings", found.mappings, now.mappings),
        ("package", found.package, now.package),
    ):
        if approved != present:
            raise CutoverGivenUpError(f"The {what} is not the one that was approved: {approved} then, {present} now.")


def closers_of(erp: str, legal_entity: str, from_period: str) -> frozenset[str]:
    """The native logins of people who may post on at an ERP while it is locked out: while a period before the first that moves is open."""
    configured = settings()
    region = configured.regions[configured.region_of[legal_entity]]
    named = region.plan.cutover.closers.get(legal_entity) if region.plan and region.plan.cutover else None
    if named is None:
        return frozenset()
    here = named.legacy if erp == region.legacy else named.cloud
    return closers_in_time(here, closed_through=region.legal_entities[legal_entity].closed_through, from_period=from_period)


@contextmanager
def move_of(found: Cutover, by: str) -> Iterator[Move]:
    """A cutover with all that its steps need."""
    with store_connection("cutover") as connection:
        closers = partial(closers_of, from_period=found.from_period)
        yield Move(found.cutover_id, PostgresCutovers(connection, by), CutoverWork(), _plan(found.region), closers, log.info)


@contextmanager
def _frozen(move: Move, found: Cutover, step: Step) -> Iterator[None]:
    """Renew the freeze while a step works; a process that dies renews nothing, and the freeze ends by itself."""
    if step not in _FROZEN:
        yield
        return
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(move.plan.lease_seconds / RENEWALS):
            try:
                with store_connection("cutover") as connection:
                    PostgresCutovers(connection, "heartbeat").renew(found.cutover_id)
            except (psycopg.Error, HybridErpError) as error:  # the next one may succeed; if none does, the freeze ends
                log.warning("The freeze was not renewed: %s", error)

    beating = threading.Thread(target=renew, name="freeze", daemon=True)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join(timeout=5)


def _recorded(move: Move, step: Step, work: Callable[[], Found]) -> Found:
    """Do it, and write how long it took and what it came to."""
    store = move.store
    assert isinstance(store, PostgresCutovers)
    step_id = store.begin_step(move.cutover_id, step)
    try:
        found = work()
    except Exception as error:
        store.end_step(step_id, outcome=f"{type(error).__name__}: {error}", found={})
        raise
    store.end_step(step_id, outcome="done", found=found)
    log.info("%s: %s", step.value, ", ".join(f"{name} {value}" for name, value in found.items()) or "nothing to do")
    return found


def _known(region: str, run: str) -> Cutover | None:
    with store_connection("reader") as connection:
        return PostgresCutovers(connection, "").of_run(region, run)


def _plan(region: str) -> CutoverPlan:
    plan = settings().plan(region).cutover
    if plan is None:
        raise ConfigurationError(f"Region {region} has no section `plan.cutover`.")
    return plan


def _tell(asked: CutoverRequest) -> None:
    log.info("%s %s of %s: %s from %s on, %s to %s.", asked.mode, asked.direction, asked.region, ", ".join(asked.kinds), asked.from_period,
             asked.old_owner, asked.new_owner)  # fmt: skip
