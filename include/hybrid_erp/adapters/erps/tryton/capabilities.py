"""What Tryton takes, and what keeps each document type from being booked twice there."""

from __future__ import annotations

from typing import Final

from hybrid_erp.adapters.erps.tryton.master_data_reading import PARTY, TIME, WORK
from hybrid_erp.adapters.erps.tryton.reading import INVOICE, MOVE
from hybrid_erp.model.delivery import Capabilities, Capability, ConnectorClass
from hybrid_erp.model.documents import DocumentType

# Tryton keeps the dimensions in each line's text, where read back finds them again. They are complete, but they are not analytic accounts:
# Tryton's own reports do not add them up.
_BOOKED: Final = {
    DocumentType.INVOICE: INVOICE,
    DocumentType.CREDIT_MEMO: INVOICE,
    DocumentType.PAYMENT: MOVE,
    DocumentType.JOURNAL_ENTRY: MOVE,
    DocumentType.EXPENSE: MOVE,
    DocumentType.REVENUE_SCHEDULE: MOVE,
    DocumentType.OPENING_BALANCE: MOVE,
    DocumentType.OPEN_ITEM: MOVE,
}
_EFFECTIVE_AT_ONCE: Final = {
    DocumentType.CUSTOMER: (ConnectorClass.UNIQUE, PARTY),
    DocumentType.PROJECT: (ConnectorClass.LOOK_UP_ONLY, WORK),
    DocumentType.PROJECT_TASK: (ConnectorClass.LOOK_UP_ONLY, WORK),
    DocumentType.TIME_ENTRY: (ConnectorClass.LOOK_UP_ONLY, TIME),
}

CAPABILITIES: Final[Capabilities] = {
    **{document_type: Capability(ConnectorClass.DRAFT, native) for document_type, native in _BOOKED.items()},
    **{document_type: Capability(each, native) for document_type, (each, native) in _EFFECTIVE_AT_ONCE.items()},
}
