"""What Tryton's moves came from: the invoices that made them, and what their items are settled against. A few calls for many moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hybrid_erp.adapters.erps.tryton.client import TrytonClient
from hybrid_erp.adapters.erps.tryton.reading import INVOICE, MOVE
from hybrid_erp.adapters.erps.tryton.values import Row

INVOICE_LINE: Final = "account.invoice.line"
MOVE_LINE: Final = "account.move.line"
INVOICE_FIELDS: Final = (
    "number",
    "state",
    "type",
    "description",
    "reference",
    "invoice_date",
    "accounting_date",
    "total_amount",
    "move",
    "cancel_move",
    "additional_moves",
    "party.code",
    "currency.code",
    "create_date",
    "create_uid.login",
    "last_modified_at",
    "lines.description",
    "lines.origin",
)


@dataclass(frozen=True, slots=True)
class Origins:
    """What a set of moves refers to."""

    invoices: Mapping[int, Row] = field(default_factory=dict)
    by_move: Mapping[int, Row] = field(default_factory=dict)
    """The invoice whose ledger effect a move is."""
    settled_with: Mapping[int, Sequence[Row]] = field(default_factory=dict)
    """Reconciliation to the lines that it settles against each other."""
    credited: Mapping[str, int] = field(default_factory=dict)
    """Line of an invoice to the invoice: what the line of a credit note takes back."""

    def made_by(self, move: Row) -> Row | None:
        """The invoice whose move this is: one document with it."""
        return self.by_move.get(move["id"])

    def invoice_behind(self, move: Row) -> Row | None:
        """The invoice that a move names as its origin, itself or by its move."""
        model, _, record = str(move["origin"] or "").partition(",")
        if model == INVOICE:
            return self.invoices.get(int(record))
        return self.by_move.get(int(record)) if model == MOVE else None

    def document(self, move: int) -> str:
        """The native id of the document that a move is, or is part of."""
        invoice = self.by_move.get(move)
        return f"{INVOICE},{invoice['id']}" if invoice else f"{MOVE},{move}"


def origins_of(client: TrytonClient, moves: Sequence[Row]) -> Origins:
    """What these moves refer to; at most three calls. Raises as the client's search."""
    invoices, other_moves = _named(INVOICE, (move["origin"] for move in moves)), _named(MOVE, (move["origin"] for move in moves))
    found = _invoices(client, invoices, other_moves)
    by_move = {row["move"]: row for row in found if row["move"]}
    together = sorted({line["reconciliation"] for move in moves for line in _settled(move, by_move)})
    credits = [line["origin"] for row in found for line in row["lines"] or () if line["origin"]]
    return Origins(
        invoices={row["id"]: row for row in found},
        by_move=by_move,
        settled_with=_lines_settled(client, together) if together else {},
        credited=_invoices_of_lines(client, _named(INVOICE_LINE, credits)),
    )


def _named(model: str, references: Iterable[str | None]) -> list[int]:
    """The records of a model among references as Tryton writes them."""
    parts = (str(reference).partition(",") for reference in references if reference)
    return sorted({int(record) for name, _, record in parts if name == model})


def _invoices(client: TrytonClient, ids: Sequence[int], moves: Sequence[int]) -> list[Row]:
    if not ids and not moves:
        return []
    return client.select(INVOICE, ["OR", ["id", "in", list(ids)], ["move", "in", list(moves)]], INVOICE_FIELDS)


def _settled(move: Row, by_move: Mapping[int, Row]) -> list[Row]:
    """The settled lines of what is not itself an invoice and is not linked to one."""
    if move["id"] in by_move:
        return []
    return [line for line in move["lines"] if line["reconciliation"] and not line["invoice_payment"]]


def _lines_settled(client: TrytonClient, reconciliations: Sequence[int]) -> dict[int, list[Row]]:
    domain: list[Any] = [["reconciliation", "in", list(reconciliations)]]
    together: dict[int, list[Row]] = {}
    for line in client.select(MOVE_LINE, domain, ["reconciliation", "move.origin", "debit", "credit", "invoice_payment"]):
        together.setdefault(line["reconciliation"], []).append(line)
    return together


def _invoices_of_lines(client: TrytonClient, lines: Sequence[int]) -> dict[str, int]:
    if not lines:
        return {}
    rows = client.select(INVOICE_LINE, [["id", "in", list(lines)]], ["invoice"])
    return {f"{INVOICE_LINE},{row['id']}": row["invoice"] for row in rows if row["invoice"]}
