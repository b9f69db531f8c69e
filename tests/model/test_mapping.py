"""The mapping of an ERP: one rule for every line, or a clear word."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import UnmappedError
from hybrid_erp.model.mapping import AccountRule, Mapping
from tests.builders import the_settings

SETTINGS = the_settings()
DAY = date(2026, 3, 5)
JOURNAL = DocumentType.JOURNAL_ENTRY


def a_mapping(*accounts: dict[str, Any], **changes: Any) -> Mapping:
    return Mapping.model_validate({"version": "1", "erp": "erp", "accounts": accounts} | changes)


def native(mapping: Mapping, account: str = "4000", **changes: Any) -> str:
    terms: dict[str, Any] = {"legal_entity": "DE01", "document_type": JOURNAL, "dimensions": (), "on": DAY}
    return mapping.native_account(account, **terms | changes)


OVERLAPS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the same twice": ({}, {}),
    "one of them narrower": ({}, {"legal_entities": ["DE01"]}),
    "a common legal entity": ({"legal_entities": ["DE01", "UK01"]}, {"legal_entities": ["UK01"]}),
    "a common document type": ({"document_types": ["invoice"]}, {"document_types": ["invoice", "payment"]}),
    "a common day": ({"valid_to": "2026-06-30"}, {"valid_from": "2026-06-30"}),
    "dimensions that may meet": ({"dimensions": {"project": "P-1"}}, {"dimensions": {"department": "D-1"}}),
    "one with a dimension": ({"dimensions": {"project": "P-1"}}, {}),
}


@pytest.mark.parametrize("what", OVERLAPS)
def test_two_rules_for_one_line_are_refused(what: str) -> None:
    one, other = OVERLAPS[what]

    with pytest.raises(ValidationError, match="both select the same lines"):
        a_mapping({"canonical": "4000", "native": "1"} | one, {"canonical": "4000", "native": "2"} | other)


APART: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "other legal entities": ({"legal_entities": ["DE01"]}, {"legal_entities": ["UK01"]}),
    "other document types": ({"document_types": ["invoice"]}, {"document_types": ["payment"]}),
    "other days": ({"valid_to": "2026-06-29"}, {"valid_from": "2026-06-30"}),
    "another value of a dimension": ({"dimensions": {"project": "P-1"}}, {"dimensions": {"project": "P-2"}}),
}


@pytest.mark.parametrize("what", APART)
def test_rules_that_never_meet_stand_beside_each_other(what: str) -> None:
    one, other = APART[what]

    a_mapping({"canonical": "4000", "native": "1"} | one, {"canonical": "4000", "native": "2"} | other)


RULES = st.fixed_dictionaries(
    {"canonical": st.just("4000"), "native": st.sampled_from(["1", "2", "3"])},
    optional={
        "legal_entities": st.sets(st.sampled_from(["DE01", "UK01"]), min_size=1),
        "document_types": st.sets(st.sampled_from(["invoice", "payment"]), min_size=1),
        "dimensions": st.dictionaries(st.sampled_from(["project", "department"]), st.sampled_from(["A", "B"]), max_size=2),
        "valid_from": st.sampled_from([date(2026, 1, 1), date(2026, 7, 1)]),
        "valid_to": st.sampled_from([date(2026, 6, 30), date(2026, 12, 31)]),
    },
).map(AccountRule.model_validate)
LINES = st.fixed_dictionaries(
    {
        "legal_entity": st.sampled_from(["DE01", "UK01"]),
        "document_type": st.sampled_from([DocumentType.INVOICE, DocumentType.PAYMENT]),
        "dimensions": st.lists(
            st.tuples(st.sampled_from(["project", "department"]), st.sampled_from(["A", "B"])), unique_by=lambda item: item[0]
        ).map(tuple),
        "on": st.sampled_from([date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1)]),
    }
)


@given(RULES, RULES, LINES)
def test_rules_that_both_select_some_line_always_overlap(one: AccountRule, other: AccountRule, line: dict[str, Any]) -> None:
    if one.selects(**line) and other.selects(**line):
        assert one.overlaps(other)
    assert one.overlaps(other) == other.overlaps(one)


def test_a_gap_is_told_with_the_line_that_met_it() -> None:
    mapping = a_mapping({"canonical": "4000", "native": "8400", "legal_entities": ["UK01"]})

    with pytest.raises(UnmappedError) as caught:
        native(mapping, dimensions=(("project", "P-1"),))

    for part in ("erp", "4000", "DE01", "journal_entry", "2026-03-05", "project P-1"):
        assert part in caught.value.message


@pytest.mark.parametrize("code", ["tax", "term"])
def test_an_unknown_code_is_told(code: str) -> None:
    mapping = a_mapping({"canonical": "4000", "native": "8400"})

    with pytest.raises(UnmappedError, match=code):
        (mapping.native_tax_code if code == "tax" else mapping.native_payment_term)("X-1", legal_entity="DE01")


def test_a_rule_holds_from_its_first_day_to_its_last() -> None:
    before = {"canonical": "4000", "native": "old", "valid_to": "2026-03-04"}
    mapping = a_mapping(before, {"canonical": "4000", "native": "new", "valid_from": "2026-03-05"})

    assert native(mapping, on=date(2026, 3, 4)) == "old"
    assert native(mapping, on=date(2026, 3, 5)) == "new"


def test_one_native_account_never_stands_for_two_canonical_ones() -> None:
    with pytest.raises(ValidationError, match="stands for both 4000 and 4100"):
        a_mapping({"canonical": "4000", "native": "8400"}, {"canonical": "4100", "native": "8400"})


PLACES = [(erp, legal_entity) for erp, configured in SETTINGS.erps.items() for legal_entity in configured.companies]


@pytest.mark.parametrize(("erp", "legal_entity"), PLACES)
def test_every_account_goes_to_every_erp_and_comes_back(erp: str, legal_entity: str) -> None:
    mapping = SETTINGS.mappings[erp]

    for account in SETTINGS.chart.accounts:
        there = native(mapping, account, legal_entity=legal_entity)
        assert mapping.canonical_account(there, legal_entity=legal_entity) == account


@pytest.mark.parametrize(("erp", "legal_entity"), PLACES)
def test_every_tax_code_of_a_country_goes_there_and_comes_back(erp: str, legal_entity: str) -> None:
    mapping, country = SETTINGS.mappings[erp], SETTINGS.legal_entity(legal_entity).country

    for code in (code for code, tax in SETTINGS.chart.tax_codes.items() if tax.country == country):
        there = mapping.native_tax_code(code, legal_entity=legal_entity)
        assert mapping.canonical_tax_code(there, legal_entity=legal_entity) == code
    for term in SETTINGS.chart.payment_terms:
        assert mapping.native_payment_term(term, legal_entity=legal_entity)
