"""What became of a source's postings, as a feed of CloudEvents that goes on where its reader stopped."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Annotated, Any, Final, Protocol

from fastapi import Depends, FastAPI, Query
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BeforeValidator

from hybrid_erp.model.errors import CursorRefusedError
from hybrid_erp.model.outcomes import Page
from hybrid_erp.web.callers import Caller
from hybrid_erp.web.problems import problem_response

OUTCOMES_MAX: Final = 1000
#: When to ask again, once there is nothing more.
ASK_AGAIN_SECONDS: Final = 5
#: A source's name, as the envelope allows it.
SOURCE: Final = r"^[\x21-\x7e]+$"


def _written_out(text: Any) -> Any:
    """A bare number could be seconds or milliseconds since 1970, or a slip."""
    if isinstance(text, str) and "T" not in text:
        raise ValueError("an instant is written out, as in 2026-01-31T12:00:00Z")
    return text


Instant = Annotated[AwareDatetime, BeforeValidator(_written_out)]


class OutcomeReads(Protocol):
    """What the store can be asked."""

    def page(
        self, source: str, *, after: str | None, limit: int, since: datetime | None = None, regions: Collection[str] | None = None
    ) -> Page:
        """Outcomes of a source after a cursor; without one since an instant. Raises CursorRefusedError."""


def add_outcomes(api: FastAPI, run: Any, reader: Callable[..., Any]) -> None:
    """Add the route. `run` does blocking work on the facade in a thread; `reader` says who calls."""

    @api.get("/v1/outcomes")
    async def outcomes(
        caller: Annotated[Caller, Depends(reader)],
        source: Annotated[str | None, Query(pattern=SOURCE, max_length=200)] = None,
        after: Annotated[str | None, Query(max_length=1000)] = None,
        since: Instant | None = None,
        limit: Annotated[int, Query(ge=1, le=OUTCOMES_MAX)] = 100,
    ) -> Any:
        """What became of a source's postings after a cursor, in an order that never skips."""
        of_source = source if caller.source is None else caller.source
        if of_source is None:
            return problem_response("source-not-named", 422, "Whose outcomes are wanted is not said.", "Name the source: ?source=.")
        if source not in (None, of_source):
            return problem_response("not-yours", 403, f"{caller.name} speaks for {of_source} alone.", "Leave `source` out, or name yours.")
        terms = {"after": after, "since": since, "limit": limit}

        def read(facade: Any) -> Page:
            regions = None
            if caller.legal_entities is not None:
                regions = {region for legal_entity, region in facade.region_of.items() if legal_entity in caller.legal_entities}
            found: Page = facade.outcomes.page(of_source, regions=regions, **terms)
            return found

        try:
            found: Page = await run(read)
        except CursorRefusedError as error:
            return problem_response("cursor-refused", 409, error.message, error.remedy)
        content = {"source": of_source, "events": [told.event() for told in found.outcomes], "cursor": found.cursor, "more": found.more}
        hints = {"Cache-Control": "no-store"} if found.more else {"Cache-Control": "no-store", "Retry-After": str(ASK_AGAIN_SECONDS)}
        return JSONResponse(jsonable_encoder(content), headers=hints)
