"""Somebody can say yes in every role, and it is not the person who asks (ACCOUNTING D24)."""

from __future__ import annotations

from collections.abc import Iterator

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.operations.preflight.answer import answer
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Compare the plan's approvers with who asks, and with who can sign in where that is known."""
    roles, asking = _roles(subject), subject.request.requested_by
    known = facts.surroundings.known_logins()
    answering = {role: _able(people, asking, known) for role, people in roles.items()}
    return answer(
        __name__,
        failures=[
            *_unknown(asking, known),
            *(
                f"nobody can approve as {role}: {', '.join(roles[role])} {_why(roles[role], asking)}"
                for role, people in answering.items()
                if not people
            ),
        ],
        warnings=[] if known is not None else [_UNASKED],
        well="; ".join(f"{role}: {', '.join(people)}" for role, people in answering.items()),
        remedy="Name people who can sign in, other than the one who asks, in the plan's `cutover.approvers`; or let another person ask.",
        evidence={"requested_by": asking, "approvers": {role: list(people) for role, people in answering.items()}},
    )


_UNASKED = "who can sign in is not known here: see to it that every approver has a login and has signed in once"


def _roles(subject: Subject) -> dict[str, tuple[str, ...]]:
    approvers = subject.cutover.approvers
    entities = subject.request.legal_entities
    return {"migration lead": approvers.migration_lead} | {
        f"controller of {each}": approvers.controllers.get(each, ()) for each in entities
    }


def _able(people: tuple[str, ...], asking: str, known: frozenset[str] | None) -> tuple[str, ...]:
    return tuple(each for each in people if each != asking and (known is None or each in known))


def _unknown(asking: str, known: frozenset[str] | None) -> Iterator[str]:
    if not asking:
        yield "it is not known who asks"
    elif known is not None and asking not in known:
        yield f"{asking}, who asks, is no login"


def _why(people: tuple[str, ...], asking: str) -> str:
    if not people:
        return "nobody is named"
    return "asks" if people == (asking,) else "ask or cannot sign in"
