"""When a task of a long run that has failed is tried again: an ERP that is down is waited for, what a person must mend is not."""

from __future__ import annotations

from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from hybrid_erp.model.errors import (
    ConfigurationError,
    LoadNotVerifiedError,
    LoadRefusedError,
    NotReconcilableError,
    ReconciliationNotPassedError,
    WrongSystemError,
)

#: Trying these again finds the same.
STAYS_WRONG = (
    ConfigurationError | LoadNotVerifiedError | LoadRefusedError | NotReconcilableError | ReconciliationNotPassedError | WrongSystemError
)


class PatientRetryPolicy(RetryPolicy):
    """For tasks of a run that nobody starts again by himself: the task's own retries and waits, unless trying again is of no use."""

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """What to do after a try has failed; Airflow writes the reason to the task's log."""
        if isinstance(exception, STAYS_WRONG):
            return RetryDecision.fail(reason=str(exception)[:500])
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """It has no settings."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PatientRetryPolicy:
        """It has no settings."""
        return cls()
