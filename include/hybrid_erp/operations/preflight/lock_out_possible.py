"""People can be locked out, and we are not locked out with them (PROTOCOL F3, ACCOUNTING D22)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import ConfigurationError, ErpUnavailableError, WrongSystemError
from hybrid_erp.model.lock_out import KEPT_ROLES, LockOutState, rights_to_take
from hybrid_erp.operations.preflight.answer import answer
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Ask each company, by its custodian, who may post now: at the old owner, and at the new one, where a way back would lock out."""
    failures: list[str] = []
    warnings: list[str] = []
    evidence: dict[str, dict[str, Any]] = {}
    for erp in subject.owners:
        for legal_entity in subject.request.legal_entities:
            where = f"{legal_entity} at {erp}"
            try:
                state = facts.companies.lock_out_state(erp, legal_entity)
            except ConfigurationError as error:
                failures.append(f"{where}: no lock-out{_consequence(subject, erp)}: {error.message}")
                continue
            except (ErpUnavailableError, WrongSystemError) as error:
                failures.append(f"the custodian of {where}: {error.message}")
                continue
            closers = subject.closers(erp, legal_entity)
            failures += [f"{where}: {told}" for told in _failures(subject, state, closers)]
            if state.unstoppable:
                warnings.append(f"{where}: no lock-out stops {', '.join(sorted(state.unstoppable))}")
            taken = rights_to_take(state, subject.request.kinds, closers)
            evidence[where] = {
                "stopped": sorted({each.login for each in taken}),
                "unstoppable": sorted(state.unstoppable),
                "closers": sorted(closers),
                "generation": state.generation,
            }
    told = "; ".join(f"{where} stops {', '.join(found['stopped']) or 'nobody'}" for where, found in evidence.items())
    return answer(
        __name__,
        failures=failures,
        warnings=warnings,
        well=f"a lock-out of {told}",
        remedy="Give custodian, candidate and run-off credential logins and rights of their own; name closers who exist; have the "
        "approvers accept who cannot be stopped, or take those logins their rights.",
        evidence={"companies": evidence},
    )


def _consequence(subject: Subject, erp: str) -> str:
    """A rollback would have to lock out the new owner."""
    return ", and so no reverse" if erp == subject.request.new_owner else ""


def _failures(subject: Subject, state: LockOutState, closers: frozenset[str]) -> Iterator[str]:
    for role in KEPT_ROLES:
        login = state.ours.get(role)
        held = {right.kind for right in state.rights if right.login == login}
        if login is None:
            yield f"the {role} credential is not known there"
        elif lacking := sorted(set(subject.request.kinds) - held):
            yield f"{login} ({role}) has no right to post {', '.join(lacking)}, and would be needed while the lock-out stands"
        elif login == state.ours.get(Role.CONTROL):
            yield f"{login} is both control and {role}, so that a lock-out would leave the control its rights"
    known = {right.login for right in state.rights} | state.unstoppable
    if missing := sorted(closers - known):
        yield f"the closers {', '.join(missing)} hold no right to post there"
    if both := sorted(closers & {state.ours[Role.CONTROL]} if Role.CONTROL in state.ours else set()):
        yield f"{both[0]} is our control credential, and so cannot be a closer"
