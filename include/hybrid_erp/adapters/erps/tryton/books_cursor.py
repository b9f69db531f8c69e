"""Where reading what changed in Tryton goes on from, so that nothing is left out (PROTOCOL F4).

Neither ids nor times come in the order of commits: `last_modified_at` is the beginning of the transaction that wrote it, and a long one
shows late. So everything younger than the longest request is read again, and what was told of it is remembered. Times are the database's
alone; no two clocks are compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from hybrid_erp.adapters.erps.tryton.values import Row, as_instant, to_instant

#: Of more documents told within the overlap it is worth a call to ask the database for its time, which shortens the overlap.
TOLD_MAX: Final = 200
#: Drafts whose deletion is looked for.
DRAFTS_MAX: Final = 500
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Versions = dict[int, datetime]
"""Record to the time of its last change."""


class Records(Protocol):
    """Tryton's client, as far as a sweep asks it."""

    def select(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], *, limit: int | None = None, order: Sequence[Any] | None = None
    ) -> list[Row]:
        """The records that match, in order."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known of one model. A sweep is one pass from the floor to the end, in as many pages as it takes."""

    floor: datetime | None = None
    """Everything changed before has been told, and nothing can show there any more. None: from the beginning."""
    at: tuple[datetime, int] | None = None
    """How far the sweep under way has come."""
    opened: datetime | None = None
    """A time that the database had reached when that sweep began."""
    told: Versions = field(default_factory=dict)
    """What was told at or after the floor."""
    drafts: Versions = field(default_factory=dict)
    """Drafts that were told and have not become anything else."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a sweep."""

    watch: Watch
    rows: tuple[Row, ...]
    """What has not been told in this version, oldest first."""
    gone: tuple[int, ...]
    """Drafts that were deleted."""
    more: bool


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Looks at one model."""

    client: Records
    model: str
    domain: Sequence[Any]
    overlap: timedelta
    """Longer than any request may take."""
    clock: Callable[[], datetime]
    """Asks the database for its time: one call."""

    def begun(self, now: datetime) -> Watch:
        """A watch that tells what comes from now on."""
        watch = Watch(floor=now - self.overlap)
        while (page := self.page(watch, limit=1000)).more:
            watch = page.watch
        return page.watch

    def page(self, watch: Watch, *, limit: int) -> Page:
        """The next page of the sweep under way, or the first of a new one. Raises as the client's search."""
        opened = watch.opened
        if watch.at is None and (watch.floor is None or len(watch.told) > TOLD_MAX):
            opened = self.clock()
        fields = ["last_modified_at", "state", *(["move"] if self.model == "account.invoice" else [])]
        order = [["last_modified_at", "ASC"], ["id", "ASC"]]
        rows = self.client.select(self.model, self._domain(watch), fields, limit=limit, order=order)
        versions = {int(row["id"]): to_instant(row["last_modified_at"]) for row in rows}
        opened = opened or max((*versions.values(), *watch.told.values(), watch.floor or EPOCH))
        more = len(rows) == limit
        known = watch.told | watch.drafts
        fresh = tuple(row for row in rows if known.get(row["id"]) != versions[row["id"]])
        gone = () if more or watch.at is not None else tuple(sorted(watch.drafts.keys() - versions.keys()))
        return Page(self._after(watch, rows, versions, opened, gone, more=more), fresh, gone, more)

    def _domain(self, watch: Watch) -> list[Any]:
        domain: list[Any] = list(self.domain)
        if watch.at is not None:
            time, record = as_instant(watch.at[0]), watch.at[1]
            return [*domain, ["OR", ["last_modified_at", ">", time], [["last_modified_at", "=", time], ["id", ">", record]]]]
        if watch.floor is None:
            return domain
        since = [*domain, ["last_modified_at", ">=", as_instant(watch.floor)]]
        return ["OR", since, ["id", "in", sorted(watch.drafts)]] if watch.drafts else since

    def _after(self, watch: Watch, rows: Sequence[Row], versions: Versions, opened: datetime, gone: Sequence[int], *, more: bool) -> Watch:
        """What began before the sweep did and was not seen has begun less than the overlap before it, and is behind the next floor."""
        floor = max(watch.floor or EPOCH, opened - self.overlap)
        since = watch.floor if more and watch.floor else floor  # the sweep under way still comes by what it began with
        told = {record: version for record, version in (watch.told | versions).items() if version >= since}
        drafts = {record: version for record, version in watch.drafts.items() if record not in versions and record not in gone}
        drafts |= {row["id"]: versions[row["id"]] for row in rows if is_draft(row)}
        drafts = dict(sorted(drafts.items())[-DRAFTS_MAX:])
        if more:
            last = rows[-1]["id"]
            return replace(watch, at=(versions[last], last), opened=opened, told=told, drafts=drafts)
        return Watch(floor=floor, told=told, drafts=drafts)


def is_draft(row: Row) -> bool:
    """Whether a record is one that may still be deleted."""
    return row["state"] in {"draft", "validated"} and not row.get("move")


def written(watches: dict[str, Watch]) -> str:
    """A cursor: times as microseconds since 1970."""
    content = {
        model: {
            "floor": _micros(watch.floor),
            "at": watch.at and [_micros(watch.at[0]), watch.at[1]],
            "opened": _micros(watch.opened),
            "told": [[record, _micros(version)] for record, version in watch.told.items()],
            "drafts": [[record, _micros(version)] for record, version in watch.drafts.items()],
        }
        for model, watch in watches.items()
    }
    return json.dumps(content, separators=(",", ":"))


def read(cursor: str | None) -> dict[str, Watch]:
    """The watches of a cursor.

    Raises:
        ValueError: It is none of this dialect's.
    """
    try:
        content: dict[str, Any] = json.loads(cursor) if cursor else {}
        return {
            model: Watch(
                floor=_instant(stated["floor"]),
                at=(EPOCH + timedelta(microseconds=stated["at"][0]), int(stated["at"][1])) if stated["at"] else None,
                opened=_instant(stated["opened"]),
                told={int(record): EPOCH + timedelta(microseconds=version) for record, version in stated["told"]},
                drafts={int(record): EPOCH + timedelta(microseconds=version) for record, version in stated["drafts"]},
            )
            for model, stated in content.items()
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"This is no cursor of Tryton: {cursor!r:.80}. Begin without one.") from error


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else (instant - EPOCH) // timedelta(microseconds=1)


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else EPOCH + timedelta(microseconds=micros)
