"""What may go wrong with a document of the cloud ERP, one kind at a time, and on which aspects the comparator must find it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from hybrid_erp.model.booking import BookingLine
from hybrid_erp.model.books import Entry, Origin
from hybrid_erp.model.comparison import Aspect
from hybrid_erp.model.documents import DocumentType
from tests.observed import a_line, booked, with_line, with_lines

CENT, FIVE = Decimal("0.01"), Decimal(5)


@dataclass(frozen=True, slots=True)
class Told:
    """What the two ERPs tell after the mutation, and what was deleted there."""

    cloud: Sequence[Entry] = ()
    legacy: Sequence[Entry] = ()
    gone_in_cloud: Sequence[str] = ()
    gone_in_legacy: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Mutation:
    """One kind of error: what it does to a document, which both ERPs held alike, and what is found."""

    kind: str
    what: str
    happens: Callable[[Entry, Entry], Told]
    """Of the legacy document and the cloud document."""
    found: tuple[frozenset[Aspect], ...]
    """The aspects of each document that differs because of it; empty: it is no difference."""
    of: Callable[[Entry], bool] = lambda entry: True
    """Which documents it can happen to."""


def _another(entry: Entry, name: str, **changes: object) -> Entry:
    """A document beside it, with a native id of its own."""
    return replace(entry, native_id=f"{entry.native_id}/{name}", **changes)  # type: ignore[arg-type]  # the names are those of Entry


def _key(entry: Entry, name: str) -> UUID:
    assert entry.posting_id is not None
    return uuid5(entry.posting_id, name)


def _more(line: BookingLine, amount: Decimal) -> BookingLine:
    return replace(line, amount=line.amount + amount, functional_amount=line.functional_amount + amount)


def _map_lines(entry: Entry, change: Callable[[BookingLine], BookingLine]) -> Entry:
    return with_lines(entry, *map(change, entry.booking.lines))


def _off_by(cloud: Entry, amount: Decimal, index: int = 0) -> Entry:
    lines = list(cloud.booking.lines)
    lines[index] = _more(lines[index], amount)
    return with_lines(cloud, *lines)


def _negated(line: BookingLine) -> BookingLine:
    base = None if line.tax_base is None else -line.tax_base
    return replace(line, amount=-line.amount, functional_amount=-line.functional_amount, tax_base=base)


def _dimension(line: BookingLine, name: str, value: str) -> BookingLine:
    return replace(line, dimensions=tuple((each, value if each == name else old) for each, old in line.dimensions))


def _split(line: BookingLine) -> tuple[BookingLine, BookingLine]:
    base = None if line.tax_base is None else Decimal(0)
    return replace(line, amount=FIVE, functional_amount=FIVE, tax_base=base), _more(line, -FIVE)


def _accounts_exchanged(cloud: Entry) -> Entry:
    first, second = cloud.booking.lines[1].account, cloud.booking.lines[3].account
    return with_line(with_line(cloud, 1, account=second), 3, account=first)


def _invoice(entry: Entry) -> bool:
    return entry.document_type is DocumentType.INVOICE


def _journal(entry: Entry) -> bool:
    return entry.document_type is DocumentType.JOURNAL_ENTRY


def _foreign(entry: Entry) -> bool:
    return entry.booking.currency != entry.booking.functional_currency


def _stays_in_its_month(entry: Entry) -> bool:
    return entry.booking.accounting_on.day < 28


def _cloud(change: Callable[[Entry], Entry]) -> Callable[[Entry, Entry], Told]:
    return lambda legacy, cloud: Told(cloud=[change(cloud)])


def _set_off(entry: Entry) -> Entry:
    return with_lines(entry, a_line("1100", "30.00"), a_line("1100", "-30.00"))


def _only(*aspects: Aspect) -> tuple[frozenset[Aspect], ...]:
    return (frozenset(aspects),)


def _moved(days: int) -> Callable[[Entry, Entry], Told]:
    return _cloud(lambda cloud: booked(cloud, accounting_on=cloud.booking.accounting_on + timedelta(days=days)))


def _reversed_and_posted_again(legacy: Entry, cloud: Entry) -> Told:
    reversal = replace(
        _map_lines(_another(cloud, "reversal"), _negated), posting_id=None, origin=Origin.NATIVE, from_native_id=cloud.native_id
    )
    again = replace(_another(cloud, "again"), posting_id=None, origin=Origin.NATIVE)
    return Told(cloud=[reversal, again])


def _derived(legacy: Entry, cloud: Entry) -> Told:
    gain = with_lines(_another(cloud, "gain"), a_line("1200", "0.70"), a_line("7000", "-0.70"))
    return Told(cloud=[replace(gain, posting_id=None, origin=Origin.DERIVED, from_native_id=cloud.native_id)])


MISSING, EXTRA = frozenset({Aspect.MISSING_IN_CLOUD}), frozenset({Aspect.MISSING_IN_LEGACY})

MUTATIONS: tuple[Mutation, ...] = (
    Mutation("one cent", "a line is one cent too large", _cloud(lambda cloud: _off_by(cloud, CENT)), _only(Aspect.AMOUNT)),
    Mutation("sign", "every line on the other side", _cloud(lambda cloud: _map_lines(cloud, _negated)), _only(Aspect.SIGN), of=_journal),
    Mutation("accounts swapped", "two lines have each other's account", _cloud(_accounts_exchanged), _only(Aspect.ACCOUNT), of=_invoice),
    Mutation(
        "other account", "a line on another account", _cloud(lambda cloud: with_line(cloud, 1, account="4999")), _only(Aspect.ACCOUNT)
    ),
    Mutation(
        "cancelling lines",
        "5 too much on one line, 5 too little on the next",
        _cloud(lambda cloud: _off_by(_off_by(cloud, FIVE, 0), -FIVE, 1)),
        _only(Aspect.AMOUNT),
    ),
    Mutation(
        "tax for net",
        "a cent of tax became revenue",
        _cloud(lambda cloud: _off_by(_off_by(cloud, CENT, 3), -CENT, 1)),
        _only(Aspect.AMOUNT),
        of=_invoice,
    ),
    Mutation("period", "booked 40 days later", _moved(40), _only(Aspect.ACCOUNTING_DATE, Aspect.PERIOD)),
    Mutation("date", "booked a day later in the same period", _moved(1), _only(Aspect.ACCOUNTING_DATE), of=_stays_in_its_month),
    Mutation("currency", "the same figures in GBP", _cloud(lambda cloud: booked(cloud, currency="GBP")), _only(Aspect.CURRENCY)),
    Mutation(
        "FX rate",
        "booked at a rate 1 % higher",
        _cloud(lambda cloud: _map_lines(cloud, lambda line: replace(line, functional_amount=line.functional_amount * Decimal("1.01")))),
        _only(Aspect.FUNCTIONAL_AMOUNT),
        of=_foreign,
    ),
    Mutation(
        "rounding",
        "the functional amounts of two lines a cent off",
        _cloud(
            lambda cloud: with_line(
                with_line(cloud, 0, functional_amount=cloud.booking.lines[0].functional_amount + CENT),
                1,
                functional_amount=cloud.booking.lines[1].functional_amount - CENT,
            )
        ),
        _only(Aspect.FUNCTIONAL_AMOUNT),
        of=_foreign,
    ),
    Mutation(
        "document amount alone",
        "another amount in the document's currency, equal in functional currency",
        _cloud(lambda cloud: with_line(cloud, 0, amount=cloud.booking.lines[0].amount + CENT)),
        _only(Aspect.AMOUNT),
        of=_foreign,
    ),
    Mutation(
        "duplicate",
        "posted twice under one key",
        lambda legacy, cloud: Told([_another(cloud, "twin")]),
        _only(Aspect.DUPLICATE, Aspect.AMOUNT),
        of=_journal,
    ),
    Mutation(
        "duplicate in both",
        "posted twice under one key in both ERPs",
        lambda legacy, cloud: Told([_another(cloud, "twin")], [_another(legacy, "twin")]),
        _only(Aspect.DUPLICATE),
    ),
    Mutation(
        "missing",
        "a posting that never came to the cloud ERP",
        lambda legacy, cloud: Told(legacy=[_another(legacy, "lost", posting_id=_key(legacy, "lost"))]),
        (MISSING,),
    ),
    Mutation(
        "extra",
        "a posting of ours that the legacy ERP does not hold",
        lambda legacy, cloud: Told([_another(cloud, "extra", posting_id=_key(cloud, "extra"))]),
        (EXTRA,),
    ),
    Mutation(
        "native in the cloud ERP",
        "a person posted there",
        lambda legacy, cloud: Told([_another(cloud, "by hand", posting_id=None, origin=Origin.NATIVE)]),
        (EXTRA,),
    ),
    Mutation(
        "native in the legacy ERP",
        "a person posted there",
        lambda legacy, cloud: Told(legacy=[_another(legacy, "by hand", posting_id=None, origin=Origin.NATIVE)]),
        (MISSING,),
    ),
    Mutation(
        "periodic run",
        "the legacy ERP depreciated",
        lambda legacy, cloud: Told(legacy=[_another(legacy, "run", posting_id=None, origin=Origin.PERIOD_RUN, period_run="depreciation")]),
        (MISSING,),
    ),
    Mutation(
        "deleted in the cloud ERP",
        "somebody deleted it there after it was posted",
        lambda legacy, cloud: Told(gone_in_cloud=[cloud.native_id]),
        _only(Aspect.MISSING_IN_CLOUD, Aspect.DELETED_IN_CLOUD),
    ),
    Mutation(
        "deleted in the legacy ERP",
        "somebody deleted it there after it was posted",
        lambda legacy, cloud: Told(gone_in_legacy=[legacy.native_id]),
        _only(Aspect.MISSING_IN_LEGACY, Aspect.DELETED_IN_LEGACY),
    ),
    Mutation(
        "changed in the legacy ERP",
        "somebody altered a posted amount there; kept as a change of it",
        lambda legacy, cloud: Told(legacy=[_off_by(legacy, FIVE)]),
        _only(Aspect.AMOUNT),
    ),
    Mutation(
        "reversed and posted again",
        "by hand, in the cloud ERP: a reversal and a new entry",
        _reversed_and_posted_again,
        (EXTRA, EXTRA),
    ),
    Mutation(
        "draft",
        "a draft in the cloud ERP instead of a posted document",
        _cloud(lambda cloud: replace(cloud, posted=False)),
        _only(Aspect.POSTED),
    ),
    Mutation(
        "customer",
        "another customer's invoice",
        _cloud(lambda cloud: replace(with_line(cloud, 0, party="C-other"), party="C-other")),
        _only(Aspect.PARTY, Aspect.LINE_PARTY),
        of=_invoice,
    ),
    Mutation(
        "customer of the line",
        "the receivable stands with another customer than the invoice",
        _cloud(lambda cloud: with_line(cloud, 0, party="C-other")),
        _only(Aspect.LINE_PARTY),
        of=_invoice,
    ),
    Mutation(
        "project",
        "revenue on another project",
        _cloud(lambda cloud: _map_lines(cloud, lambda line: _dimension(line, "project", "P-other"))),
        _only(Aspect.PROJECT),
        of=_journal,
    ),
    Mutation(
        "dimension",
        "a line on another cost centre",
        _cloud(lambda cloud: _map_lines(cloud, lambda line: _dimension(line, "cost_centre", "CC-other"))),
        _only(Aspect.DIMENSION),
        of=_journal,
    ),
    Mutation(
        "dimensions lost",
        "a line without its dimensions",
        _cloud(lambda cloud: _map_lines(cloud, lambda line: replace(line, dimensions=()))),
        _only(Aspect.PROJECT, Aspect.DIMENSION),
        of=_journal,
    ),
    Mutation(
        "tax code", "another tax code", _cloud(lambda cloud: with_line(cloud, 3, tax_code="DE7")), _only(Aspect.TAX_CODE), of=_invoice
    ),
    Mutation(
        "tax base",
        "the same tax on another base",
        _cloud(lambda cloud: with_line(cloud, 3, tax_base=CENT)),
        _only(Aspect.TAX_BASE),
        of=_invoice,
    ),
    Mutation(
        "lines merged",
        "two revenue accounts in one line",
        _cloud(
            lambda cloud: with_lines(
                cloud,
                cloud.booking.lines[0],
                replace(
                    cloud.booking.lines[1],
                    amount=cloud.booking.lines[1].amount + cloud.booking.lines[2].amount,
                    functional_amount=cloud.booking.lines[1].functional_amount + cloud.booking.lines[2].functional_amount,
                ),
                cloud.booking.lines[3],
            )
        ),
        _only(Aspect.AMOUNT, Aspect.ACCOUNT),
        of=_invoice,
    ),
    Mutation(
        "derived in one ERP",
        "the cloud ERP booked an exchange gain of its own to the document",
        _derived,
        _only(Aspect.AMOUNT, Aspect.ACCOUNT),
        of=_journal,
    ),
    Mutation("legal number", "another legal number", _cloud(lambda cloud: replace(cloud, legal_number="0")), _only(Aspect.LEGAL_NUMBER)),
    Mutation(
        "legal number lost",
        "no legal number",
        _cloud(lambda cloud: replace(cloud, legal_number=None)),
        _only(Aspect.LEGAL_NUMBER),
        of=_invoice,
    ),
    Mutation(
        "due date",
        "due a day later",
        _cloud(lambda cloud: replace(cloud, due_on=cloud.booking.accounting_on + timedelta(days=31))),
        _only(Aspect.DUE_DATE),
    ),
    Mutation(
        "issue date",
        "issued a day earlier",
        _cloud(lambda cloud: replace(cloud, issued_on=cloud.booking.accounting_on - timedelta(days=1))),
        _only(Aspect.ISSUE_DATE),
    ),
    Mutation(
        "line split",
        "a line told as two of the same account, dimensions, party and tax code",
        _cloud(lambda cloud: with_lines(cloud, *_split(cloud.booking.lines[0]), *cloud.booking.lines[1:])),
        (),
    ),
    Mutation("order of lines", "the lines in another order", _cloud(lambda cloud: with_lines(cloud, *reversed(cloud.booking.lines))), ()),
    Mutation(
        "a line and its opposite",
        "two more lines that are nothing in sum",
        _cloud(lambda cloud: with_lines(cloud, *cloud.booking.lines, a_line("9999", "8.00"), a_line("9999", "-8.00"))),
        (),
    ),
    Mutation(
        "set off",
        "a person sets a credit off against an invoice, in one ERP",
        lambda legacy, cloud: Told(legacy=[_set_off(_another(legacy, "set off", posting_id=None, origin=Origin.NATIVE))]),
        (),
    ),
    Mutation(
        "digits",
        "the same amounts with more zeros",
        _cloud(lambda cloud: _map_lines(cloud, lambda line: replace(line, amount=line.amount.quantize(Decimal("1.00000000"))))),
        (),
    ),
    Mutation("description", "other words for people", _cloud(lambda cloud: replace(cloud, text="corrected", entered_by="someone")), ()),
    Mutation("number of the ERP", "renumbered by the ERP itself", _cloud(lambda cloud: replace(cloud, number="M/1")), ()),
    Mutation(
        "changed alike in both",
        "the same correction in both ERPs; kept as a change of both",
        lambda legacy, cloud: Told([_off_by(cloud, FIVE)], [_off_by(legacy, FIVE)]),
        (),
    ),
)
