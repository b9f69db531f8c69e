"""What is to be done live was rehearsed with success, not long ago, on the same configuration."""

from __future__ import annotations

from collections.abc import Iterator

from hybrid_erp.model.cutover import CheckResult, Direction
from hybrid_erp.model.preflight import MoveMade
from hybrid_erp.operations.preflight.answer import answer, instant
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Look for the last rehearsal of the same direction that came to its end.

    A rollback is not refused for the want of one: whoever needs the way back may not have the time, and the approvers are told.
    """
    request = subject.request
    if not subject.is_live:
        return answer(__name__, well="only a live run needs a rehearsal before it", remedy="")
    found = next((each for each in facts.moves.made(request.region) if _is_one(each, subject)), None)
    lacking = list(_lacking(subject, found))
    may_go_without = request.direction is Direction.ROLLBACK
    return answer(
        __name__,
        failures=() if may_go_without else lacking,
        warnings=[*(lacking if may_go_without else ()), *_changed_since(subject, found)],
        well=f"rehearsed with success until {instant(found.ended_at)} on the same configuration, mappings and package" if found else "",
        remedy=f"Run `{request.direction}_{request.region}` in mode `rehearsal`, and then this run again.",
        evidence={"rehearsed_at": instant(found.ended_at), "configuration": found.configuration, "package": found.package} if found else {},
    )


def _is_one(made: MoveMade, subject: Subject) -> bool:
    request = subject.request
    return made.outcome == "rehearsed" and made.direction is request.direction and made.kinds >= set(request.kinds)


def _lacking(subject: Subject, found: MoveMade | None) -> Iterator[str]:
    days = subject.cutover.rehearsal_days_max
    if found is None:
        yield f"no {subject.request.direction} of these kinds has been rehearsed with success"
    elif found.ended_at < subject.before(days=days):
        yield f"the last successful rehearsal ended at {instant(found.ended_at)}, more than {days:g} days ago"


def _changed_since(subject: Subject, found: MoveMade | None) -> Iterator[str]:
    if found is None:
        return
    now = subject.versions
    pairs = (
        ("configuration", found.configuration, now.configuration),
        ("mappings", dict(found.mappings), now.mappings),
        ("package", found.package, now.package),
    )
    changed = [name for name, before, after in pairs if before != after]
    if changed:
        yield f"the {' and '.join(changed)} changed since the rehearsal of {instant(found.ended_at)}"
