"""`replay_dead_letters`: what it refuses, what it lists, and that a repaired posting gets there."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from hybrid_erp.settings import load_settings
from tests.builders import a_journal_entry
from tests.e2e.through_airflow import ThroughAirflow

COST_CENTRE = "OPENED-LATE"
OPEN_COST_CENTRE = """
    INSERT INTO business_unit (class_id, control_code, description)
    SELECT id, %s, 'Opened late' FROM business_unit_class WHERE label = 'Cost centre'
"""
DAG = "replay_dead_letters"


@pytest.fixture
def dead_letter(airflow: ThroughAirflow) -> str:
    """A posting that the ERP has refused."""
    debit = {"account": "5200", "debit": "7.00", "dimensions": {"cost_centre": COST_CENTRE}}
    ids = airflow.accept(a_journal_entry("DE01", lines=[debit, {"account": "1000", "credit": "7.00"}]))
    airflow.wait_until_settled(ids)
    assert airflow.states(ids) == {"dead_lettered": 1}
    return ids[0]


def steps(airflow: ThroughAirflow, posting_id: str) -> list[tuple[Any, ...]]:
    """All that the audit trail says of a posting."""
    return airflow.store("SELECT audit_id, actor, action, details FROM audit WHERE posting_id = %s ORDER BY audit_id", (posting_id,))


@pytest.mark.parametrize(
    ("conf", "told"),
    [
        ({"dry_run": False}, "needs a reason"),
        ({"dry_run": False, "reason": "opened", "posting_id": "x"}, "posting_id: Extra inputs are not permitted"),
    ],
    ids=["no reason", "unknown key"],
)
def test_a_request_that_does_not_fit_fails_at_once_says_why_and_changes_nothing(
    airflow: ThroughAirflow, dead_letter: str, conf: dict[str, Any], told: str
) -> None:
    before = steps(airflow, dead_letter)

    run_id, state = airflow.run(DAG, posting_ids=[dead_letter], **conf)

    assert state == "failed"
    assert told in airflow.log(DAG, run_id, "replay")
    instance = airflow.lead.airflow("GET", f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/replay")
    assert instance["try_number"] == 1
    assert airflow.states([dead_letter]) == {"dead_lettered": 1}
    assert steps(airflow, dead_letter) == before


def test_a_dry_run_lists_and_changes_nothing_and_a_repaired_posting_is_booked_after_its_replay(
    airflow: ThroughAirflow, dead_letter: str
) -> None:
    before = steps(airflow, dead_letter)

    run_id, state = airflow.run(DAG, region="emea", failure="validation", reason="cost centre opened")
    assert state == "success"
    assert f"Would send again: {dead_letter}" in airflow.log(DAG, run_id, "replay")
    assert airflow.states([dead_letter]) == {"dead_lettered": 1}
    assert steps(airflow, dead_letter) == before

    company = load_settings(airflow.site.config).erps["ledgersmb-emea"].companies["DE01"]
    with psycopg.connect(airflow.site.cluster.dsn(company.database)) as connection:
        connection.execute(OPEN_COST_CENTRE, (COST_CENTRE,))
    _, state = airflow.run(DAG, posting_ids=[dead_letter], reason="cost centre opened", dry_run=False)
    assert state == "success"
    airflow.wait_until_settled([dead_letter])

    assert airflow.states([dead_letter]) == {"posted": 1}
    assert airflow.booked("ledgersmb-emea", "DE01")[dead_letter] == 1
    replayed = [(actor, details) for _, actor, action, details in steps(airflow, dead_letter) if action == "replayed"]
    assert replayed == [("lead", {"reason": "cost centre opened"})]
