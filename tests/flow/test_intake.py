"""What intake takes, and what it refuses: with field, reason and remedy, never half of an event."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hybrid_erp.flow.checks import posting_of
from hybrid_erp.flow.intake import Intake, Verdict
from hybrid_erp.model.documents import JournalEntry
from hybrid_erp.model.errors import (
    AccountNotAllowedError,
    CurrencyNotAllowedError,
    DisabledRegionError,
    MalformedEventError,
    RefusedEventError,
    UnbalancedEntryError,
    UnknownLegalEntityError,
    UnknownTypeError,
)
from tests.builders import a_customer, a_journal_entry, a_project, an_event, an_invoice
from tests.fakes import FakeIntakeStore
from tests.flow.claims import FIRM


def refused(event: Any) -> RefusedEventError:
    with pytest.raises(RefusedEventError) as caught:
        posting_of(FIRM, event)
    assert caught.value.remedy
    return caught.value


def lines(debit: object, credit: object | None = None, **changes: Any) -> list[dict[str, Any]]:
    return [{"account": "5200", "debit": debit} | changes, {"account": "1000", "credit": debit if credit is None else credit}]


def named(field: str) -> dict[str, Any]:
    return {field: 1}


def a_payment(**changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"legal_entity": "DE01", "customer": "C-1", "bank_account": "MAIN", "accounting_date": "2026-03-05"}
    data |= {"currency": "EUR", "amount": "100.00", "applications": [{"invoice": "I-1", "amount": "100.00"}]}
    return an_event("payment", data | changes)


def taxed(base: str, amount: str, total: str) -> dict[str, Any]:
    return an_invoice("C-1", tax_lines=[{"tax_code": "DE-STD", "base": base, "amount": amount}], total=total)


MALFORMED: dict[str, tuple[Any, str]] = {
    "no object": (5, ""),
    "nothing at all": (None, ""),
    "another specversion": (a_journal_entry() | {"specversion": "0.3"}, "specversion"),
    "no id": ({name: value for name, value in a_journal_entry().items() if name != "id"}, "id"),
    "an empty id": (a_journal_entry(id=""), "id"),
    "an id with a blank": (a_journal_entry(id="a b"), "id"),
    "data that is a list": (a_journal_entry() | {"data": []}, "data"),
    "an attribute in capitals": (a_journal_entry() | {"Tenant": "x"}, ""),
    "an attribute that is an object": (a_journal_entry() | {"tenant": {"a": 1}}, ""),
    "a traceparent that is none": (a_journal_entry(traceparent="x"), "traceparent"),
    "an unknown field": (a_journal_entry(colour="red"), "data.colour"),
    "a missing field": (an_event("journal_entry", {"legal_entity": "DE01"}), "data.accounting_date"),
    "an amount as a number": (a_journal_entry(lines=lines(100.1)), "data.lines.0.debit"),
    "an amount that is true": (a_journal_entry(lines=lines(True)), "data.lines.0.debit"),
    "an amount in words": (a_journal_entry(lines=lines("ten")), "data.lines.0.debit"),
    "an amount with an exponent": (a_journal_entry(lines=lines("1e3")), "data.lines.0.debit"),
    "an amount with underscores": (a_journal_entry(lines=lines("1_000")), "data.lines.0.debit"),
    "an amount in other digits": (a_journal_entry(lines=lines("\uff11\uff10")), "data.lines.0.debit"),
    "an amount that is no number": (a_journal_entry(lines=lines("NaN")), "data.lines.0.debit"),
    "an amount without end": (a_journal_entry(lines=lines("Infinity")), "data.lines.0.debit"),
    "an amount with too many digits": (a_journal_entry(lines=lines("9" * 22)), "data.lines.0.debit"),
    "a negative debit": (a_journal_entry(lines=lines("-1.00")), "data.lines.0.debit"),
    "more digits than the currency": (a_journal_entry(lines=lines("1.005")), "data.amount"),
    "a discount of half a cent": (
        a_payment(applications=[{"invoice": "I-1", "amount": "100.00", "discount": "0.005"}]),
        "data.amount",
    ),
    "a tax base of half a cent": (taxed("100.005", "19.00", "119.00"), "data.amount"),
    "a day as a number": (a_journal_entry(accounting_date=0), "data.accounting_date"),
    "a day as seconds": (a_journal_entry(accounting_date="1741132800"), "data.accounting_date"),
    "a day with a time": (a_journal_entry(accounting_date="2026-03-05T00:00:00"), "data.accounting_date"),
    "a day that does not exist": (a_journal_entry(accounting_date="2026-02-30"), "data.accounting_date"),
    "a version as text": (a_journal_entry(version="1"), "data.version"),
    "a version that is true": (a_journal_entry(version=True), "data.version"),
    "version zero": (a_journal_entry(version=0), "data.version"),
    "a version beyond all": (a_journal_entry(version=10**30), "data.version"),
    "a number with a line break": (a_journal_entry(number="A\nB"), "data.number"),
    "a number that is a star": (a_journal_entry(number="*"), "data.number"),
    "a NUL in a text": (a_journal_entry(description="a\x00b"), "data.description"),
    "a NUL in a number": (a_journal_entry(number="A\x00B"), "data.number"),
    "a NUL in a field's name": (a_journal_entry(**named("a\x00")), "data.a\\x00"),
    "a NUL deep inside": (a_journal_entry(lines=lines("1.00", description="\x00")), "data.lines.0.description"),
    "half a surrogate pair in a text": (a_journal_entry(description="\ud800"), "data.description"),
    "half a surrogate pair in a field's name": (a_journal_entry(**named("\udfff")), "data.\\udfff"),
    "not a number": (a_journal_entry(description=float("nan")), "data.description"),
    "infinity in an attribute": (a_journal_entry() | {"tenant": float("inf")}, "tenant"),
    "one line alone": (a_journal_entry(lines=lines("1.00")[:1]), "data.lines"),
    "a line on both sides": (a_journal_entry(lines=[{"account": "5200", "debit": "1", "credit": "1"}] * 2), "data.lines.0"),
    "an item that nobody booked before": (
        an_invoice("C-1", lines=[{"item": "unicorn", "unit_price": "100.00", "amount": "100.00"}]),
        "data",
    ),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_event_is_refused_with_its_field(what: str) -> None:
    event, field = MALFORMED[what]

    refusal = refused(event)

    assert type(refusal) is MalformedEventError
    assert refusal.details["field"] == field
    str(refusal).encode()  # it can be told, whatever the event contained


def test_an_event_nested_without_end_is_refused() -> None:
    nested: Any = "deep"
    for _ in range(100_000):
        nested = [nested]

    assert "nested too deeply" in refused(a_journal_entry(description=nested)).message


def test_an_event_that_contains_itself_is_refused() -> None:
    event = a_journal_entry()
    event["data"]["lines"].append(event["data"])

    assert "nested too deeply" in refused(event).message


def test_text_that_only_looks_like_a_nul_is_taken() -> None:
    event = a_journal_entry(description="written as \\u0000")

    document = posting_of(FIRM, event).document

    assert isinstance(document, JournalEntry)
    assert document.description == "written as \\u0000"


OTHERWISE: dict[str, tuple[dict[str, Any], type[RefusedEventError], str]] = {
    "an unknown type": (a_journal_entry() | {"type": "hybrid-erp.telegram.v1"}, UnknownTypeError, "type"),
    "an unknown version": (a_journal_entry() | {"type": "hybrid-erp.journal_entry.v9"}, UnknownTypeError, "type"),
    "a legal entity outside the firm": (a_journal_entry("XX99"), UnknownLegalEntityError, "data.legal_entity"),
    "one concerned outside the firm": (a_customer("DE01", "XX99"), UnknownLegalEntityError, "data.legal_entity"),
    "a partner outside the firm": (
        a_journal_entry(number="IC-1/DE01", intercompany={"pair": "IC-1", "partner": "XX99"}),
        UnknownLegalEntityError,
        "data.intercompany.partner",
    ),
    "a currency in which it does not trade": (
        a_journal_entry(currency="JPY", lines=lines("100")),
        CurrencyNotAllowedError,
        "data.currency",
    ),
    "a foreign currency without a rate": (a_journal_entry(currency="USD"), CurrencyNotAllowedError, "data.exchange_rate"),
    "a rate to itself": (a_journal_entry(exchange_rate="1.1"), CurrencyNotAllowedError, "data.exchange_rate"),
    "debits that are no credits": (a_journal_entry(lines=lines("1.00", "2.00")), UnbalancedEntryError, "data.lines"),
    "a total that is not its lines": (an_invoice("C-1", total="99.00"), UnbalancedEntryError, "data.total"),
    "more applied than received": (a_payment(amount="1.00"), UnbalancedEntryError, "data.applications"),
    "an account outside the chart": (a_journal_entry(lines=lines("1.00", account="9999")), AccountNotAllowedError, "data.lines.0.account"),
    "a subledger's account": (a_journal_entry(lines=lines("1.00", account="1100")), AccountNotAllowedError, "data.lines.0.account"),
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_what_the_firm_does_not_allow_is_refused_with_its_field(what: str) -> None:
    event, kind, field = OTHERWISE[what]

    refusal = refused(event)

    assert type(refusal) is kind
    assert refusal.details["field"] == field


def test_an_event_of_a_region_whose_configuration_is_wrong_may_be_sent_again_later() -> None:
    region_of = {code: region for code, region in FIRM.region_of.items() if code != "DE01"}
    firm = replace(FIRM, region_of=region_of, disabled_legal_entities=frozenset({"DE01"}))

    with pytest.raises(DisabledRegionError):
        posting_of(firm, a_journal_entry())


def test_bad_events_do_not_keep_good_ones_out() -> None:
    store = FakeIntakeStore()
    good = [a_journal_entry(), a_project("C-1")]

    answers = Intake(FIRM, store).accept([5, good[0], a_journal_entry("XX99"), good[1], None], accepted_by="tests")

    assert [answer.verdict for answer in answers] == [
        Verdict.REFUSED,
        Verdict.ACCEPTED,
        Verdict.REFUSED,
        Verdict.ACCEPTED,
        Verdict.REFUSED,
    ]
    assert [posting.event_id for posting in store.postings.values()] == [event["id"] for event in good]


def test_an_event_without_a_correlation_id_is_traced_by_its_key() -> None:
    event = a_journal_entry(id="e-1", source="billing")

    assert posting_of(FIRM, event).correlation_id == "billing/e-1"


def test_the_answer_to_an_accepted_event_names_the_regions_that_have_something_to_do() -> None:
    (answer,) = Intake(FIRM, FakeIntakeStore()).accept([a_customer("DE01", "UK01", "US01")], accepted_by="tests")

    assert answer.regions == ("emea", "amer")


def test_nobody_outside_speaks_in_the_products_own_name() -> None:
    (answer,) = Intake(FIRM, FakeIntakeStore()).accept([a_journal_entry(source="hybrid-erp/load/emea")], accepted_by="tests")

    assert answer.verdict is Verdict.REFUSED
    assert answer.refusal is not None
    assert answer.refusal.details["field"] == "source"
