"""Airflow has the pools of both ERPs' tasks, and they are big enough: a task without its pool waits for ever, without a word."""

from __future__ import annotations

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.operations.preflight.answer import answer
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Compare Airflow's pools with the slots of the ERPs."""
    problems = facts.surroundings.pool_problems(subject.owners)
    return answer(
        __name__,
        failures=problems or (),
        warnings=[_UNASKED] if problems is None else (),
        well=f"the pools of {' and '.join(subject.owners)}, for what they own and for copies, are there and big enough",
        remedy="Run `hybrid-erp pools > pools.json` and `airflow pools import pools.json`.",
        evidence={"erps": list(subject.owners), "problems": list(problems) if problems is not None else None},
    )


_UNASKED = (
    "Airflow's pools could not be read: configure the Airflow Connection `hybrid_erp_airflow`, or run `hybrid-erp check` beside Airflow"
)
