"""One worker's run: claim what is due for one company of one ERP, deliver it, until nothing is due or the time is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic

from hybrid_erp.flow.deliver import Delivery, Progress
from hybrid_erp.model.claim import boot_clock
from hybrid_erp.ports import Claims, Q

#: Of an ERP whose speed is not known yet. What is claimed is finished before a region moves, so that a large claim at a slow ERP makes the
#: freeze long.
FIRST_BATCH: Final = 20
MAX_BATCH: Final = 200
#: A batch is as large as can be sent in this part of a lease, by what the last one took.
LEASE_SHARE: Final = 0.25


def unlimited() -> bool:
    """Nobody else takes turns."""
    return True


@dataclass(frozen=True, slots=True)
class Worker(Generic[Q]):
    """Delivers for one company of one ERP: one writer a company, whatever the kind."""

    erp: str
    legal_entity: str
    claims: Claims[Q]
    delivery: Delivery
    lease_seconds: float
    keep_turn: Callable[[], bool] = unlimited
    """Asked before each claim: lets the company's turn run as long as the claim at least; False when the turn is another's by now."""

    def run(self, *, seconds: float, report: Callable[[Progress], None] = lambda progress: None) -> Progress:
        """Work until nothing is due, the time is up or the turn is lost.

        Raises:
            ErpUnavailableError: The ERP is down or asks to wait; what was done is kept.
            WrongSystemError: It is not the ERP that the configuration names; nothing was sent.
        """
        progress, ends = Progress(), boot_clock() + seconds
        identified = False
        while boot_clock() < ends:
            queues = [queue for queue in self.claims.due(self.erp) if queue.legal_entity == self.legal_entity]
            if queues and not identified:
                self.delivery.connector.identity()
                identified = True
            done = sum(self._work(queue, ends, progress, report) for queue in queues)
            if progress.unavailable is not None:
                raise progress.unavailable
            if not done:
                break
        return progress

    def _work(self, queue: Q, ends: float, progress: Progress, report: Callable[[Progress], None]) -> int:
        done, limit = 0, FIRST_BATCH
        while boot_clock() < ends and progress.unavailable is None:
            if not self.keep_turn():
                break
            began = boot_clock()
            claims = self.claims.claim(self.erp, queue, limit=limit, lease_seconds=self.lease_seconds)
            if not claims:
                break
            done += len(claims)
            self.delivery.deliver(claims, progress)
            report(progress)
            each_seconds = max((boot_clock() - began) / len(claims), 0.001)
            limit = max(1, min(MAX_BATCH, int(self.lease_seconds * LEASE_SHARE / each_seconds)))
        return done
