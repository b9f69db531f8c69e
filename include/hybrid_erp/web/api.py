"""The canonical API, version 1: the one way in for every upstream system, and the way to ask where a posting is.

The login guards the application, not each route: a route that is added is locked before anybody thinks of it.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Protocol, TypeVar
from uuid import UUID

import anyio
from fastapi import Depends, FastAPI, HTTPException, Path, Request
from fastapi.dependencies.utils import get_flat_dependant
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from psycopg import OperationalError
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException as StarletteHTTPException

from hybrid_erp import __version__
from hybrid_erp.flow.checks import Require, anything
from hybrid_erp.flow.intake import IntakeAnswer, Verdict
from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE
from hybrid_erp.model.errors import ForbiddenEventError
from hybrid_erp.operations.hypercare import Criterion
from hybrid_erp.web.callers import Caller
from hybrid_erp.web.cutovers import BoardReads, add_cutovers
from hybrid_erp.web.description import REFUSALS, described, of_events
from hybrid_erp.web.documents import DocumentReads, add_documents
from hybrid_erp.web.outcomes import OutcomeReads, add_outcomes
from hybrid_erp.web.problems import http_problem, invalid_request, problem_of, problem_response, status_of
from hybrid_erp.web.reconciliations import ReconciliationReads, add_reconciliations
from hybrid_erp.web.report import DocumentLink, no_link
from hybrid_erp.web.schemas import schema_of

MAX_BATCH: Final = 1000
MAX_BODY_BYTES: Final = 8 * 1024 * 1024
#: A sender that trickles holds a place that others need.
BODY_SECONDS_MAX: Final = 60
#: Different reasons that one audit row tells.
REASONS_NOTED: Final = 20
#: Threads for our own blocking work, apart from the pool that Airflow's routes and heartbeats share.
THREADS: Final = 8
SUSPENDED: Final = "suspended: the store was restored, failed over or copied, and nobody has resumed it; docs/restore.md"
#: Visible ASCII, as the envelope allows it.
CORRELATION_ID: Final = r"^[\x21-\x7e]+$"


class JsonSchemaResponse(JSONResponse):
    """A JSON Schema."""

    media_type = "application/schema+json"


T = TypeVar("T")
Run = Callable[[Callable[["Facade"], Any]], Awaitable[Any]]


class Login(Protocol):
    """Who may do what. Each is a FastAPI dependency that returns a `Caller`, or answers 401 or 403 by raising."""

    @property
    def reader(self) -> Callable[..., Any]:
        """May read. The same object each time, so that a request is looked at once."""

    @property
    def sender(self) -> Callable[..., Any]:
        """May send events."""


class Takes(Protocol):
    """Takes events in."""

    def accept(self, events: Sequence[Any], *, accepted_by: str, require: Require = anything) -> list[IntakeAnswer]:
        """Answer each event by itself, in order, after what is accepted is durably stored."""


class Reads(Protocol):
    """What the store can be asked. Rows as they are answered."""

    def posting(self, posting_id: UUID) -> Mapping[str, Any] | None:
        """A posting, where it is, and its deliveries."""

    def trace(self, correlation_id: str, source: str | None = None) -> Sequence[Mapping[str, Any]]:
        """Every step of everything with a correlation id, or of what one source sent."""

    def ownership(self) -> Mapping[str, Any]:
        """Who owns what, and the pins."""

    def is_believed(self) -> bool:
        """Whether this is the store that was last believed."""

    def counts(self) -> Sequence[Mapping[str, Any]]:
        """Postings by region, kind and state."""

    def owners_of(self, regions: Sequence[str]) -> Sequence[str]:
        """The ERPs that own something of these regions."""


class Wakes(Protocol):
    """Wakes deliveries."""

    def wake(self, erps: Iterable[str]) -> None:
        """Ring for these ERPs."""


@dataclass(frozen=True, slots=True)
class Facade:
    """What the API stands in front of."""

    intake: Takes
    reader: Reads
    waker: Wakes
    reconciliations: ReconciliationReads
    board: BoardReads
    outcomes: OutcomeReads
    note_refused: Callable[[str, Mapping[str, Any]], None]
    """Puts into the audit trail what a caller tried and may not."""
    problems: Sequence[Mapping[str, str]] = ()
    """What is wrong in the configuration."""
    document_link: DocumentLink = no_link
    """Where people find a document in an ERP."""
    account_names: Mapping[str, str] = field(default_factory=dict)
    """Of canonical accounts."""
    region_of: Mapping[str, str] = field(default_factory=dict)
    """Of legal entities."""
    documents: DocumentReads | None = None
    """What ERPs can be asked; None: this process has no way to them."""
    hypercare: Callable[[str], Sequence[Criterion]] = lambda region: ()
    """What must be so before a region's way back is closed."""


def build_api(open_facade: Callable[[], Facade], login: Login) -> FastAPI:
    """The ASGI application. `open_facade` is called at the first request, in a thread."""
    limiter = anyio.CapacityLimiter(THREADS)
    api = FastAPI(
        title="Hybrid ERP",
        version=__version__,
        dependencies=[Depends(login.reader), Depends(_asked_clearly)],
        docs_url=None,
        redoc_url=None,
        responses=REFUSALS,
        openapi_url=None,  # FastAPI serves it unlocked; ours is a route like all others
        exception_handlers={
            StarletteHTTPException: http_problem,
            RequestValidationError: invalid_request,
            OperationalError: _store_away,
            PoolTimeout: _store_away,
        },
    )

    async def run(work: Callable[[Facade], T]) -> T:
        return await anyio.to_thread.run_sync(lambda: work(open_facade()), limiter=limiter)

    _add_intake(api, run, login)
    _add_queries(api, run, login)
    add_reconciliations(api, run)
    add_cutovers(api, run)
    add_outcomes(api, run, login.reader)
    add_documents(api, open_facade, login.reader)
    _add_descriptions(api, run)
    return api


def _add_intake(api: FastAPI, run: Run, login: Login) -> None:
    @api.post("/v1/events", status_code=202, openapi_extra=of_events(MAX_BATCH))
    async def take_events(request: Request, sender: Annotated[Caller, Depends(login.sender)]) -> Response:
        """Take one CloudEvent, or a batch of up to 1,000 as a JSON array. Answered after the events are durably stored."""
        body = await _body(request)
        if isinstance(body, Response):
            return body
        try:
            content = json.loads(body, object_pairs_hook=_without_repetition, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            return problem_response("malformed-json", 400, f"The body is no JSON: {error}.", "Send application/cloudevents+json in UTF-8.")
        events = content if isinstance(content, list) else [content]
        if len(events) > MAX_BATCH:
            return problem_response(
                "batch-too-large", 413, f"{len(events)} events; a batch holds up to {MAX_BATCH}.", "Send smaller batches."
            )
        answers = await run(lambda facade: _take(facade, events, sender))
        if isinstance(content, list):
            return JSONResponse({"answers": [_view(answer) for answer in answers]}, 202 if _any_accepted(answers) else 200)
        return _single(answers[0])


def _add_queries(api: FastAPI, run: Run, login: Login) -> None:
    @api.get("/v1/postings/{posting_id}")
    async def posting(posting_id: UUID, caller: Annotated[Caller, Depends(login.reader)]) -> Any:
        """Where a posting is now, and its receipt from each ERP."""
        found = await run(lambda facade: facade.reader.posting(posting_id))
        if found is None or not caller.may_see(found["source"]):
            raise HTTPException(404, f"There is no posting {posting_id}.")
        return JSONResponse(jsonable_encoder(found))

    @api.get("/v1/trace/{correlation_id:path}")
    async def trace(
        correlation_id: Annotated[str, Path(pattern=CORRELATION_ID, max_length=500)], caller: Annotated[Caller, Depends(login.reader)]
    ) -> Any:
        """Every step of everything with this correlation id, across all systems."""
        steps = await run(lambda facade: facade.reader.trace(correlation_id, caller.source))
        if not steps:
            raise HTTPException(404, f"Nothing carries the correlation id {correlation_id}.")
        return JSONResponse(jsonable_encoder({"correlation_id": correlation_id, "steps": steps}))

    @api.get("/v1/ownership")
    async def ownership() -> Any:
        """Which ERP owns what, from which accounting period on; and the pins."""
        return JSONResponse(jsonable_encoder(await run(lambda facade: facade.reader.ownership())))


def _add_descriptions(api: FastAPI, run: Run) -> None:
    @api.get("/v1/schemas")
    async def schemas() -> Any:
        """The event types that are served."""
        return {"types": sorted(DOCUMENTS_BY_TYPE)}

    @api.get("/v1/schemas/{event_type}", response_class=JsonSchemaResponse)
    async def schema(event_type: str) -> Any:
        """The JSON Schema of the data of an event type."""
        if event_type not in DOCUMENTS_BY_TYPE:
            raise HTTPException(404, f"{event_type} is no type that is served.")
        return JsonSchemaResponse(schema_of(event_type))

    @api.get("/health")
    async def health() -> Any:
        """Whether postings can be taken, whether they are delivered, how many are where, and what is wrong in the configuration."""
        counts = await run(lambda facade: facade.reader.counts())
        believed = await run(lambda facade: facade.reader.is_believed())
        return {
            "status": "healthy",
            "version": __version__,
            "deliveries": "going on" if believed else SUSPENDED,
            "postings": counts,
            "problems": await run(lambda facade: list(facade.problems)),
        }

    @api.get("/openapi.json")
    async def openapi() -> Any:
        """This API, described."""
        return described(api)


async def _asked_clearly(request: Request) -> None:
    """Of `?source=a&source=b` the framework would take the last, and leave a misspelt restriction out."""
    names = [name for name, _ in request.query_params.multi_items()]
    known = {each.alias for each in get_flat_dependant(request.scope["route"].dependant).query_params} if names else set()
    for name in names:
        if name not in known or names.count(name) > 1:
            wrong = "there is no such parameter" if name not in known else "it is there twice"
            raise RequestValidationError([{"loc": ("query", ascii(name)), "msg": wrong}])


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two fields of one name: readers differ in which one counts, so neither does."""
    content = dict(pairs)
    if len(content) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the field {next(name for name in names if names.count(name) > 1)!a} is there twice")
    return content


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


async def _body(request: Request) -> bytes | Response:
    parts, size = [], 0
    try:
        with anyio.fail_after(BODY_SECONDS_MAX):
            async for part in request.stream():
                size += len(part)
                if size > MAX_BODY_BYTES:
                    reason = f"The body is larger than {MAX_BODY_BYTES // 1024 // 1024} MB."
                    return problem_response("body-too-large", 413, reason, "Send smaller batches.", Connection="close")
                parts.append(part)
    except TimeoutError:
        reason = f"The body did not come whole within {BODY_SECONDS_MAX} s."
        return problem_response("body-too-slow", 408, reason, "Send it again, or smaller batches; nothing was taken.", Connection="close")
    return b"".join(parts)


def _take(facade: Facade, events: Sequence[Any], sender: Caller) -> list[IntakeAnswer]:
    answers = facade.intake.accept(events, accepted_by=sender.name, require=sender.require)
    if forbidden := [answer.refusal for answer in answers if isinstance(answer.refusal, ForbiddenEventError)]:
        reasons = Counter(refusal.message for refusal in forbidden).most_common(REASONS_NOTED)
        facade.note_refused(sender.name, {"source": sender.source, "events": len(forbidden), "reasons": dict(reasons)})
    if regions := sorted({region for answer in answers for region in answer.regions}):
        facade.waker.wake(facade.reader.owners_of(regions))
    return answers


def _any_accepted(answers: Sequence[IntakeAnswer]) -> bool:
    return any(answer.verdict is Verdict.ACCEPTED for answer in answers)


def _view(answer: IntakeAnswer) -> dict[str, Any]:
    if answer.refusal is not None:
        return {"verdict": answer.verdict, "problem": problem_of(answer.refusal, status_of(answer.refusal))}
    return {"verdict": answer.verdict, "posting_id": str(answer.posting_id)}


def _single(answer: IntakeAnswer) -> Response:
    if answer.refusal is not None:
        status = status_of(answer.refusal)
        return JSONResponse(problem_of(answer.refusal, status), status, media_type="application/problem+json")
    return JSONResponse(_view(answer), 202 if answer.verdict is Verdict.ACCEPTED else 200)


async def _store_away(request: Request, error: Exception) -> JSONResponse:
    remedy = "Send it again: nothing was accepted that was not answered, and a repeated event is a duplicate."
    return problem_response("store-unavailable", 503, "The store cannot be reached now.", remedy, **{"Retry-After": "2"})


__all__ = ["Facade", "Login", "build_api"]
