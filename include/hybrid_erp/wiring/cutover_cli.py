"""`hybrid-erp cutover ...` and `hybrid-erp close-reverse`: what a person does about a region's move outside Airflow."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def add_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands. They reach store and ERPs by Airflow's Connections, as the tasks do."""
    show = command("cutover", _show, "Show the cutovers that are under way or who was locked out, or release or open one.", store=False)
    show.add_argument("act", nargs="?", choices=("show", "lock-outs", "release", "open"), default="show")
    show.add_argument("region", nargs="?")
    close = command("close-reverse", _close, "Close a region's way back to its legacy ERP, for good.", store=False)
    close.add_argument("region")
    close.add_argument("--dry-run", action="store_true", help="say which criteria hold, and change nothing")
    for named in (show, close):
        named.add_argument("--by", help="the person who decides, for the audit trail")
        named.add_argument("--reason", help="goes to the audit trail")


def _show(options: argparse.Namespace) -> int:
    from hybrid_erp.wiring.moves import cutovers_under_way, lock_out_history, release_by_hand

    if options.act == "show":
        for each in cutovers_under_way(options.region):
            state = "its freeze has ended by itself" if each.lapsed else ("frozen by it" if each.active else "not begun")
            print(f"{each.region}: {each.mode} {each.direction} asked for by {each.requested_by} at {each.requested_at:%F %T} UTC: "
                  f"{each.phase}, {state}. {each.cutover_id}")  # fmt: skip
        return 0
    if options.act == "lock-outs":
        _require(options, "region")
        for event in lock_out_history(options.region):
            print(event)
        return 0
    _require(options, "region", "by", "reason")
    found = release_by_hand(options.region, by=options.by, reason=options.reason, anyway=options.act == "open")
    print(", ".join(f"{name} {value}" for name, value in found.items()))
    return 0


def _close(options: argparse.Namespace) -> int:
    from hybrid_erp.wiring.moves import close_reverse, hypercare_of

    found = hypercare_of(options.region)
    for each in found:
        print(each)
    if options.dry_run:
        return 0 if all(each.holds for each in found) else 1
    _require(options, "by", "reason")
    close_reverse(options.region, by=options.by, reason=options.reason)
    print(f"The way back of {options.region} is closed.")
    return 0


def _require(options: argparse.Namespace, *names: str) -> None:
    terms: dict[str, Any] = vars(options)
    if lacking := [name for name in names if not terms[name]]:
        raise OSError(f"{', '.join(lacking)} must be given")
