"""What a refusal of Tryton means, judged by what it left behind and what it allows, never by its words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from typing import Final

from hybrid_erp.adapters.erps.http import NothingSentError, UnansweredError, outcome_of_status
from hybrid_erp.adapters.erps.tryton.client import RefusedError
from hybrid_erp.adapters.erps.tryton.directory import Directory, ReferenceRefusedError
from hybrid_erp.model.delivery import FailureClass, InDoubt, Outcome, Rejected, Retry
from hybrid_erp.model.errors import ErpUnavailableError

_RIGHTS: Final = ("create", "write")


def before_posting(error: NothingSentError | UnansweredError | RefusedError) -> Outcome:
    """What an attempt came to that failed before the button was pressed: at worst it left a draft, which nobody posts."""
    if isinstance(error, NothingSentError):
        return Retry(FailureClass.TRANSIENT, str(error), nothing_sent=True)
    if isinstance(error, UnansweredError):
        return Retry(FailureClass.TRANSIENT, str(error))
    outcome = outcome_of_status(error.reply, error.message)
    if isinstance(outcome, InDoubt):
        return Retry(FailureClass.TRANSIENT, outcome.message, error.reply.retry_after_seconds)
    return outcome


def reason_of(refused: Rejected, directory: Directory, model: str, accounting_on: date | None) -> Outcome:
    """Why Tryton's rules refused: the right to post was taken away, the period is closed, or the document is wrong.

    A lock-out of ours answers 400 like a wrong document does, so Tryton is asked what this credential may do (PROTOCOL T4).
    """
    # What cannot be asked now leaves the plain reading: a person looks at it.
    with suppress(NothingSentError, UnansweredError, RefusedError, ReferenceRefusedError):
        if not all(directory.client.rights(model).get(right) for right in _RIGHTS):
            return Retry(FailureClass.FORBIDDEN, f"The credential may not post {model} now: {refused.message}")
        if accounting_on is not None and directory.period_state(accounting_on)[0] != "open":
            directory.forget_period(accounting_on)
            return Rejected(FailureClass.PERIOD_CLOSED, refused.message)
    return refused


@contextmanager
def reading() -> Iterator[None]:
    """Whoever reads learns one thing of a failure: that the ERP cannot be read now."""
    try:
        yield
    except (NothingSentError, UnansweredError) as error:
        raise ErpUnavailableError(f"Tryton cannot be read: {error}.") from error
    except RefusedError as refused:
        status, wait = refused.reply.status, refused.reply.retry_after_seconds
        raise ErpUnavailableError(f"Tryton does not answer that ({status}): {refused.message}.", wait) from refused
