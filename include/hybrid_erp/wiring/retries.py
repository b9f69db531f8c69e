"""When a task that has failed is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from airflow.sdk import RetryDecision, RetryPolicy

from hybrid_erp.model.errors import ErpUnavailableError, HybridErpError

FIRST_WAIT_SECONDS: Final = 5.0
GROWTH: Final = 1.6
#: A run does not stay open for a longer pause: the store remembers it, and a new run begins when it is over.
LONGEST_WAIT_SECONDS: Final = 15.0
#: Where each try itself takes long, as with an ERP that takes requests and never answers, a run ends before its tries are used up.
LONGEST_RUN_SECONDS: Final = 45.0
#: So many are shown all the same: people look for them.
SHOWN_RETRIES: Final = 2


class ErpRetryPolicy(RetryPolicy):
    """An ERP that is down is tried again, a few times in a run. What we refuse ourselves stays wrong and is not.

    A refused posting never gets here.
    """

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """What to do after a try has failed; Airflow writes the reason to the task's log."""
        if isinstance(exception, HybridErpError) and not isinstance(exception, ErpUnavailableError):
            return RetryDecision.fail(reason=str(exception)[:500])
        if not isinstance(exception, ErpUnavailableError):
            return RetryDecision.default()
        if try_number > max_tries:
            return RetryDecision(reason="This was the last try of this run; a new run begins by itself when the pause is over.")
        seconds = max(wait_seconds(try_number), exception.retry_after_seconds or 0.0)
        if seconds > LONGEST_WAIT_SECONDS:
            return RetryDecision.fail(reason=f"The pause lasts {seconds:.0f} s more; a new run begins by itself when it is over.")
        if try_number > SHOWN_RETRIES and _run_seconds(context) > LONGEST_RUN_SECONDS:
            return RetryDecision.fail(reason="This run has tried for long enough; a new run begins by itself when the pause is over.")
        return RetryDecision.retry(timedelta(seconds=seconds), reason=f"next try in {seconds:.0f} s, {_more(max_tries - try_number + 1)}.")

    def serialize(self) -> dict[str, Any]:
        """It has no settings."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ErpRetryPolicy:
        """It has no settings."""
        return cls()


def wait_seconds(try_number: int) -> float:
    """How long a task waits after this try of an ERP that is down: 5, 8, 13 seconds, never more than 15."""
    return min(FIRST_WAIT_SECONDS * GROWTH ** (try_number - 1), LONGEST_WAIT_SECONDS)


def _run_seconds(context: Any) -> float:
    run = (context or {}).get("dag_run")
    return 0.0 if run is None or run.start_date is None else (datetime.now(UTC) - run.start_date).total_seconds()


def _more(tries: int) -> str:
    return "the last one in this run" if tries == 1 else f"{tries} more in this run"
