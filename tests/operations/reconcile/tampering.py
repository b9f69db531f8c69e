"""What people with a database client can do to a document of the real ERPs, one kind at a time, and what must be found.

Each is done underneath the ERP, without its triggers and its log of changes, so that nothing but the reconciliation can notice. The
accounts are those of the British company.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from hybrid_erp.model.reconciliation import DifferenceClass

Kind = Literal["entry", "foreign", "invoice", "payment"]
Where = Literal["legacy", "cloud"]
CHANGED, DELETED = DifferenceClass.CHANGED_AFTER_POSTING, DifferenceClass.DELETED_AFTER_POSTING
NUMBERING, TIMING = DifferenceClass.NUMBERING, DifferenceClass.TIMING


@dataclass(frozen=True, slots=True)
class Tampering:
    """One kind."""

    name: str
    of: Kind
    where: Where
    statement: str
    """`%(id)s` is the document there; several are parted by semicolons."""
    aspect: str = ""
    found: DifferenceClass | None = CHANGED
    """None: it is no difference."""

    @property
    def statements(self) -> list[str]:
        return [each for each in self.statement.split(";") if each.strip()]


def _tryton(code: str) -> str:
    return f"account = (SELECT id FROM account_account WHERE code = '{code}')"


def _ledgersmb(number: str) -> str:
    return f"chart_id = (SELECT id FROM account WHERE accno = '{number}')"


def _more(amount: str) -> str:
    """Both sides larger, the rent left alone."""
    return LINE.format(BY.format(amount)) + f" AND (({TRAVEL}) OR ({BANK}))"


TRAVEL, RENT, BANK, SALARIES = (_tryton(code) for code in ("5.2.4", "5.2.6", "1.1.1", "5.2.7"))
REVENUE, TAX, RECEIVABLE = (_tryton(code) for code in ("4.2.2", "2.2.10", "1.2.1"))
LINE: Final = "UPDATE account_move_line SET {} WHERE move = %(id)s"
MOVE: Final = "UPDATE account_move SET {} WHERE id = %(id)s"
TAX_LINE: Final = "UPDATE account_tax_line SET {} WHERE type = '{}' AND move_line IN (SELECT id FROM account_move_line WHERE move = %(id)s)"
BY: Final = "debit = debit + CASE WHEN debit > 0 THEN {0} ELSE 0 END, credit = credit + CASE WHEN credit > 0 THEN {0} ELSE 0 END"
COPY_LINES: Final = """
    INSERT INTO account_move_line (account, create_date, create_uid, credit, debit, description, maturity_date, move, party, state,
                                   second_currency, amount_second_currency)
    SELECT account, now(), create_uid, {credit}, {debit}, {description}, maturity_date, {move}, party, state, second_currency,
           amount_second_currency
    FROM account_move_line WHERE move = %(id)s {where}
"""
COPY_MOVE: Final = """
    INSERT INTO account_move (company, create_date, create_uid, date, description, journal, number, period, post_date, state)
    SELECT company, now(), create_uid, date, {description}, journal, number || '{mark}', period, post_date, state
    FROM account_move WHERE id = %(id)s
"""
NEW_MOVE: Final = "currval('account_move_id_seq')"
AS_IS: Final = {"credit": "credit", "debit": "debit", "description": "description"}
ROW: Final = "UPDATE acc_trans SET {} WHERE trans_id = %(id)s"

IN_TRYTON: Final = (
    Tampering("one cent", "entry", "cloud", _more("0.01"), "amount"),
    Tampering("one cent on one side", "entry", "cloud", LINE.format("debit = debit + 0.01") + f" AND {RENT}", "amount"),
    Tampering("sign", "entry", "cloud", LINE.format("debit = credit, credit = debit"), "sign"),
    Tampering(
        "accounts swapped",
        "entry",
        "cloud",
        LINE.format("account = (SELECT sum(account) FROM account_move_line WHERE move = %(id)s AND debit > 0) - account")
        + " AND debit > 0",
        "account",
    ),
    Tampering("other account", "entry", "cloud", LINE.format(SALARIES) + f" AND {TRAVEL}", "account"),
    Tampering(
        "cancelling lines",
        "entry",
        "cloud",
        LINE.format("debit = debit + 5") + f" AND {TRAVEL};" + LINE.format("debit = debit - 5") + f" AND {RENT}",
        "amount",
    ),
    Tampering("too much, cancelled by the next document", "entry", "cloud", _more("7"), "amount"),
    Tampering("too little, cancelled by the one before", "entry", "cloud", _more("-7"), "amount"),
    Tampering("date", "entry", "cloud", MOVE.format("date = date + 1"), "accounting date"),
    Tampering(
        "period",
        "entry",
        "cloud",
        MOVE.format(
            "date = date + 40, period = (SELECT p.id FROM account_period p WHERE account_move.date + 40 BETWEEN p.start_date AND p.end_date"
            " AND p.type = 'standard')"
        ),
        "accounting date, period",
    ),
    Tampering(
        "currency",
        "foreign",
        "cloud",
        LINE.format("second_currency = (SELECT id FROM currency_currency WHERE code = 'EUR')"),
        "currency",
    ),
    Tampering(
        "FX rate", "foreign", "cloud", LINE.format("debit = round(debit * 1.01, 2), credit = round(credit * 1.01, 2)"), "functional amount"
    ),
    Tampering(
        "document amount alone",
        "foreign",
        "cloud",
        LINE.format("amount_second_currency = amount_second_currency + sign(amount_second_currency)"),
        "amount",
    ),
    Tampering(
        "duplicate",
        "entry",
        "cloud",
        COPY_MOVE.format(description="description", mark="/2") + ";" + COPY_LINES.format(**AS_IS, move=NEW_MOVE, where=""),
        "amount, several documents under one key",
        DifferenceClass.NATIVE_IN_CLOUD,
    ),
    Tampering(
        "deleted in the cloud ERP",
        "entry",
        "cloud",
        "DELETE FROM account_move_line WHERE move = %(id)s; DELETE FROM account_move WHERE id = %(id)s",
        "deleted in the cloud ERP, missing in the cloud ERP",
        DELETED,
    ),
    Tampering("draft", "entry", "cloud", MOVE.format("state = 'draft'"), "posted"),
    Tampering(
        "customer",
        "invoice",
        "cloud",
        LINE.format("party = (SELECT max(id) FROM party_party WHERE code LIKE 'C-%%' AND id <> party)") + " AND party IS NOT NULL",
        "party, party of a line",
    ),
    Tampering(
        "project", "invoice", "cloud", LINE.format("description = replace(description, 'project=P-6001', 'project=P-6002')"), "project"
    ),
    Tampering("dimension", "entry", "cloud", LINE.format("description = replace(description, 'CC-100', 'CC-200')"), "dimension"),
    Tampering(
        "dimensions lost",
        "entry",
        "cloud",
        LINE.format("description = regexp_replace(description, ' ?\\{.*\\}', '')"),
        "project, dimension",
    ),
    Tampering(
        "tax code lost",
        "invoice",
        "cloud",
        "DELETE FROM account_tax_line WHERE move_line IN (SELECT id FROM account_move_line WHERE move = %(id)s)",
        "tax code",
    ),
    Tampering("tax base", "invoice", "cloud", TAX_LINE.format("amount = amount + 1", "base"), "tax base"),
    Tampering(
        "tax for net",
        "invoice",
        "cloud",
        LINE.format("credit = credit - 0.01") + f" AND {TAX};" + LINE.format("credit = credit + 0.01") + f" AND {REVENUE}",
        "amount",
    ),
    Tampering(
        "legal number",
        "invoice",
        "cloud",
        MOVE.format("description = regexp_replace(description, ' nr ', ' nr X')"),
        "legal number",
        NUMBERING,
    ),
    Tampering(
        "legal number lost",
        "invoice",
        "cloud",
        MOVE.format("description = regexp_replace(description, ' nr .*', '')"),
        "legal number",
        NUMBERING,
    ),
    Tampering("due date", "invoice", "cloud", LINE.format("maturity_date = maturity_date + 1"), "due date", TIMING),
    Tampering(
        "payment",
        "payment",
        "cloud",
        LINE.format(BY.format("0.50")),
        "amount",
    ),
    Tampering(
        "line split",
        "invoice",
        "cloud",
        COPY_LINES.format(debit="0", credit="5", description="description", move="%(id)s", where=f"AND {REVENUE}")
        + ";"
        + LINE.format("credit = credit - 5")
        + f" AND {REVENUE} AND credit > 5",
        found=None,
    ),
    Tampering("description", "invoice", "cloud", LINE.format("description = 'Corrected ' || description"), found=None),
)

IN_LEDGERSMB: Final = (
    Tampering(
        "one cent in the legacy ERP",
        "entry",
        "legacy",
        ROW.format("amount = amount + sign(amount) * 0.01") + f" AND NOT {_ledgersmb('7100')}",
        "amount",
    ),
    Tampering("sign in the legacy ERP", "entry", "legacy", ROW.format("amount = -amount"), "sign"),
    Tampering(
        "other account in the legacy ERP", "entry", "legacy", ROW.format(_ledgersmb("7000")) + f" AND {_ledgersmb('7350')}", "account"
    ),
    Tampering(
        "date in the legacy ERP",
        "entry",
        "legacy",
        "UPDATE gl SET transdate = transdate + 1 WHERE id = %(id)s;" + ROW.format("transdate = transdate + 1"),
        "accounting date",
    ),
    Tampering(
        "draft in the legacy ERP",
        "entry",
        "legacy",
        "UPDATE gl SET approved = false WHERE id = %(id)s;" + ROW.format("approved = false"),
        "posted",
    ),
    Tampering(
        "currency in the legacy ERP",
        "foreign",
        "legacy",
        "UPDATE gl SET notes = replace(notes, 'currency:USD', 'currency:EUR') WHERE id = %(id)s",
        "currency",
    ),
    Tampering(
        "FX rate in the legacy ERP",
        "foreign",
        "legacy",
        ROW.format("amount = round(amount * 1.01, 2)") + " AND fx_transaction",
        "functional amount",
    ),
    Tampering(
        "dimension in the legacy ERP",
        "entry",
        "legacy",
        "UPDATE business_unit_ac SET bu_id = (SELECT id FROM business_unit WHERE control_code = 'CC-200')"
        " WHERE bu_id = (SELECT id FROM business_unit WHERE control_code = 'CC-100')"
        " AND entry_id IN (SELECT entry_id FROM acc_trans WHERE trans_id = %(id)s)",
        "dimension",
    ),
    Tampering(
        "duplicate in the legacy ERP",
        "entry",
        "legacy",
        "INSERT INTO transactions (id, table_name, approved) SELECT max(id) + 1000000, 'gl', true FROM transactions;"
        "INSERT INTO gl (id, reference, description, transdate, notes, approved, trans_type_code)"
        " SELECT (SELECT max(id) FROM transactions), reference, description, transdate, notes, approved, trans_type_code FROM gl"
        " WHERE id = %(id)s;"
        "INSERT INTO acc_trans (trans_id, chart_id, amount, transdate, approved, fx_transaction)"
        " SELECT (SELECT max(id) FROM transactions), chart_id, amount, transdate, approved, fx_transaction FROM acc_trans"
        " WHERE trans_id = %(id)s",
        "amount, project, several documents under one key",
        DifferenceClass.NATIVE_IN_LEGACY,
    ),
    Tampering(
        "deleted in the legacy ERP",
        "entry",
        "legacy",
        "DELETE FROM business_unit_ac WHERE entry_id IN (SELECT entry_id FROM acc_trans WHERE trans_id = %(id)s);"
        "DELETE FROM acc_trans WHERE trans_id = %(id)s; DELETE FROM gl WHERE id = %(id)s",
        "deleted in the legacy ERP, missing in the legacy ERP",
        DELETED,
    ),
    Tampering(
        "customer in the legacy ERP",
        "invoice",
        "legacy",
        "UPDATE ar SET entity_credit_account = (SELECT max(id) FROM entity_credit_account AS other WHERE entity_class = 2"
        " AND other.id <> ar.entity_credit_account) WHERE id = %(id)s",
        "party, party of a line",
    ),
    Tampering(
        "project in the legacy ERP",
        "invoice",
        "legacy",
        "UPDATE business_unit_ac SET bu_id = (SELECT id FROM business_unit WHERE control_code = 'P-6002')"
        " WHERE bu_id = (SELECT id FROM business_unit WHERE control_code = 'P-6001')"
        " AND entry_id IN (SELECT entry_id FROM acc_trans WHERE trans_id = %(id)s)",
        "project",
    ),
    Tampering(
        "legal number in the legacy ERP",
        "invoice",
        "legacy",
        "UPDATE ar SET invnumber = 'X-' || invnumber WHERE id = %(id)s",
        "legal number",
        NUMBERING,
    ),
    Tampering(
        "due date in the legacy ERP", "invoice", "legacy", "UPDATE ar SET duedate = duedate + 1 WHERE id = %(id)s", "due date", TIMING
    ),
    Tampering(
        "tax base in the legacy ERP",
        "invoice",
        "legacy",
        "UPDATE tax_extended SET tax_basis = tax_basis + 1 WHERE entry_id IN (SELECT entry_id FROM acc_trans WHERE trans_id = %(id)s)",
        "tax base",
    ),
)
TAMPERINGS: Final = (*IN_TRYTON, *IN_LEDGERSMB)
