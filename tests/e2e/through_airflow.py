"""The facade and Airflow as their users see them, and the store and the ERPs asked behind everybody's back."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg

from sandbox.demo.facade import FacadeClient
from sandbox.site import Site
from sandbox.store_setup import DATABASE
from tests.builders import a_journal_entry
from tests.faults.erps import keys_in

OPEN_STATES = frozenset({"waiting", "claimed", "working", "draft", "partly_posted", "in_doubt"})
STATES = "SELECT posting_id::text, state FROM outbox WHERE posting_id = ANY(%s::uuid[])"

#: What has to come, comes; how soon is a test's own to say.
PATIENCE_SECONDS = 120.0

Instance = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class ThroughAirflow:
    """One site, used through its front door."""

    site: Site
    lead: FacadeClient = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lead", FacadeClient(self.site, "lead"))

    # The facade

    def accept(self, *events: dict[str, Any]) -> list[str]:
        """Send events in one batch; the ids of the postings, all accepted."""
        answers = self.lead.post_events(list(events)).json()["answers"]
        assert {answer["verdict"] for answer in answers} == {"accepted"}, [answer for answer in answers if "problem" in answer]
        return [answer["posting_id"] for answer in answers]

    def states(self, posting_ids: Sequence[str]) -> Counter[str]:
        """How many of the postings are in which state."""
        return Counter(str(state) for _, state in self.store(STATES, (list(posting_ids),)))

    def wait_until_settled(self, posting_ids: Sequence[str], *, timeout: float = PATIENCE_SECONDS) -> float:
        """Until none of the postings is open; how many seconds that took."""
        began = time.monotonic()
        wait_for(lambda: not OPEN_STATES & set(self.states(posting_ids)), f"{len(posting_ids)} postings to be settled", timeout=timeout)
        return time.monotonic() - began

    def seconds_to_post(self, legal_entity: str, *, times: int = 3) -> float:
        """The slowest of a few postings, one after the other."""
        return max(self.wait_until_settled(self.accept(a_journal_entry(legal_entity))) for _ in range(times))

    # Airflow

    def run(self, dag_id: str, **conf: Any) -> tuple[str, str]:
        """Trigger a DAG and wait for its end; the run's id and state."""
        run_id = self.lead.airflow("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf})["dag_run_id"]
        ended = wait_for(
            lambda: (state := self.lead.airflow("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]) in ("success", "failed") and state,
            f"{dag_id} to end",
            timeout=60,
        )
        return run_id, str(ended)

    def deliveries(self, erp: str, *, state: str, but: Collection[str] = ()) -> list[Instance]:
        """The `deliver` task instances of an ERP in a state, but for those of some runs; runs that had nothing to map have none."""
        content = {"dag_ids": [f"deliver_{erp}"], "task_ids": ["deliver"], "page_limit": 1000}
        found = self.lead.airflow("POST", "/dags/~/dagRuns/~/taskInstances/list", json=content)["task_instances"]
        return [each for each in found if each["map_index"] >= 0 and each["state"] == state and each["dag_run_id"] not in but]

    def runs_so_far(self, erp: str) -> frozenset[str]:
        """The ids of an ERP's deliveries, when none is under way: the last one stays for a moment, and would take what comes next."""

        def ended() -> list[str]:
            runs = self.lead.airflow("GET", f"/dags/deliver_{erp}/dagRuns?limit=1000")["dag_runs"]
            return [run["dag_run_id"] for run in runs] if all(run["state"] in ("success", "failed") for run in runs) else []

        return frozenset(wait_for(ended, f"the runs of deliver_{erp} to end"))

    def of_this_run(self, instance: Instance) -> str:
        """The REST path of a task instance."""
        path = f"/dags/{instance['dag_id']}/dagRuns/{instance['dag_run_id']}/taskInstances/{instance['task_id']}"
        return f"{path}/{instance['map_index']}"

    def log(self, dag_id: str, run_id: str, task_id: str, *, try_number: int = 1, map_index: int = -1) -> str:
        """What a try has written, with what went wrong."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}?map_index={map_index}&full_content=true"
        return json.dumps(self.lead.airflow("GET", path, headers={"Accept": "application/json"})["content"])

    # Behind everybody's back

    def store(self, query: str, terms: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask the store as its owner."""
        with psycopg.connect(self.site.cluster.dsn(DATABASE), autocommit=True) as connection:
            return connection.execute(query.encode(), terms).fetchall()

    def booked(self, erp: str, legal_entity: str) -> Counter[str]:
        """How often the ERP's own database holds each of our keys."""
        return Counter(keys_in(self.site, erp, legal_entity))


def wait_for(condition: Callable[[], T], what: str, *, timeout: float = PATIENCE_SECONDS) -> T:
    """The first value of the condition that counts as true."""
    until = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < until, f"waited {timeout} s for {what}"
        time.sleep(0.1)
    return found
