"""What people and crashes do to a task in the middle of a batch: nothing is lost and nothing is posted twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from sandbox.fault_proxy import Fault
from sandbox.leftovers import programs_of
from tests.builders import a_journal_entry
from tests.e2e.through_airflow import Instance, ThroughAirflow, wait_for

POSTINGS = 130  # more than `survey` delivers by itself
WORKERS = "SELECT DISTINCT claimed_by FROM delivery WHERE erp = %s AND legal_entity = %s AND state = 'claimed'"


def kill(airflow: ThroughAirflow, erp: str, instance: Instance, company: str) -> None:
    """As the out-of-memory killer does, to the process that has claimed the postings."""
    ((worker,),) = airflow.store(WORKERS, (erp, company))
    pid = int(str(worker).rsplit(":", 1)[1])
    assert pid in {program.pid for program in programs_of(airflow.site.folder)}
    os.kill(pid, signal.SIGKILL)


def clear(airflow: ThroughAirflow, erp: str, instance: Instance, company: str) -> None:
    content = {"dry_run": False, "dag_run_id": instance["dag_run_id"], "only_failed": False, "reset_dag_runs": True}
    content |= {"task_ids": [["deliver", instance["map_index"]]]}
    airflow.lead.airflow("POST", f"/dags/{instance['dag_id']}/clearTaskInstances", json=content)


def mark_success(airflow: ThroughAirflow, erp: str, instance: Instance, company: str) -> None:
    airflow.lead.airflow("PATCH", airflow.of_this_run(instance), json={"new_state": "success"})


def mark_failed(airflow: ThroughAirflow, erp: str, instance: Instance, company: str) -> None:
    airflow.lead.airflow("PATCH", airflow.of_this_run(instance), json={"new_state": "failed"})


HARMS: dict[tuple[str, str], Callable[[ThroughAirflow, str, Instance, str], None]] = {
    ("ledgersmb-emea", "DE01"): kill,
    ("ledgersmb-emea", "UK01"): clear,
    ("ledgersmb-amer", "US01"): mark_success,
    ("ledgersmb-amer", "CA01"): mark_failed,
}


def test_killing_clearing_and_marking_tasks_in_mid_batch_loses_nothing_and_posts_nothing_twice(airflow: ThroughAirflow) -> None:
    airflow.site.line("ledgersmb").behave(
        Fault.DELAY, seconds=0.02
    )  # so that a batch takes long enough to be harmed, and commits come late
    sent = {place: airflow.accept(*(a_journal_entry(place[1]) for _ in range(POSTINGS))) for place in HARMS}
    harmed: dict[tuple[str, str], Instance] = {}

    def harm_who_is_in_mid_batch() -> bool:
        for (erp, company), harm in HARMS.items():
            working = [each for each in airflow.deliveries(erp, state="running") if each["rendered_map_index"] == company]
            if (erp, company) not in harmed and working and airflow.states(sent[erp, company])["posted"] > 5:
                harm(airflow, erp, working[0], company)
                assert airflow.states(sent[erp, company])["posted"] < POSTINGS, f"{company} was ready before it was harmed"
                harmed[erp, company] = working[0]
        return len(harmed) == len(HARMS)

    wait_for(harm_who_is_in_mid_batch, "a batch of each company to be under way")
    for (erp, company), ids in sent.items():
        airflow.wait_until_settled(ids)

        booked = airflow.booked(erp, company)
        assert airflow.states(ids) == {"posted": POSTINGS}, company
        assert {key: booked[key] for key in ids if booked[key] != 1} == {}, company
    for place in (("ledgersmb-emea", "DE01"), ("ledgersmb-emea", "UK01")):
        again = airflow.lead.airflow("GET", airflow.of_this_run(harmed[place]))
        assert again["try_number"] > 1, place
