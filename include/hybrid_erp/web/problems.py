"""Errors as RFC 9457 problem details, with the code for programs and the remedy for people."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from hybrid_erp.model.errors import (
    DocumentConflictError,
    ForbiddenEventError,
    ForeignSourceError,
    HybridErpError,
    KeyReusedError,
    RefusedEventError,
    StaleVersionError,
)

MEDIA_TYPE: Final = "application/problem+json"
_CONFLICTS: Final = (KeyReusedError, DocumentConflictError, StaleVersionError, ForeignSourceError)


def status_of(refusal: RefusedEventError) -> int:
    """403 where the credential may not send it, 409 where the store holds something else under the same name, else 422."""
    if isinstance(refusal, ForbiddenEventError):
        return 403
    return 409 if isinstance(refusal, _CONFLICTS) else 422


def problem_of(error: HybridErpError, status: int) -> dict[str, Any]:
    """The problem details of an expected failure."""
    details = error.details if isinstance(error, RefusedEventError) else {}
    head = {"type": f"urn:hybrid-erp:problem:{error.code}", "title": type(error).__doc__, "status": status, "detail": error.message}
    return head | {"code": error.code, "remedy": error.remedy} | details


def problem_content(code: str, status: int, detail: str, remedy: str) -> dict[str, Any]:
    """The problem details of a request that never became an event."""
    return {
        "type": f"urn:hybrid-erp:problem:{code}",
        "title": detail,
        "status": status,
        "detail": detail,
        "code": code,
        "remedy": remedy,
    }


def problem_response(code: str, status: int, detail: str, remedy: str, **headers: str) -> JSONResponse:
    """The answer to a request that never became an event."""
    return JSONResponse(problem_content(code, status, detail, remedy), status, headers=headers, media_type=MEDIA_TYPE)


async def http_problem(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses by itself: login, rights, unknown routes."""
    assert isinstance(error, HTTPException)
    code, remedy = {
        401: ("not-signed-in", "Send a bearer token: Airflow's of a person, or the credential of a source."),
        403: ("forbidden", "Ask the platform team for the right; nothing was done."),
        404: ("not-found", "Check the address."),
        503: ("issuer-unavailable", "Send it again: the identity provider's keys could not be read, so nothing was done."),
        405: ("method-not-allowed", "Check the method."),
    }.get(error.status_code, ("http-error", "Check the request."))
    response = problem_response(code, error.status_code, str(error.detail), remedy)
    response.headers.update(error.headers or {})
    return response


async def invalid_request(request: Request, error: Exception) -> JSONResponse:
    """A path or query that does not fit."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    return problem_response("invalid-request", 422, f"{field}: {first['msg']}.", "Correct the named part of the request.")
