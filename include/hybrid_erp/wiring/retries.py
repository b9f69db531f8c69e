"""When a task that an ERP has failed is tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from hybrid_erp.model.errors import ErpUnavailableError, WrongSystemError


class ErpRetryPolicy(RetryPolicy):
    """An ERP that is down is tried again, when it asked to be if it did; the wrong system is not. A refused posting never gets here."""

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """What to do after a try has failed."""
        if isinstance(exception, WrongSystemError):
            return RetryDecision.fail(reason=str(exception)[:500])
        if isinstance(exception, ErpUnavailableError) and exception.retry_after_seconds is not None:
            wait = timedelta(seconds=exception.retry_after_seconds)
            return RetryDecision.retry(wait, reason=f"The ERP asks to wait {exception.retry_after_seconds:g} s.")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """It has no settings."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ErpRetryPolicy:
        """It has no settings."""
        return cls()
