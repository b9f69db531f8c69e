"""An ERP that cannot be reached: seen in Airflow, felt by nobody else, and made good without anybody's hand."""

from __future__ import annotations

from sandbox.fault_proxy import Fault
from tests.builders import a_journal_entry
from tests.e2e.through_airflow import Instance, ThroughAirflow, wait_for

COMPANIES = ("AU01", "SG01")


def test_an_unreachable_erp_is_retried_visibly_and_the_other_one_is_not_slowed(airflow: ThroughAirflow) -> None:
    before = airflow.seconds_to_post("DE01")
    earlier = airflow.runs_so_far("tryton-apac")

    def of_every_company(state: str, try_number: int = 1) -> list[Instance]:
        found = [each for each in airflow.deliveries("tryton-apac", state=state, but=earlier) if each["try_number"] >= try_number]
        return found if len(found) == len(COMPANIES) else []

    airflow.site.line("tryton").behave(Fault.REFUSE)
    ids = airflow.accept(*(a_journal_entry(company) for company in COMPANIES for _ in range(3)))
    waiting = wait_for(lambda: of_every_company("up_for_retry"), "a retry of each company")
    during = airflow.seconds_to_post("DE01")
    wait_for(lambda: of_every_company("up_for_retry", try_number=2), "a second try that failed")

    assert during < max(3 * before, before + 5)
    assert airflow.states(ids) == {"waiting": len(ids)}
    for instance in waiting:
        company = COMPANIES[instance["map_index"]]
        log = airflow.log(instance["dag_id"], instance["dag_run_id"], "deliver", map_index=instance["map_index"])
        assert f"{company} at tryton-apac" in log
        assert "did not take the connection" in log
        # The survey has asked already. Where the task begins within the pause it asks nobody; on a busy machine it asks, and waits longer.
        assert "next try in 5 s" in log or "next try in 8 s" in log

    airflow.site.line("tryton").behave(Fault.PASS)
    airflow.wait_until_settled(ids)
    done = wait_for(lambda: of_every_company("success", try_number=2), "the tasks to end well")

    assert {each["rendered_map_index"] for each in done} == set(COMPANIES)
    assert airflow.states(ids) == {"posted": len(ids)}
    booked = airflow.booked("tryton-apac", "AU01") + airflow.booked("tryton-apac", "SG01")
    assert {key: booked[key] for key in ids} == dict.fromkeys(ids, 1)
