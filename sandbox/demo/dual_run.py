"""The second act: EMEA is loaded into its cloud ERP and runs on two ERPs, until both agree to the cent.

A bookkeeper posts straight into each of them, one mapping is wrong and one period is closed in the cloud ERP: the reconciliation says so,
each in its class. Then everything is mended, and it passes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

import psycopg
import yaml

from hybrid_erp.model.money import ZERO
from hybrid_erp.settings import Settings, load_settings
from sandbox.demo.books import Books, read_books
from sandbox.demo.events import Event, Story
from sandbox.demo.facade import FacadeClient
from sandbox.demo.people import LedgerSmbBookkeeper, TrytonPerson
from sandbox.firm.firm import Firm
from sandbox.site import Site
from sandbox.store_setup import DATABASE

REGION: Final = "emea"
EVENTS: Final = 40
#: The cloud ERP's period that is closed too early, and the canonical account that the wrong mapping knows for some documents alone.
CLOSED_ON, WRONG_ACCOUNT = date(2026, 6, 15), "5200"
NATIVE_ON: Final = date(2026, 11, 19)
PATIENCE_SECONDS: Final = 300.0
COPIES: Final = "SELECT state, count(*) FROM outbox WHERE region = %s AND kind <> 'reference' GROUP BY state"
DONE: Final = frozenset({"posted", "cancelled", "dead_lettered"})

Progress = Callable[[str], None]


@dataclass(slots=True)
class DualRun:
    """What was seen of the second act."""

    first: dict[str, Any] = field(default_factory=dict)
    """The reconciliation that finds everything."""
    second: dict[str, Any] = field(default_factory=dict)
    """The one after all was mended."""
    dead_letters: int = 0
    balances: dict[str, dict[str, dict[str, Decimal]]] = field(default_factory=dict)
    """By legal entity and ERP, in canonical accounts, as the ERPs themselves say."""
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)


def begin_load(client: FacadeClient) -> str:
    """Let Airflow load the region; the id of its run."""
    return client.begin(f"load_{REGION}", {"dry_run": False})


def run_on_two_erps(site: Site, client: FacadeClient, story: Story, loading: str, progress: Progress) -> DualRun:
    """Wait for the load, run on two ERPs, reconcile, mend, reconcile; then ask both ERPs."""
    began_at, seen = time.monotonic(), DualRun()
    settings = load_settings(site.config)
    region = settings.regions[REGION]
    ledgersmb, tryton = LedgerSmbBookkeeper(site, settings, "DE01"), TrytonPerson(site, settings, "DE01")
    client.end("load_emea", loading, progress)
    progress(f"{REGION.upper()} is loaded into {region.cloud}, which holds the same to the cent: the dual run begins")
    client.run("dual_run_emea", {"step": "start", "reason": "loaded and verified", "dry_run": False}, progress)
    client.run("dual_run_emea", {"step": "raise_share", "share_percent": 100, "reason": "demonstration", "dry_run": False}, progress)
    progress(f"a mapping is made wrong, {CLOSED_ON:%B} is closed in {region.cloud}, and a bookkeeper posts straight into both ERPs")
    right = _spoil(site, region.cloud)
    tryton.close_period(CLOSED_ON)
    ledgersmb.enter(NATIVE_ON, "Bank charges, typed in", {"6100": Decimal("48.20"), "1000": Decimal("-48.20")})
    tryton.enter(NATIVE_ON, "Petty cash, typed in", {"6100": Decimal("19.99"), "1000": Decimal("-19.99")})
    answers = client.post_events([*_fresh(story), _late_entry()]).json()["answers"]
    if refused := [answer for answer in answers if answer["verdict"] != "accepted"]:
        seen.findings.append(f"{len(refused)} events of the second act were not accepted: {refused[0]}")
    wait_until_done(site, progress)
    seen.dead_letters = _states(site)["dead_lettered"]
    progress("reconciling: everything that is wrong must be found")
    seen.first = _reconcile(client, progress, passes=False)
    progress("mending: the mapping, the period, what becomes of native documents; then the dead letters are sent again")
    _mend(site, region.cloud, right)
    tryton.reopen_period(CLOSED_ON)
    client.run("shadow_tryton-emea", {}, progress)  # reads what was flagged once more
    client.run("replay_dead_letters", {"region": REGION, "reason": "mapping and period mended", "dry_run": False}, progress)
    wait_until_done(site, progress)
    progress("reconciling again")
    seen.second = _reconcile(client, progress, passes=True)
    progress("asking both ERPs for their trial balances")
    compare_books(seen, read_books(site, load_settings(site.config)), settings)
    _judge(seen)
    seen.seconds = time.monotonic() - began_at
    return seen


def _fresh(story: Story) -> list[Event]:
    """What happened in EMEA that was not told in the first act."""
    told = {(event["source"], event["id"]) for event in story.events}
    more = Firm().story(400, legal_entities=("DE01", "UK01"))
    return [event for event in more if (event["source"], event["id"]) not in told][:EVENTS]


def _late_entry() -> Event:
    """An entry of a month that the cloud ERP has closed, and the legacy ERP has not."""
    lines = [{"account": "6100", "debit": "310.00"}, {"account": "2300", "credit": "310.00"}]
    data = {"number": "ACCRUAL-JUNE", "legal_entity": "DE01", "accounting_date": CLOSED_ON.isoformat(), "currency": "EUR", "lines": lines}
    return {"specversion": "1.0", "id": "accrual-june", "source": "erp-desk", "type": "hybrid-erp.journal_entry.v1", "data": data}


def _spoil(site: Site, erp: str) -> str:
    """Let the mapping know the account for every document but an expense, and flag native documents; the right mapping's text."""
    file = site.config / "mappings" / f"{erp}.yaml"
    right = file.read_text()
    content = yaml.safe_load(right)
    for rule in content["accounts"]:
        if rule["canonical"] == WRONG_ACCOUNT:
            rule["document_types"] = ["journal_entry", "opening_balance"]
    content["version"] += "-wrong"
    file.write_text(yaml.safe_dump(content))
    _capture(site, "flag")
    return right


def _mend(site: Site, erp: str, right: str) -> None:
    (site.config / "mappings" / f"{erp}.yaml").write_text(right)
    _capture(site, "capture")


def _capture(site: Site, policy: str) -> None:
    file = site.config / "regions" / f"{REGION}.yaml"
    content = yaml.safe_load(file.read_text())
    content["plan"]["capture"] = {"legacy": policy, "cloud": policy}
    file.write_text(yaml.safe_dump(content, sort_keys=False))


def _reconcile(client: FacadeClient, progress: Progress, *, passes: bool) -> dict[str, Any]:
    client.run(f"reconcile_{REGION}", {}, progress, succeeds=passes)
    listed = client.get(f"/v1/reconciliations?region={REGION}").json()
    newest = listed["reconciliations"][0]
    return dict(client.get(f"/v1/reconciliations/{newest['reconciliation_id']}").json())


def _states(site: Site) -> Counter[str]:
    with psycopg.connect(site.cluster.dsn(DATABASE)) as connection:
        return Counter({str(state): int(str(count)) for state, count in connection.execute(COPIES, (REGION,)).fetchall()})


def wait_until_done(site: Site, progress: Progress) -> None:
    """Until everything of the region is posted, or waits for a person."""
    began_at = told_at = time.monotonic()
    while set(states := _states(site)) - DONE:
        if time.monotonic() - began_at > PATIENCE_SECONDS:
            raise TimeoutError(f"after {PATIENCE_SECONDS:.0f} s postings of {REGION} are still open: {dict(states)}")
        if time.monotonic() - told_at > 3:
            progress(", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(states.items())))
            told_at = time.monotonic()
        time.sleep(0.25)


def compare_books(seen: DualRun, books: list[Books], settings: Settings) -> None:
    region = settings.regions[REGION]
    for each in books:
        if each.legal_entity in region.legal_entities:
            seen.balances.setdefault(each.legal_entity, {})[each.erp] = each.balances
            twice = [key for key, count in each.keys.items() if count > 1]
            if twice:
                seen.findings.append(f"{each.erp} {each.legal_entity} holds {twice[0]} more than once")
    for legal_entity, by_erp in seen.balances.items():
        legacy, cloud = by_erp[region.legacy], by_erp[region.cloud]
        for account in sorted({*legacy, *cloud}):
            if (one := legacy.get(account, ZERO)) != (other := cloud.get(account, ZERO)):
                seen.findings.append(f"{legal_entity} account {account}: {region.legacy} {one}, {region.cloud} {other}")


def differences_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    """What a reconciliation found, of all legal entities; without what moves no money and the plan lets pass."""
    return [
        {"legal_entity": entity["legal_entity"]} | each
        for entity in result.get("entities", ())
        for each in entity["differences"]
        if not each["ignored"]
    ]


def _judge(seen: DualRun) -> None:
    classes = {each["class"] for each in differences_of(seen.first)}
    for wanted in ("mapping_gap", "dead_letter", "native_in_legacy", "native_in_cloud"):
        if wanted not in classes:
            seen.findings.append(f"the first reconciliation shows no {wanted}")
    if "unexplained" in classes:
        seen.findings.append("the first reconciliation leaves something unexplained")
    if not seen.second.get("passed"):
        seen.findings.append("the second reconciliation did not pass")
