"""Intake: an event becomes a posting that is durably stored, or is refused with field, reason and remedy. Never half of either."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE, CanonicalDocument, CreditMemo, Intercompany, Invoice, JournalEntry
from hybrid_erp.model.errors import (
    AccountNotAllowedError,
    CurrencyNotAllowedError,
    DisabledRegionError,
    HybridErpError,
    MalformedEventError,
    PeriodNotOwnedError,
    RefusedEventError,
    UnknownLegalEntityError,
    UnknownTypeError,
)
from hybrid_erp.model.events import CloudEvent
from hybrid_erp.model.firm import Firm
from hybrid_erp.model.ownership import period_of
from hybrid_erp.model.posting import Posting, canonical_json, content_hash_of, posting_id_of
from hybrid_erp.ports import IntakeStore, Stored

M = TypeVar("M", bound=BaseModel)
_INVOICES: Final = (Invoice, CreditMemo)

#: What loads and captures call themselves: from outside nobody may speak in their name.
OWN_SOURCES: Final = "hybrid-erp/"


class Verdict(StrEnum):
    """What intake answers to one event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class IntakeAnswer:
    """The answer to one event. A duplicate carries the posting of the first."""

    verdict: Verdict
    posting_id: UUID | None = None
    refusal: RefusedEventError | None = None
    regions: tuple[str, ...] = ()
    """Of an accepted posting: whose deliveries have something to do."""


#: Source, event type, legal entities.
Require = Callable[[str, str, Sequence[str]], None]


def anything(source: str, event_type: str, legal_entities: Sequence[str]) -> None:
    """Of a sender that is not limited."""


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes events in. `accept` returns after they are durably stored."""

    firm: Firm
    store: IntakeStore

    def accept(self, events: Sequence[Any], *, accepted_by: str, require: Require = anything) -> list[IntakeAnswer]:
        """Answer each event by itself, in order: bad ones do not keep good ones out.

        `require` raises RefusedEventError for what may not be sent: before the data is looked at, and again with its legal entities.
        """
        answers: list[IntakeAnswer | None] = [None] * len(events)
        acceptable: list[tuple[int, Posting]] = []

        def checked() -> Iterator[Posting]:
            for place, event in enumerate(events):
                try:
                    posting = posting_of(self.firm, event, require)
                    if posting.source.startswith(OWN_SOURCES):
                        raise MalformedEventError(f"Sources that begin with {OWN_SOURCES} are the product's own.", field="source")
                except RefusedEventError as refusal:
                    answers[place] = IntakeAnswer(Verdict.REFUSED, refusal=refusal)
                else:
                    acceptable.append((place, posting))
                    yield posting

        results = self.store.accept(checked(), accepted_by=accepted_by)
        for (place, posting), result in zip(acceptable, results, strict=True):
            answers[place] = _answer(posting, result)
        return [answer for answer in answers if answer is not None]

    def posting_of(self, event: Any) -> Posting:
        """Check one event completely. Raises as the function of this name."""
        return posting_of(self.firm, event)


def posting_of(firm: Firm, event: Any, require: Require = anything) -> Posting:
    """Check one event completely.

    Raises:
        RefusedEventError: It is not acceptable; the subclass says why.
    """
    canonical = _canonical_data(event)
    envelope = _validated(CloudEvent, event, "")
    document_class = DOCUMENTS_BY_TYPE.get(envelope.type)
    if document_class is None:
        raise UnknownTypeError(f"{envelope.type!r} is no document that is served.", field="type")
    require(envelope.source, envelope.type, ())
    document = _validated(document_class, envelope.data, "data.")
    require(envelope.source, envelope.type, document.legal_entities)
    _check_firm(firm, document)
    return Posting(
        posting_id=posting_id_of(envelope.source, envelope.id),
        source=envelope.source,
        event_id=envelope.id,
        event_type=envelope.type,
        content_hash=content_hash_of(envelope.type, canonical),
        correlation_id=envelope.correlationid or f"{envelope.source}/{envelope.id}",
        traceparent=envelope.traceparent,
        document=document,
        data=canonical,
        region_of={code: firm.region_of[code] for code in document.legal_entities},
    )


def _check_firm(firm: Firm, document: CanonicalDocument) -> None:
    _check_legal_entities(firm, document)
    if (monetary := document.monetary) is not None:
        for code in document.legal_entities:
            _check_currency(firm, code, *monetary)
    if isinstance(document, JournalEntry):
        _check_accounts(firm, document)
    if isinstance(document, _INVOICES):
        _check_legal_number(firm, document)
    try:
        firm.posting_rules.require_accounts(document)
    except RefusedEventError as refusal:
        raise _naming(refusal, "data.") from None
    except HybridErpError as error:
        raise MalformedEventError(error.message, field="data") from error


def _check_legal_number(firm: Firm, document: Invoice | CreditMemo) -> None:
    upstream = document.legal_entity in firm.issued_upstream
    if upstream == (document.legal_number is None):
        issuer = "the upstream billing system, and the document has none" if upstream else "the ERP, and the document brings one"
        raise MalformedEventError(f"Legal numbers of {document.legal_entity} are given by {issuer}.", field="data.legal_number")


def _check_legal_entities(firm: Firm, document: CanonicalDocument) -> None:
    for code in document.legal_entities:
        if code not in firm.region_of:
            if code in firm.disabled_legal_entities:
                raise DisabledRegionError(f"The configuration of {code}'s region is wrong.", field="data.legal_entity")
            raise UnknownLegalEntityError(f"{code} is no legal entity of the firm.", field="data.legal_entity")
        on = document.accounting_on
        if on is not None and period_of(on) < firm.first_period[code]:
            reason = f"{on} lies before {firm.first_period[code]}, the first accounting period that the facade answers for in {code}."
            raise PeriodNotOwnedError(reason, field="data.accounting_date")
    pair: Intercompany | None = getattr(document, "intercompany", None)
    if pair is not None and pair.partner not in firm.region_of and pair.partner not in firm.disabled_legal_entities:
        # Its other half could never be accepted, and this one would wait for it for ever.
        raise UnknownLegalEntityError(f"{pair.partner} is no legal entity of the firm.", field="data.intercompany.partner")


def _check_accounts(firm: Firm, entry: JournalEntry) -> None:
    for place, line in enumerate(entry.lines):
        if not firm.takes(line.account, entry.journal_type):
            known = "is a subledger's control account" if line.account in firm.accounts else "is not in the canonical chart"
            reason = f"Account {line.account} {known}; a {entry.journal_type} entry may not post to it."
            raise AccountNotAllowedError(reason, field=f"data.lines.{place}.account")


def _check_currency(firm: Firm, code: str, currency: str, rate: Any) -> None:
    functional = firm.functional_currency[code]
    if currency not in firm.currencies[code]:
        raise CurrencyNotAllowedError(f"{code} does not trade in {currency}.", field="data.currency")
    if currency != functional and rate is None:
        raise CurrencyNotAllowedError(f"{currency} in {code} needs an exchange rate to {functional}.", field="data.exchange_rate")
    if currency == functional and rate is not None and rate != 1:
        raise CurrencyNotAllowedError(f"{currency} is {code}'s functional currency; its rate is 1.", field="data.exchange_rate")


def _answer(posting: Posting, result: Stored | RefusedEventError) -> IntakeAnswer:
    if isinstance(result, RefusedEventError):
        return IntakeAnswer(Verdict.REFUSED, refusal=result)
    if not result.new:
        return IntakeAnswer(Verdict.DUPLICATE, result.posting_id)
    return IntakeAnswer(Verdict.ACCEPTED, result.posting_id, regions=tuple(dict.fromkeys(posting.region_of.values())))


def _validated(model: type[M], content: Any, prefix: str) -> M:
    try:
        return model.model_validate(content)
    except RefusedEventError as refusal:
        raise _naming(refusal, prefix) from None
    except ValidationError as error:
        first, *others = error.errors(include_url=False, include_input=False)
        cause = first.get("ctx", {}).get("error")
        field = prefix + ".".join(map(str, first["loc"]))
        more = f" ({len(others)} more)" if others else ""
        reason = str(cause) if cause else first["msg"]
        raise MalformedEventError(f"{field.rstrip('.') or 'event'}: {reason}{more}.", field=field.rstrip(".")) from error


def _naming(refusal: RefusedEventError, prefix: str) -> RefusedEventError:
    """The refusal, with its field as the sender sees it."""
    refusal.details["field"] = f"{prefix}{refusal.details.get('field', '')}".rstrip(".")
    return refusal


def _canonical_data(event: Any) -> str:
    """The data in canonical JSON; refuses what JSON can say and no database can hold: NUL, half a surrogate pair, NaN, endless nesting."""
    data = event.get("data") if isinstance(event, dict) else None
    text = ""
    try:
        text = canonical_json(data)
        whole = text if _is_plain_beside_data(event) else text + canonical_json(event)
        whole.encode()
        if "\\u0000" not in whole:
            return text
    except RecursionError as error:
        raise MalformedEventError("The event is nested too deeply.", field="") from error
    except (ValueError, TypeError):
        pass  # the search below names the place
    for field, value in _leaves(event, ""):
        if isinstance(value, str) and ("\x00" in value or not _is_unicode(value)):
            raise MalformedEventError(f"{field}: contains a character that is no text (NUL, or half a surrogate pair).", field=field)
        if isinstance(value, float) and not math.isfinite(value):
            raise MalformedEventError(f"{field}: {value} is no JSON number.", field=field)
    return text


def _is_plain_beside_data(event: Any) -> bool:
    """Whether every attribute is plain words, as nearly always: then none is worth a look of its own."""
    if not isinstance(event, dict):
        return False
    for name, value in event.items():
        if name == "data":
            continue
        if not (isinstance(name, str) and isinstance(value, str) and name.isascii() and value.isascii() and "\x00" not in name + value):
            return False
    return True


def _leaves(content: Any, field: str) -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict | list):
        for name, value in content.items() if isinstance(content, dict) else enumerate(content):
            place = f"{field}.{ascii(name).strip(chr(39))}".lstrip(".")  # a name may be what is wrong: it is shown in escapes
            yield place, name
            yield from _leaves(value, place)
    else:
        yield field, content


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
