"""Reconciliations for people and programs: a list, each result as JSON or a table for a spreadsheet, and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Protocol
from uuid import UUID

from fastapi import FastAPI, HTTPException, Path, Query
from fastapi.responses import HTMLResponse, Response

from hybrid_erp.web.description import Name
from hybrid_erp.web.report import TABLES, as_csv, as_html, as_json

#: The page has no script, no picture and nothing from elsewhere.
CLOSED: Final = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "X-Content-Type-Options": "nosniff"}
_CSV: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
_TABLE: Final = f"^({'|'.join(TABLES)})$"


class ReconciliationReads(Protocol):
    """What the store can be asked. Rows as they are answered."""

    def latest(self, region: str | None = None, limit: int = 50) -> Sequence[Mapping[str, Any]]:
        """The latest reconciliations, without what they found."""

    def result(self, reconciliation_id: UUID) -> Mapping[str, Any] | None:
        """All that one found."""


def add_reconciliations(api: FastAPI, run: Any) -> None:
    """Add the routes. `run` does blocking work on the facade in a thread."""

    async def result(reconciliation_id: UUID) -> Mapping[str, Any]:
        found: Mapping[str, Any] | None = await run(lambda facade: facade.reconciliations.result(reconciliation_id))
        if found is None:
            raise HTTPException(404, f"There is no reconciliation {reconciliation_id}.")
        return found

    @api.get("/v1/reconciliations")
    async def reconciliations(region: Name | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Response:
        """The latest reconciliations, newest first, with their verdicts."""
        rows = await run(lambda facade: facade.reconciliations.latest(region, limit))
        return Response(as_json({"reconciliations": rows}), media_type="application/json")

    @api.get("/v1/reconciliations/{reconciliation_id}")
    async def reconciliation(reconciliation_id: UUID) -> Response:
        """All that a reconciliation found; amounts are text."""
        return Response(as_json(await result(reconciliation_id)), media_type="application/json")

    @api.get("/v1/reconciliations/{reconciliation_id}/{table}.csv", responses=_CSV, response_class=Response)
    async def table(reconciliation_id: UUID, table: Annotated[str, Path(pattern=_TABLE)]) -> Response:
        """One table of a result for a spreadsheet."""
        name = f"reconciliation-{reconciliation_id}-{table}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(as_csv(await result(reconciliation_id), table), media_type="text/csv; charset=utf-8", headers=headers)

    @api.get("/reconciliations/{reconciliation_id}", response_class=HTMLResponse)
    async def report(reconciliation_id: UUID) -> Response:
        """The report for a controller, as a page."""
        found = await result(reconciliation_id)
        page = await run(lambda facade: as_html(found, facade.document_link, facade.account_names))
        return HTMLResponse(page, headers=CLOSED)
