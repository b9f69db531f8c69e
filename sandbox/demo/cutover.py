"""The third act: EMEA is rehearsed, cut over while postings flow, rolled back, and cut over again; both ERPs are asked at each point.

A bookkeeper posts natively into both ERPs all the time. What an ERP takes has to be in both in the end; what it refuses, it refuses to the
bookkeeper's face.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import psycopg
import requests

from hybrid_erp.settings import Settings, load_settings
from sandbox.demo.books import read_books
from sandbox.demo.dual_run import REGION, DualRun, compare_books, wait_until_done
from sandbox.demo.facade import FacadeClient
from sandbox.demo.people import LedgerSmbBookkeeper, TrytonPerson
from sandbox.site import Site
from sandbox.store_setup import DATABASE

#: Who answers for which task; the lead has asked, and so cannot.
ANSWERS: Final = {"approve_migration_lead": "deputy", "approve_DE01": "controller", "approve_UK01": "controller-uk"}
#: Airflow loses an answer that comes within a moment of the question.
SETTLING_SECONDS: Final = 3.0
PATIENCE_SECONDS: Final = 480.0
#: DAG, mode, and what has happened to the region afterwards.
MOVES: Final = (
    ("cutover", "rehearsal", "rehearsed"),
    ("cutover", "live", "cut over"),
    ("rollback", "live", "rolled back"),
    ("cutover", "live", "cut over again"),
)
STEPS: Final = """
    SELECT c.direction, c.mode, s.step, round(extract(epoch FROM s.began_at - c.requested_at)::numeric, 1) AS after_seconds,
           round(extract(epoch FROM s.ended_at - s.began_at)::numeric, 2) AS seconds, s.outcome, c.outcome
    FROM cutover_step s JOIN cutover c USING (cutover_id) ORDER BY c.requested_at, s.step_id
"""
WINDOWS: Final = "SELECT direction, mode, frozen_at, ended_at FROM cutover WHERE frozen_at IS NOT NULL ORDER BY requested_at"

Progress = Callable[[str], None]


@dataclass(slots=True)
class Cutovers:
    """What was seen of the third act."""

    steps: list[tuple[Any, ...]] = field(default_factory=list)
    windows: list[tuple[str, str, Decimal]] = field(default_factory=list)
    """Of each run: how long the region was frozen, in seconds."""
    owners: list[tuple[str, str]] = field(default_factory=list)
    """After each run: what had happened, and who owns the present period by the facade's word."""
    sent: int = 0
    refused: int = 0
    native: Counter[str] = field(default_factory=Counter)
    """By ERP: entries that its screens took; `refused by <ERP>`: those that they refused."""
    answered: list[tuple[datetime, float]] = field(default_factory=list)
    """When each posting was sent to the facade, and after how many seconds it was answered."""
    intake_ms: dict[str, float] = field(default_factory=dict)
    """The answers of the facade in milliseconds: half of them were faster, and 99 of 100, while the region was frozen and otherwise."""
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)


def move_region(
    site: Site, client: FacadeClient, progress: Progress, moves: Sequence[tuple[str, str, str]] = MOVES, *, pause_seconds: float = 1.0
) -> Cutovers:
    """Rehearse, cut over, roll back, cut over again, with live traffic; ask both ERPs after each.

    `pause_seconds`: between two postings that are sent to the facade.
    """
    began_at, seen = time.monotonic(), Cutovers()
    settings = load_settings(site.config)
    period = f"{datetime.now(UTC):%Y-%m}"
    people = {login: FacadeClient(site, login) for login in (*ANSWERS.values(), "lead")}
    with _traffic(site, settings, client, seen, pause_seconds):
        for dag, mode, told in moves:
            conf = {"mode": mode, "from_period": period, "reason": "demonstration", "ticket": "CHG-1"}
            alone = "; the lead tries to approve it alone" if mode == "rehearsal" else ""
            progress(f"{REGION.upper()} is to be {told}: {dag}_{REGION}, {mode}{alone}")
            _run(people, f"{dag}_{REGION}", conf, progress, tried_alone=bool(alone))
            owner = _owner(client, period)
            seen.owners.append((told, owner))
            progress(f"{REGION.upper()} is {told}: {owner} owns {period}")
    progress("the traffic has ended: waiting for what is on its way, then asking both ERPs")
    _shadow(client, settings, progress)
    wait_until_done(site, progress)
    _ask_both(site, settings, seen)
    _read_store(site, seen)
    _judge(seen, settings, moves)
    seen.seconds = time.monotonic() - began_at
    return seen


def _run(people: dict[str, FacadeClient], dag_id: str, conf: dict[str, Any], progress: Progress, *, tried_alone: bool) -> None:
    lead = people["lead"]
    run = lead.begin(dag_id, conf)
    if tried_alone:
        _answer(lead, dag_id, run, "approve_migration_lead", refused=True)
    with ThreadPoolExecutor(len(ANSWERS)) as pool:
        for answered in [pool.submit(_answer, people[login], dag_id, run, task_id) for task_id, login in ANSWERS.items()]:
            answered.result()
    progress("everybody has said yes")
    lead.end(dag_id, run, progress, timeout=PATIENCE_SECONDS)


def _answer(person: FacadeClient, dag_id: str, run: str, task_id: str, *, refused: bool = False) -> None:
    """Say yes whenever the question is asked, until it counts; `refused`: once, and then it is asked again, of somebody else."""
    path = f"/dags/{dag_id}/dagRuns/{run}/taskInstances/{task_id}"
    ends, answered = time.monotonic() + PATIENCE_SECONDS, set[int]()
    asked_at: dict[int, float] = {}
    while True:
        instance = person.airflow("GET", path)
        state, tried = instance["state"], int(instance["try_number"])
        if state == "success" or (refused and answered and tried > max(answered)):
            return
        if state in ("failed", "upstream_failed", "skipped"):
            told = _log(person, dag_id, run, "preflight")
            raise RuntimeError(f"{task_id} of {dag_id} is {state}; `preflight` said:\n{told}")
        asks = state == "awaiting_input" and tried not in answered
        if asks and time.monotonic() - asked_at.setdefault(tried, time.monotonic()) >= SETTLING_SECONDS:
            person.airflow("PATCH", f"{path}/-1/hitlDetails", json={"chosen_options": ["Approve"], "params_input": {}})
            answered.add(tried)
        if time.monotonic() > ends:
            raise TimeoutError(f"{task_id} of {dag_id} has no answer that counts: it is {state}, try {tried}")
        time.sleep(0.3)


def _log(person: FacadeClient, dag_id: str, run: str, task_id: str) -> str:
    """What a task has told, a line each: the sandbox and its logs are deleted when the demonstration fails."""
    told = person.airflow("GET", f"/dags/{dag_id}/dagRuns/{run}/taskInstances/{task_id}/logs/1", headers={"Accept": "application/json"})
    return "\n".join(str(line["event"]) if isinstance(line, dict) else str(line) for line in told["content"])


@contextmanager
def _traffic(site: Site, settings: Settings, client: FacadeClient, seen: Cutovers, pause_seconds: float) -> Iterator[None]:
    """Postings through the facade, and native entries at both ERPs' screens once a second, until the block ends."""
    ended = threading.Event()
    today = datetime.now(UTC).date()
    ledgersmb, tryton = LedgerSmbBookkeeper(site, settings, "DE01"), TrytonPerson(site, settings, "DE01")

    def post() -> None:
        number, entities = 0, sorted(settings.regions[REGION].legal_entities)
        while not ended.wait(pause_seconds):
            number += 1
            events = [_entry(entities[number % len(entities)], number, today)]
            sent_at, began_at = datetime.now(UTC), time.monotonic()
            try:
                answers = client.post_events(events).json()["answers"]  # a batch of one
            except (requests.RequestException, KeyError, ValueError) as error:
                seen.findings.append(f"the facade did not take a posting: {error}")
                continue
            seen.answered.append((sent_at, time.monotonic() - began_at))
            seen.sent += len(events)
            seen.refused += sum(answer["verdict"] != "accepted" for answer in answers)

    def enter(erp: str, person: Any) -> None:
        number = 0
        while not ended.wait(1.0):
            number += 1
            try:
                amount = Decimal(number) / 100 + 3
                person.enter(today, f"Typed in, {erp} {number}", {"6100": amount, "1000": -amount})
            except (psycopg.Error, RuntimeError, requests.RequestException):
                seen.native[f"refused by {erp}"] += 1
            else:
                seen.native[erp] += 1

    region = settings.regions[REGION]
    threads = [
        threading.Thread(target=post),
        threading.Thread(target=enter, args=(region.legacy, ledgersmb)),
        threading.Thread(target=enter, args=(region.cloud, tryton)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _entry(legal_entity: str, number: int, on: date) -> dict[str, Any]:
    amount = str(Decimal(number) / 100 + 7)
    currency = {"DE01": "EUR", "UK01": "GBP"}[legal_entity]
    lines = [{"account": "5200", "debit": amount}, {"account": "2300", "credit": amount}]
    name = f"LIVE-{legal_entity}-{number}"
    data = {"number": name, "legal_entity": legal_entity, "accounting_date": on.isoformat(), "currency": currency, "lines": lines}
    return {"specversion": "1.0", "id": name.lower(), "source": "erp-desk", "type": "hybrid-erp.journal_entry.v1", "data": data}


def _owner(client: FacadeClient, period: str) -> str:
    rows = [row for row in client.get("/v1/ownership").json()["ownership"] if row["region"] == REGION and row["kind"] == "ledger"]
    return str(max((row for row in rows if row["from_period"] <= period), key=lambda row: row["from_period"])["owner"])


def _shadow(client: FacadeClient, settings: Settings, progress: Progress) -> None:
    """Capture what was posted natively until the end."""
    client.run(f"shadow_{settings.regions[REGION].cloud}", {}, progress)


def _ask_both(site: Site, settings: Settings, seen: Cutovers) -> None:
    books = DualRun()
    compare_books(books, read_books(site, load_settings(site.config), settings.regions[REGION].legal_entities), settings)
    seen.findings += books.findings


def _read_store(site: Site, seen: Cutovers) -> None:
    with psycopg.connect(site.cluster.dsn(DATABASE)) as connection:
        seen.steps = connection.execute(STEPS).fetchall()
        windows: list[tuple[Any, ...]] = connection.execute(WINDOWS).fetchall()
    seen.windows = [(direction, mode, round(Decimal((ended - frozen).total_seconds()), 1)) for direction, mode, frozen, ended in windows]
    freezes = [(frozen, ended) for _, _, frozen, ended in windows]
    for told, wanted in (("frozen", True), ("open", False)):
        took = sorted(1000 * seconds for at, seconds in seen.answered if any(began <= at <= ended for began, ended in freezes) == wanted)
        if len(took) > 1:
            seen.intake_ms |= {f"{told}_p50": statistics.median(took), f"{told}_p99": statistics.quantiles(took, n=100)[-1]}


def _judge(seen: Cutovers, settings: Settings, moves: Sequence[tuple[str, str, str]]) -> None:
    region = settings.regions[REGION]
    wanted = [(told, region.cloud if (dag, mode) == ("cutover", "live") else region.legacy) for dag, mode, told in moves]
    if seen.owners != wanted:
        seen.findings.append(f"the owners were {seen.owners}, should be {wanted}")
    if seen.refused:
        seen.findings.append(f"{seen.refused} of {seen.sent} postings were refused")
