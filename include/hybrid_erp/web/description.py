"""What the API says of itself beyond its routes: who may call, what is sent, and that every refusal is a problem with code and remedy."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import FastAPI
from pydantic import StringConstraints

from hybrid_erp.model.events import EXTENSION_NAME, CloudEvent
from hybrid_erp.web.problems import MEDIA_TYPE

#: A text that is looked up as it is. No database holds NUL, so nothing can be named with it.
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=200)]

_FIELDS: Final = {
    "type": "A URN of the code.",
    "title": "What kind of refusal it is.",
    "detail": "What was wrong this time.",
    "code": "For programs.",
    "remedy": "What to do.",
}
_PROBLEM: Final = {
    "type": "object",
    "required": [*_FIELDS, "status"],
    "properties": {name: {"type": "string", "description": text} for name, text in _FIELDS.items()} | {"status": {"type": "integer"}},
}
#: Of every route: nothing is refused in another form.
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"description": "Refused; the problem says why and what to do.", "content": {MEDIA_TYPE: {"schema": _PROBLEM}}},
    "5XX": {"description": "Not possible now; the problem says what to do.", "content": {MEDIA_TYPE: {"schema": _PROBLEM}}},
}
_EXTENSION: Final = {"anyOf": [{"type": "string", "maxLength": 500}, {"type": "boolean"}, {"type": "integer"}]}
_ANSWER: Final = {"type": "object", "required": ["verdict"], "properties": {"verdict": {"enum": ["accepted", "duplicate", "refused"]}}}
_ANSWERS: Final = {"type": "object", "required": ["answers"], "properties": {"answers": {"type": "array", "items": _ANSWER}}}
_ANSWERED: Final = {"application/json": {"schema": {"oneOf": [_ANSWER, _ANSWERS]}}}


def of_events(events_max: int) -> dict[str, Any]:
    """The body and the answers of the one route that takes something; it reads its body itself."""
    batch = {"type": "array", "minItems": 0, "maxItems": events_max, "items": {}, "description": "Each is judged for itself."}
    event = CloudEvent.model_json_schema() | {"additionalProperties": False, "patternProperties": {EXTENSION_NAME: _EXTENSION}}
    sent = {kind: {"schema": {"oneOf": [event, batch]}} for kind in ("application/cloudevents+json", "application/json")}
    answers = {
        "200": {"description": "Nothing new was stored: duplicates, or a batch of which everything was refused.", "content": _ANSWERED},
        "202": {"description": "Durably stored.", "content": _ANSWERED},
    }
    return {"requestBody": {"required": True, "content": sent}, "responses": answers}


def described(api: FastAPI) -> dict[str, Any]:
    """The whole description. Every route wants a bearer token: Airflow's of a person, or the credential of a source."""
    found = api.openapi()
    schemes = {"bearer": {"type": "http", "scheme": "bearer"}}
    components = {**found.get("components", {}), "securitySchemes": schemes}
    return {**found, "components": components, "security": [{"bearer": []}]}
