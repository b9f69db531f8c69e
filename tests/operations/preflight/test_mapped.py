"""What was booked has a way into a chart, and comes back the same."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.mapping import AccountRule, Mapping
from hybrid_erp.operations.preflight.mapped import gaps
from tests.operations.preflight.facts import a_line

ON = date(2026, 11, 1)


def told(*lines: Any, **changes: Any) -> tuple[str, ...]:
    content: dict[str, Any] = {
        "version": "1",
        "erp": "cloud",
        "accounts": [{"canonical": "1100", "native": "A"}, {"canonical": "4000", "native": "B", "document_types": ["invoice"]}],
        "tax_codes": [{"canonical": "DE-STD", "native": "T"}, {"canonical": "DE-OLD", "native": "T"}],
        "dimensions": {"project": "projekt"},
    }
    return gaps(lines, Mapping.model_validate(content | changes), legal_entity="DE01", on=ON)


def test_what_has_a_way_there_and_back_has_no_gap() -> None:
    assert told(a_line(), a_line("4000", tax_code="DE-STD")) == ()


@pytest.mark.parametrize(
    ("line", "gap"),
    [
        (a_line("5000"), "cloud has no account for canonical account 5000 (DE01, invoice, 2026-11-01, project P-1)."),
        (a_line("4000", document_type=DocumentType.PAYMENT), "cloud has no account for canonical account 4000 (DE01, payment"),
        (a_line("4000", document_type=None), "cloud has no account for canonical account 4000 (DE01, journal_entry"),
        (a_line(tax_code="GB-STD"), "cloud has no tax code for GB-STD (DE01)."),
        (a_line(tax_code="DE-OLD"), "tax code DE-OLD of DE01 is T in cloud, which comes back as DE-STD"),
        (a_line(dimensions=(("region", "N"),)), "cloud has no dimension for region (DE01)"),
    ],
)
def test_a_gap_is_told_with_an_example(line: Any, gap: str) -> None:
    (found,) = told(line)
    assert found.startswith(gap)


def test_a_rule_that_has_ended_before_the_period_that_moves_is_a_gap() -> None:
    ended = [{"canonical": "1100", "native": "A", "valid_to": "2026-10-31"}]
    assert told(a_line(last_on=date(2026, 10, 5)), accounts=ended) != ()


def test_a_gap_is_told_once_and_what_has_no_canonical_name_is_left_to_its_reader() -> None:
    assert len(told(a_line("5000"), a_line("5000"))) == 1
    assert told(a_line("1890 of the ERP", tax_code="X of the ERP")) == ()


def test_an_account_that_comes_back_as_another_is_a_gap_should_a_mapping_ever_allow_it() -> None:
    rules = (AccountRule(canonical="4000", native="A"), AccountRule(canonical="1100", native="A"))
    mapping = Mapping.model_construct(version="1", erp="cloud", accounts=rules, dimensions={"project": "projekt"})  # a checked one refuses

    found = gaps([a_line("1100")], mapping, legal_entity="DE01", on=ON)
    assert found == ("account 1100 of DE01 is A in cloud, which comes back as 4000",)
