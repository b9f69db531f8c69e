"""The board of a region's move: where it is, what stands in the way, who said yes, and its plan against what was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse, Response

from hybrid_erp.model.ownership import Phase
from hybrid_erp.operations.cutover.forecast import Forecast, forecast, plan_of
from hybrid_erp.web.description import Name
from hybrid_erp.web.evidence import OUTCOMES
from hybrid_erp.web.reconciliations import CLOSED
from hybrid_erp.web.report import as_json, template

#: Instants of a move, in their order.
TIMELINE = ("requested", "frozen", "drained", "locked", "verified", "switched", "ended")


class BoardReads(Protocol):
    """What the store can be asked. Rows as they are answered."""

    def region(self, region: str) -> Mapping[str, Any] | None:
        """A region with its moves; None if nobody owns it."""


def add_cutovers(api: FastAPI, run: Any) -> None:
    """Add the routes. `run` does blocking work on the facade in a thread."""

    async def board(region: str) -> dict[str, Any]:
        found: Mapping[str, Any] | None = await run(lambda facade: facade.board.region(region))
        if found is None:
            raise HTTPException(404, f"There is no region {region}.")
        watched = any(each["phase"] == Phase.HYPERCARE for each in found["ownership"])
        criteria = await run(lambda facade: facade.hypercare(region)) if watched else ()
        hypercare = [{"wanted": each.wanted, "found": each.found, "holds": each.holds} for each in criteria]
        return {**found, "hypercare": hypercare, "cutovers": [_move(each, found["at"]) for each in found["cutovers"]]}

    @api.get("/v1/cutovers/{region}")
    async def cutovers(region: Name) -> Response:
        """A region's moves, what stands in the way, and each move's plan against what was."""
        return Response(as_json(_without_forecasts(await board(region))), media_type="application/json")

    @api.get("/cutovers/{region}", response_class=HTMLResponse)
    async def page(region: Name) -> Response:
        """The board of a region's move, as a page."""
        found = await board(region)
        words = {outcome: word for outcome, (word, _, _) in OUTCOMES.items()}
        html: str = await run(lambda facade: template("board.html").render(board=found, words=words, timeline=TIMELINE))
        return HTMLResponse(html, headers=CLOSED)


def _move(row: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """A move with its forecast: as of now while it is under way, as of its end afterwards."""
    told = {name: value for name, value in row.items() if name not in ("history", "runs")}
    times = {"frozen_at": row["frozen_at"], "freeze_seconds_max": row["freeze_seconds_max"]}
    return told | {"forecast": forecast(plan_of(row["history"]), row["runs"], at=row["ended_at"] or at, **times)}


def _without_forecasts(board: Mapping[str, Any]) -> dict[str, Any]:
    return {**board, "cutovers": [{**each, "forecast": _told(each["forecast"])} for each in board["cutovers"]]}


def _told(expected: Forecast) -> dict[str, Any]:
    return {
        "at": expected.at,
        "ends_at_p50": expected.ends_at_p50,
        "ends_at_p90": expected.ends_at_p90,
        "turn_back_at": expected.turn_back_at,
        "should_turn_back": expected.should_turn_back,
        "without_history": list(expected.without_history),
        "steps": [
            {
                "step": each.step,
                "p50_seconds": each.plan.p50_seconds if each.plan else None,
                "p90_seconds": each.plan.p90_seconds if each.plan else None,
                "runs": each.plan.runs if each.plan else 0,
                "actual_seconds": each.actual_seconds,
                "is_under_way": each.is_under_way,
                "deviation_seconds": each.deviation_seconds,
                "is_late": each.is_late,
            }
            for each in expected.steps
        ],
    }
