"""The envelope: CloudEvents 1.0, in our own strict model. An id or a time is never made up for a sender."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

EXTENSION_NAME: Final = r"^[a-z0-9]{1,20}$"
_Token = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]


class CloudEvent(BaseModel):
    """One event: `source` and `id` are the idempotency key, `type` names document and version, `data` is the document."""

    model_config = ConfigDict(frozen=True, extra="allow")

    specversion: Literal["1.0"]
    id: _Token
    source: _Token
    type: _Token
    data: dict[str, Any]
    subject: Annotated[str, StringConstraints(max_length=200)] | None = None
    time: AwareDatetime | None = None
    datacontenttype: Literal["application/json"] | None = None
    dataschema: Annotated[str, StringConstraints(max_length=500)] | None = None
    correlationid: _Token | None = Field(default=None, description="The thread through all systems; the key itself if there is none.")
    traceparent: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")] | None = None

    @model_validator(mode="after")
    def extensions_are_well_named(self) -> Self:
        """Other attributes are CloudEvents extensions: lower-case letters and digits, simple values."""
        for name, value in (self.model_extra or {}).items():
            if not re.fullmatch(EXTENSION_NAME[1:-1], name):  # `$` would let a line end pass
                raise ValueError(f"{name!r} is no CloudEvents attribute: up to 20 lower-case letters and digits")
            if not isinstance(value, str | int | bool) or len(str(value)) > 500:
                raise ValueError(f"the extension {name!r} must be a short text, a whole number or a boolean")
        return self
