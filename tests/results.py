"""A reconciliation's result with something of everything in it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from hybrid_erp.model.reconciliation import (
    BalanceRow,
    Check,
    Coverage,
    Difference,
    DifferenceClass,
    EntityResult,
    Evidence,
    LeftOut,
    Place,
    ProjectRow,
    Verdict,
)
from tests.stores import CLOUD, LEGACY

NOW = datetime(2026, 3, 31, 3, 0, tzinfo=UTC)
POSTING = UUID("0197a000-0000-7000-8000-000000000007")
CELLS = [Place("DE01", "2026-03", account, "EUR") for account in ("1000", "5200")]
HOSTILE = '<script>alert("x")</script>'

TERMS: dict[str, Any] = {
    "region": "emea",
    "legacy": LEGACY,
    "cloud": CLOUD,
    "legal_entities": ["DE01"],
    "depth": "changed",
    "requested_by": "lead",
    "run": "manual__2026-03-31",
    "configuration": "ab" * 32,
    "mappings": {LEGACY: "2026.1", CLOUD: "2026.1"},
    "plan": {
        "tolerances": [
            {
                "difference": "rounding",
                "amount": "0.05",
                "without_money": 0,
                "owner": "Controller EMEA",
                "reason": "rounds by line",
                "expires_on": str(date(2030, 12, 31)),
                "legal_entities": None,
            }
        ],
        "ignored": [],
    },
}


def a_result(legal_entity: str = "DE01", *, amount: str = "1234567.89", text: str = HOSTILE) -> EntityResult:
    """One refused copy, one rounding, a failing check, an account left out."""
    value = Decimal(amount)
    moved = ((CELLS[0], value), (CELLS[1], -value))
    cent = ((CELLS[0], Decimal("0.01")), (CELLS[1], Decimal("-0.01")))
    total = value + Decimal("0.01")
    return EntityResult(
        legal_entity,
        "EUR",
        Coverage(NOW, 4711, {legal_entity: "768:4711"}, {legal_entity: "2026-03-31T03:00"}),
        (
            BalanceRow(CELLS[0], Decimal(0), total, ("1800", "1810"), ("1.1.1",)),
            BalanceRow(CELLS[1], Decimal(0), -total, ("6650",), ("5.2.4",)),
            BalanceRow(Place("DE01", "opening", "3100", "EUR"), Decimal("-5"), Decimal("-5"), ("2970",), ("3.2.2",)),
        ),
        (LeftOut(legal_entity, LEGACY, ("5700",), "out_of_scope", "Controller", "unused", "EUR", Decimal(3), Decimal(0)),),
        (
            Difference(
                DifferenceClass.DEAD_LETTER,
                legal_entity,
                "missing in the cloud ERP",
                moved,
                legacy=text,
                cloud="nothing",
                posting_id=POSTING,
                legacy_id="gl,7",
                number="=1+1",
                document_type="journal_entry",
                why="refused",
            ),
            Difference(DifferenceClass.ROUNDING, legal_entity, "amount", cent, legacy_id="gl,8", cloud_id="account.move,8, account.move,9"),
        ),
        (
            Check(legal_entity, CLOUD, "account 2950 is zero", "0", "+5.00 EUR in 2026-03", False, "find the other half"),
            Check(legal_entity, LEGACY, "account 2950 is zero", "0", "0", True),
        ),
        (Evidence(legal_entity, LEGACY, "trial balance", LEGACY, "SELECT sum(amount)", (("cursor", "768"),), 3, "debit 1", NOW),),
        Verdict(False, ("1 dead_letter: 1,234,567.89 in sum",)),
        projects=(
            ProjectRow("P-1", "billed", "EUR", Decimal("0.00"), value, ((DifferenceClass.DEAD_LETTER, value),)),
            ProjectRow("P-1", "unbilled", "EUR", Decimal("80.00"), None),
            ProjectRow("P-2", "unbilled hours", "h", Decimal("7.5"), Decimal("7.50000")),
        ),
    )
