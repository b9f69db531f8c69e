"""Read through: a document, as the ERP in which it lives shows it now. Whoever asks waits a few seconds at most, whatever the ERP does."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Final, Protocol

from hybrid_erp.model.delivery import NativeDocument
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
from hybrid_erp.ports import ErpConnector

log: Final = logging.getLogger(__name__)

#: For everything: to sign in there, to ask who it is, to read.
LIMIT_SECONDS: Final = 5.0
#: How many may ask one ERP at once. A reader that hangs keeps its place until the ERP's own limits end it, and nobody else's.
READERS_MAX: Final = 4


class DocumentPlaces(Protocol):
    """Where documents live."""

    def places(self, document_type: DocumentType, number: str, *, legal_entities: Collection[str]) -> Sequence[DocumentPlace]:
        """The document in each of these legal entities in which it was accepted."""


@dataclass(frozen=True, slots=True)
class ReadThrough:
    """Reads documents from the ERPs in which they live."""

    store: DocumentPlaces
    company: Callable[[str, str], ErpConnector]
    """One company of one ERP; opens nothing yet."""
    legal_entities: Collection[str]
    limit_seconds: float = LIMIT_SECONDS
    _readers: dict[str, threading.BoundedSemaphore] = field(
        default_factory=lambda: defaultdict(lambda: threading.BoundedSemaphore(READERS_MAX)), init=False, repr=False
    )

    def document(
        self, document_type: DocumentType, number: str, *, source: str | None = None, legal_entities: Collection[str] | None = None
    ) -> ReadDocument | None:
        """A document as its ERP shows it now; None if it is unknown. Of one source and of some legal entities alone, if they are named.

        Raises:
            DocumentAmbiguousError: Several legal entities have one of this number.
            DocumentWaitingError: It is in no ERP yet.
            ErpSilentError: The ERP did not answer in time.
            ErpUnavailableError, WrongSystemError: The ERP cannot be asked.
        """
        wanted = self.legal_entities if legal_entities is None else set(legal_entities) & set(self.legal_entities)
        found = self.store.places(document_type, number, legal_entities=wanted)
        known = [place for place in found if source is None or place.source == source]
        if not known:
            return None
        if len(known) > 1:
            raise DocumentAmbiguousError(f"{', '.join(place.legal_entity for place in known)} have a {document_type} {number} each.")
        (place,) = known
        if place.erp is None or place.native_id is None:
            raise DocumentWaitingError(f"{document_type} {number} of {place.legal_entity} is {place.state}, and in no ERP.", place)
        native = self._read(place, place.erp, place.native_id)
        return ReadDocument(place, native, datetime.now(UTC))

    def _read(self, place: DocumentPlace, erp: str, native_id: str) -> NativeDocument | None:
        def read() -> NativeDocument | None:
            with closing(self.company(erp, place.legal_entity)) as company:
                company.identity()
                return next(iter(company.read(place.document_type, [native_id])), None)

        return self._in_time(erp, read)

    def _in_time(self, erp: str, read: Callable[[], NativeDocument | None]) -> NativeDocument | None:
        """In a thread of its own, which may go on when nobody waits for it any more."""
        readers, answer = self._readers[erp], SimpleQueue[NativeDocument | Exception | None]()
        if not readers.acquire(blocking=False):
            raise ErpUnavailableError(f"{erp} is being asked by {READERS_MAX} others.", 1)

        def work() -> None:
            try:
                answer.put(read())
            except Exception as error:
                answer.put(error)
            finally:
                readers.release()

        threading.Thread(target=work, name=f"read-through-{erp}", daemon=True).start()
        try:
            found = answer.get(timeout=self.limit_seconds)
        except Empty:
            raise ErpSilentError(f"{erp} did not answer within {self.limit_seconds:g} s.") from None
        if not isinstance(found, Exception):
            return found
        # Whoever asks gets the ERP's name and no more: what it says may name hosts, logins and people.
        log.warning("%s cannot be read: %s", erp, found if isinstance(found, HybridErpError) else type(found).__name__)
        if isinstance(found, WrongSystemError):
            raise WrongSystemError(f"Another system answers in the place of {erp}.") from found
        wait_seconds = found.retry_after_seconds if isinstance(found, ErpUnavailableError) else None
        raise ErpUnavailableError(f"{erp} cannot be asked now.", wait_seconds) from found
