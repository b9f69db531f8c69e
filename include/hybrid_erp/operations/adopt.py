"""Adopt what an ERP held before the facade was there: customers and projects enter the crosswalk, as the ERP itself names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from hybrid_erp.model.documents import DocumentType
from hybrid_erp.ports import ErpConnector, Held

ADOPTABLE: Final = (DocumentType.CUSTOMER, DocumentType.PROJECT)


class CrosswalkWriter(Protocol):
    """The store's table of who is called what where."""

    def adopt(self, erp: str, legal_entity: str, document_type: DocumentType, held: Sequence[Held]) -> int:
        """Add what is not known yet; how many were added."""


def adopt_master_data(erp: str, legal_entity: str, connector: ErpConnector, crosswalk: CrosswalkWriter) -> dict[str, int]:
    """Ask one company of one ERP what it holds; how many of each type are new. Safe to run again.

    Raises:
        WrongSystemError: Another system answers; nothing was adopted.
        ErpUnavailableError: It cannot be read.
    """
    connector.identity()
    return {each.value: crosswalk.adopt(erp, legal_entity, each, connector.held(each)) for each in ADOPTABLE}
