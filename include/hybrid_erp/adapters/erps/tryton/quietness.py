"""What a company of Tryton says of how loud a copy could be (ACCOUNTING B12). Copies are moves: nothing prints or sends one by itself."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

from hybrid_erp.adapters.erps.tryton.failures import reading
from hybrid_erp.adapters.erps.tryton.session import TrytonSession
from hybrid_erp.model.preflight import LoudThing, Quietness

BECAUSE: Final = (
    "Copies are account.move, which Tryton neither prints nor sends; without a module that duns, pays, sends e-documents or mails, nothing "
    "else takes them up. Not asked: triggers and scheduled tasks that an administrator has added"
)
#: Patterns of modules that take up moves, lines or invoices by themselves, or send something when a record is made.
LOUD: Final = (
    ("account_dunning*", "duns receivable lines that are due, copies too"),
    ("account_payment*", "collects and pays lines that are open, copies too"),
    ("account_invoice_edocument*", "sends invoices as e-documents"),
    ("edocument_*", "makes e-documents of invoices"),
    ("*_peppol*", "sends documents over Peppol"),
    ("notification_email*", "sends e-mails when records are made"),
    ("account_es_sii*", "reports invoices to the tax office"),
    ("account_fr_chorus*", "sends invoices to the public portal"),
)
#: Also what takes effect with the next update.
_ACTIVE: Final = ("activated", "to activate", "to upgrade")


def quietness(session: TrytonSession) -> Quietness:
    """The modules that are active and could make a copy loud. Raises as the session."""
    with reading():
        session.require_identity()
        rows = session.client.search("ir.module", [["state", "in", list(_ACTIVE)]], ["name"])
    return Quietness(BECAUSE, tuple(found for row in rows if (found := loud_module(str(row["name"])))))


def loud_module(name: str) -> LoudThing | None:
    """What a module could do to a copy; None: nothing that is known."""
    return next((LoudThing(name, what) for pattern, what in LOUD if fnmatchcase(name, pattern)), None)
