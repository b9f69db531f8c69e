"""The report of the demonstration: what was sent, where it went, and whether the ERPs' books are right to the cent."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE
from hybrid_erp.model.money import ZERO
from hybrid_erp.settings import Settings
from sandbox.demo.books import Books
from sandbox.demo.cutover import Cutovers
from sandbox.demo.cutover_report import cutover_figures, show_cutovers
from sandbox.demo.dual_run import DualRun, differences_of
from sandbox.demo.events import Story

RESULT: Final = Path("build/demo.json")


@dataclass(frozen=True, slots=True)
class Demonstration:
    """All that was seen."""

    story: Story
    answers: list[dict[str, Any]]
    before: list[Books]
    after: list[Books]
    states: list[tuple[Any, ...]]
    ownership: list[dict[str, Any]]
    retries: dict[str, int]
    settled_seconds: float
    seconds: float


@dataclass(slots=True)
class Verdict:
    """What the ERPs' own answers prove, and every way in which they are not as they should be."""

    expected: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """Keys by ERP and legal entity."""
    balances: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    """The canonical trial balance by legal entity: from the events alone, by the posting rules."""
    findings: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Nothing to find."""
        return not self.findings


def judge(seen: Demonstration, settings: Settings) -> Verdict:
    """Hold the ERPs' books against what was sent. Our own store is not asked."""
    verdict = Verdict()
    _expect(seen, settings, verdict)
    totals: dict[tuple[str, str], dict[str, Decimal]] = {}
    for books, before in zip(seen.after, seen.before, strict=True):
        place = (books.erp, books.legal_entity)
        accounts = {*books.balances, *before.balances}
        moved = {account: books.balances.get(account, ZERO) - before.balances.get(account, ZERO) for account in accounts}
        totals[place] = {account: amount for account, amount in moved.items() if amount}
        expected = verdict.expected.get(place, set())
        for key, count in books.keys.items():
            if count > 1:
                verdict.findings.append(f"{books.erp} {books.legal_entity} holds {key} {count} times")
            if key not in expected:
                verdict.findings.append(f"{books.erp} {books.legal_entity} holds {key}, which is not its own")
        verdict.findings += [f"{books.erp} {books.legal_entity} lacks {key}" for key in sorted(expected - set(books.keys))]
    _compare_balances(totals, settings, verdict)
    _compare_refusals(seen, verdict)
    return verdict


def _owner(settings: Settings, legal_entity: str) -> str:
    return settings.regions[settings.region_of[legal_entity]].first_owner


def _expect(seen: Demonstration, settings: Settings, verdict: Verdict) -> None:
    balances: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(lambda: ZERO))
    for place, (event, answer) in enumerate(zip(seen.story.events, seen.answers, strict=True)):
        if place in seen.story.mistakes or answer["verdict"] != "accepted":
            continue
        document = DOCUMENTS_BY_TYPE[event["type"]].model_validate(event["data"])
        for legal_entity in document.legal_entities:
            erp = _owner(settings, legal_entity)
            if document.document_type not in settings.erps[erp].not_kept:
                verdict.expected[erp, legal_entity].add(answer["posting_id"])
        if booking := settings.firm.booking_of(document):
            for line in booking.lines:
                balances[booking.legal_entity][line.account] += line.functional_amount
    verdict.balances = {code: {account: amount for account, amount in found.items() if amount} for code, found in balances.items()}


def _compare_balances(totals: dict[tuple[str, str], dict[str, Decimal]], settings: Settings, verdict: Verdict) -> None:
    for (erp, legal_entity), found in totals.items():
        expected = verdict.balances.get(legal_entity, {}) if erp == _owner(settings, legal_entity) else {}
        for account in sorted({*expected, *found}):
            if (wanted := expected.get(account, ZERO)) != (got := found.get(account, ZERO)):
                verdict.findings.append(f"{erp} {legal_entity} account {account}: {got}, should be {wanted}")


def _compare_refusals(seen: Demonstration, verdict: Verdict) -> None:
    expected = {"duplicate": "duplicate", "closed period": "accepted"}
    for place, answer in enumerate(seen.answers):
        mistake = seen.story.mistakes.get(place)
        wanted = "accepted" if mistake is None else expected.get(mistake, "refused")
        if answer["verdict"] != wanted:
            code = answer.get("problem", {}).get("detail", "")
            verdict.findings.append(f"event {place} ({mistake or 'in order'}) was {answer['verdict']}, should be {wanted}. {code}")
    closed = sum(mistake == "closed period" for mistake in seen.story.mistakes.values())
    dead = sum(row[4] for row in seen.states if row[3] == "dead_lettered")
    if dead != closed:
        reasons = "; ".join(str(row[5]) for row in seen.states if row[3] == "dead_lettered")
        verdict.findings.append(f"{dead} dead letters, should be {closed}: {reasons}")


def show(seen: Demonstration, verdict: Verdict, dual_run: DualRun, cutovers: Cutovers, seconds: float) -> None:
    """Print it for a person, write it for a program."""
    console = Console(width=max(Console().width, 132))
    console.print()
    console.rule("[bold]Hybrid ERP: two ERPs, one facade")
    _show_events(console, seen)
    _show_states(console, seen)
    _show_books(console, seen, verdict)
    if seen.retries:
        told = ", ".join(f"{dag} {count}" for dag, count in sorted(seen.retries.items()))
        console.print(f"While Tryton was cut off, Airflow showed it as retries: {told}.")
    for finding in verdict.findings[:30]:
        console.print(f"[red]WRONG[/red] {finding}")
    if verdict.passed:
        keys = sum(map(len, verdict.expected.values()))
        console.print(
            f"[green]Right:[/green] {keys} documents, each exactly once and only in the ERP that owns it; every trial balance to the cent."
        )
    _show_dual_run(console, dual_run)
    show_cutovers(console, cutovers)
    console.print(
        f"Settled {seen.settled_seconds:.0f} s after the last event and the mended line; {seconds:.0f} s in all. {RESULT} has the figures."
    )
    RESULT.parent.mkdir(exist_ok=True)
    figures = _figures(seen, verdict, seconds) | {"dual_run": _dual_run_figures(dual_run), "cutovers": cutover_figures(cutovers)}
    RESULT.write_text(json.dumps(figures, indent=1, default=str))


def _show_events(console: Console, seen: Demonstration) -> None:
    table = Table("sent", "events", "answer", title="What was sent, and what the facade answered", title_justify="left")
    rows = Counter(
        (seen.story.mistakes.get(place, "in order"), answer.get("problem", {}).get("code") or answer["verdict"])
        for place, answer in enumerate(seen.answers)
    )
    for (what, answer), count in sorted(rows.items()):
        table.add_row(what, str(count), answer)
    console.print(table)


def _show_states(console: Console, seen: Demonstration) -> None:
    names = ("posted", "waiting", "dead_lettered", "cancelled")
    titles = ("region", "kind", "ERP", "accepted", "posted", "waiting", "dead letters", "not kept there")
    table = Table(*titles, title="Where the postings are", title_justify="left")
    rows: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for region, kind, erp, state, count, _ in seen.states:
        rows[region, kind, erp][state if state in names else "waiting"] += count
    for place, counts in sorted(rows.items()):
        table.add_row(*place, str(sum(counts.values())), *(str(counts[name] or "-") for name in names))
    console.print(table)


def _show_books(console: Console, seen: Demonstration, verdict: Verdict) -> None:
    titles = ("ERP", "company", "documents of ours", "twice", "foreign", "missing", "debits", "trial balance off by")
    table = Table(*titles, title="What the ERPs themselves hold", title_justify="left")
    for books in seen.after:
        expected = verdict.expected.get((books.erp, books.legal_entity), set())
        twice = sum(count > 1 for count in books.keys.values())
        foreign, missing = len(set(books.keys) - expected), len(expected - set(books.keys))
        debits = sum((amount for amount in books.balances.values() if amount > 0), ZERO)
        wrong = [finding for finding in verdict.findings if finding.startswith(f"{books.erp} {books.legal_entity} account")]
        difference = "0.00" if not wrong else f"{len(wrong)} accounts"
        table.add_row(
            books.erp, books.legal_entity, str(len(books.keys)), str(twice), str(foreign), str(missing), f"{debits:,.2f}", difference
        )
    console.print(table)


def _figures(seen: Demonstration, verdict: Verdict, seconds: float) -> dict[str, Any]:
    books: Sequence[dict[str, Any]] = [
        {"erp": each.erp, "legal_entity": each.legal_entity, "documents": len(each.keys), "balances": each.balances} for each in seen.after
    ]
    states = [dict(zip(("region", "kind", "erp", "state", "postings"), row[:5], strict=True)) for row in seen.states]
    return {
        "passed": verdict.passed,
        "findings": verdict.findings,
        "sent": len(seen.story.events),
        "answers": Counter(answer["verdict"] for answer in seen.answers),
        "states": states,
        "books": books,
        "canonical": verdict.balances,
        "airflow_retries": seen.retries,
        "seconds": round(seconds, 1),
    }


def _show_dual_run(console: Console, seen: DualRun) -> None:
    title = "EMEA on two ERPs: what the reconciliation found, and after it was mended"
    table = Table("legal entity", "class", "differences", "amount", "after mending", title=title, title_justify="left")
    first, second = _by_class(seen.first), _by_class(seen.second)
    for place in sorted({*first, *second}):
        count, amount = first.get(place, (0, ZERO))
        left = second.get(place, (0, ZERO))[0]
        table.add_row(*place, str(count or "-"), f"{amount:,.2f}", str(left or "-"))
    console.print(table)
    for legal_entity, by_erp in sorted(seen.balances.items()):
        debits = {erp: sum((each for each in balances.values() if each > 0), ZERO) for erp, balances in by_erp.items()}
        told = ", ".join(f"{erp} {amount:,.2f}" for erp, amount in debits.items())
        console.print(f"{legal_entity}: debits by the ERPs' own word: {told}.")
    for finding in seen.findings[:30]:
        console.print(f"[red]WRONG[/red] {finding}")
    if not seen.findings:
        console.print(
            f"[green]Right:[/green] every difference was found in its class; {seen.dead_letters} copies were mended and sent again; "
            "then both ERPs agreed to the cent, with nothing unexplained."
        )


def _by_class(result: dict[str, Any]) -> dict[tuple[str, str], tuple[int, Decimal]]:
    found: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for difference in differences_of(result):
        place = (difference["legal_entity"], difference["class"])
        count, amount = found.get(place, (0, ZERO))
        found[place] = (count + 1, amount + Decimal(difference["gross"]))
    return found


def _dual_run_figures(seen: DualRun) -> dict[str, Any]:
    def classes(result: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"legal_entity": legal_entity, "class": name, "differences": count, "amount": amount}
            for (legal_entity, name), (count, amount) in sorted(_by_class(result).items())
        ]

    return {
        "passed": not seen.findings,
        "findings": seen.findings,
        "first_reconciliation": classes(seen.first),
        "second_reconciliation": classes(seen.second),
        "mended_dead_letters": seen.dead_letters,
        "balances": seen.balances,
        "seconds": round(seen.seconds, 1),
    }
