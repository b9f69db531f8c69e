"""A cutover's evidence as people read it: the verdict first, then who said yes to what, and the figures."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hybrid_erp.model.cutover import Direction, Step
from hybrid_erp.model.money import ZERO
from hybrid_erp.web.report import template

Facts = Mapping[str, Any]
"""As the store tells them, each under the name of its part."""

#: What an outcome means, and whether it is what was asked for.
OUTCOMES: Final = {
    "switched": ("Moved", True, "The new owner owns what is named below."),
    "rehearsed": ("Rehearsed", True, "Everything up to the switch was done and found in order; then the old owner was opened again."),
    "released": ("Given up", False, "The region was frozen and opened again with its old owner. Nothing moved."),
    "refused": ("Refused", False, "It ended before anything was frozen. Nothing moved."),
    None: ("Not ended", False, "It is under way: what stands here is how far it has come."),
}
RECONCILIATIONS: Final = {
    "verification": "The verification, which began after the lock-out",
    "seen_by_approvers": "The reconciliation that the approvers saw",
}


def as_html(facts: Facts) -> str:
    """The summary. It names the part of the pack that holds each figure, and nothing outside the pack."""
    request = facts["request"]
    word, good, meaning = OUTCOMES[request["outcome"]]
    if request["outcome"] == "switched" and request["direction"] == Direction.ROLLBACK:
        word = "Moved back"
    page: str = template("evidence.html").render(
        facts=facts,
        request=request,
        verdict={"word": word, "good": good, "meaning": meaning},
        steps=[{**row, "words": _words(row["step"])} for row in facts["steps"]],
        checks=_checks(facts["preflight"]["evidence"]),
        reconciliations=[_reconciliation(facts, name, title) for name, title in RECONCILIATIONS.items()],
        evidence_text=json.dumps(facts["preflight"]["evidence"], indent=1, ensure_ascii=False, sort_keys=True, default=str),
    )
    return page


def _words(step: str) -> str:
    return Step(step).words if step in list(Step) else ""


def _checks(evidence: Any) -> list[Mapping[str, Any]]:
    """The preflight's checks, where the evidence has them in the form in which they are written."""
    checks = evidence.get("checks") if isinstance(evidence, Mapping) else None
    told = [
        each
        for each in (checks if isinstance(checks, list) else [])
        if isinstance(each, Mapping) and {"name", "verdict", "found"} <= each.keys()
    ]
    return [{"remedy": "", **each} for each in told]


def _reconciliation(facts: Facts, name: str, title: str) -> dict[str, Any]:
    head = facts.get(f"reconciliation/{name}/head")
    tables = {table: facts.get(f"reconciliation/{name}/{table}", ()) for table in ("entities", "trial_balance", "differences", "amounts")}
    entities = [_entity(entity, tables) for entity in tables["entities"]]
    figures = facts.get(f"reconciliation/{name}/evidence", ())
    return {"part": f"reconciliation/{name}", "title": title, "head": head, "entities": entities, "figures": figures}


def _entity(entity: Mapping[str, Any], tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    own = {name: [row for row in rows if row["legal_entity"] == entity["legal_entity"]] for name, rows in tables.items()}
    classes: dict[str, dict[str, Any]] = defaultdict(lambda: {"count": 0, "gross": ZERO, "debit": ZERO, "credit": ZERO})
    for difference in own["differences"]:
        classes[difference["class"]]["count"] += 1
        classes[difference["class"]]["gross"] += difference["gross"]
    for cell in own["amounts"]:
        classes[cell["class"]]["debit" if cell["amount"] > 0 else "credit"] += cell["amount"]
    return {
        **entity,
        "cells": len(own["trial_balance"]),
        "unequal": sum(bool(row["difference"]) for row in own["trial_balance"]),
        "classes": sorted(classes.items()),
    }
