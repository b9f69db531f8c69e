"""Every check in turn, and the evidence that people are asked to say yes to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Final

from hybrid_erp.model.cutover import CheckResult, CutoverRequest, Verdict, Versions
from hybrid_erp.model.errors import ConfigurationError, ErpUnavailableError, WrongSystemError
from hybrid_erp.operations.preflight import (
    airflow_pools,
    approvers,
    blackout_dates,
    candidate_backlog,
    candidate_quiet,
    candidate_throughput,
    credentials,
    deliveries_settled,
    dual_run_long_enough,
    intercompany_pairs,
    lock_out_possible,
    mappings_complete,
    no_other_cutover,
    not_taken_back,
    periods_open,
    reconciliation_passed,
    rehearsal,
    store_fit,
    way_back,
)
from hybrid_erp.operations.preflight.answer import name_of, sentence
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject

Check = Callable[[Subject, Facts], CheckResult]

#: In the order in which a lead reads them: may it be done at all, are the books right, can the ERPs do it, can we.
CHECKS: Final[tuple[Check, ...]] = (
    no_other_cutover.check,
    blackout_dates.check,
    approvers.check,
    rehearsal.check,
    not_taken_back.check,
    dual_run_long_enough.check,
    reconciliation_passed.check,
    deliveries_settled.check,
    candidate_backlog.check,
    intercompany_pairs.check,
    mappings_complete.check,
    periods_open.check,
    credentials.check,
    candidate_quiet.check,
    candidate_throughput.check,
    lock_out_possible.check,
    way_back.check,
    store_fit.check,
    airflow_pools.check,
)


def run_checks(subject: Subject, facts: Facts, checks: Sequence[Check] = CHECKS) -> tuple[CheckResult, ...]:
    """Every answer, also after one has failed: a lead mends all of it at once. Nothing is changed anywhere."""
    return tuple(_answer(check, subject, facts) for check in checks)


def _answer(check: Check, subject: Subject, facts: Facts) -> CheckResult:
    """What is expected to fail is an answer; anything else is a bug and stops the run."""
    try:
        return check(subject, facts)
    except (ErpUnavailableError, WrongSystemError, ConfigurationError) as error:
        return CheckResult(name_of(check.__module__), Verdict.FAIL, sentence(error.message), error.remedy)


def evidence_of(request: CutoverRequest, results: Sequence[CheckResult], versions: Versions) -> dict[str, Any]:
    """What was asked, on what it rests and what was found, ready for JSON. Equal facts give equal evidence: the moment is not in it."""
    asked = asdict(request) | {name: getattr(request, name).value for name in ("direction", "mode")}
    asked |= {"kinds": sorted(each.value for each in request.kinds), "legal_entities": sorted(request.legal_entities)}
    return {
        "request": asked,
        "versions": asdict(versions),
        "checks": [asdict(each) | {"verdict": each.verdict.value} for each in results],
    }


def evidence_hash(evidence: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
    canonical = json.dumps(evidence, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
