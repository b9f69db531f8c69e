"""Whether lines that were booked can be booked in another chart, and are the same when they are read there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import UnmappedError
from hybrid_erp.model.mapping import Mapping
from hybrid_erp.model.preflight import BookedLine
from hybrid_erp.operations.reconcile.cells import UNMAPPED


def gaps(lines: Iterable[BookedLine], mapping: Mapping, *, legal_entity: str, on: date) -> tuple[str, ...]:
    """What has no way into the ERP of the mapping, or comes back as something else. Rules count that are in force on the day or later.

    An account or tax code that has no canonical name is left to whoever read it.
    """
    return tuple(dict.fromkeys(told for line in lines for told in _gaps(line, mapping, legal_entity, on)))


def _gaps(line: BookedLine, mapping: Mapping, legal_entity: str, on: date) -> Iterator[str]:
    if UNMAPPED not in line.account:
        yield from _account(line, mapping, legal_entity, max(line.last_on, on))
    if line.tax_code and UNMAPPED not in line.tax_code:
        yield from _tax_code(line.tax_code, mapping, legal_entity)
    for name, _ in line.dimensions:
        if name not in mapping.dimensions:
            yield f"{mapping.erp} has no dimension for {name} ({legal_entity})"


def _account(line: BookedLine, mapping: Mapping, legal_entity: str, on: date) -> Iterator[str]:
    document_type = line.document_type or DocumentType.JOURNAL_ENTRY
    try:
        native = mapping.native_account(
            line.account, legal_entity=legal_entity, document_type=document_type, dimensions=line.dimensions, on=on
        )
    except UnmappedError as error:
        yield error.message
        return
    if (back := mapping.canonical_account(native, legal_entity=legal_entity)) != line.account:
        yield f"account {line.account} of {legal_entity} is {native} in {mapping.erp}, which comes back as {back or 'nothing'}"


def _tax_code(code: str, mapping: Mapping, legal_entity: str) -> Iterator[str]:
    try:
        native = mapping.native_tax_code(code, legal_entity=legal_entity)
    except UnmappedError as error:
        yield error.message
        return
    if (back := mapping.canonical_tax_code(native, legal_entity=legal_entity)) != code:
        yield f"tax code {code} of {legal_entity} is {native} in {mapping.erp}, which comes back as {back or 'nothing'}"
