"""What becomes of a document that people made in an ERP's own screens."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hybrid_erp.model.books import Entry
from hybrid_erp.model.posting import Posting


class Treatment(StrEnum):
    """What became of a native document."""

    CAPTURED = "captured"
    """It is a posting now, posted where it was found, and due at the other ERP."""
    FLAGGED = "flagged"
    """A person has to look: by policy, or because no canonical document books the same."""
    LEFT = "left"
    """A periodic run that each ERP makes for itself, or that is brought at the cutover."""
    DRAFT = "draft"
    """Not posted yet; outside every balance."""


@dataclass(frozen=True, slots=True)
class Treated:
    """A native document, and what became of it."""

    entry: Entry
    treatment: Treatment
    reason: str = ""
    posting: Posting | None = None
