"""Follow one company's books: whatever changed is captured, flagged or left alone, and the cursor moves on in the same transaction."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from hybrid_erp.model.books import Changes, Entry, Origin
from hybrid_erp.model.capture import Treated, Treatment
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.region_plan import CapturePolicy, PeriodRunPolicy
from hybrid_erp.operations.capture.canonical import Canon, NotCapturableError
from hybrid_erp.ports import BooksReader

log: Final = logging.getLogger(__name__)
PAGE: Final = 500


class Captures(Protocol):
    """Where captured documents go, and how far an ERP's books have been followed."""

    def cursor(self, erp: str, legal_entity: str) -> str | None:
        """How far; None: from the beginning."""

    def flagged(self, erp: str, legal_entity: str) -> Sequence[str]:
        """The native ids of what a person has to look at, oldest first."""

    def record(self, erp: str, legal_entity: str, treated: Sequence[Treated], *, deleted: Sequence[str], cursor: str) -> Mapping[str, int]:
        """Store what is new of it in one transaction with the cursor; counts by what became of it."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The region's word on native documents of one ERP."""

    natives: CapturePolicy
    period_runs: Mapping[str, PeriodRunPolicy]
    is_owner: bool
    """Whether this ERP is the book of record: a run is mirrored from there alone."""


def follow(
    erp: str,
    legal_entity: str,
    reader: BooksReader,
    captures: Captures,
    canon: Canon,
    policies: Policies,
    report: Callable[[Changes], None] = lambda changes: None,
) -> Counter[str]:
    """Read what changed since the last time and treat each native document; counts by what became of it.

    Safe to be killed at any moment and to run again: a page's documents and the cursor behind it are stored together, and a document that
    is told again is known by its native id.

    Raises:
        ErpUnavailableError, WrongSystemError: As the reader.
    """
    done: Counter[str] = Counter()
    cursor, more = captures.cursor(erp, legal_entity), True
    flagged = captures.flagged(erp, legal_entity)
    held_back = set(flagged)
    if cursor is not None and flagged:  # a mapping or a policy may have been mended since
        again = _treat_page(reader.entries(flagged), canon, policies, held_back)
        done.update(captures.record(erp, legal_entity, again, deleted=(), cursor=cursor))
    while more:
        changes = reader.changes(cursor, limit=PAGE)
        report(changes)
        treated = _treat_page(changes.entries, canon, policies, held_back)
        done.update(captures.record(erp, legal_entity, treated, deleted=changes.deleted, cursor=changes.cursor))
        cursor, more = changes.cursor, changes.more
    return done


def _treat_page(entries: Sequence[Entry], canon: Canon, policies: Policies, held_back: set[str]) -> list[Treated]:
    """In order: a payment may settle an invoice that is captured a moment before it. `held_back` is kept up with what becomes of each."""
    invoices: dict[str, str] = {}
    knowing = replace(
        canon,
        invoice_of=lambda native_id: invoices.get(native_id) or canon.invoice_of(native_id),
        held_back=held_back.__contains__,
    )
    found = []
    for entry in entries:
        treated = treat(entry, knowing, policies)
        if treated is None:
            continue
        found.append(treated)
        (held_back.add if treated.treatment is Treatment.FLAGGED else held_back.discard)(entry.native_id)
        if treated.posting is not None and treated.posting.document.document_type is DocumentType.INVOICE:
            invoices[entry.native_id] = canon.number(entry)
    return found


def treat(entry: Entry, canon: Canon, policies: Policies) -> Treated | None:
    """What becomes of one document; None: it is ours, or was derived from another (never mirrored)."""
    if entry.origin in (Origin.FACADE, Origin.DERIVED):
        return None
    if not entry.posted:
        return Treated(entry, Treatment.DRAFT)
    if entry.origin is Origin.PERIOD_RUN:
        run = policies.period_runs.get(entry.period_run or "")
        if run is None:
            reason = f"the region's plan says nothing of the periodic run {entry.period_run or '(unnamed)'}"
            return Treated(entry, Treatment.FLAGGED, reason)
        if run is not PeriodRunPolicy.MIRROR:
            return Treated(entry, Treatment.LEFT, f"periodic run {entry.period_run}: {run}")
        if not policies.is_owner:
            return Treated(entry, Treatment.FLAGGED, f"the periodic run {entry.period_run} is mirrored, and yet ran here too")
    elif policies.natives is CapturePolicy.FLAG:
        return Treated(entry, Treatment.FLAGGED, "the region's plan flags native documents of this ERP")
    if entry.booking.moves_nothing:
        return Treated(entry, Treatment.LEFT, "it books nothing in sum: which item settles which is the subledger's own")
    try:
        return Treated(entry, Treatment.CAPTURED, posting=canon.posting(entry))
    except NotCapturableError as error:
        log.warning("%s %s of %s is not captured: %s", canon.erp, entry.native_id, entry.booking.legal_entity, error)
        return Treated(entry, Treatment.FLAGGED, str(error))
