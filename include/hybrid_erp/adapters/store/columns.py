"""Columns of a batch in PostgreSQL's notation of arrays: hundreds of rows go over as a few texts, and a value costs next to nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def texts(values: Sequence[str]) -> str:
    """An array of texts; also of what PostgreSQL reads from text, like a UUID."""
    if not values:
        return "{}"
    joined = '","'.join(values)
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        joined = '","'.join([_escaped(value) for value in values])
    return f'{{"{joined}"}}'


def optional_texts(values: Iterable[str | None]) -> str:
    """An array of texts, some of which are null."""
    return "{" + ",".join(["NULL" if value is None else f'"{_escaped(value)}"' for value in values]) + "}"


def numbers(values: Iterable[int]) -> str:
    """An array of whole numbers."""
    return "{" + ",".join(map(str, values)) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
