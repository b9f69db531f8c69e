"""The summary of a cutover's evidence, from facts that people and ERPs may have written."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest

from hybrid_erp.model.cutover import CheckResult, Verdict
from hybrid_erp.web.evidence import as_html
from tests.results import HOSTILE

NOW = datetime(2026, 12, 31, 22, 0, tzinfo=UTC)
INSTANTS = ("requested", "frozen", "drained", "locked", "verified", "switched", "ended")


def some_facts(outcome: str | None = "switched", *, direction: str = "cutover", evidence: Any = None) -> dict[str, Any]:
    """The facts of a cutover, with little in them."""
    request = {f"{name}_at": NOW for name in INSTANTS} | {
        "cutover_id": "c1", "region": "emea", "direction": direction, "mode": "live", "kinds": ["ledger"], "legal_entities": ["DE01"],
        "from_period": "2027-01", "old_owner": "old-erp", "new_owner": "new-erp", "run": "run-1", "requested_by": "lena", "reason": "time",
        "ticket": "CHG-1", "limits": {"freeze_seconds_max": 300.0}, "outcome": outcome, "evidence_hash": "e" * 64,
        "configuration": "f" * 64, "mappings": {"old-erp": "1"}, "posting_rules": "1", "package": "0.1.0", "store_timeline": "7/1",
    }  # fmt: skip
    tables = ("approvals", "steps", "lock_outs", "documents", "number_series", "ownership", "audit/seals")
    return {
        "request": request,
        "preflight": {"evidence": evidence, "evidence_hash": "e" * 64},
        "reconciliations": {"seen_by_approvers_because": "the evidence names none"},
        "audit/coverage": {"rows": 0, "rows_not_sealed": 0},
        **dict.fromkeys(tables, ()),
    }


@pytest.mark.parametrize(
    ("outcome", "direction", "word", "frame"),
    [
        ("switched", "cutover", "Moved", "passed"),
        ("switched", "rollback", "Moved back", "passed"),
        ("rehearsed", "cutover", "Rehearsed", "passed"),
        ("released", "cutover", "Given up", "failed"),
        ("refused", "cutover", "Refused", "failed"),
        (None, "cutover", "Not ended", "failed"),
    ],
)
def test_the_verdict_is_told_by_what_became_of_it(outcome: str | None, direction: str, word: str, frame: str) -> None:
    html = as_html(some_facts(outcome, direction=direction))

    assert f'<header class="verdict {frame}">\n<h1>EMEA, {direction}: <b class="word">{word}</b></h1>' in html


def test_each_preflight_check_is_a_row_and_what_is_not_passed_stands_out() -> None:
    checks = [
        CheckResult("dual_run_long_enough", Verdict.PASS, "41 days"),
        CheckResult("no_dead_letters", Verdict.FAIL, f"2 {HOSTILE}", "replay them"),
    ]

    html = as_html(some_facts(evidence={"checks": [asdict(each) for each in checks]}))

    assert "<tr><td>dual run long enough</td><td>pass</td><td>41 days</td></tr>" in html
    assert '<tr class="unequal"><td>no dead letters</td><td>fail</td>' in html
    assert "replay them" in html
    assert HOSTILE not in html


@pytest.mark.parametrize(
    "evidence", [None, [], "words", {"checks": ["all pass"]}, {"checks": [{"name": "half"}]}, {"checks": None}, {"checks": 7}]
)
def test_evidence_of_another_form_is_told_as_it_is(evidence: Any) -> None:
    html = as_html(some_facts(evidence=evidence))

    assert 'aria-label="Preflight"' not in html
    assert "The evidence as it was approved" in html
