"""A reconciliation's result as finance reads it: a page, a table for a spreadsheet, or JSON with amounts as text."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape

from hybrid_erp.model.money import CURRENCY_DIGITS, ZERO
from hybrid_erp.model.reconciliation import DifferenceClass

Result = Mapping[str, Any]
"""As the store tells it."""
DocumentLink = Callable[[str, str, str], str | None]
"""The address of a document in an ERP, by ERP, legal entity and native id; None where the ERP has none for people."""

#: The tables of a legal entity that can be had for a spreadsheet.
TABLES: Final = ("differences", "amounts", "trial_balance", "projects", "checks", "left_out", "evidence")
#: Differences of one class that the page shows; all are in the tables.
SHOWN_MAX: Final = 200


def no_link(erp: str, legal_entity: str, native_id: str) -> str | None:
    """Of an ERP that nothing is configured for."""
    return None


def as_json(result: Result) -> str:
    """The whole result; amounts are text, so that no reader loses a cent."""
    return json.dumps(result, default=_plain, ensure_ascii=False, indent=1)


def as_csv(result: Result, table: str) -> str:
    """One table of every legal entity, with a header. A text that a spreadsheet would take for a formula is told with a `'` before it."""
    rows = [{"legal_entity": entity["legal_entity"], **row} for entity in result["entities"] for row in entity[table]]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    if rows:
        writer.writerow(rows[0])
        writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return out.getvalue()


def as_html(result: Result, link: DocumentLink, names: Mapping[str, str]) -> str:
    """The report for a controller: the verdict first, then figures, then what to do about each difference.

    `names`: of canonical accounts.
    """
    entities = [_entity(result, entity) for entity in result["entities"]]
    lacking = sorted(set(result["legal_entities"]) - {entity["legal_entity"] for entity in entities})
    terms = {"result": result, "entities": entities, "lacking": lacking, "link": link, "names": names}
    page: str = template("reconciliation.html").render(terms, tables=TABLES, shown_max=SHOWN_MAX)
    return page


def money(amount: Decimal | int | None, currency: str, *, signed: bool = False) -> str:
    """Grouped, with the currency's own digits and a real minus sign; a sign before a positive one too where it is a difference."""
    if amount is None:
        return ""
    amount = Decimal(amount)  # the sum of nothing is a plain 0
    digits = max(CURRENCY_DIGITS.get(currency, 2), -int(amount.normalize().as_tuple().exponent))
    return f"{amount:{'+' if signed and amount else ''},.{digits}f}".replace("-", "\N{MINUS SIGN}")


def instant(at: datetime | None) -> str:
    """To the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "not yet"


@cache
def template(name: str) -> Template:
    """A page's template. What is put into it is text and never a part of the page; what it lacks is an error."""
    environment = Environment(
        loader=PackageLoader("hybrid_erp.web"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"money": money, "instant": instant}
    return environment.get_template(name)


def _entity(result: Result, entity: Mapping[str, Any]) -> dict[str, Any]:
    """One legal entity, with its differences by class and the cells of each."""
    cells = defaultdict(list)
    for amount in entity["amounts"]:
        cells[amount["difference_no"]].append(amount)
    by_class: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for difference in entity["differences"]:
        by_class[difference["class"]].append({**difference, "cells": cells[difference["difference_no"]]})
    tolerances = _tolerances(result, entity["legal_entity"])
    classes = [_class(each, by_class[each.value], tolerances.get(each.value)) for each in DifferenceClass if each.value in by_class]
    unequal = [row for row in entity["trial_balance"] if row["difference"]]
    one_sided = sorted({row["figure"] for row in entity["projects"] if row["difference"] is None})
    equal = [row for row in entity["trial_balance"] if not row["difference"]]
    return {
        **entity,
        "classes": classes,
        "unequal": unequal,
        "equal": equal,
        "unequal_projects": [row for row in entity["projects"] if row["difference"]],
        "other_projects": [row for row in entity["projects"] if not row["difference"]],
        "one_sided": one_sided,
        "open_checks": Counter(each["holds"] for each in entity["checks"]),
    }


def _class(kind: DifferenceClass, differences: Sequence[Mapping[str, Any]], tolerance: Mapping[str, Any] | None) -> dict[str, Any]:
    debit = sum((cell["amount"] for each in differences for cell in each["cells"] if cell["amount"] > 0), ZERO)
    credit = sum((cell["amount"] for each in differences for cell in each["cells"] if cell["amount"] < 0), ZERO)
    return {
        "name": kind.value,
        "remedy": kind.remedy,
        "count": len(differences),
        "gross": sum((each["gross"] for each in differences), ZERO),
        "debit": debit,
        "credit": credit,
        "tolerance": tolerance,
        "differences": differences,
    }


def _tolerances(result: Result, legal_entity: str) -> dict[str, Mapping[str, Any]]:
    rules = (result["plan"] or {}).get("tolerances", [])
    return {rule["difference"]: rule for rule in rules if not rule["legal_entities"] or legal_entity in rule["legal_entities"]}


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    elif isinstance(value, dict):
        value = json.dumps(value, default=_plain, ensure_ascii=False)
    if isinstance(value, datetime):
        return value.isoformat()
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
