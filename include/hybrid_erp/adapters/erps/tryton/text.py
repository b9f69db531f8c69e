"""What we write into Tryton's free text, and read from it again: key, content hash, document, dimensions.

Tryton has no field for a foreign key, so the key stands in the description: `invoice INV-1 [<key> <hash>] nr <legal number> {project=P-1}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote
from uuid import UUID

from hybrid_erp.adapters.erps.tryton.values import begins_with
from hybrid_erp.model.documents import DocumentType

Dimensions = tuple[tuple[str, str], ...]

_MARK: Final = re.compile(
    r"^(?P<type>[a-z_]+) (?P<number>.+) \[(?P<key>[0-9a-f-]{36}) (?P<hash>[0-9a-f]*)\](?: nr (?P<legal>\S+))?(?: \{[^{}]*\})?$"
)
_DIMENSIONS: Final = re.compile(r"\{([^{}]*)\}$")
#: A search pattern for whatever may bear a mark; `read_mark` says whether it does. An underscore stands for any one character.
MARK_PATTERN: Final = f"%[{'-'.join('_' * length for length in (8, 4, 4, 4, 12))} %]%"
# What a dimension's value may hold unquoted; the signs that divide the text are not among it.
_PLAIN: Final = " /:@+,"


@dataclass(frozen=True, slots=True)
class Mark:
    """Which document of ours a native record is."""

    document_type: str
    number: str
    posting_id: UUID
    content_hash: str
    legal_number: str | None


def mark(document_type: DocumentType, number: str, key: str, content_hash: str, legal_number: str | None = None) -> str:
    """The text that makes a native record ours."""
    legal = f" nr {quote(legal_number, safe=_PLAIN.strip())}" if legal_number else ""
    return f"{document_type} {number} [{key} {content_hash}]{legal}"


def read_mark(text: str | None) -> Mark | None:
    """Which document a text marks; None: none of ours."""
    found = _MARK.match(text or "")
    if found is None:
        return None
    try:
        posting_id = UUID(found["key"])
    except ValueError:
        return None
    legal = unquote(found["legal"]) if found["legal"] else None
    return Mark(found["type"], found["number"], posting_id, found["hash"], legal)


def with_dimensions(text: str, dimensions: Dimensions) -> str:
    """A text and the dimensions behind it."""
    if not dimensions:
        return text.replace("{", "(").replace("}", ")")
    stated = "; ".join(f"{name}={quote(value, safe=_PLAIN)}" for name, value in dimensions)
    return f"{text.replace('{', '(').replace('}', ')')} {{{stated}}}".lstrip()


def read_dimensions(text: str | None) -> Dimensions:
    """The dimensions behind a text."""
    found = _DIMENSIONS.search(text or "")
    if found is None:
        return ()
    pairs = (item.partition("=") for item in found[1].split("; "))
    return tuple((name, unquote(value)) for name, is_pair, value in pairs if is_pair)


def key_pattern(key: str) -> str:
    """A search pattern for the text that bears a key."""
    return f"%[{key} %"


def number_pattern(document_type: DocumentType, number: str) -> str:
    """A search pattern for the text that marks a document by its number."""
    return begins_with(f"{document_type} {number} [")
