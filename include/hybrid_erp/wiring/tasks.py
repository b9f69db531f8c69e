"""What the tasks of the DAGs do, in terms of the package. They return counts and names, never a payload."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

from hybrid_erp.flow.deliver import Progress
from hybrid_erp.model.errors import ErpUnavailableError, WrongSystemError
from hybrid_erp.wiring.delivery import due_queues, worker

log: Final = logging.getLogger(__name__)


def survey_and_deliver(erp: str, *, little: int, seconds: float) -> list[str]:
    """Deliver each company's postings here if they are few; name the companies that need a task of their own."""
    due: Counter[str] = Counter()
    for queue in due_queues(erp):
        due[queue.legal_entity] += queue.postings
    if not due:
        log.info("Nothing is due at %s.", erp)
    others = [legal_entity for legal_entity, postings in due.items() if postings > little]
    for legal_entity in sorted(set(due) - set(others)):
        try:
            deliver_company(erp, legal_entity, seconds=seconds)
        except (ErpUnavailableError, WrongSystemError) as error:
            log.warning("%s of %s: %s It gets a task of its own, which shows the retries.", legal_entity, erp, error)
            others.append(legal_entity)
    return sorted(others)


def deliver_company(erp: str, legal_entity: str, *, seconds: float) -> dict[str, int]:
    """Deliver one company's postings until nothing is due or the time is up.

    Raises:
        ErpUnavailableError: The ERP is down; what was settled stays settled.
        WrongSystemError: It is not the configured ERP; nothing was sent.
    """
    with worker(erp, legal_entity) as company_worker:
        progress = company_worker.run(seconds=seconds, report=lambda progress: _report(erp, legal_entity, progress))
    return dict(progress.settled)


def _report(erp: str, legal_entity: str, progress: Progress) -> None:
    counts = ", ".join(f"{count} {name}" for name, count in sorted(progress.settled.items()))
    log.info("%s at %s so far: %s.", legal_entity, erp, counts)
