"""A payment's lines, shared out among the invoices that it settles."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypedDict

from hybrid_erp.model.booking import Booking
from hybrid_erp.model.documents import Payment
from hybrid_erp.model.errors import UnbalancedEntryError
from hybrid_erp.model.money import ZERO, round_money


class NativeLine(TypedDict):
    """One line in the ERP's accounts and sign; amounts are Decimal until the whole is written as JSON."""

    account: str
    amount: Decimal
    functional_amount: Decimal
    dimensions: dict[str, str]
    party: str | None
    tax_code: str | None
    tax_base: Decimal | None
    description: str


Share = tuple[str | None, Decimal, Decimal]
"""Of a payment: the invoice, by how much its open amount falls, and what of that was given up instead of received."""


def settlements(payment: Payment, lines: Sequence[NativeLine], booking: Booking) -> list[dict[str, Any]]:
    """The payment's lines, shared out among the invoices that it settles and the rest that settles nothing yet.

    Each share balances in both currencies by itself, and all together are the lines.

    Raises:
        UnbalancedEntryError: A share does not come to what its invoice is settled by.
    """
    shares: list[Share] = [(each.invoice, each.settled, each.discount + each.withholding) for each in payment.applications]
    if payment.unapplied:
        shares.append((None, payment.unapplied, ZERO))
    shares = _with_charge(shares, payment.bank_charge)
    receivables = [line for line in lines if line["party"] is not None]
    others = [line for line in lines if line["party"] is None]
    parts: list[list[NativeLine]] = [[] for _ in shares]
    for line in others:
        is_given_up = abs(line["amount"]) == payment.given_up and (abs(line["amount"]) != payment.net_received or line is not others[0])
        weights = [given_up if is_given_up else settled - given_up for _, settled, given_up in shares]
        for part, amount, functional in zip(parts, *_share_out(line, weights, booking), strict=True):
            if amount or functional:
                part.append({**line, "amount": amount, "functional_amount": functional})
    for part, (settles, settled, _) in zip(parts, shares, strict=True):
        # What is received and given up under an invoice is what the customer no longer owes on it.
        taken = [sum((line[name] for line in part), ZERO) for name in ("amount", "functional_amount")]
        if abs(taken[0]) != settled:
            raise UnbalancedEntryError(
                f"The posting rules book {taken[0]} {booking.currency} where {settles or 'the rest'} takes {settled}."
            )
        part.extend({**line, "amount": -taken[0], "functional_amount": -taken[1]} for line in receivables[:1])
    return [{"settles": settles, "lines": part} for (settles, _, _), part in zip(shares, parts, strict=True)]


def _with_charge(shares: Sequence[Share], charge: Decimal) -> list[Share]:
    """The bank's charge comes off the largest shares first, of none more than was received for it."""
    charged = list(shares)
    for index in sorted(range(len(shares)), key=lambda index: -shares[index][1]):
        settles, settled, given_up = shares[index]
        taken = min(charge, settled - given_up)
        charged[index] = (settles, settled, given_up + taken)
        charge -= taken
    return charged


def _share_out(line: NativeLine, weights: Sequence[Decimal], booking: Booking) -> tuple[list[Decimal], list[Decimal]]:
    """Amounts and functional amounts of a line in proportion to the weights; what rounding leaves goes to the heaviest."""
    total = sum(weights, ZERO)
    heaviest = max(range(len(weights)), key=lambda index: weights[index])
    shared = []
    for whole, currency in ((line["amount"], booking.currency), (line["functional_amount"], booking.functional_currency)):
        amounts = [round_money(whole * weight / total, currency) if total else ZERO for weight in weights]
        amounts[heaviest] += whole - sum(amounts, ZERO)
        shared.append(amounts)
    return shared[0], shared[1]
