"""Which periods an ERP is closed in."""

from __future__ import annotations

from hybrid_erp.model.ownership import first_day
from hybrid_erp.operations.preflight.needs import Companies
from hybrid_erp.operations.preflight.subject import Subject


def closed_periods(subject: Subject, companies: Companies, erp: str) -> dict[str, list[str]]:
    """Of each legal entity, the periods that move in which the ERP would take nothing on the first day; of the present one, today too."""
    found: dict[str, list[str]] = {}
    for legal_entity in subject.request.legal_entities:
        for period in subject.periods:
            days = {first_day(period)} | ({subject.today} if f"{subject.today:%Y-%m}" == period else set())
            if not all(companies.open_on(erp, legal_entity, day) for day in sorted(days)):
                found.setdefault(legal_entity, []).append(period)
    return found
