"""The generation of a lock-out, kept in Tryton as the name of an empty group: data that people see, no schema."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hybrid_erp.adapters.erps.tryton.rpc import RpcRefusedError, TrytonRpc
from hybrid_erp.model.errors import ErpUnavailableError

#: It is written in the transaction that moves the users.
MARKER: Final = "Hybrid ERP lock-out {}"

_MARKED: Final = re.compile(r"^Hybrid ERP lock-out (\d+)$")


@dataclass(frozen=True, slots=True)
class LockMarker:
    """The generation that took effect last, and when the record that bears it was written, in Tryton's words."""

    record: int
    generation: int
    timestamp: str


def read_marker(rpc: TrytonRpc) -> LockMarker | None:
    """The marker of the highest generation: should there ever be two, the other was made too late and never bore one."""
    rows = rpc.records("res.group", [["name", "like", MARKER.format("%")]], ["name", "_timestamp"], inactive=True)
    found = [
        LockMarker(int(row["id"]), int(marked.group(1)), str(row["_timestamp"])) for row in rows if (marked := _MARKED.match(row["name"]))
    ]
    return max(found, key=lambda marker: marker.generation, default=None)


def make_marker(rpc: TrytonRpc) -> LockMarker:
    """Made on first use; who makes it at the same time is refused, since names of groups are unique, and finds the other's."""
    try:
        rpc.call("model.res.group.create", [{"name": MARKER.format(0)}], {})
    except RpcRefusedError as refused:
        if (marker := read_marker(rpc)) is None:
            raise ErpUnavailableError(f"{rpc.login} may not make the group {MARKER.format(0)!r} in Tryton: {refused}.") from refused
        return marker
    made = read_marker(rpc)
    assert made is not None
    return made
