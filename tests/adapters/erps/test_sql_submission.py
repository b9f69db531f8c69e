"""Payments shared out among invoices: a law of accounting, whatever the amounts."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hybrid_erp.adapters.erps.sql_pack import load_pack
from hybrid_erp.adapters.erps.sql_submission import fence, native_submission
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.documents import Invoice, Payment
from hybrid_erp.model.ownership import PostingKind
from tests.builders import CONFIG, the_settings
from tests.contracts.erp_under_test import a_submission

SETTINGS = the_settings()
PACK = load_pack(CONFIG / "packs" / "ledgersmb")
MAPPING = SETTINGS.mappings["ledgersmb-emea"]

cents = st.integers(min_value=1, max_value=10_000_000).map(lambda amount: Decimal(amount) / 100)
small = st.integers(min_value=0, max_value=5_000).map(lambda amount: Decimal(amount) / 100)
rates = st.decimals(min_value="0.0001", max_value="200", places=4)


@st.composite
def payments(draw: st.DrawFn) -> Payment:
    applied: list[dict[str, Any]] = [
        {"invoice": f"INV-{index}", "amount": amount, "discount": draw(small), "withholding": draw(small)}
        for index, amount in enumerate(draw(st.lists(cents, max_size=5)))
    ]
    rest = draw(small) if applied else draw(cents)
    amount = sum((each["amount"] for each in applied), Decimal(0)) + rest
    terms: dict[str, Any] = {"number": "PAY", "legal_entity": "DE01", "customer": "C", "bank_account": "MAIN", "applications": applied}
    terms |= {"amount": amount, "bank_charge": min(draw(small), amount), "accounting_date": "2026-03-05"}
    currency = draw(st.sampled_from(["EUR", "USD"]))
    return Payment.model_validate(terms | {"currency": currency, "exchange_rate": draw(rates) if currency == "USD" else None})


def sent(document: Payment | Invoice, **changes: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(native_submission(a_submission(SETTINGS, document, **changes), PACK, MAPPING))
    return content


def total(lines: list[dict[str, Any]], name: str, account: str | None = None) -> Decimal:
    return sum((Decimal(line[name]) for line in lines if account in {None, line["account"]}), Decimal(0))


@given(payments())
def test_each_share_of_a_payment_balances_and_all_together_are_the_payment(payment: Payment) -> None:
    content = sent(payment)

    shares, whole = [each["lines"] for each in content["settlements"]], content["lines"]
    for name in ("amount", "functional_amount"):
        assert all(total(share, name) == 0 for share in shares)
        for account in {line["account"] for line in whole}:
            assert sum(total(share, name, account) for share in shares) == total(whole, name, account)


@given(payments())
def test_each_invoice_is_settled_by_what_the_payment_says(payment: Payment) -> None:
    shares = {each["settles"]: each["lines"] for each in sent(payment)["settlements"]}

    for application in payment.applications:
        assert total(shares[application.invoice], "amount", "1210") == application.settled  # credit positive: the receivable falls
    assert total(shares.get(None, []), "amount", "1210") == payment.unapplied


def test_only_a_candidate_draws_no_number_of_the_statutory_series() -> None:
    terms: dict[str, Any] = {"number": "INV", "legal_entity": "DE01", "customer": "C", "issued_on": "2026-03-05", "due_on": "2026-04-05"}
    terms |= {"accounting_date": "2026-03-05", "currency": "EUR", "total": "1.00"}
    invoice = Invoice.model_validate(terms | {"lines": [{"item": "time", "unit_price": "1.00", "amount": "1.00"}]})

    assert {role: sent(invoice, role=role)["draws_number"] for role in Role} == {
        Role.CONTROL: True,
        Role.RUN_OFF: True,
        Role.CANDIDATE: False,
    }


def test_every_kind_and_role_has_a_fence_of_its_own() -> None:
    fences = [fence(kind, role) for kind in PostingKind for role in Role]

    assert len(set(fences)) == len(fences)
