"""A company's work within its ERP's limits: in its turn, not during an outage, and what the ERP's answer teaches is written down."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from hybrid_erp.adapters.store.outages import LONGEST_WAIT_SECONDS, PostgresOutages
from hybrid_erp.adapters.store.turns import PostgresTurns
from hybrid_erp.flow.deliver import Progress
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import ErpUnavailableError, WrongSystemError
from hybrid_erp.model.limits import NoTurn, Turn, told
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.delivery import store_connection, worker_name

log: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class CompanyTurn:
    """A turn that is held: what its holder may use while it works."""

    turn: Turn
    turns: PostgresTurns
    lease_seconds: float
    progress: Progress
    """As far as the work has come, also when it ends with an error."""

    @property
    def connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        """The turn's own connection to the store, for claims; it is used between two renewals."""
        return self.turns.connection

    def keep(self) -> bool:
        """Let the turn run for a whole lease from now on; False when it is another's."""
        kept = self.turns.renew(self.turn, lease_seconds=self.lease_seconds)
        if not kept:
            log.warning("The turn of %s at %s ended and is another worker's: this one stops here.", self.turn.legal_entity, self.turn.erp)
        return kept

    def report(self, progress: Progress) -> None:
        """Keep in mind how far the work has come, and tell it."""
        self.progress = progress
        counts = ", ".join(f"{count} {name}" for name, count in sorted(progress.settled.items()))
        log.info("%s at %s so far: %s.", self.turn.legal_entity, self.turn.erp, counts)


def in_turn(erp: str, legal_entity: str, role: Role, work: Callable[[CompanyTurn], Progress]) -> Progress | NoTurn:
    """Do a company's work in its turn; NoTurn, and nothing done, where another worker has it or all slots are taken.

    A company with an outage is not asked before its pause ends. The first to come after that asks it once who it is, which decides whether
    the pause is prolonged.

    Raises:
        ErpUnavailableError: The ERP is down, or it was a moment ago and nobody asks it yet; `retry_after_seconds` is the pause left.
        WrongSystemError: It is not the configured ERP; nothing was sent.
    """
    configured = settings().erps[erp]
    with store_connection("delivery") as connection:
        outages, turns = PostgresOutages(connection), PostgresTurns(connection, worker_name())
        slots, lease_seconds = configured.slots_of(role), configured.lease_seconds
        turn = turns.take(erp, role, legal_entity, slots=slots, lease_seconds=lease_seconds)
        if isinstance(turn, NoTurn):
            log.info("%s at %s: %s. Nothing to do here; what is due waits in the store.", legal_entity, erp, turn)
            return turn
        held = CompanyTurn(turn, turns, lease_seconds, Progress())
        try:
            require_open(outages, erp, legal_entity, role)  # in its turn, so that what the one before has found out is known here
            try:
                held.progress = work(held)
            except (ErpUnavailableError, WrongSystemError) as error:
                raise _written_down(error, outages, held) from error
        finally:
            with suppress(psycopg.OperationalError):  # without the store the turn ends by itself
                turns.release(turn)
        if held.progress.settled and (began_at := outages.ended(erp, role, legal_entity)):
            log.info("%s at %s answers again; it did not since %s.", legal_entity, erp, told(began_at))
        return held.progress


def require_open(outages: PostgresOutages, erp: str, legal_entity: str, role: Role) -> None:
    """Raise while a company that did not answer is to be left in peace.

    Raises:
        ErpUnavailableError: It was not asked; `retry_after_seconds` is the pause that is left.
    """
    for outage in outages.known(erp, role):
        if outage.legal_entity == legal_entity and outage.closed_seconds:
            told_so = f"{outage.reason} It is so since {told(outage.began_at)}; nobody asks it before {told(outage.closed_until)}."
            raise ErpUnavailableError(told_so, outage.closed_seconds)


def _written_down(
    error: ErpUnavailableError | WrongSystemError, outages: PostgresOutages, held: CompanyTurn
) -> ErpUnavailableError | WrongSystemError:
    turn, anew = held.turn, held.progress.settled["posted"] > 0
    asked = error.retry_after_seconds if isinstance(error, ErpUnavailableError) else LONGEST_WAIT_SECONDS
    outage = outages.failed(turn.erp, turn.role, turn.legal_entity, reason=error.message, asked_seconds=asked, anew=anew)
    log.warning("Failure %d in a row. %s", outage.failures, outage)
    return ErpUnavailableError(error.message, outage.closed_seconds) if isinstance(error, ErpUnavailableError) else error
