"""After the switch the old owner takes the copies: the way back stays open from the first posting on."""

from __future__ import annotations

from collections.abc import Iterator

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import ConfigurationError, ErpUnavailableError, WrongSystemError
from hybrid_erp.model.ownership import first_day
from hybrid_erp.model.preflight import MoveMade
from hybrid_erp.operations.preflight.answer import answer, instant
from hybrid_erp.operations.preflight.deliveries_settled import MARK_MINUTES_MAX
from hybrid_erp.operations.preflight.mapped import gaps
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.periods import closed_periods
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Ask the old owner as the candidate that it becomes, and look when the way back was last gone."""
    request = subject.request
    proven = next((each for each in facts.moves.made(request.region) if _proves(each, subject)), None)
    told = _words(proven)
    return answer(
        __name__,
        failures=[*_unreachable(subject, facts), *_closed(subject, facts), *_unmapped(subject, facts), *_marked(subject, facts)],
        warnings=[told] if subject.is_live and proven is None else (),
        well=f"{request.old_owner} takes copies of {', '.join(request.legal_entities)} from {request.from_period} on; {told}",
        remedy=f"Have {request.old_owner} take copies before anything moves: its candidate credential, periods and mapping, and nothing in "
        "doubt there; rehearse the move.",
        evidence={"old_owner": request.old_owner, "proven_at": instant(proven.ended_at) if proven else None},
    )


def _proves(made: MoveMade, subject: Subject) -> bool:
    """A rehearsal goes back from just before the switch, a move the other way from after it."""
    same_way = made.direction is subject.request.direction
    return made.kinds >= set(subject.request.kinds) and made.outcome == ("rehearsed" if same_way else "switched")


def _words(proven: MoveMade | None) -> str:
    if proven is None:
        return "the way back has not been gone yet, neither by a rehearsal nor by a move the other way"
    how = "the rehearsal" if proven.outcome == "rehearsed" else f"the {proven.direction}"
    return f"proven by {how} of {instant(proven.ended_at)}"


def _unreachable(subject: Subject, facts: Facts) -> Iterator[str]:
    erp = subject.request.old_owner
    for legal_entity in subject.request.legal_entities:
        try:
            facts.companies.identity(erp, legal_entity, Role.CANDIDATE)
        except (ErpUnavailableError, WrongSystemError, ConfigurationError) as error:
            yield f"candidate of {legal_entity} at {erp}: {error.message}"


def _closed(subject: Subject, facts: Facts) -> Iterator[str]:
    erp = subject.request.old_owner
    for legal_entity, periods in closed_periods(subject, facts.companies, erp).items():
        yield f"{erp} takes nothing of {legal_entity} in {', '.join(periods)}"


def _unmapped(subject: Subject, facts: Facts) -> Iterator[str]:
    request = subject.request
    for legal_entity in request.legal_entities:
        lines = facts.mirror.booked_lines(request.old_owner, legal_entity, since_period=subject.year_before)
        yield from gaps(lines, subject.mappings[request.old_owner], legal_entity=legal_entity, on=first_day(request.from_period))


def _marked(subject: Subject, facts: Facts) -> Iterator[str]:
    """A request that travels yet would meet a copy of the same posting."""
    request = subject.request
    found = facts.deliveries.stuck(
        request.region, [each.value for each in request.kinds], marked_before=subject.before(minutes=MARK_MINUTES_MAX)
    )
    yield from (str(each) for each in found if each.erp == request.old_owner)
