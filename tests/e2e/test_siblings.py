"""One company of an ERP that cannot be used: its siblings are served as ever, and it is left in peace as long as it asks for."""

from __future__ import annotations

import time
from datetime import datetime

from sandbox.fault_proxy import Fault
from tests.builders import a_journal_entry
from tests.e2e.through_airflow import Instance, ThroughAirflow, wait_for

ERP, DOWN, SIBLING = "tryton-apac", "AU01", "SG01"
PATH = "/tryton_au01/"  # what every request to the company's database contains
RUNS = f"/dags/deliver_{ERP}/dagRuns?limit=1000"
OUTAGE = "SELECT failures, reason FROM outage WHERE erp = %s AND legal_entity = %s"
TURN = "SELECT 1 FROM turn WHERE erp = %s AND legal_entity = %s"
RETRY_AFTER_SECONDS = 600
SERVED_WITHIN_SECONDS = 30  # two or three, on a machine that does nothing else

RUN_SECONDS_MAX = 100  # 45 s until it begins no new try, a try of 10 s after a wait of 13 s, and what Airflow takes on a busy machine


def seconds_of_run(airflow: ThroughAirflow, instance: Instance) -> float:
    """How long the run of a task took until the task had ended."""
    run = airflow.lead.airflow("GET", f"/dags/{instance['dag_id']}/dagRuns/{instance['dag_run_id']}")
    began_at, ended_at = (datetime.fromisoformat(text) for text in (run["start_date"], instance["end_date"]))
    return (ended_at - began_at).total_seconds()


def test_a_sibling_of_a_company_that_never_answers_is_served_within_seconds(airflow: ThroughAirflow) -> None:
    airflow.wait_until_settled(airflow.accept(a_journal_entry(DOWN), a_journal_entry(SIBLING)))
    earlier = airflow.runs_so_far(ERP)
    airflow.site.line("tryton").behave(Fault.BLACK_HOLE, matching=PATH)
    stuck = airflow.accept(*(a_journal_entry(DOWN) for _ in range(3)))
    wait_for(
        lambda: airflow.store("SELECT 1 FROM turn WHERE erp = %s AND legal_entity = %s", (ERP, DOWN)), "the silent company to be asked"
    )

    waited = airflow.wait_until_settled(airflow.accept(a_journal_entry(SIBLING)), timeout=SERVED_WITHIN_SECONDS)
    wait_for(lambda: airflow.deliveries(ERP, state="up_for_retry"), "the retry of the silent company to show")
    again = airflow.wait_until_settled(airflow.accept(a_journal_entry(SIBLING)), timeout=SERVED_WITHIN_SECONDS)

    given_up = wait_for(lambda: airflow.deliveries(ERP, state="failed", but=earlier), "the run to end")[0]

    assert max(waited, again) < SERVED_WITHIN_SECONDS
    assert seconds_of_run(airflow, given_up) < RUN_SECONDS_MAX
    assert given_up["try_number"] > 2
    assert airflow.states(stuck) == {"waiting": len(stuck)}
    airflow.site.line("tryton").behave(Fault.PASS)
    airflow.wait_until_settled(stuck)
    assert airflow.states(stuck) == {"posted": len(stuck)}
    wait_for(lambda: airflow.store(OUTAGE, (ERP, DOWN)) == [], "the outage to be over")


def test_a_company_that_asks_for_ten_minutes_gets_them_and_no_run_waits_for_it(airflow: ThroughAirflow) -> None:
    airflow.wait_until_settled(airflow.accept(a_journal_entry(DOWN)))
    airflow.run("watch")  # so that none of its own looks at the company is under way
    earlier, line = airflow.runs_so_far(ERP), airflow.site.line("tryton")
    line.behave(Fault.ANSWER, matching=PATH, status=429, retry_after_seconds=RETRY_AFTER_SECONDS)
    stuck = airflow.accept(a_journal_entry(DOWN))
    (failed,) = wait_for(lambda: airflow.deliveries(ERP, state="failed", but=earlier), "the run to end")
    asked = line.counted()[Fault.ANSWER]
    log = airflow.log(failed["dag_id"], failed["dag_run_id"], "deliver", map_index=failed["map_index"])

    began = time.monotonic()
    while time.monotonic() < began + 25:  # two and a half looks of the bell, with the sibling's runs among them
        airflow.wait_until_settled(airflow.accept(a_journal_entry(SIBLING)), timeout=SERVED_WITHIN_SECONDS)

    assert "a new run begins by itself" in log
    assert line.counted()[Fault.ANSWER] == asked, "nobody asks it before its time"
    assert airflow.states(stuck) == {"waiting": 1}
    ((failures, reason),) = airflow.store(OUTAGE, (ERP, DOWN))
    assert (failures, "429" in reason) == (1, True)

    def ended_well() -> list[str]:
        runs = airflow.lead.airflow("GET", RUNS)["dag_runs"]
        return [run["dag_run_id"] for run in runs if run["dag_run_id"] not in earlier and run["state"] == "success"]

    survey = wait_for(ended_well, "the run of the sibling to end")[-1]
    assert "is unavailable since" in airflow.log(f"deliver_{ERP}", survey, "survey")
