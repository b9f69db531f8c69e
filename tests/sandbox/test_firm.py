from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, pairwise

import pytest

from hybrid_erp.flow.checks import posting_of
from hybrid_erp.model.documents import (
    FIRM,
    CanonicalDocument,
    Contract,
    CreditMemo,
    DocumentType,
    Invoice,
    JournalEntry,
    JournalType,
    Payment,
    RevenueSchedule,
    TimeEntry,
)
from hybrid_erp.model.money import ZERO, round_money
from hybrid_erp.model.ownership import period_of
from hybrid_erp.model.posting import Posting
from hybrid_erp.settings import Settings
from sandbox.firm import Firm
from sandbox.firm.business_days import TODAY, last_day, working_day_until
from sandbox.firm.happening import CloudEvent
from sandbox.firm.people import COST_CENTRES, DEPARTMENTS
from sandbox.firm.story import SHOWN
from sandbox.places import CHECKOUT
from tests.builders import the_settings

HASH_OF_HISTORY = """
import hashlib, json
from sandbox.firm import Firm
print(hashlib.sha256(json.dumps(list(Firm(seed=2026).history())).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return the_settings()


@pytest.fixture(scope="module", params=[2026, 7], ids=lambda seed: f"seed {seed}")
def firm(request: pytest.FixtureRequest, settings: Settings) -> Firm:
    return Firm(seed=request.param, settings=settings)


@pytest.fixture(scope="module")
def history(firm: Firm) -> list[CloudEvent]:
    return list(firm.history())


@pytest.fixture(scope="module")
def postings(history: list[CloudEvent], settings: Settings) -> list[Posting]:
    """Each event as the real intake takes it: one that it refuses fails every test here."""
    return [posting_of(settings.firm, event) for event in history]


@pytest.fixture(scope="module")
def documents(postings: list[Posting]) -> list[CanonicalDocument]:
    return [posting.document for posting in postings]


def invoices(documents: list[CanonicalDocument]) -> dict[tuple[str, str], Invoice]:
    return {(each.legal_entity, each.number): each for each in documents if isinstance(each, Invoice)}


def entries(documents: list[CanonicalDocument]) -> dict[tuple[str, str], JournalEntry]:
    return {(each.legal_entity, each.number): each for each in documents if isinstance(each, JournalEntry)}


def assert_everything_is_there_in_time(documents: list[CanonicalDocument], firm: Firm) -> None:
    there = {identity for office in firm.offices for identity in firm.master_data(office.code).identities(office.code)}
    accepted = {(each.document_type, each.identified_in, each.number) for each in documents}
    for document in documents:
        for dependency in document.depends_on:
            office = dependency.legal_entity or document.legal_entities[0]
            wanted = {(dependency.document_type, where, dependency.number) for where in (office, FIRM)}
            assert wanted & (there if dependency.until == "posted" else there | accepted), f"{document.number} lacks {dependency}"
        there.add((document.document_type, document.identified_in, document.number))


def test_the_same_seed_makes_the_same_bytes_in_every_process() -> None:
    hashes = {
        subprocess.run(
            [sys.executable, "-c", HASH_OF_HISTORY],
            env={**os.environ, "PYTHONPATH": f"{CHECKOUT / 'include'}{os.pathsep}{CHECKOUT}", "PYTHONHASHSEED": hash_seed, "TZ": zone},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for hash_seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    assert hashes == {hashlib.sha256(json.dumps(list(Firm(seed=2026).history())).encode()).hexdigest()}


def test_another_seed_makes_another_year() -> None:
    assert list(Firm(seed=1).history()) != list(Firm(seed=2).history())


def test_intake_takes_every_event(history: list[CloudEvent], postings: list[Posting]) -> None:
    assert len(postings) == len(history) > 8000


def test_no_number_and_no_key_comes_twice(postings: list[Posting]) -> None:
    identities = Counter(
        (each.document.document_type, each.document.identified_in, each.document.number, each.document.version) for each in postings
    )
    assert set(identities.values()) == {1}
    assert len({posting.posting_id for posting in postings}) == len(postings)


def test_a_firm_of_a_larger_scale_has_no_number_twice_either(settings: Settings) -> None:
    events = list(Firm(scale=3, settings=settings).history())

    assert len({event["id"] for event in events}) == len(events)


def test_a_scale_that_the_number_ranges_cannot_hold_is_refused(settings: Settings) -> None:
    with pytest.raises(ValueError, match="scale 1 to 50"):
        Firm(scale=51, settings=settings)


def test_what_a_document_depends_on_comes_first_or_is_master_data(documents: list[CanonicalDocument], firm: Firm) -> None:
    assert_everything_is_there_in_time(documents, firm)


def test_versions_follow_each_other_without_a_gap(documents: list[CanonicalDocument]) -> None:
    latest: dict[tuple[str, str, str], int] = {}
    for document in documents:
        identity = (document.document_type, document.identified_in, document.number)
        assert document.version == latest.get(identity, 0) + 1
        latest[identity] = document.version
    assert {kind for (kind, _, _), version in latest.items() if version > 1} == {"contract", "customer", "milestone", "project"}


def test_time_runs_forward_and_ends_today(history: list[CloudEvent]) -> None:
    times = [datetime.fromisoformat(event["time"]) for event in history]

    assert all(earlier <= later for earlier, later in pairwise(times))
    assert times[0].date().year == 2026
    assert times[-1].date() == TODAY


def test_every_legal_entity_posts_every_kind_of_document(documents: list[CanonicalDocument], firm: Firm) -> None:
    seen = {(document.document_type, code) for document in documents for code in document.legal_entities}
    loads = {DocumentType.OPENING_BALANCE, DocumentType.OPEN_ITEM}  # of a cutover, not of a year
    missing = {(kind, office.code) for kind in DocumentType if kind not in loads for office in firm.offices} - seen

    assert {kind for kind, _ in missing} <= {DocumentType.CREDIT_MEMO}  # those are chance


def test_contracts_are_billed_in_every_way_and_changed(documents: list[CanonicalDocument]) -> None:
    contracts = [each for each in documents if isinstance(each, Contract)]

    assert {line.billing_method for each in contracts for line in each.lines} == {
        "time_and_materials",
        "milestone",
        "retainer",
        "fixed_fee",
    }
    before = {each.number: each for each in contracts if each.version == 1}
    for changed in (each for each in contracts if each.version == 2):
        raised, agreed = changed.lines[0].amount, before[changed.number].lines[0].amount
        assert raised is not None
        assert agreed is not None
        assert raised > agreed


def test_one_thread_leads_from_a_contract_to_its_payments(history: list[CloudEvent]) -> None:
    threads: dict[str, set[str]] = defaultdict(set)
    for event in history:
        threads[event["correlationid"]].add(event["source"])

    assert {"clm", "psa", "expenses", "billing", "bank", "ledger"} in threads.values()


def test_tax_is_that_of_the_legal_entity_where_the_customer_is_at_home(
    documents: list[CanonicalDocument], firm: Firm, settings: Settings
) -> None:
    country = {customer.number: customer.country for customer in firm.customers}
    for invoice in (each for each in documents if isinstance(each, Invoice | CreditMemo)):
        entity, net = settings.legal_entity(invoice.legal_entity), sum((line.amount for line in invoice.lines), ZERO)
        if country[invoice.customer] != entity.country:
            assert not invoice.tax_lines
            continue
        (tax,) = invoice.tax_lines
        stated = settings.chart.tax_codes[tax.tax_code]
        assert stated.country == entity.country
        assert (tax.base, tax.amount) == (net, round_money(net * stated.rate, invoice.currency))


def test_a_line_is_quantity_times_price(documents: list[CanonicalDocument]) -> None:
    for invoice in invoices(documents).values():
        for line in invoice.lines:
            assert line.amount == round_money(line.quantity * line.unit_price, invoice.currency)


def test_an_invoice_is_due_by_its_payment_term(documents: list[CanonicalDocument], settings: Settings) -> None:
    for invoice in invoices(documents).values():
        assert invoice.payment_term is not None
        assert (invoice.due_on - invoice.issued_on).days == settings.chart.payment_terms[invoice.payment_term].days


def test_no_invoice_is_settled_by_more_than_was_asked(documents: list[CanonicalDocument]) -> None:
    asked = invoices(documents)
    settled: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for document in documents:
        match document:
            case Payment():
                for each in document.applications:
                    assert asked[document.legal_entity, each.invoice].customer == document.customer
                    assert asked[document.legal_entity, each.invoice].currency == document.currency
                    settled[document.legal_entity, each.invoice] += each.settled
            case CreditMemo(corrects=str(invoice)):
                settled[document.legal_entity, invoice] += document.total
    assert all(amount <= asked[key].total for key, amount in settled.items())
    assert any(amount < asked[key].total for key, amount in settled.items())
    assert any(amount == asked[key].total for key, amount in settled.items())


def test_customers_pay_in_every_way(documents: list[CanonicalDocument]) -> None:
    payments = [each for each in documents if isinstance(each, Payment)]

    assert any(len(each.applications) > 1 for each in payments)
    assert any(application.discount for each in payments for application in each.applications)
    assert any(each.bank_charge for each in payments)
    assert any(each.unapplied for each in payments)
    assert any(each.exchange_rate for each in payments)


def test_an_accrual_and_its_reversal_leave_nothing(documents: list[CanonicalDocument]) -> None:
    known = entries(documents)
    accruals = {key for key, entry in known.items() if entry.journal_type is JournalType.ACCRUAL and entry.reverses is None}
    for (code, _), entry in known.items():
        if entry.reverses is None:
            continue
        accrual = known[code, entry.reverses]
        accruals.discard((code, entry.reverses))
        assert accrual.reversed(entry.number, entry.accounting_date).lines == entry.lines
        assert accrual.exchange_rate == entry.exchange_rate
        assert entry.accounting_date == date(2026, accrual.accounting_date.month + 1, 1)
    assert not accruals


def test_both_sides_of_work_between_legal_entities_agree(documents: list[CanonicalDocument]) -> None:
    known = entries(documents)
    pairs = {key: entry for key, entry in known.items() if entry.intercompany}
    worked = {each.intercompany.pair for each in documents if isinstance(each, TimeEntry) and each.intercompany}

    assert {entry.intercompany.pair for entry in pairs.values() if entry.intercompany} == worked
    for entry in pairs.values():
        assert entry.intercompany is not None
        other = known[entry.intercompany.partner, f"{entry.intercompany.pair}/{entry.intercompany.partner}"]
        assert (entry.accounting_date, entry.currency) == (other.accounting_date, other.currency)
        assert entry.lines[0].debit == other.lines[0].debit
        assert all(line.partner == entry.intercompany.partner for line in entry.lines)


@pytest.mark.parametrize("account", ["2200", "2250"])
def test_no_project_earns_what_was_not_deferred(documents: list[CanonicalDocument], account: str, settings: Settings) -> None:
    owed: dict[str | None, Decimal] = defaultdict(Decimal)
    for document in sorted(documents, key=lambda each: each.accounting_on or date.min):
        booking = settings.firm.booking_of(document) if isinstance(document, Invoice | JournalEntry | RevenueSchedule) else None
        for line in booking.lines if booking else ():
            if line.account == account:
                owed[getattr(document, "project", None)] -= line.amount
    assert owed
    assert all(amount >= 0 for amount in owed.values())


def test_dimensions_are_those_that_the_erps_were_given(documents: list[CanonicalDocument]) -> None:
    charged = chain.from_iterable(each.lines for each in documents if isinstance(each, Invoice))
    posted = chain.from_iterable(each.lines for each in documents if isinstance(each, JournalEntry))
    used = {
        item
        for dimensions in (*(line.dimensions for line in charged), *(line.dimensions for line in posted))
        for item in dimensions.items()
    }

    assert {value for name, value in used if name == "cost_centre"} <= set(COST_CENTRES)
    assert {value for name, value in used if name == "department"} == set(DEPARTMENTS)


def test_the_month_end_is_the_busy_time(documents: list[CanonicalDocument]) -> None:
    by_day = Counter(each.accounting_on for each in documents if each.accounting_on and not isinstance(each, TimeEntry))
    by_month: dict[str, date] = {}
    for day, _ in reversed(by_day.most_common()):
        by_month[period_of(day)] = day
    for month, busiest in by_month.items():
        if month < period_of(TODAY):
            assert busiest >= working_day_until(last_day(busiest))


def test_master_data_is_what_no_event_tells(documents: list[CanonicalDocument], firm: Firm) -> None:
    told = {each.number for each in documents if each.document_type in (DocumentType.CUSTOMER, DocumentType.PROJECT)}
    for office in firm.offices:
        data = firm.master_data(office.code)
        assert len(data.customers) >= 4
        assert len(data.projects) == 5
        assert not told & {*(each.number for each in data.customers), *(each.number for each in data.projects)}
        assert {each.customer for each in data.projects} <= {each.number for each in data.customers}
        customers, projects = data.for_ledgersmb()
        native_customers, native_projects = data.for_tryton()
        assert [each.number for each in customers] == [each.number for each in native_customers]
        assert [each.code for each in projects] == [each.number for each in native_projects]


@pytest.mark.parametrize("events", [20, 57, 200, 500])
def test_a_story_is_complete_in_itself(firm: Firm, settings: Settings, events: int) -> None:
    story = firm.story(events)
    documents = [posting_of(settings.firm, event).document for event in story]

    assert len(story) == events
    assert set(SHOWN) <= {each.document_type for each in documents}
    assert {settings.firm.region_of[code] for each in documents for code in each.legal_entities} == {"amer", "apac", "emea"}
    assert_everything_is_there_in_time(documents, firm)


def test_a_story_can_be_told_of_some_legal_entities_alone(firm: Firm) -> None:
    story = firm.story(60, legal_entities={"DE01", "UK01"})

    assert {event["data"]["legal_entity"] for event in story if "legal_entity" in event["data"]} == {"DE01", "UK01"}


@pytest.mark.parametrize("events", [5, 9000])
def test_a_story_that_is_too_short_or_too_long_is_refused(firm: Firm, events: int) -> None:
    with pytest.raises(ValueError, match=f"of {events} events|not of {events}"):
        firm.story(events)
