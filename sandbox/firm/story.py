"""Pick a representative slice of the history, complete in itself: whatever a document depends on is in it or was known before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE, FIRM, CanonicalDocument, DocumentType
from sandbox.firm.chance import chance
from sandbox.firm.happening import CloudEvent

#: What a story shows. Everything else is in it only if one of these needs it.
SHOWN: Final = (
    DocumentType.INVOICE,
    DocumentType.EXPENSE,
    DocumentType.PAYMENT,
    DocumentType.JOURNAL_ENTRY,
    DocumentType.REVENUE_SCHEDULE,
    DocumentType.CUSTOMER,
    DocumentType.CREDIT_MEMO,
    DocumentType.PROJECT,
)
#: What those depend on, beside each other.
NEEDED: Final = (DocumentType.CONTRACT,)

Identity = tuple[DocumentType, str, str]
"""Document type, what it is identified in, number."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the history as the story picks it."""

    place: int
    document: CanonicalDocument

    @property
    def identity(self) -> Identity:
        return _identity(self.document)


def _identity(document: CanonicalDocument) -> Identity:
    return document.document_type, document.identified_in, document.number


def pick(seed: int, history: Sequence[CloudEvent], events: int, offices: Sequence[str], known: Collection[Identity]) -> list[CloudEvent]:
    """Exactly so many events, in the order of the history.

    Raises:
        ValueError: Too few are asked for to show every document type, or more than there are.
    """
    told = [each for each in _read(history) if set(each.document.legal_entities) <= set(offices)]
    versions: dict[Identity, list[Told]] = defaultdict(list)
    for each in told:
        versions[each.identity].append(each)
    chosen: set[int] = set()
    for candidate in _in_turn(seed, told, offices):
        needed = _needed(candidate, versions, known)
        if needed is not None and len(chosen | needed) <= events:
            chosen |= needed
    _require(chosen, events, {each.document.document_type for each in told if each.place in chosen})
    return [history[place] for place in sorted(chosen)]


def _read(history: Sequence[CloudEvent]) -> Iterator[Told]:
    for place, event in enumerate(history):
        document_class = DOCUMENTS_BY_TYPE[event["type"]]
        if document_class.document_type in (*SHOWN, *NEEDED):
            yield Told(place, document_class.model_validate(event["data"]))


def _require(chosen: set[int], events: int, shown: set[DocumentType]) -> None:
    if missing := [each for each in SHOWN if each not in shown]:
        raise ValueError(f"A story of {events} events has no room for {', '.join(missing)}; ask for more events or legal entities.")
    if len(chosen) < events:
        raise ValueError(f"There is a story of {len(chosen)} events, not of {events}; ask for fewer, or for a firm of a larger scale.")


def _in_turn(seed: int, told: Sequence[Told], offices: Sequence[str]) -> Iterator[Told]:
    """Every shown type of every office in turn, each from any time of the year."""
    queues: dict[tuple[DocumentType, str], list[Told]] = defaultdict(list)
    for each in told:
        queues[each.document.document_type, each.document.legal_entities[0]].append(each)
    waiting = {key: queue for key, queue in queues.items() if key[0] in SHOWN}
    for (document_type, office), shuffled in waiting.items():
        chance(seed, "story", document_type, office).shuffle(shuffled)
    for turn in count():
        if not any(waiting.values()):
            return
        for place, document_type in enumerate(SHOWN):
            queue = waiting.get((document_type, offices[(turn + place) % len(offices)]))
            if queue:
                yield queue.pop()


def _needed(candidate: Told, versions: Mapping[Identity, Sequence[Told]], known: Collection[Identity]) -> set[int] | None:
    """The places of an event, its earlier versions and all that they depend on; None if something is outside the story."""
    found: set[int] = set()
    waiting = [candidate]
    while waiting:
        each = waiting.pop()
        if each.place in found:
            continue
        found.add(each.place)
        waiting += [earlier for earlier in versions[each.identity] if earlier.document.version < each.document.version]
        for dependency in each.document.depends_on:
            office = dependency.legal_entity or each.document.legal_entities[0]
            identities = [(dependency.document_type, where, dependency.number) for where in (office, FIRM)]
            if any(identity in known for identity in identities):
                continue
            first = next((versions[identity][0] for identity in identities if identity in versions), None)
            if first is None:
                return None
            waiting.append(first)
    return found
