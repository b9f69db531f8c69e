"""Claims for tests of what a worker does with them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from hybrid_erp.flow.checks import posting_of
from hybrid_erp.model.booking import Booking
from hybrid_erp.model.claim import Claim, boot_clock
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.firm import Firm
from tests.builders import a_journal_entry, the_settings

FIRM = the_settings().firm
ERP = "fake-erp"


def a_claim(event: dict[str, Any] | None = None, *, lease_seconds: float = 60, **changes: Any) -> Claim:
    """A first claim of an accepted event, an entry of 100.10 EUR unless told."""
    posting = posting_of(FIRM, event or a_journal_entry())
    terms: dict[str, Any] = {
        "posting_id": posting.posting_id,
        "legal_entity": posting.document.legal_entities[0],
        "erp": ERP,
        "role": Role.CONTROL,
        "ownership_id": 1,
        "region": "emea",
        "destination": "",
        "accepted_on": datetime.now(UTC).date(),
        "content_hash": posting.content_hash,
        "correlation_id": posting.correlation_id,
        "traceparent": None,
        "document": posting.document,
        "token": uuid4(),
        "deadline": boot_clock() + lease_seconds,
        "attempt": 1,
        "maybe_there": False,
        "period": "2026-03",
        "look_up_only": False,
    }
    return Claim(**terms | changes)


def expected_booking(claim: Claim, firm: Firm = FIRM) -> Booking:
    booking = firm.booking_of(claim.document, claim.accounting_on)
    assert booking is not None
    return booking
