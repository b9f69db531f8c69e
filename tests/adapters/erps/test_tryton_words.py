"""What the dialect writes into Tryton's free text and its table of rates, and reads from them again."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from hybrid_erp.adapters.erps.tryton.rates import rate_that_books
from hybrid_erp.adapters.erps.tryton.text import mark, read_dimensions, read_mark, with_dimensions
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.money import convert_all

CENT = Decimal("0.01")
words = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=30)
amounts = st.integers(1, 10_000_000).map(lambda cents: Decimal(cents) * CENT)


@given(st.uuids(), words, st.one_of(st.none(), words))
def test_a_mark_is_read_as_it_was_written(key: UUID, number: str, legal_number: str | None) -> None:
    text = mark(DocumentType.INVOICE, number, str(key), "5a" * 32, legal_number)

    found = read_mark(text)

    assert found is not None
    assert (found.posting_id, found.number, found.content_hash, found.legal_number) == (key, number, "5a" * 32, legal_number)


@given(words, st.dictionaries(st.sampled_from(["project", "cost_centre", "department"]), words, min_size=1))
def test_dimensions_are_read_as_they_were_written(text: str, dimensions: dict[str, str]) -> None:
    assert dict(read_dimensions(with_dimensions(text, tuple(dimensions.items())))) == dimensions


@given(words)
def test_a_text_without_dimensions_shows_none(text: str) -> None:
    assert read_dimensions(with_dimensions(text, ())) == ()


def test_what_people_wrote_is_not_ours() -> None:
    assert read_mark("Rent of March [see contract]") is None
    assert read_mark(None) is None


@given(st.lists(amounts, min_size=1, max_size=6), st.integers(500_000, 2_000_000))
def test_a_rate_is_found_that_books_the_demanded_amounts_or_none_is_claimed(lines: list[Decimal], millionths: int) -> None:
    stated = Decimal(millionths) / 1_000_000
    signed = [sum(lines, Decimal(0)), *(-line for line in lines)]
    demanded = convert_all(signed, stated, "EUR")

    inverse = rate_that_books(signed, demanded, stated, CENT)

    if inverse is not None:
        assert tuple((amount / inverse).quantize(CENT, rounding=ROUND_HALF_EVEN) for amount in signed) == demanded
    if demanded == tuple((amount * stated).quantize(CENT, rounding=ROUND_HALF_EVEN) for amount in signed):
        # Nothing was moved between lines, and no line stands on the half cent: then the stated rate, or one beside it, books it.
        halves = [(amount * stated / CENT) % 1 for amount in signed]
        assert inverse is not None or any(abs(half - Decimal("0.5")) < Decimal("0.001") for half in halves)
