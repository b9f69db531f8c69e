"""When a task that has failed is tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from airflow.sdk import RetryDecision, RetryPolicy

from hybrid_erp.model.errors import ErpUnavailableError, NotReplayableError, WrongSystemError

FIRST_WAIT_SECONDS: Final = 5.0
LONGEST_WAIT_SECONDS: Final = 60.0
GROWTH: Final = 1.6


class ErpRetryPolicy(RetryPolicy):
    """An ERP that is down is tried again, when it asked to be if it did. What stays wrong is not. A refused posting never gets here."""

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """What to do after a try has failed; Airflow writes the reason to the task's log."""
        if isinstance(exception, WrongSystemError | NotReplayableError):
            return RetryDecision.fail(reason=str(exception)[:500])
        if not isinstance(exception, ErpUnavailableError):
            return RetryDecision.default()
        if try_number > max_tries:
            return RetryDecision(reason="This was the last try of this run; the next run goes on as soon as the bell rings.")
        seconds, asked = wait_seconds(try_number), exception.retry_after_seconds
        why = "" if asked is None else "The ERP asks for it: "
        reason = f"{why}next try in {asked or seconds:.0f} s, {max_tries - try_number + 1} more in this run."
        return RetryDecision.retry(timedelta(seconds=asked or seconds), reason=reason)

    def serialize(self) -> dict[str, Any]:
        """It has no settings."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ErpRetryPolicy:
        """It has no settings."""
        return cls()


def wait_seconds(try_number: int) -> float:
    """How long a task waits after this try of an ERP that is down: 5, 8, 13 ... seconds, up to a minute."""
    return min(FIRST_WAIT_SECONDS * GROWTH ** (try_number - 1), LONGEST_WAIT_SECONDS)
