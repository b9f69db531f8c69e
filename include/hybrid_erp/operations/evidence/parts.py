"""Facts as the parts of a pack: JSON that is the same for the same facts, one row a line where there are many."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hybrid_erp.operations.evidence.container import pack
from hybrid_erp.operations.evidence.manifest import Part

SUMMARY: Final = "summary.html"

Facts = Mapping[str, Mapping[str, Any] | Sequence[Mapping[str, Any]] | Sequence[str]]
"""By the name of the part: one thing, or the rows of a table, or such rows as lines of JSON."""


def evidence_of(facts: Facts, page: str, package: str, key: Ed25519PrivateKey) -> tuple[str, bytes]:
    """The name and the content of a cutover's evidence. `page`: the summary for people; `package`: the version that writes it."""
    request = facts["request"]
    assert isinstance(request, Mapping), "a request is one thing"
    about = {name: str(request[name]) for name in ("cutover_id", "region", "direction", "mode")} | {"written_by_package": package}
    parts = [Part(SUMMARY, page.encode()), *parts_of(facts)]
    return f"{request['region']}-{request['direction']}-{request['cutover_id']}.zip", pack(parts, about, key)


def parts_of(facts: Facts) -> Iterator[Part]:
    """One part for each fact, in the facts' order."""
    for name, fact in facts.items():
        if isinstance(fact, Mapping):
            yield Part(f"{name}.json", (_ONE.encode(fact) + "\n").encode())
        else:
            yield Part(f"{name}.jsonl", "".join(f"{row if isinstance(row, str) else _ROW.encode(row)}\n" for row in fact).encode())


def _plain(value: Any) -> str:
    """Amounts as text, so that no reader loses a cent; instants in UTC, whatever the machine's own time is."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, UUID | date):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in evidence")


# Made once: to make one for each row takes as long as the row.
_ONE: Final = json.JSONEncoder(default=_plain, sort_keys=True, ensure_ascii=False, indent=1)
_ROW: Final = json.JSONEncoder(default=_plain, sort_keys=True, ensure_ascii=False)
