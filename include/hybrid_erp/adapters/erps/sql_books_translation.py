"""What a SQL pack's statements answer about the books, in canonical terms. Pure: no connection here."""

from __future__ import annotations

import re
from collections.abc import Mapping as Row
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from hybrid_erp.adapters.erps.sql_pack import SqlPack
from hybrid_erp.adapters.erps.sql_reading import booking_of, posting_id_of
from hybrid_erp.model.books import (
    AccountMovement,
    CustomerFigures,
    DayMovement,
    DocumentTotal,
    Entry,
    NativeAccount,
    NumberSeries,
    OpenReceivable,
    Origin,
    ProjectFigures,
    TaskFigures,
    TimeFigures,
)
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.mapping import Mapping

Answer = Row[str, Any]


@dataclass(frozen=True, slots=True)
class Translation:
    """From one company's rows to canonical figures."""

    pack: SqlPack
    mapping: Mapping
    legal_entity: str

    def account(self, number: str) -> str:
        """The canonical account, or the ERP's own number, marked."""
        return self.mapping.canonical_account(number, legal_entity=self.legal_entity) or f"{number} of the ERP"

    def native_account(self, row: Answer) -> NativeAccount:
        """One account of the chart."""
        canonical = self.mapping.canonical_account(row["number"], legal_entity=self.legal_entity)
        return NativeAccount(row["number"], row["name"], row["type"], canonical)

    def movement(self, row: Answer) -> AccountMovement:
        """One cell of the trial balance."""
        canonical = self.mapping.canonical_account(row["account"], legal_entity=self.legal_entity)
        return AccountMovement(row["period"], row["account"], canonical, row["debit"], row["credit"])

    def day(self, row: Answer) -> DayMovement:
        """What one day moved."""
        return DayMovement(row["day"], self.pack.sign * row["amount"])

    def receivable(self, row: Answer) -> OpenReceivable:
        """One open item."""
        terms = {name: value for name, value in row.items() if name not in {"key", "document_type", "account"}}
        return OpenReceivable(
            **terms,
            posting_id=posting_id_of(row["key"]),
            document_type=DocumentType(row["document_type"]),
            account=self.account(row["account"]),
        )

    def customer(self, row: Answer) -> CustomerFigures:
        """One customer."""
        return CustomerFigures(**{**row, "payment_term": self._payment_term(row["payment_term"])})

    def project(self, row: Answer) -> ProjectFigures:
        """One project; by the ERP's own calendar it is planned, active or closed."""
        terms = {name: value for name, value in row.items() if name not in {"today", "tasks"}}
        tasks = tuple(TaskFigures(each["native_id"], each["number"], each["name"]) for each in row["tasks"])
        return ProjectFigures(**terms, status=_status(row["starts_on"], row["ends_on"], row["today"]), tasks=tasks)

    def time(self, row: Answer) -> TimeFigures:
        """One unbilled time entry."""
        terms = {name: value for name, value in row.items() if name != "key"}
        return TimeFigures(**terms, posting_id=posting_id_of(row["key"]))

    def series(self, row: Answer) -> NumberSeries:
        """One series of legal numbers."""
        gapless = bool(row.get("gapless"))
        return NumberSeries(**{**row, "missing": tuple(row["missing"]), "cancelled": tuple(row["cancelled"]), "gapless": gapless})

    def total(self, row: Answer) -> DocumentTotal:
        """Count and sum of one kind of document."""
        return DocumentTotal(**{**row, "document_type": _document_type(row["document_type"])})

    def entry(self, row: Answer) -> Entry:
        """One document."""
        run = self._period_run(row)
        return Entry(
            native_id=row["native_id"],
            number=row["number"],
            origin=_origin(row, run),
            posted=row["posted"],
            booking=booking_of(dict(row), self.legal_entity, self.pack, self.mapping),
            document_type=_document_type(row.get("document_type")),
            posting_id=posting_id_of(row.get("key")),
            content_hash=row.get("content_hash") or "",
            legal_number=row.get("legal_number"),
            party=row.get("party"),
            issued_on=_date(row.get("issued_on")),
            due_on=_date(row.get("due_on")),
            text=row.get("text") or "",
            from_native_id=row.get("derived_from") or row.get("corrects"),
            settles=tuple((native_id, Decimal(amount)) for native_id, amount in row.get("settles") or ()),
            period_run=run,
            entered_by=row.get("entered_by"),
            changed_at=datetime.fromisoformat(row["changed_at"]) if row.get("changed_at") else None,
        )

    def _period_run(self, row: Answer) -> str | None:
        assert self.pack.books is not None
        for name, run in self.pack.books.period_runs.items():
            if row.get("run") in run.native_types or _is_like(row["number"], run.numbers) or _is_like(row.get("text") or "", run.texts):
                return name
        return None

    def _payment_term(self, native: str | None) -> str | None:
        for rule in self.mapping.payment_terms:
            if rule.native == native and (rule.legal_entities is None or self.legal_entity in rule.legal_entities):
                return rule.canonical
        return None


def _origin(row: Answer, period_run: str | None) -> Origin:
    if posting_id_of(row.get("key")) is not None:
        return Origin.FACADE
    if row.get("derived_from"):
        return Origin.DERIVED
    return Origin.PERIOD_RUN if period_run else Origin.NATIVE


def _is_like(word: str, patterns: tuple[str, ...]) -> bool:
    """As SQL's LIKE: `%` is anything, `_` one character."""
    wanted = ("".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern) for pattern in patterns)
    return any(re.fullmatch(pattern, word, re.DOTALL) for pattern in wanted)


def _status(starts_on: date | None, ends_on: date | None, today: date) -> str:
    if ends_on is not None and ends_on < today:
        return "closed"
    return "planned" if starts_on is not None and starts_on > today else "active"


def _document_type(word: str | None) -> DocumentType | None:
    return DocumentType(word) if word else None


def _date(word: str | None) -> date | None:
    return date.fromisoformat(word) if word else None
