"""Every credential reaches the company that it should, at both ERPs, and ours may post where the ERP tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import ConfigurationError, ErpUnavailableError, WrongSystemError
from hybrid_erp.model.lock_out import LockOutState
from hybrid_erp.operations.preflight.answer import answer
from hybrid_erp.operations.preflight.needs import Companies, Facts
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Ask who answers to the control, the candidate and the run-off credential of each company, and whether they may post what moves."""
    asked = [_asked(subject, facts.companies, erp, each) for erp in subject.owners for each in subject.request.legal_entities]
    failures = [told for each in asked for told in each.failures]
    silent = sorted({each.erp for each in asked if not each.tells_rights})
    return answer(
        __name__,
        failures=failures,
        well=f"{len(asked) * len(Role) - len(failures)} credentials of {len(asked)} companies reach whom they should"
        + (f"; {', '.join(silent)} does not tell whether they may post" if silent else ", and may post what moves"),
        remedy="Correct the Airflow Connection that is named, or the identity in config/erps.yaml, or have its administrator give the "
        "login its rights.",
        evidence={
            "companies": [f"{each.erp} {each.legal_entity}" for each in asked],
            "roles": [role.value for role in Role],
            "failures": failures,
            "rights_not_told_by": silent,
        },
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one company said."""

    erp: str
    legal_entity: str
    failures: tuple[str, ...]
    tells_rights: bool


def _asked(subject: Subject, companies: Companies, erp: str, legal_entity: str) -> _Asked:
    failures = [told for role in Role if (told := _refusal(companies, erp, legal_entity, role))]
    try:
        failures += _without_rights(subject, companies.lock_out_state(erp, legal_entity), erp, legal_entity)
        tells_rights = True
    except (ErpUnavailableError, WrongSystemError, ConfigurationError):  # `lock_out_possible` says why
        tells_rights = False
    return _Asked(erp, legal_entity, tuple(failures), tells_rights)


def _refusal(companies: Companies, erp: str, legal_entity: str, role: Role) -> str | None:
    try:
        companies.identity(erp, legal_entity, role)
    except (ErpUnavailableError, WrongSystemError, ConfigurationError) as error:
        return f"{role} of {legal_entity} at {erp}: {error.message}"
    return None


def _without_rights(subject: Subject, state: LockOutState, erp: str, legal_entity: str) -> Iterator[str]:
    """The control credential of a company that is locked out since an earlier move has none, and gets them back."""
    for role in (Role.CANDIDATE, Role.RUN_OFF):
        held = {right.kind for right in state.rights if right.login == state.ours.get(role)}
        if lacking := sorted(set(subject.request.kinds) - held):
            yield f"{role} of {legal_entity} at {erp} may not post {', '.join(lacking)}"
