"""A year of real lines has a way from the old owner's chart into the new owner's, and is the same when read there (ACCOUNTING B16)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hybrid_erp.model.books import AccountMovement
from hybrid_erp.model.cutover import CheckResult, Direction
from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.model.ownership import first_day
from hybrid_erp.model.preflight import BookedLine
from hybrid_erp.operations.preflight.answer import answer
from hybrid_erp.operations.preflight.mapped import gaps
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject
from hybrid_erp.operations.reconcile.cells import UNMAPPED


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Take the accounts from the old owner's own totals, and tax codes and dimensions from the mirror of its documents."""
    request, since = subject.request, subject.year_before
    found = _Found()
    for legal_entity in request.legal_entities:
        moved = [each for each in facts.companies.movements(request.old_owner, legal_entity) if each.period >= since]
        lines = facts.mirror.booked_lines(request.old_owner, legal_entity, since_period=since)
        found.accounts |= {each.canonical for each in moved if each.canonical} | {each.account for each in lines}
        found.tax_codes |= {each.tax_code for each in lines if each.tax_code}
        found.dimensions |= {name for each in lines for name, _ in each.dimensions}
        _look(subject, legal_entity, moved, lines, found)
    return answer(
        __name__,
        failures=found.failures,
        warnings=found.left_out,
        well=f"{len(found.accounts)} accounts, {len(found.tax_codes)} tax codes, {len(found.dimensions)} dimensions, booked since "
        f"{since}, go from {request.old_owner} to {request.new_owner} and come back the same",
        remedy="Add the missing rule to config/mappings/, with its reverse; or have the owner of what the plan leaves out confirm it.",
        evidence={
            "since": since,
            "mappings": {erp: subject.mappings[erp].version for erp in subject.owners},
            "accounts": sorted(found.accounts),
            "tax_codes": sorted(found.tax_codes),
            "dimensions": sorted(found.dimensions),
            "gaps": found.failures,
            "left_out": found.left_out,
        },
    )


@dataclass
class _Found:
    """What was booked, and what of it has no way."""

    accounts: set[str] = field(default_factory=set)
    tax_codes: set[str] = field(default_factory=set)
    dimensions: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def _look(subject: Subject, legal_entity: str, moved: Sequence[AccountMovement], lines: Sequence[BookedLine], found: _Found) -> None:
    request = subject.request
    for account in dict.fromkeys(each.account for each in moved if each.canonical is None and (each.debit or each.credit)):
        told, compared = _unmapped(subject, legal_entity, account)
        (found.failures if compared else found.left_out).append(told)
    if moved and not lines:
        found.failures.append(
            f"{legal_entity} has booked since {subject.year_before}, and the mirror of {request.old_owner} holds no line of it"
        )
    found.failures += _unmapped_codes(lines, legal_entity, request.old_owner)
    found.failures += gaps(lines, subject.mappings[request.new_owner], legal_entity=legal_entity, on=first_day(request.from_period))


def _unmapped(subject: Subject, legal_entity: str, account: str) -> tuple[str, bool]:
    """An account that has no canonical one: in words, and whether its balance is compared, so that it cannot stay behind."""
    request = subject.request
    side: Literal["legacy", "cloud"] = "legacy" if request.direction is Direction.CUTOVER else "cloud"
    told = f"account {account} of {legal_entity} at {request.old_owner} was booked and has no canonical account"
    try:
        rule = subject.plan.scope_rule(side, account, legal_entity=legal_entity, mapped=False)
    except ConfigurationError as error:
        return f"{told}: {error.message}", True
    if rule is None or rule.scope.compared:
        return told, True
    return f"{told}; the plan leaves it out as {rule.scope}, by {rule.owner}: {rule.reason}", False


def _unmapped_codes(lines: Sequence[BookedLine], legal_entity: str, erp: str) -> Iterator[str]:
    codes = dict.fromkeys(each.tax_code for each in lines if each.tax_code and UNMAPPED in each.tax_code)
    yield from (f"tax code {str(code).removesuffix(UNMAPPED)} of {legal_entity} at {erp} has no canonical tax code" for code in codes)
