"""The third act in the demonstration's report: a timeline of each run, and what both ERPs said afterwards."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from sandbox.demo.cutover import Cutovers

#: Of the bars of a timeline, in characters for one second.
WIDTH: Final = 1
LONGEST: Final = 40


def show_cutovers(console: Console, seen: Cutovers) -> None:
    """Print it for a person."""
    runs: dict[tuple[str, str, str], list[tuple[Any, ...]]] = defaultdict(list)
    for run, row in _numbered(seen.steps):
        runs[run].append(row)
    for (place, direction, mode), rows in runs.items():
        owner = seen.owners[int(place)][1] if int(place) < len(seen.owners) else "?"
        table = Table(
            "step", "after", "took", "", "came to", title=f"EMEA: {mode} {direction}; afterwards {owner} owns", title_justify="left"
        )
        for _, _, step, after, seconds, outcome, _ in rows:
            bar = "█" * min(LONGEST, max(1, round(float(seconds or 0) * WIDTH)))
            table.add_row(step, f"{after} s", f"{seconds} s", bar, outcome or "")
        console.print(table)
    for direction, mode, window in seen.windows:
        console.print(f"{mode} {direction}: frozen for {window} s, from the freeze to the release.")
    if len(ms := seen.intake_ms) == 4:
        console.print(
            f"The facade answered while EMEA was frozen in {ms['frozen_p50']:.0f} ms (99 of 100 within {ms['frozen_p99']:.0f} ms), "
            f"otherwise in {ms['open_p50']:.0f} ms ({ms['open_p99']:.0f} ms)."
        )
    natives = ", ".join(f"{erp} {count}" for erp, count in sorted(seen.native.items()))
    console.print(f"Meanwhile {seen.sent} postings were accepted, {seen.refused} refused. Typed into the ERPs' own screens: {natives}.")
    for finding in seen.findings[:30]:
        console.print(f"[red]WRONG[/red] {finding}")
    if not seen.findings:
        console.print(
            "[green]Right:[/green] rehearsed, cut over, rolled back and cut over again under traffic; nothing refused, nothing lost, "
            "nothing twice; both ERPs' trial balances are equal to the cent."
        )


def _numbered(steps: list[tuple[Any, ...]]) -> list[tuple[tuple[str, str, str], tuple[Any, ...]]]:
    """Each step with the run that it belongs to: a new run begins with a preflight."""
    found, place = [], -1
    for row in steps:
        place += row[2] == "preflight"
        found.append(((str(place), row[0], row[1]), row))
    return found


def cutover_figures(seen: Cutovers) -> dict[str, Any]:
    """For a program."""
    names = ("direction", "mode", "step", "after_seconds", "seconds", "step_outcome", "outcome")
    return {
        "passed": not seen.findings,
        "findings": seen.findings,
        "steps": [dict(zip(names, row, strict=True)) for row in seen.steps],
        "frozen_seconds": [{"direction": direction, "mode": mode, "seconds": window} for direction, mode, window in seen.windows],
        "intake_ms": {name: round(value, 1) for name, value in seen.intake_ms.items()},
        "owners": [{"after": told, "owner": owner} for told, owner in seen.owners],
        "postings_sent": seen.sent,
        "postings_refused": seen.refused,
        "native": dict(seen.native),
        "seconds": round(seen.seconds, 1),
    }
