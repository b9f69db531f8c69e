"""A key is told from a slip of the pen before anybody is asked about it."""

from __future__ import annotations

import re

import pytest

from hybrid_erp.model.source_key import PATTERN, SourceKey

KEY = SourceKey.new()


def test_a_key_is_read_as_it_was_made() -> None:
    for _ in range(50):
        key = SourceKey.new()
        read = SourceKey.read(key.text)
        assert read == key
        assert read is not None
        assert read.fits(key.secret_hash)
        assert re.fullmatch(PATTERN, key.text)


@pytest.mark.parametrize("length", range(len(KEY.text)))
def test_a_cut_key_is_none(length: int) -> None:
    assert SourceKey.read(KEY.text[:length]) is None


@pytest.mark.parametrize("place", range(len(KEY.text)))
def test_a_key_with_a_wrong_letter_is_none(place: int) -> None:
    wrong = "x" if KEY.text[place] != "x" else "y"

    assert SourceKey.read(KEY.text[:place] + wrong + KEY.text[place + 1 :]) is None


@pytest.mark.parametrize("text", ["", "hek_", KEY.text + "0", " " + KEY.text, KEY.text + "\n", KEY.text.upper(), "é" * 66])
def test_what_is_no_key_is_none(text: str) -> None:
    assert SourceKey.read(text) is None


def test_a_key_shows_no_secret_when_it_is_logged() -> None:
    assert KEY.secret not in repr(KEY)
    assert KEY.secret not in str(KEY)


def test_another_keys_secret_does_not_fit() -> None:
    assert not SourceKey(KEY.key_id, SourceKey.new().secret).fits(KEY.secret_hash)
