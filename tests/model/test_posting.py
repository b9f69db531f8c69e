"""Laws of keys and hashes: the same effect for the same key, another hash for other content."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from hybrid_erp.model.posting import canonical_json, content_hash_of, posting_id_of

tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
leaves = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | texts
contents = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12)


@given(tokens, tokens)
def test_a_key_gives_the_same_posting_id_for_ever(source: str, event_id: str) -> None:
    posting_id = posting_id_of(source, event_id)

    assert posting_id == posting_id_of(source, event_id)
    assert posting_id.version == 8
    assert posting_id.variant == "specified in RFC 4122"


def test_a_posting_id_is_what_it_was_when_the_first_one_was_given() -> None:
    assert posting_id_of("billing", "invoice-1") == UUID("7cf56ffc-0a3c-82fe-b217-dc7b1827a9c4")


@given(tokens, tokens, tokens, tokens)
def test_other_keys_give_other_postings(source: str, event_id: str, other_source: str, other_id: str) -> None:
    same = (source, event_id) == (other_source, other_id)

    assert (posting_id_of(source, event_id) == posting_id_of(other_source, other_id)) == same


@given(tokens, tokens)
def test_the_border_between_source_and_id_is_part_of_the_key(source: str, event_id: str) -> None:
    assert posting_id_of(source + event_id[0], event_id[1:] or "x") != posting_id_of(source, event_id)


def shuffled(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: shuffled(value) for name, value in reversed(content.items())}
    return [shuffled(value) for value in content] if isinstance(content, list) else content


@given(contents)
def test_white_space_and_the_order_of_fields_do_not_matter(content: Any) -> None:
    written_otherwise = json.loads(json.dumps(shuffled(content), indent=3))

    assert content_hash_of("type", canonical_json(written_otherwise)) == content_hash_of("type", canonical_json(content))


@given(contents, contents)
def test_other_content_has_another_hash(content: Any, other: Any) -> None:
    same = json.dumps(content, sort_keys=True) == json.dumps(other, sort_keys=True)

    assert (content_hash_of("type", canonical_json(content)) == content_hash_of("type", canonical_json(other))) == same


@given(contents)
def test_another_type_has_another_hash(content: Any) -> None:
    assert content_hash_of("hybrid-erp.invoice.v1", canonical_json(content)) != content_hash_of(
        "hybrid-erp.invoice.v2", canonical_json(content)
    )


@given(st.permutations(["a", "b", "c"]))
def test_the_order_of_a_list_matters(items: list[str]) -> None:
    assert (content_hash_of("type", canonical_json(items)) == content_hash_of("type", canonical_json(["a", "b", "c"]))) == (
        items == ["a", "b", "c"]
    )
