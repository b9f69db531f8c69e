"""Read through: a document as the ERP in which it lives shows it now."""

from collections.abc import Callable, Collection
from typing import Annotated, Any, Final, Protocol

import anyio
from fastapi import Depends, FastAPI, HTTPException, Path
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, Response

from hybrid_erp.model.booking import Booking, BookingLine
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import (
    DocumentAmbiguousError,
    DocumentWaitingError,
    ErpSilentError,
    ErpUnavailableError,
    HybridErpError,
    WrongSystemError,
)
from hybrid_erp.model.read_through import DocumentPlace, ReadDocument
from hybrid_erp.web.callers import Caller
from hybrid_erp.web.description import Name
from hybrid_erp.web.problems import MEDIA_TYPE, problem_content, problem_response

#: Threads for asking ERPs, apart from those that take events: an ERP that is slow holds up nobody else.
THREADS: Final = 8
#: Visible ASCII, as numbers are.
NUMBER: Final = r"^[\x21-\x7e]+$"


class DocumentReads(Protocol):
    """What ERPs can be asked."""

    def document(
        self, document_type: DocumentType, number: str, *, source: str | None = None, legal_entities: Collection[str] | None = None
    ) -> ReadDocument | None:
        """A document as its ERP shows it now; None if it is unknown. Of one source and some legal entities alone, if they are named."""


def add_documents(api: FastAPI, open_facade: Callable[[], Any], reader: Callable[..., Any]) -> None:
    """Add the route, with threads of its own."""
    limiter = anyio.CapacityLimiter(THREADS)

    @api.get("/v1/documents/{document_type}/{number:path}")
    async def document(
        caller: Annotated[Caller, Depends(reader)],
        document_type: DocumentType,
        number: Annotated[str, Path(pattern=NUMBER, max_length=200)],
        legal_entity: Name | None = None,
    ) -> Any:
        """A document as the ERP in which it lives shows it now: which ERP, under which ids, and what it has booked."""

        def read() -> ReadDocument | Response | None:
            documents: DocumentReads | None = open_facade().documents
            if documents is None:
                return problem_response("not-served-here", 501, "This process has no way to the ERPs.", "Ask the API that Airflow serves.")
            legal_entities = caller.legal_entities
            if legal_entity is not None:
                legal_entities = frozenset({legal_entity}) & (legal_entities if legal_entities is not None else {legal_entity})
            return documents.document(document_type, number, source=caller.source, legal_entities=legal_entities)

        try:
            found = await anyio.to_thread.run_sync(read, limiter=limiter)
        except (DocumentAmbiguousError, DocumentWaitingError, ErpSilentError, ErpUnavailableError, WrongSystemError) as error:
            return _problem(error)
        if isinstance(found, Response):
            return found
        if found is None:
            where = f" of {legal_entity}" if legal_entity else ""
            raise HTTPException(404, f"There is no {document_type} {number}{where}.")
        return JSONResponse(jsonable_encoder(_view(found)), headers={"Cache-Control": "no-store"})


def _problem(error: HybridErpError) -> JSONResponse:
    match error:
        case DocumentAmbiguousError():
            return problem_response("document-ambiguous", 409, error.message, error.remedy)
        case DocumentWaitingError():
            place: DocumentPlace = error.place
            posting = {"posting_id": str(place.posting_id), "state": place.state, "legal_entity": place.legal_entity}
            content = problem_content("document-waiting", 409, error.message, error.remedy) | posting
            return JSONResponse(content, 409, media_type=MEDIA_TYPE)
        case ErpSilentError():
            return problem_response("erp-silent", 504, error.message, error.remedy, **{"Retry-After": "5"})
    remedy = "Ask again later. If it stays so, whoever runs the ERP or its Connection is asked."
    return problem_response("erp-unavailable", 503, error.message, remedy, **{"Retry-After": "5"})


def _view(found: ReadDocument) -> dict[str, Any]:
    place, native = found.place, found.native
    named = {
        "document_type": place.document_type,
        "number": place.number,
        "source": place.source,
        "legal_entity": place.legal_entity,
        "region": place.region,
        "latest": {
            "version": place.version,
            "posting_id": place.posting_id,
            "state": place.state,
            "payload_erased_at": place.payload_erased_at,
        },
        "erp": place.erp,
        "native_id": place.native_id,
        "native_number": (native and native.native_number) or place.native_number,
        "legal_number": (native and native.legal_number) or place.legal_number,
        "posting_id": place.posted_as,
        "read_at": found.read_at,
        "held": native is not None,
    }
    if native is None:
        return named
    return {**named, "posted": native.posted, "booked": _booked(native.booking) if native.booking else None}


def _booked(booking: Booking) -> dict[str, Any]:
    return {
        "accounting_date": booking.accounting_on,
        "currency": booking.currency,
        "functional_currency": booking.functional_currency,
        "lines": [_line(line) for line in booking.lines],
    }


def _line(line: BookingLine) -> dict[str, Any]:
    """Amounts are text, debits positive."""
    return {
        "account": line.account,
        "amount": str(line.amount),
        "functional_amount": str(line.functional_amount),
        "dimensions": dict(line.dimensions),
        "party": line.party,
        "tax_code": line.tax_code,
        "tax_base": None if line.tax_base is None else str(line.tax_base),
    }
