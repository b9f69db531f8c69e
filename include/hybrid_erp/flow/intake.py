"""Intake: an event becomes a posting that is durably stored, or is refused with field, reason and remedy. Never half of either."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from hybrid_erp.flow.checks import Require, anything, postings_of
from hybrid_erp.model.errors import MalformedEventError, RefusedEventError
from hybrid_erp.model.firm import Firm
from hybrid_erp.model.posting import Posting
from hybrid_erp.ports import IntakeStore, Stored

#: What loads and captures call themselves: from outside nobody may speak in their name.
OWN_SOURCES: Final = "hybrid-erp/"


class Verdict(StrEnum):
    """What intake answers to one event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class IntakeAnswer:
    """The answer to one event. A duplicate carries the posting of the first."""

    verdict: Verdict
    posting_id: UUID | None = None
    refusal: RefusedEventError | None = None
    regions: tuple[str, ...] = ()
    """Of an accepted posting: whose deliveries have something to do."""


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes events in. `accept` returns after they are durably stored."""

    firm: Firm
    store: IntakeStore
    part: int = 250
    """How many events are checked together, while the store writes the ones before."""

    def accept(self, events: Sequence[Any], *, accepted_by: str, require: Require = anything) -> list[IntakeAnswer]:
        """Answer each event by itself, in order: bad ones do not keep good ones out. `require` is that of `postings_of`."""
        checked: list[Posting | RefusedEventError] = []

        def acceptable() -> Iterator[list[Posting]]:
            for place in range(0, len(events), self.part):
                part = [_from_outside(each) for each in postings_of(self.firm, events[place : place + self.part], require)]
                checked.extend(part)
                yield [each for each in part if isinstance(each, Posting)]

        results = iter(self.store.accept(acceptable(), accepted_by=accepted_by))
        return [_answer(each, next(results)) if isinstance(each, Posting) else _refused(each) for each in checked]


def _from_outside(checked: Posting | RefusedEventError) -> Posting | RefusedEventError:
    if isinstance(checked, Posting) and checked.source.startswith(OWN_SOURCES):
        return MalformedEventError(f"Sources that begin with {OWN_SOURCES} are the product's own.", field="source")
    return checked


def _refused(refusal: RefusedEventError) -> IntakeAnswer:
    return IntakeAnswer(Verdict.REFUSED, refusal=refusal)


def _answer(posting: Posting, result: Stored | RefusedEventError) -> IntakeAnswer:
    if isinstance(result, RefusedEventError):
        return _refused(result)
    if not result.new:
        return IntakeAnswer(Verdict.DUPLICATE, result.posting_id)
    return IntakeAnswer(Verdict.ACCEPTED, result.posting_id, regions=tuple(dict.fromkeys(posting.region_of.values())))
