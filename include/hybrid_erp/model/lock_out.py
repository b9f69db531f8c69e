"""Who may post at one company of an ERP, and what a lock-out takes from whom (PROTOCOL L, ACCOUNTING D22)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hybrid_erp.model.delivery import Role
from hybrid_erp.model.ownership import PostingKind, next_period

#: What posts on while a lock-out stands: copies, and entities and periods that stay with the ERP.
KEPT_ROLES = (Role.CANDIDATE, Role.RUN_OFF)


@dataclass(frozen=True, slots=True, order=True)
class PostingRight:
    """A native right to post, held by one login: a role of LedgerSMB, a group of Tryton."""

    login: str
    right: str
    kind: PostingKind
    """What it lets one post; a right that serves several kinds appears once for each."""


@dataclass(frozen=True, slots=True)
class LockOutState:
    """Who may post at one company of an ERP now, by the ERP's own word."""

    generation: int
    """Of the last lock or unlock that took effect; 0: none ever."""
    rights: frozenset[PostingRight]
    """Every login that holds a posting right now: people, foreign interfaces and ours."""
    unstoppable: frozenset[str]
    """Logins that no lock-out stops, like superusers and administrators: evidence for the approver."""
    ours: Mapping[Role, str]
    """The logins of our credentials."""


def closers_in_time(named: frozenset[str], *, closed_through: str | None, from_period: str) -> frozenset[str]:
    """Of the people named for the close of the periods that stay, those who still have one to close (ACCOUNTING A2).

    Nobody, once the last period before the first that moves is closed: no ERP keeps a person to a period, so the time is what is limited.
    """
    is_over = closed_through is not None and next_period(closed_through) >= from_period
    return frozenset() if is_over else named


def rights_to_take(state: LockOutState, kinds: Collection[PostingKind], closers: Collection[str]) -> frozenset[PostingRight]:
    """Every right to post these kinds, but for the candidate's, the run-off's and those of the closers.

    `closers` are the logins of people named for the close of earlier periods (ACCOUNTING A2).
    """
    keep = {state.ours[role] for role in KEPT_ROLES if role in state.ours} | set(closers)
    return frozenset(right for right in state.rights if right.kind in kinds and right.login not in keep)


def is_locked(state: LockOutState, kinds: Collection[PostingKind], closers: Collection[str]) -> bool:
    """Whether nothing is left to take."""
    return not rights_to_take(state, kinds, closers)


def is_open(state: LockOutState, taken: Collection[PostingRight]) -> bool:
    """Whether every right that was taken is there again."""
    return state.rights.issuperset(taken)
