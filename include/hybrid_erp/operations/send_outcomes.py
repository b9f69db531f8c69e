"""Tell a source what became of its postings, by its webhook: at least once, in order, each under the id that it always has."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol

from hybrid_erp.model.claim import boot_clock
from hybrid_erp.model.outcomes import Told

log: Final = logging.getLogger(__name__)

#: After each failure; one that fails once more is dead. About 28 hours, in which the receiver may be repaired.
WAITS_SECONDS: Final = (5.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0)
PART: Final = 50


class Webhook(Protocol):
    """Where outcomes of one source are sent."""

    def send(self, told: Told) -> str | None:
        """Send one; None if it was taken, else why not, without a word of the answer."""


class WebhookTurn(Protocol):
    """The turn to send for one source; every step answers False once another sender has it."""

    attempt: int
    due: bool

    def next(self, limit: int) -> Sequence[Told]:
        """What comes next, in order."""

    def concerns(self, told: Told) -> bool:
        """Whether it is for this source."""

    def to_replay(self) -> Sequence[Told]:
        """Dead ones that a person wants to be sent again."""

    def keep(self) -> bool:
        """Still ours, for as long again."""

    def sent(self, told: Told) -> bool:
        """It was taken."""

    def failed(self, failure: str, *, wait_seconds: float) -> bool:
        """It was not taken; it is sent again after the wait."""

    def died(self, told: Told, failure: str) -> bool:
        """It was not taken too often."""

    def replayed(self, told: Told, failure: str | None) -> bool:
        """A dead one was taken, or was not."""

    def end(self) -> None:
        """Give the turn back."""


def send_outcomes(source: str, turn: WebhookTurn, webhook: Webhook, *, seconds: float) -> Counter[str]:
    """Send what is due until nothing is, the receiver does not take one, or the time is up. The turn is given back.

    A sender that is killed between an answer and its note sends that outcome once more.
    """
    counts, ends = Counter[str](), boot_clock() + seconds
    try:
        if _replay(source, turn, webhook, ends, counts) and turn.due:
            _in_order(source, turn, webhook, ends, counts)
    finally:
        turn.end()
    return counts


def _replay(source: str, turn: WebhookTurn, webhook: Webhook, ends: float, counts: Counter[str]) -> bool:
    """Each once; whether the turn is still ours."""
    for told in turn.to_replay():
        if boot_clock() > ends:
            return True
        if not turn.keep():
            return False
        failure = webhook.send(told)
        if failure:
            log.warning("The webhook of %s did not take the outcome %s again: %s", source, told.outcome_id, failure)
        counts["replay_failed" if failure else "replayed"] += 1
        if not turn.replayed(told, failure):
            return False
    return True


def _in_order(source: str, turn: WebhookTurn, webhook: Webhook, ends: float, counts: Counter[str]) -> None:
    while part := turn.next(PART):
        for told in part:
            if boot_clock() > ends or not turn.keep():
                return
            if not turn.concerns(told):
                turn.sent(told)
                continue
            failure = webhook.send(told)
            if failure is None:
                counts["sent"] += 1
                if not turn.sent(told):
                    return
            elif turn.attempt < len(WAITS_SECONDS):
                wait_seconds = WAITS_SECONDS[turn.attempt]
                log.warning(
                    "The webhook of %s did not take the outcome %s: %s It is sent again in %d s.",
                    source,
                    told.outcome_id,
                    failure,
                    wait_seconds,
                )
                counts["failed"] += 1
                turn.failed(failure, wait_seconds=wait_seconds)
                return
            else:
                log.error(
                    "The webhook of %s has not taken the outcome %s in %d tries: %s It waits for a person: docs/outcomes.md.",
                    source,
                    told.outcome_id,
                    turn.attempt + 1,
                    failure,
                )
                counts["dead"] += 1
                turn.died(told, failure)
                return  # the one after it is sent by the next run, with all its tries
