"""What a rollback cannot take back is listed for those who approve it (ACCOUNTING D26)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hybrid_erp.model.cutover import CheckResult, Direction
from hybrid_erp.model.number_series import series_of
from hybrid_erp.operations.preflight.answer import answer, instant
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Numbers that the owner has issued since it owns, and periods that were closed there: both stay as they are.

    What the firm did outside the facade is not known here, and is asked for in so many words.
    """
    request = subject.request
    if request.direction is Direction.CUTOVER:
        return answer(__name__, well="only a rollback takes anything back", remedy="")
    issued = facts.moves.issued(request.region, request.old_owner)
    told, evidence = [], dict[str, Any]()
    numbers: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for each in issued.numbers:
        numbers[each.legal_entity].append((each.legal_number, False))
    for entity in request.legal_entities:
        series = [{"first": each.first, "last": each.last, "count": each.count} for each in series_of(numbers[entity])]
        closed = subject.closed_through.get(entity)
        stays = closed if closed is not None and issued.from_period is not None and closed >= issued.from_period else None
        told += [f"{entity} has issued {each['count']} numbers from {each['first']} to {each['last']}" for each in series]
        told += [f"{entity} is closed through {stays}, which stays with {request.old_owner}"] if stays else []
        evidence[entity] = {"series": series, "closed_through": stays}
    since = instant(issued.since) if issued.since else None
    told.append(f"returns filed and payment runs made at {request.old_owner} since {since} are not known here")
    return answer(
        __name__,
        warnings=told,
        well="",
        remedy="Each controller says yes to this list, and sees to the returns and payment runs that it does not know of.",
        evidence={"since": since, "legal_entities": evidence},
    )
