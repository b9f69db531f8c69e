"""A controller reads the verdict first, then figures, and gets from each difference to the document in both ERPs."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from uuid import UUID, uuid4

import pytest

from hybrid_erp.adapters.store.reconciliations import PostgresReconciliations
from hybrid_erp.model.reconciliation import DifferenceClass, Verdict
from tests.results import HOSTILE, POSTING, TERMS, a_result
from tests.stores import CLOUD, LEGACY, Store
from tests.web.client import Client, problem_in


@pytest.fixture
def key(store: Store) -> UUID:
    """A reconciliation that did not pass."""
    results = PostgresReconciliations(store.connect("delivery"))
    found, result = results.begin(TERMS), a_result()
    results.write(found, result)
    results.finish(found, result.verdict)
    return found


class Outline(HTMLParser):
    """Text and links of a page, in order; complains of what is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.links += [value for name, value in attrs if name == "href" and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open[-1:] != ["style"]:
            self.text.append(data.strip())


def page(client: Client, key: UUID) -> tuple[str, Outline]:
    response = client.get(f"/reconciliations/{key}")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/html")
    outline = Outline()
    outline.feed(response.text)
    assert outline.open == []
    return response.text, outline


def test_the_verdict_is_the_first_thing_on_the_page_and_its_reasons_the_next(client: Client, key: UUID) -> None:
    _, outline = page(client, key)
    text = outline.text[1:]  # without the title

    assert text[:2] == ["EMEA:", "Not passed"]
    assert "1 dead_letter: 1,234,567.89 in sum" in text[3]


def test_figures_of_projects_are_told_with_their_classes_and_what_is_not_told_says_so(client: Client, key: UUID) -> None:
    _, outline = page(client, key)
    after = outline.text[outline.text.index("Projects") :]

    billed = after[after.index("P-1") :][:8]
    assert billed == ["P-1", "billed", "0.00", "1,234,567.89", "+1,234,567.89", "EUR", "dead letter", "+1,234,567.89"]
    unbilled = after[after.index("unbilled") :][:3]
    assert unbilled == ["unbilled", "80.00", "not told"]
    assert any("What one ERP alone tells is not compared: unbilled." in line for line in after)


def test_a_pass_without_a_difference_is_a_page_too(client: Client, store: Store) -> None:
    results = PostgresReconciliations(store.connect("delivery"))
    found, level = results.begin(TERMS), replace(a_result(), differences=(), rows=(), verdict=Verdict(True, ()))
    results.write(found, level)
    results.finish(found, level.verdict)

    _, outline = page(client, found)

    assert "Passed" in outline.text


def test_figures_are_grouped_signed_and_aligned(client: Client, key: UUID) -> None:
    html, _ = page(client, key)

    assert '<td class="n">+1,234,567.90</td>' in html
    assert '<td class="n">\N{MINUS SIGN}1,234,567.90</td>' in html
    assert ".n { text-align: right" in html
    assert "tabular-nums" in html


def test_only_cells_that_differ_are_open_and_merged_accounts_are_named(client: Client, key: UUID) -> None:
    html, outline = page(client, key)

    assert "1 equal cell" in outline.text
    assert html.index("1800 + 1810 / 1.1.1") < html.index("1 equal cell") < html.index("2970 / 3.2.2")


def test_a_difference_leads_to_the_document_in_both_erps_and_says_what_to_do(client: Client, key: UUID) -> None:
    _, outline = page(client, key)

    for erp, native_id in ((LEGACY, "gl,7"), (LEGACY, "gl,8"), (CLOUD, "account.move,8")):
        assert f"https://{erp}.example/DE01/{native_id}" in outline.links
    assert f"../v1/postings/{POSTING}" in outline.links
    assert DifferenceClass.DEAD_LETTER.remedy in outline.text


def test_what_an_erp_says_is_text_and_never_a_part_of_the_page(client: Client, key: UUID) -> None:
    html, outline = page(client, key)
    response = client.get(f"/reconciliations/{key}")

    assert HOSTILE not in html
    assert HOSTILE in " ".join(outline.text)
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert not re.search(r"(src|@import|url\()", html)


def test_json_tells_amounts_as_text(client: Client, key: UUID) -> None:
    result = client.get(f"/v1/reconciliations/{key}").json()

    (entity,) = result["entities"]
    assert entity["differences"][0]["gross"] == "1234567.89"
    assert {(each["account"], each["amount"]) for each in entity["amounts"] if each["class"] == "rounding"} == {
        ("1000", "0.01"),
        ("5200", "-0.01"),
    }
    assert entity["evidence"][0]["query"] == "SELECT sum(amount)"
    assert (entity["settle_position"], entity["legacy_cursor"]) == (4711, "768:4711")


@pytest.mark.parametrize("table", ["differences", "amounts", "trial_balance", "checks", "left_out", "evidence"])
def test_each_table_can_be_had_for_a_spreadsheet(client: Client, key: UUID, table: str) -> None:
    response = client.get(f"/v1/reconciliations/{key}/{table}.csv")

    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert response.headers["content-type"].startswith("text/csv")
    assert rows
    assert {row["legal_entity"] for row in rows} == {"DE01"}
    assert not [value for row in rows for value in row.values() if value[:1] in "=+@" and value[:1]]


def test_no_text_becomes_a_formula_and_an_amount_stays_a_number(client: Client, key: UUID) -> None:
    differences = client.get(f"/v1/reconciliations/{key}/differences.csv").text
    amounts = client.get(f"/v1/reconciliations/{key}/amounts.csv").text

    assert ",'=1+1," in differences
    assert ",-1234567.89" in amounts


def test_the_list_is_newest_first_and_narrowed_by_region(client: Client, key: UUID, store: Store) -> None:
    later = PostgresReconciliations(store.connect("delivery")).begin(TERMS | {"run": "manual__later"})

    listed = client.get("/v1/reconciliations").json()["reconciliations"]

    assert [row["reconciliation_id"] for row in listed] == [str(later), str(key)]
    assert [row["passed"] for row in listed] == [None, False]
    assert client.get("/v1/reconciliations?region=apac").json() == {"reconciliations": []}


def test_a_reconciliation_that_is_not_finished_says_what_is_to_come(client: Client, store: Store) -> None:
    begun = PostgresReconciliations(store.connect("delivery")).begin(TERMS)

    _, outline = page(client, begun)

    assert "Not finished" in outline.text
    assert "DE01" in " ".join(outline.text)


def test_an_unknown_reconciliation_and_a_table_that_is_none_are_named(client: Client, key: UUID) -> None:
    problem_in(client.get(f"/v1/reconciliations/{uuid4()}"), 404, "not-found")
    problem_in(client.get(f"/reconciliations/{uuid4()}"), 404, "not-found")
    problem_in(client.get(f"/v1/reconciliations/{key}/secrets.csv"), 422, "invalid-request")
