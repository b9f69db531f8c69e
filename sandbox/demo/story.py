"""The story: 300 events over HTTP while Airflow delivers and one ERP is cut off for a while; then the ERPs are asked."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg

from hybrid_erp.settings import Settings, load_settings
from sandbox.demo.books import read_books
from sandbox.demo.cutover import move_region
from sandbox.demo.dual_run import REGION, begin_load, run_on_two_erps
from sandbox.demo.events import Event, Story, the_story
from sandbox.demo.facade import FacadeClient
from sandbox.demo.report import Demonstration, judge, show
from sandbox.fault_proxy import Fault
from sandbox.site import Site, running_site
from sandbox.store_setup import DATABASE

BATCH: Final = 30
CUT_AFTER_BATCH, MENDED_AFTER_SECONDS = 2, 8.0
PATIENCE_SECONDS: Final = 240.0
OPEN: Final = """
    SELECT state, count(*) FROM outbox WHERE role = 'control' AND (%(region)s::text IS NULL OR region = %(region)s) GROUP BY state
"""
OPEN_STATES: Final = frozenset({"waiting", "claimed", "working", "draft", "partly_posted", "in_doubt"})

Progress = Callable[[str], None]


def tell(progress: Progress) -> int:
    """Run the demonstration; 0 if the ERPs hold exactly what they should."""
    began_at = time.monotonic()
    with running_site(f"demo-{os.getpid()}", progress, airflow=True, faulty_lines=True, own_config=True) as site:
        settings, story = load_settings(site.config), the_story()
        before = read_books(site, settings)
        client = FacadeClient(site, "lead")
        client.wait_until_listening()
        progress(f"sending {len(story.events)} events, {len(story.mistakes)} of them wrong, in batches of {BATCH}")
        answers = _send(site, client, story, progress)
        sent_at = time.monotonic()
        _wait_until_settled(site, progress, REGION)
        progress(f"{REGION.upper()} is settled: asking its ERPs what they hold, and loading it into its cloud ERP")
        moving, staying = _parted(settings)
        after = read_books(site, settings, moving)
        loading = begin_load(client)
        _wait_until_settled(site, progress)
        settled_seconds = time.monotonic() - sent_at
        progress("asking the other ERPs what they hold: LedgerSMB by SQL, Tryton over HTTP")
        after += read_books(site, settings, staying)
        demonstration = Demonstration(
            story=story,
            answers=answers,
            before=before,
            after=sorted(
                after, key=lambda books: [(each.erp, each.legal_entity) for each in before].index((books.erp, books.legal_entity))
            ),
            states=_states_by_region(site),
            ownership=client.get("/v1/ownership").json()["ownership"],
            retries=client.retries(),
            settled_seconds=settled_seconds,
            seconds=time.monotonic() - began_at,
        )
        verdict = judge(demonstration, settings)
        dual_run = run_on_two_erps(site, client, story, loading, progress)
        cutovers = move_region(site, client, progress)
        progress("stopping everything")
    show(demonstration, verdict, dual_run, cutovers, time.monotonic() - began_at)
    return 0 if verdict.passed and not dual_run.findings and not cutovers.findings else 1


def _send(site: Site, client: FacadeClient, story: Story, progress: Progress) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    batches: Sequence[Sequence[Event]] = [story.events[start : start + BATCH] for start in range(0, len(story.events), BATCH)]
    cut_at: float | None = None
    for number, batch in enumerate(batches):
        if number == CUT_AFTER_BATCH:
            progress("cutting the line to Tryton: connections are refused")
            site.line("tryton").behave(Fault.REFUSE)
            cut_at = time.monotonic()
        answers += client.post_events(list(batch)).json()["answers"]
        progress(
            f"sent {len(answers)}: " + ", ".join(f"{count} {verdict}" for verdict, count in Counter(a["verdict"] for a in answers).items())
        )
    assert cut_at is not None
    while (left := cut_at + MENDED_AFTER_SECONDS - time.monotonic()) > 0:
        time.sleep(min(left, 3))
        progress("Tryton is cut off; " + _in_words(_states(site)))
    site.line("tryton").behave(Fault.PASS)
    progress("the line to Tryton is mended")
    return answers


def _parted(settings: Settings) -> tuple[frozenset[str], frozenset[str]]:
    """The legal entities of the region that moves, and all others."""
    moving = frozenset(settings.regions[REGION].legal_entities)
    return moving, frozenset(settings.region_of) - moving


def _wait_until_settled(site: Site, progress: Progress, region: str | None = None) -> None:
    began_at = time.monotonic()
    told_at = 0.0
    while OPEN_STATES & set(states := _states(site, region)):
        if time.monotonic() - began_at > PATIENCE_SECONDS:
            reason = f"after {PATIENCE_SECONDS:.0f} s postings are still open: {_in_words(states)}"
            raise TimeoutError(f"{reason}. Look at the deliver DAGs' logs in {site.folder}/airflow/logs, or run `make up` and try there.")
        if time.monotonic() - told_at > 3:
            progress(_in_words(states))
            told_at = time.monotonic()
        time.sleep(0.25)
    progress(_in_words(_states(site, region)))


def _states(site: Site, region: str | None = None) -> dict[str, int]:
    with psycopg.connect(site.cluster.dsn(DATABASE)) as connection:
        return {str(state): int(str(count)) for state, count in connection.execute(OPEN, {"region": region}).fetchall()}


def _states_by_region(site: Site) -> list[tuple[Any, ...]]:
    with psycopg.connect(site.cluster.dsn(DATABASE)) as connection:
        return connection.execute(
            """
            SELECT o.region, o.kind, coalesce(d.erp, '-'), o.state, count(*), min(o.reason) FROM outbox o
            LEFT JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity
                                 AND d.role <> 'candidate'
            WHERE o.role = 'control' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
            """
        ).fetchall()


def _in_words(states: dict[str, int]) -> str:
    return ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(states.items()))
